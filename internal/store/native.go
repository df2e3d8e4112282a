package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Blocks are written here in ClickHouse's Native format, column by column,
// straight from the rows: that is where the processor time of an insert goes,
// and a client that takes rows apart by reflection spends four times as much.
//
//	block   = columns, rows, column…           (numbers as uvarints)
//	column  = name, type, [prefix], values
//	String  = length, bytes    Array(T) = the end of each row, then all values
//	LowCardinality(String) = how wide keys are, the different values, a key each

// column is a column of rows of type T: its name, its type, and how to append
// the values of the rows to a block.
type column[T any] struct {
	name, kind string
	prefix     []byte // comes before the values
	values     func(e *encoder, rows []*T)
}

// encoder is a block being written, with memory to be used again.
type encoder struct {
	buf     []byte
	scratch []byte
	keys    []uint32
	index   map[string]uint32
}

// block begins anew and returns rows as a block of these columns. It is valid
// until the next call.
func appendBlock[T any](e *encoder, columns []column[T], rows []*T) []byte {
	e.buf = binary.AppendUvarint(e.buf[:0], uint64(len(columns)))
	e.buf = binary.AppendUvarint(e.buf, uint64(len(rows)))
	for i := range columns {
		e.text(columns[i].name)
		e.text(columns[i].kind)
		e.buf = append(e.buf, columns[i].prefix...)
		columns[i].values(e, rows)
	}
	return e.buf
}

func (e *encoder) text(s string) {
	e.buf = binary.AppendUvarint(e.buf, uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) u64(n uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, n) }

// text is a String column.
func text[T any](name string, of func(*T) string) column[T] {
	return column[T]{name: name, kind: "String", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			e.text(of(r))
		}
	}}
}

// blob is a String column of bytes.
func blob[T any](name string, of func(*T) []byte) column[T] {
	return column[T]{name: name, kind: "String", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			b := of(r)
			e.buf = append(binary.AppendUvarint(e.buf, uint64(len(b))), b...)
		}
	}}
}

// written is a String column of values that are appended rather than had.
func written[T any](name string, write func(b []byte, r *T) []byte) column[T] {
	return column[T]{name: name, kind: "String", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			e.scratch = write(e.scratch[:0], r)
			e.buf = binary.AppendUvarint(e.buf, uint64(len(e.scratch)))
			e.buf = append(e.buf, e.scratch...)
		}
	}}
}

// bytes16 is a FixedString(16) column.
func bytes16[T any](name string, of func(*T) [16]byte) column[T] {
	return column[T]{name: name, kind: "FixedString(16)", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			b := of(r)
			e.buf = append(e.buf, b[:]...)
		}
	}}
}

// number is a column of one of ClickHouse's integers.
func number[T any, N uint8 | uint16 | uint64 | int64](name string, of func(*T) N) column[T] {
	var n N
	width, kind := 8, "UInt64"
	switch any(n).(type) {
	case uint8:
		width, kind = 1, "UInt8"
	case uint16:
		width, kind = 2, "UInt16"
	case int64:
		kind = "Int64"
	}
	return column[T]{name: name, kind: kind, values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			n := uint64(of(r))
			for range width {
				e.buf = append(e.buf, byte(n))
				n >>= 8
			}
		}
	}}
}

// version is a UInt128 column: the epoch before the revision.
func version[T any](name string, of func(*T) lifecycle.Version) column[T] {
	return column[T]{name: name, kind: "UInt128", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			v := of(r)
			e.u64(v.Revision)
			e.u64(v.Epoch)
		}
	}}
}

// instants is a DateTime64(6) column.
func instants[T any](name string, of func(*T) time.Time) column[T] {
	return column[T]{name: name, kind: "DateTime64(6)", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			e.u64(uint64(stamp(of(r))))
		}
	}}
}

// few is a LowCardinality(String) column: few different values.
func few[T any](name string, of func(*T) string) column[T] {
	return column[T]{name: name, kind: "LowCardinality(String)", prefix: dictionaryPrefix, values: func(e *encoder, rows []*T) {
		e.beginDictionary()
		last, key := "", e.key("")
		for _, r := range rows {
			if v := of(r); v != last {
				last, key = v, e.key(v)
			}
			e.keys = append(e.keys, key)
		}
		e.endDictionary()
	}}
}

// fewWritten is a LowCardinality(String) column of values that are appended
// rather than had.
func fewWritten[T any](name string, write func(b []byte, r *T) []byte) column[T] {
	return column[T]{name: name, kind: "LowCardinality(String)", prefix: dictionaryPrefix, values: func(e *encoder, rows []*T) {
		e.beginDictionary()
		e.key("")
		var b []byte
		for _, r := range rows {
			b = write(b[:0], r)
			key, ok := e.index[string(b)]
			if !ok {
				key = e.key(string(b))
			}
			e.keys = append(e.keys, key)
		}
		e.endDictionary()
	}}
}

// texts is an Array(String) column.
func texts[T any](name string, of func(*T) []string) column[T] {
	return column[T]{name: name, kind: "Array(String)", values: func(e *encoder, rows []*T) {
		e.ends(len(rows), func(i int) int { return len(of(rows[i])) })
		for _, r := range rows {
			for _, v := range of(r) {
				e.text(v)
			}
		}
	}}
}

// lists is an Array column of values that are taken from a list of E.
func lists[T, E any](name string, of func(*T) []E, element column[E]) column[T] {
	return column[T]{
		name: name, kind: "Array(" + element.kind + ")", prefix: element.prefix,
		values: func(e *encoder, rows []*T) { element.values(e, flatten(e, rows, of)) },
	}
}

// tuples is an Array(Tuple(…)) column of values that are taken from a list of E.
func tuples[T, E any](name string, of func(*T) []E, elements ...column[E]) column[T] {
	kind := "Array(Tuple("
	for i, element := range elements {
		if i > 0 {
			kind += ", "
		}
		kind += element.name + " " + element.kind
	}
	return column[T]{name: name, kind: kind + "))", values: func(e *encoder, rows []*T) {
		all := flatten(e, rows, of)
		for _, element := range elements {
			element.values(e, all)
		}
	}}
}

// flatten writes where the list of each row ends and returns all their elements.
func flatten[T, E any](e *encoder, rows []*T, of func(*T) []E) []*E {
	var all []*E
	e.ends(len(rows), func(i int) int {
		list := of(rows[i])
		for j := range list {
			all = append(all, &list[j])
		}
		return len(list)
	})
	return all
}

func (e *encoder) ends(rows int, length func(i int) int) {
	end := 0
	for i := range rows {
		end += length(i)
		e.u64(uint64(end))
	}
}

// dictionaryPrefix is the version of how dictionaries are written.
var dictionaryPrefix = binary.LittleEndian.AppendUint64(nil, 1)

// dictionary flags: the values come with the block and replace earlier ones.
const dictionaryComplete = 1<<9 | 1<<10

func (e *encoder) beginDictionary() {
	if e.index == nil {
		e.index = make(map[string]uint32)
	}
	e.keys = e.keys[:0]
	e.scratch = e.scratch[:0]
}

// key is the key of a value, which is added if it is new.
func (e *encoder) key(value string) uint32 {
	if k, ok := e.index[value]; ok {
		return k
	}
	k := uint32(len(e.index))
	e.index[value] = k
	e.scratch = binary.AppendUvarint(e.scratch, uint64(len(value)))
	e.scratch = append(e.scratch, value...)
	return k
}

func (e *encoder) endDictionary() {
	defer clear(e.index) // hold on to no row
	if len(e.keys) == 0 {
		return // no values at all are written as nothing
	}
	width := 0 // the exponent of the keys' width in bytes
	for width < 2 && len(e.index) > 1<<(8<<width) {
		width++
	}
	e.u64(uint64(width) | dictionaryComplete)
	e.u64(uint64(len(e.index)))
	e.buf = append(e.buf, e.scratch...)
	e.u64(uint64(len(e.keys)))
	for _, k := range e.keys {
		for range 1 << width {
			e.buf = append(e.buf, byte(k))
			k >>= 8
		}
	}
}

// decimal is a Decimal(38, 9) column: billionths, in two's complement.
func decimal[T any](name string, of func(*T) inventory.Decimal) column[T] {
	return column[T]{name: name, kind: "Decimal(38, 9)", values: func(e *encoder, rows []*T) {
		for _, r := range rows {
			d := of(r)
			whole, nano := d.Abs().Parts()
			high, low := bits.Mul64(uint64(whole), 1_000_000_000)
			low, carry := bits.Add64(low, uint64(nano), 0)
			high += carry
			if d.Sign() < 0 {
				var borrow uint64
				low, borrow = bits.Sub64(0, low, 0)
				high, _ = bits.Sub64(0, high, borrow)
			}
			e.u64(low)
			e.u64(high)
		}
	}}
}

// instant is a stored time as the domain says it: 1970 is no time at all.
func instant(t time.Time) time.Time {
	if t.UnixMicro() == 0 {
		return time.Time{}
	}
	return t.UTC()
}

// parseFixed reads a decimal as toString and Decimal.String write it. Unlike
// ParseDecimal it takes every Decimal there is: sums grow longer than what
// anybody may send.
func parseFixed(s string) (inventory.Decimal, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	w, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(fraction) > 9 {
		return inventory.Decimal{}, fmt.Errorf("%w: %q", inventory.ErrDecimal, s)
	}
	n, err := strconv.ParseUint(fraction+"000000000"[len(fraction):], 10, 32)
	if err != nil {
		return inventory.Decimal{}, fmt.Errorf("%w: %q", inventory.ErrDecimal, s)
	}
	d := inventory.DecimalFromParts(w, int64(n))
	if negative {
		d = d.Neg()
	}
	return d, nil
}

// small is n as a UInt16 column holds it.
func small(n int) uint16 { return uint16(min(max(n, 0), math.MaxUint16)) }

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// The range of DateTime64(6), in microseconds since 1970.
var (
	firstInstant = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastInstant  = time.Date(2299, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
)

// stamp is t as stored, in microseconds since 1970. The zero time is 1970; an
// event that claims 1970 itself (a till whose clock battery died) is a
// microsecond later, and one outside the range of the column at its edge. The
// event's body keeps what was said.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	us := t.UnixMicro()
	if us == 0 {
		us = 1
	}
	return min(max(us, firstInstant), lastInstant)
}
