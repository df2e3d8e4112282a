// Package wire is the form in which records rest: in the log's messages and in
// the database's body column.
//
// A message is one version byte and what that version says follows it. Version
// 3, of the log, is a CRC-32C (little endian) of one protobuf message of
// wirepb/wire.proto and that message as an S2 block: a log lives for days and is
// written and read at full rate, and zstd takes four times as long for two thirds
// of the size. Version 1 is a zstd frame around it, and only read. Version 2 is
// the same protobuf message bare, for the database, which compresses a whole
// column of them better than one frame each could. An unknown version is an
// error that says so; a field an older binary does not know is ignored.
//
// The encoder and decoder are written by hand over the schema, because every
// event passes them three times (into the log, out of it, into the database):
// the generated code takes about twice as long before its objects are turned
// into events. It is the referee: tests demand that both agree on every byte.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Envelope versions.
const (
	versionZstd = 1
	versionBare = 2
	versionS2   = 3
)

// MaxDecoded bounds what one message may decompress to, in bytes. Publishers
// stay far below it; a frame that claims more is corrupt or hostile.
const MaxDecoded = 64 << 20

var (
	// ErrVersion is wrapped by the error about a message of a version this
	// binary does not know: a newer one wrote it.
	ErrVersion = errors.New("unknown message version")
	// ErrMalformed is wrapped by the error about a message that is no message.
	ErrMalformed = errors.New("malformed message")
	// ErrTooLarge is wrapped by the error about what would be more than
	// MaxDecoded bytes, and so could not be read again.
	ErrTooLarge = errors.New("message too large")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// decoder is safe for concurrent use and keeps its own pool of state. It is built
// on first use: most programs never meet an old message.
var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxMemory(MaxDecoded), zstd.WithDecodeAllCapLimit(false))
	if err != nil {
		panic(err) // constant options: a programming error
	}
	return d
})

// scratch holds buffers of uncompressed messages. Very large ones are left to
// the garbage collector, so that one outsized request is not paid for ever.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

const keepScratch = 4 << 20

func release(b *[]byte, used []byte) {
	if cap(used) <= keepScratch {
		*b = used[:0]
		scratch.Put(b)
	}
}

// EncodeParcel returns p as a message of the log. The records' own partition
// and position are not part of it (the log says them) except inside moves. The
// only error is ErrTooLarge.
func EncodeParcel(p *lifecycle.Parcel) ([]byte, error) {
	b := scratch.Get().(*[]byte)
	buf := appendParcel((*b)[:0], p)
	defer release(b, buf)
	return compress(buf)
}

// EncodeRecords returns a parcel of these records only, without a copy of them.
func EncodeRecords(records []*inventory.Record) ([]byte, error) {
	b := scratch.Get().(*[]byte)
	buf := (*b)[:0]
	for _, r := range records {
		buf = appendRecord(buf, parcelRecords, r, false)
	}
	defer release(b, buf)
	return compress(buf)
}

// DecodeParcel reads what EncodeParcel wrote. Times come back in UTC, empty
// lists and maps as nil.
func DecodeParcel(message []byte) (p lifecycle.Parcel, err error) {
	err = open(message, func(s string) (err error) {
		p, err = decodeParcel(s)
		return err
	})
	return p, err
}

// EncodeEvent returns e as stored in the database: not compressed.
func EncodeEvent(e *inventory.Event) []byte {
	return AppendEvent(make([]byte, 0, 512), e)
}

// AppendEvent appends what EncodeEvent returns to b.
func AppendEvent(b []byte, e *inventory.Event) []byte {
	return appendEvent(append(b, versionBare), e)
}

// DecodeEvent reads what EncodeEvent wrote, ContentHash and all.
func DecodeEvent(message []byte) (e inventory.Event, err error) {
	err = open(message, func(s string) error { return decodeEvent(strings.Clone(s), &e) })
	return e, err
}

// EncodeQuarantined returns what could not be read as one message of the
// quarantine log.
func EncodeQuarantined(items []inventory.Quarantined) ([]byte, error) {
	b := scratch.Get().(*[]byte)
	buf := (*b)[:0]
	for i := range items {
		buf = appendQuarantined(buf, &items[i])
	}
	defer release(b, buf)
	return compress(buf)
}

// DecodeQuarantined reads what EncodeQuarantined wrote.
func DecodeQuarantined(message []byte) (items []inventory.Quarantined, err error) {
	err = open(message, func(s string) (err error) {
		items, err = decodeQuarantine(s)
		return err
	})
	return items, err
}

func compress(buf []byte) ([]byte, error) {
	if len(buf) > MaxDecoded {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(buf), MaxDecoded)
	}
	block := scratch.Get().(*[]byte)
	need := s2.MaxEncodedLen(len(buf))
	b := s2.Encode(slices.Grow((*block)[:0], need)[:need], buf)
	defer release(block, b)
	out := append(make([]byte, 0, 5+len(b)), versionS2)
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(buf, castagnoli))
	return append(out, b...), nil
}

// open hands the protobuf message inside the envelope to decode, as a string
// that is valid only until decode returns: whatever is kept must be cloned.
func open(message []byte, decode func(s string) error) error {
	if len(message) == 0 {
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	switch version := message[0]; version {
	case versionBare:
		return decode(borrow(message[1:]))
	case versionS2:
		return openS2(message[1:], decode)
	case versionZstd:
		b := scratch.Get().(*[]byte)
		buf, err := decoder().DecodeAll(message[1:], (*b)[:0])
		defer release(b, buf)
		if err != nil {
			return fmt.Errorf("%w: decompress: %w", ErrMalformed, err)
		}
		if len(buf) > MaxDecoded {
			return fmt.Errorf("%w: it decompresses to more than %d bytes", ErrMalformed, MaxDecoded)
		}
		return decode(borrow(buf))
	default:
		return fmt.Errorf("%w %d: this binary reads versions %d to %d; a newer stocktrace wrote it",
			ErrVersion, version, versionZstd, versionS2)
	}
}

func openS2(body []byte, decode func(s string) error) error {
	const sum = 4
	if len(body) < sum {
		return fmt.Errorf("%w: it ends in its checksum", ErrMalformed)
	}
	want, block := binary.LittleEndian.Uint32(body), body[sum:]
	switch n, err := s2.DecodedLen(block); {
	case err != nil:
		return fmt.Errorf("%w: decompress: %w", ErrMalformed, err)
	case n > MaxDecoded:
		return fmt.Errorf("%w: it decompresses to more than %d bytes", ErrMalformed, MaxDecoded)
	}
	b := scratch.Get().(*[]byte)
	buf, err := s2.Decode((*b)[:cap(*b)], block)
	if err != nil {
		release(b, *b)
		return fmt.Errorf("%w: decompress: %w", ErrMalformed, err)
	}
	defer release(b, buf)
	if crc32.Checksum(buf, castagnoli) != want {
		return fmt.Errorf("%w: its checksum is another: the disk or a link has changed it", ErrMalformed)
	}
	return decode(borrow(buf))
}

// borrow views b as a string without copying it. The decoders clone what they
// keep, so nothing outlives the buffer.
func borrow(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // as said: nothing outlives the buffer
}
