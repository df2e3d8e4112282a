package estate

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice is the random stream of one decision: the same seed, purpose and numbers
// always roll the same, whatever was rolled for others before.
type dice struct{ *rand.Rand }

func roll(seed uint64, purpose string, numbers ...uint64) dice {
	return dice{rand.New(rand.NewPCG(seed, digest(purpose, numbers...)))} //nolint:gosec // meant to be foreseen
}

// chance reports true with the given probability. It always rolls once.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between returns a duration in [from, to), in whole milliseconds: no clock of
// a till is finer, and every wire keeps them.
func (d dice) between(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return (from + time.Duration(d.Float64()*float64(to-from))).Truncate(time.Millisecond)
}

func digest(purpose string, numbers ...uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose))
	var b [8]byte
	for _, n := range numbers {
		binary.LittleEndian.PutUint64(b[:], n)
		_, _ = h.Write(b[:])
	}
	return mix(h.Sum64())
}

// mix is the finaliser of SplitMix64: FNV alone leaves neighbours alike.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hexOf returns n hex digits (at most 32) made of the purpose and numbers.
func hexOf(digits int, seed uint64, purpose string, numbers ...uint64) string {
	var b [16]byte
	n := append([]uint64{seed}, numbers...)
	binary.BigEndian.PutUint64(b[:8], digest(purpose, n...))
	binary.BigEndian.PutUint64(b[8:], digest(purpose+"/low", n...))
	return hex.EncodeToString(b[:])[:digits]
}
