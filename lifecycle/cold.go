package lifecycle

import (
	"encoding/binary"

	"github.com/bits-and-blooms/bloom/v3"
)

// coldFilter says of a hash that the store surely does not know it, or that it
// may: what spares a look-up for every new sale. It grows by segments, 12 bits
// for each hash at one false answer in 300.
type coldFilter struct {
	segments []*bloom.BloomFilter
	room     int
}

const coldSegment = 250_000

func (f *coldFilter) add(hash uint64) {
	if f.room == 0 {
		f.segments = append(f.segments, bloom.NewWithEstimates(coldSegment, 1.0/300))
		f.room = coldSegment
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], hash)
	f.segments[len(f.segments)-1].Add(b[:])
	f.room--
}

func (f *coldFilter) has(hash uint64) bool {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], hash)
	for _, s := range f.segments {
		if s.Test(b[:]) {
			return true
		}
	}
	return false
}
