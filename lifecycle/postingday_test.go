package lifecycle

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/inventory"
)

var storeDayKey = inventory.ScopedKey{Name: inventory.KeyPostingDay, Value: "123/" + simDay}

func lineOf(item string, quantity int64) inventory.Line {
	return inventory.Line{Item: item, Quantity: inventory.DecimalOf(quantity), UOM: "EA"}
}

// soldAt is one receipt, and postedAt one posting of the store's day.
func soldAt(n int, at, heard time.Duration, lines ...inventory.Line) inventory.Record {
	e := inventory.Event{
		ID: fmt.Sprint("s", n), Source: "/pos", Time: t0.Add(at), Workflow: "sale", System: "pos", Step: "completed", Location: "0123", Register: "04",
		BusinessDate: simDay, Keys: []inventory.Key{{Name: inventory.KeyReceipt, Value: fmt.Sprintf("0123-04-%06d", n)}}, Lines: lines,
	}
	return inventory.Record{ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: t0.Add(heard), Transport: "cloudevents"}
}

func postedAt(n int, at, heard time.Duration, covers inventory.Covers, outcome inventory.Outcome, document string, lines ...inventory.Line) inventory.Record {
	covers.Location, covers.BusinessDate, covers.MemberKey = "0123", simDay, inventory.KeyReceipt
	e := inventory.Event{
		ID: fmt.Sprint("p", n), Source: "/erp", Time: t0.Add(at), Workflow: "posting_batch", System: "erp", Step: "posted", Location: "0123",
		BusinessDate: simDay, Outcome: outcome, Covers: &covers, Lines: lines,
	}
	if document != "" {
		e.Keys = []inventory.Key{{Name: inventory.KeyERPDocument, Value: document}}
	}
	return inventory.Record{ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: t0.Add(heard), Transport: "cloudevents"}
}

func tellStoreDay(records []inventory.Record, now time.Time) inventory.Lifecycle {
	d := &postingDay{}
	for i := range records {
		d.hear(&records[i])
	}
	return d.tell(NewRules(nil, nil), storeDayKey, nil, now)
}

// TestStoreDaysTruth sells, takes back and posts a day in parts, reverses and
// posts again, in any order: what is told once the day has passed is what is
// missing and what is too much, and nothing else.
func TestStoreDaysTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []inventory.Record
		heard := func() time.Duration { return time.Duration(rapid.IntRange(1, 20*3600).Draw(t, "heard")) * time.Second }
		items := []string{"A", "B", "C"}
		sold, posted := map[string]int64{}, map[string]int64{}
		for n := range rapid.IntRange(1, 8).Draw(t, "receipts") {
			item, q := rapid.SampledFrom(items).Draw(t, "item"), -int64(rapid.IntRange(1, 3).Draw(t, "quantity"))
			r := soldAt(n, time.Duration(n)*time.Minute, heard(), lineOf(item, q))
			records = append(records, r)
			switch rapid.IntRange(0, 6).Draw(t, "then") {
			case 0: // reversed, with lines or without
				x := soldAt(n, time.Duration(n)*time.Minute+time.Second, heard(), lineOf(item, q))
				x.ID += "/reversed"
				x.Event.Outcome = inventory.Reversed
				if rapid.Bool().Draw(t, "bare") {
					x.Event.Lines = nil
				}
				x.Content = x.Event.ContentHash()
				records = append(records, x)
			case 1: // told again by another feed
				x := soldAt(n, time.Duration(n)*time.Minute+time.Second, heard(), lineOf(item, q))
				x.ID += "/again"
				x.Event.Operator = "other"
				x.Content = x.Event.ContentHash()
				records = append(records, x)
				sold[item] += q
			default:
				sold[item] += q
			}
		}
		some := false
		for n := range rapid.IntRange(0, 4).Draw(t, "postings") {
			item, q := rapid.SampledFrom(items).Draw(t, "item"), -int64(rapid.IntRange(1, 4).Draw(t, "quantity"))
			document, covers := strconv.Itoa(4900+n), inventory.Covers{}
			if rapid.IntRange(0, 3).Draw(t, "no number") == 0 {
				document, covers.Part = "", n+1
			}
			at := time.Duration(10+n) * time.Hour
			records = append(records, postedAt(n, at, heard(), covers, "", document, lineOf(item, q)))
			switch rapid.IntRange(0, 4).Draw(t, "then") {
			case 0: // reversed, with lines or without
				lines := []inventory.Line{lineOf(item, q)}
				if rapid.Bool().Draw(t, "bare") {
					lines = nil
				}
				records = append(records, postedAt(100+n, at+time.Minute, heard(), covers, inventory.Reversed, document, lines...))
			case 1: // told again
				records = append(records, postedAt(200+n, at, heard(), covers, "", document, lineOf(item, q)))
				posted[item], some = posted[item]+q, true
			default:
				posted[item], some = posted[item]+q, true
			}
		}
		l := tellStoreDay(rapid.Permutation(records).Draw(t, "order"), t0.Add(80*time.Hour))
		wantShort, wantOver, owes, apart := false, false, false, false
		mentioned := map[string]bool{}
		for _, r := range records {
			for _, x := range r.Event.Lines {
				if r.Event.System == "pos" {
					mentioned[x.Item] = true
				}
			}
		}
		for _, item := range items {
			owes = owes || sold[item] != 0
			apart = apart || posted[item] != 0 && !mentioned[item]
		}
		for _, item := range items {
			switch diff := posted[item] - sold[item]; {
			case !mentioned[item] || apart && posted[item] == 0:
			case diff > 0:
				wantShort = true
			case diff < 0:
				wantOver = true
			}
		}
		var have []inventory.Kind
		for _, f := range l.Findings {
			if f.State == inventory.FindingOpen {
				have = append(have, f.Kind)
			}
		}
		over := slices.Contains(have, inventory.QuantityMismatch) || slices.Contains(have, inventory.DuplicatePosting)
		if missing := slices.Contains(have, inventory.MissingStep); missing != (owes && !some) {
			t.Fatalf("owes %v, posted %v, told %v: %s", owes, some, have, l.Sentence)
		}
		if short := slices.Contains(have, inventory.AggregationGap); short != (some && wantShort) || over != wantOver {
			t.Fatalf("sold %v, posted %v, told %v: %s", sold, posted, have, l.Sentence)
		}
		if l.Verdict == inventory.Complete && (wantShort || wantOver || apart) {
			t.Fatalf("sold %v, posted %v, and it is complete: %s", sold, posted, l.Sentence)
		}
	})
}

// BenchmarkPostingDay hears and tells a store's day that one posting covers,
// naming every receipt.
func BenchmarkPostingDay(b *testing.B) {
	for _, n := range []int{200, 2000, 20_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var records []inventory.Record
			var members []string
			for i := range n {
				records = append(records, soldAt(i, time.Duration(i)*time.Second, time.Duration(i)*time.Second, lineOf(strconv.Itoa(i%100), -1)))
				members = append(members, fmt.Sprintf("0123-04-%06d", i))
			}
			var lines []inventory.Line
			for i := range 100 {
				lines = append(lines, lineOf(strconv.Itoa(i), -int64(n/100)+int64(i%2)))
			}
			records = append(records, postedAt(0, 20*time.Hour, 20*time.Hour, inventory.Covers{Members: members}, "", "4900", lines...))
			b.ReportAllocs()
			for b.Loop() {
				tellStoreDay(records, t0.Add(80*time.Hour))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/member")
		})
	}
}
