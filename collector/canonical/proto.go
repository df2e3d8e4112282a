package canonical

import (
	"encoding/binary"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Wire types as protoFields.tag holds them. A field of another wire type than the one
// declared is an unknown field, as protobuf has it.
const (
	asVarint  = uint64(protowire.VarintType)
	asFixed64 = uint64(protowire.Fixed64Type)
	asBytes   = uint64(protowire.BytesType)
	asFixed32 = uint64(protowire.Fixed32Type)
)

var errEncoding = errors.New("OTLP encoding is not protobuf")

// protoFields walks the fields of one encoded message, which is a string so that what
// is read can be pieces of it. Only next moves it; tag and n or s are the field
// it stands on.
type protoFields struct {
	rest string
	tag  uint64 // number<<3 | wire type, as on the wire
	n    uint64 // value of a varint or fixed-size field
	s    string // value of a length-delimited field
	err  error
}

func (f *protoFields) next() bool {
	// Most fields are short texts: tag and length are a byte each.
	if r := f.rest; len(r) >= 2 && r[0] < 0x80 && r[0] > 7 && uint64(r[0]&7) == asBytes && r[1] < 0x80 && len(r)-2 >= int(r[1]) {
		end := 2 + int(r[1])
		f.tag, f.s, f.rest = uint64(r[0]), r[2:end], r[end:]
		return true
	}
	if f.rest == "" {
		return false
	}
	var ok bool
	if f.tag, ok = f.varint(); !ok || f.tag>>3 == 0 || f.tag>>3 > uint64(protowire.MaxValidNumber) {
		return f.fail()
	}
	switch f.tag & 7 {
	case asVarint:
		if f.n, ok = f.varint(); !ok {
			return f.fail()
		}
	case asBytes:
		n, ok := f.varint()
		if !ok || n > uint64(len(f.rest)) {
			return f.fail()
		}
		f.s, f.rest = f.rest[:n], f.rest[n:]
	case asFixed64:
		if len(f.rest) < 8 {
			return f.fail()
		}
		f.n, f.rest = binary.LittleEndian.Uint64([]byte(f.rest[:8])), f.rest[8:]
	case asFixed32:
		if len(f.rest) < 4 {
			return f.fail()
		}
		f.n, f.rest = uint64(binary.LittleEndian.Uint32([]byte(f.rest[:4]))), f.rest[4:]
	default:
		return f.fail()
	}
	return true
}

// varint takes a number off the rest. Most are one byte.
func (f *protoFields) varint() (n uint64, ok bool) {
	if f.rest != "" && f.rest[0] < 0x80 {
		n, f.rest = uint64(f.rest[0]), f.rest[1:]
		return n, true
	}
	for i := 0; i < len(f.rest) && i < binary.MaxVarintLen64; i++ {
		c := f.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.rest = f.rest[i+1:]
			return n, i < 9 || c <= 1
		}
	}
	return 0, false
}

func (f *protoFields) fail() bool {
	f.rest, f.err = "", errEncoding
	return false
}
