package store

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Blocks are encoded here, column by column, and not by the client row by row:
// that is where the processor time of an insert goes.

// lowCardinality is a column of few different values.
func lowCardinality() *proto.ColLowCardinality[string] {
	return proto.NewLowCardinality[string](new(proto.ColStr))
}

// instants is a DateTime64(6) column.
type instants = proto.ColDateTime64

func newInstants() *instants { return new(instants).WithPrecision(proto.PrecisionMicro) }

// The range of DateTime64(6), in microseconds since 1970.
var (
	firstInstant = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastInstant  = time.Date(2299, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()
)

// stamp is t as stored. The zero time is 1970; an event that claims 1970 itself
// (a till whose clock battery died) is a microsecond later, and one outside the
// range of the column at its edge. The event's body keeps what was said.
func stamp(t time.Time) proto.DateTime64 {
	if t.IsZero() {
		return 0
	}
	us := t.UnixMicro()
	if us == 0 {
		us = 1
	}
	return proto.DateTime64(min(max(us, firstInstant), lastInstant))
}

// instant is a stored time as the domain says it: 1970 is no time at all.
func instant(t time.Time) time.Time {
	if t.UnixMicro() == 0 {
		return time.Time{}
	}
	return t.UTC()
}

// rowVersion is a version as stored: the epoch before the revision.
func rowVersion(v lifecycle.Version) proto.UInt128 {
	return proto.UInt128{High: v.Epoch, Low: v.Revision}
}

// fixed is d as stored in a Decimal(38, 9): billionths, in two's complement.
func fixed(d inventory.Decimal) proto.Decimal128 {
	whole, nano := d.Abs().Parts()
	high, low := bits.Mul64(uint64(whole), 1_000_000_000)
	low, carry := bits.Add64(low, uint64(nano), 0)
	high += carry
	if d.Sign() < 0 {
		var borrow uint64
		low, borrow = bits.Sub64(0, low, 0)
		high, _ = bits.Sub64(0, high, borrow)
	}
	return proto.Decimal128{Low: low, High: high}
}

// tuples is an Array(Tuple(…)) column: where each row ends, then every element
// as a column of its own.
type tuples struct {
	kind     proto.ColumnType
	ends     proto.ColUInt64
	elements []proto.ColInput
}

// end closes a row after its tuples have been appended to the elements.
func (t *tuples) end() { t.ends.Append(uint64(t.elements[0].Rows())) }

// Type implements proto.ColInput.
func (t *tuples) Type() proto.ColumnType { return t.kind }

// Rows implements proto.ColInput.
func (t *tuples) Rows() int { return t.ends.Rows() }

// EncodeColumn implements proto.ColInput.
func (t *tuples) EncodeColumn(b *proto.Buffer) {
	t.ends.EncodeColumn(b)
	for _, e := range t.elements {
		e.EncodeColumn(b)
	}
}

// WriteColumn implements proto.ColInput.
func (t *tuples) WriteColumn(w *proto.Writer) { w.ChainBuffer(t.EncodeColumn) }

// Reset forgets the rows and keeps the memory.
func (t *tuples) Reset() {
	t.ends.Reset()
	for _, e := range t.elements {
		e.(proto.Resettable).Reset()
	}
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
