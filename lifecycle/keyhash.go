package lifecycle

import (
	"encoding/binary"

	"github.com/stocktrace/stocktrace/inventory"
)

// KeyHash is the 64-bit hash of a scoped key by which the cold filter knows it.
// It is stored beside every binding, so it may never change.
func KeyHash(k inventory.ScopedKey) uint64 {
	h := fnvString(fnvOffset, k.Name)
	h = fnvByte(h, ':')
	return mix(fnvString(h, k.Value))
}

// IdentityHash is the 64-bit hash of a record's identity by which the cold
// filter knows it. It is stored with every raw row, so it may never change. Its
// values do not meet those of [KeyHash] more often than chance.
func IdentityHash(id inventory.Identity) uint64 {
	h := fnvByte(fnvOffset, 0) // no key begins with a NUL
	h = fnvString(h, id.RecordID)
	// The content hash is a cut SHA-256, evenly spread by itself.
	return mix(h ^ binary.LittleEndian.Uint64(id.Content[:8]))
}

// FNV-1a, 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func fnvByte(h uint64, b byte) uint64 { return (h ^ uint64(b)) * fnvPrime }

func fnvString(h uint64, s string) uint64 {
	for i := range len(s) {
		h = fnvByte(h, s[i])
	}
	return h
}

// mix spreads FNV's weak high bits over the whole word, as a filter that cuts
// one hash into several indexes needs (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
