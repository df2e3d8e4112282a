package lifecycle

import (
	"testing"

	"github.com/stocktrace/stocktrace/inventory"
)

// Stored hashes outlive the program that wrote them: these values are the
// contract with every database there is.
func TestStoredHashesNeverChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key  inventory.ScopedKey
		want uint64
	}{
		{inventory.ScopedKey{Name: "receipt", Value: "123/4/778"}, 0xb49a1f61f4fa5f8d},
		{inventory.ScopedKey{Name: "correlation_id", Value: "c-7f3a"}, 0x07bfe8b2ce93041d},
		{inventory.ScopedKey{}, 0x6fb5654d28b3ff2d},
	} {
		if got := KeyHash(c.key); got != c.want {
			t.Errorf("KeyHash(%s) = %#x, want %#x", c.key, got, c.want)
		}
	}
	id := inventory.Identity{RecordID: "/pos/store/0123/register/04 778/1", Content: inventory.Hash{1, 2, 3, 4, 5, 6, 7, 8, 9}}
	if got, want := IdentityHash(id), uint64(0xc7cf4c96f91e6cc7); got != want {
		t.Errorf("IdentityHash = %#x, want %#x", got, want)
	}
	other := id
	other.Content[0]++
	if IdentityHash(other) == IdentityHash(id) {
		t.Error("another content has the same hash")
	}
}

func BenchmarkIdentityHash(b *testing.B) {
	id := inventory.Identity{RecordID: "/pos/store/0123/register/04 0123-04-2026-11-23-000778/sale.completed/1"}
	for b.Loop() {
		IdentityHash(id)
	}
}
