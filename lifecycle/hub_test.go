package lifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// TestHubUnderCrashes: what the engine stores of sales that a middleware stamps
// with one correlation id is what a recomputation says, whatever crashes. Some of
// what it sends carries nothing else; two are returned.
func TestHubUnderCrashes(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 4
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rules := simRules(t, seed%3 == 1)
			w := newWorld(seed, 1+int(seed%5))
			if seed%2 == 1 {
				w.crashes = 0.01
			}
			tl := &tale{}
			for i := range 30 {
				receipt, at := fmt.Sprintf("0123-04-%06d", i+1), time.Duration(w.rng.IntN(300))*time.Second
				say := func(ref string, offset int, s said) {
					happened := at + time.Duration(offset)*time.Second
					s.corr, s.received = "mw-main", happened+time.Duration(1+w.rng.IntN(90))*time.Second
					tl.say(ref, happened, s)
				}
				say("pos completed", 0, said{receipt: receipt, lines: basket, date: simDay})
				if w.rng.IntN(5) > 0 {
					say("middleware accepted", 1, said{receipt: receipt})
				} else {
					say("middleware accepted", 1, said{})
				}
				say("middleware mapped", 2, said{receipt: receipt})
				say("erp posted", 60, said{receipt: receipt, doc: fmt.Sprint(4900 + i), lines: basket})
			}
			slices.SortFunc(tl.records, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
			w.run(t, rules, slices.Clone(tl.records), t0.Add(40*time.Minute))
			w.check(t, rules, tl.records)
			if d := verified(t, w, rules); len(d) > 0 {
				t.Errorf("verify finds %v", d)
			}
		})
	}
}
