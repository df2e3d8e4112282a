package inventory

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestEchoesAreToldOnce: each once, in the order in which they are named, few or
// many.
func TestEchoesAreToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfN(rapid.SampledFrom([]string{"0123-04-1", "123-4-0001", "0123-04-2", "0123-04-3", "5-6-7", "5-6-8", "9-9-9"}), 0, 40).Draw(t, "members")
		r := Record{Event: Event{System: "erp", Step: "posted", Covers: &Covers{Location: "0123", BusinessDate: "2026-11-23", MemberKey: KeyReceipt, Members: members}}}
		var want []Echo
		for _, m := range members {
			to, _ := (Key{KeyReceipt, m}).Scope("0123", "")
			if x := (Echo{to, RelCovers}); !slices.Contains(want, x) {
				want = append(want, x)
			}
		}
		want = append(want, Echo{ScopedKey{KeyPostingDay, "123/2026-11-23"}, ""})
		if have := r.Echoes(); !slices.Equal(have, want) {
			t.Fatalf("have %v, want %v", have, want)
		}
	})
}

// BenchmarkEchoes: one posting that covers many.
func BenchmarkEchoes(b *testing.B) {
	for _, n := range []int{2, 200, 2000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := Record{Event: Event{System: "erp", Step: "posted", Covers: &Covers{Location: "0123", BusinessDate: "2026-11-23", MemberKey: KeyReceipt}}}
			for i := range n {
				r.Event.Covers.Members = append(r.Event.Covers.Members, fmt.Sprintf("0123-04-%06d", i))
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Echoes()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/member")
		})
	}
}
