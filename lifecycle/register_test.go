package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/inventory"
)

var dayKey = inventory.ScopedKey{Name: inventory.KeyRegisterDay, Value: "123/4/" + simDay}

// rung is one record of register 04: number n rung up at an offset and heard at
// another.
func rung(n string, at, heard time.Duration, most string) inventory.Record {
	e := inventory.Event{
		ID: n + at.String(), Source: "/pos", Time: t0.Add(at), Workflow: "pos", System: "pos", Step: "control",
		Location: "0123", Register: "04", BusinessDate: simDay, CorrelationID: "k-" + n,
	}
	e.Transaction.Sequence, e.Transaction.SequenceMax = n, most
	return inventory.Record{ID: inventory.RecordID(e.Source, e.ID), Content: e.ContentHash(), Event: e, ReceivedAt: t0.Add(heard)}
}

// closes is the till's word at close.
func closes(at time.Duration, n int, first, last string) inventory.Record {
	r := rung("", at, at+time.Second, "")
	r.Event.Workflow, r.Event.Step = "store_day", "closed"
	r.Event.Totals = &inventory.Totals{Register: "04", Transactions: n, First: first, Last: last}
	r.Content = r.Event.ContentHash()
	return r
}

func tellDay(records []inventory.Record, now time.Time) inventory.Lifecycle {
	d := &registerDay{}
	for i := range records {
		d.hear(&records[i])
	}
	return d.tell(NewRules(nil, nil), dayKey, nil, now)
}

// TestTillsTruth rings up a day, loses some of it, shuffles what is left, and
// holds what is told against what was lost: what lies between two receipts is a
// gap, what lies beyond the last only the count proves.
func TestTillsTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]int{0, 9, 99, 999}).Draw(t, "most")
		zero := most > 0 && rapid.Bool().Draw(t, "zero")
		n := rapid.IntRange(1, 60).Draw(t, "receipts")
		first := rapid.IntRange(1, 500).Draw(t, "first")
		period := most
		if zero {
			period++
		}
		if most > 0 {
			n, first = min(n, most-1), min(first, most)
		}
		declared := ""
		if most > 0 {
			declared = strconv.Itoa(most)
		}
		number := func(i int) string {
			k := first + i
			switch {
			case zero:
				k %= period
			case period > 0:
				k = (k-1)%period + 1
			}
			return fmt.Sprintf("%04d", k)
		}
		var records []inventory.Record
		var came []int
		for i := range n {
			if rapid.IntRange(0, 4).Draw(t, "lost") == 0 && (!zero || number(i) != "0000") {
				continue
			}
			came = append(came, i)
			at := time.Duration(i) * time.Minute
			records = append(records, rung(number(i), at, at+time.Duration(rapid.IntRange(1, 7200).Draw(t, "heard"))*time.Second, declared))
		}
		if len(came) == 0 {
			return
		}
		var gone, ends []string
		for i := range n {
			switch lost := strings.TrimLeft(number(i), "0"); {
			case slices.Contains(came, i):
			case i < came[0] || i > came[len(came)-1]:
				ends = append(ends, lost)
			default:
				gone = append(gone, lost)
			}
		}
		counted := rapid.SampledFrom([]string{"", "count", "range", "both"}).Draw(t, "counted")
		switch end := time.Duration(n)*time.Minute + 3*time.Hour; counted {
		case "count":
			records = append(records, closes(end, n, "", ""))
		case "range":
			records = append(records, closes(end, 0, number(0), number(n-1)))
		case "both":
			records = append(records, closes(end, n, number(0), number(n-1)))
		}
		if zero && counted != "" {
			zero = slices.ContainsFunc(came, func(i int) bool { return number(i) == "0000" })
			if wraps := first+n > most; wraps && !zero {
				return // nobody knows that it uses 0
			}
		}
		records = rapid.Permutation(records).Draw(t, "order")
		l := tellDay(records, t0.Add(40*time.Hour))

		var left []string
		short := ""
		for _, f := range l.Findings {
			switch {
			case f.State == inventory.FindingClosed:
				if f.ClosedBy == "" || f.Resolution != inventory.Disproved || !f.ClosedAt.After(f.OpenedAt) {
					t.Fatalf("closed by nobody: %+v", f)
				}
			case f.Kind == inventory.SequenceGap:
				_, names, _ := strings.Cut(strings.TrimSuffix(f.Sentence, " on "+simDay+"."), "left out ")
				if names, more, ok := strings.Cut(names, " and "); ok {
					k, _ := strconv.Atoi(strings.TrimSuffix(more, " more"))
					left = append(left, slices.Repeat([]string{"more"}, k)...)
					left = append(left, strings.Split(names, ", ")...)
				} else {
					left = append(left, strings.Split(names, ", ")...)
				}
			case f.Kind == inventory.ControlTotalMismatch:
				short = f.Sentence
			}
		}
		known := slices.DeleteFunc(slices.Clone(left), func(s string) bool { return s == "more" })
		for _, name := range known {
			if !slices.Contains(gone, name) {
				t.Fatalf("%s is said to be left out, and was not: %s", name, l.Sentence)
			}
		}
		if len(left) != len(gone) {
			t.Fatalf("left out %v, told %v", gone, left)
		}
		if (short != "") != (counted != "" && len(ends) > 0) {
			t.Fatalf("lost at the ends: %v; told %q", ends, short)
		}
		for _, name := range ends {
			if counted != "count" && counted != "" && len(ends) <= 5 && !strings.Contains(short, name) {
				t.Fatalf("lost at the ends: %v; told %q", ends, short)
			}
		}
	})
}

// TestBacklogIsNoJump: a day's receipts heard in any order within minutes leave
// nothing out, however far apart two of them are.
func TestBacklogIsNoJump(t *testing.T) {
	var records []inventory.Record
	for i := range 2500 {
		k := (i*1777 + 1) % 2500 // far apart
		records = append(records, rung(strconv.Itoa(k+1), time.Duration(k)*time.Second, 3*time.Hour+time.Duration(i)*100*time.Millisecond, ""))
	}
	if l := tellDay(records, t0.Add(20*time.Hour)); len(l.Findings) > 0 {
		t.Fatal(l.Findings[0].Sentence)
	}
}

// TestTillThatCountsOtherwiseEachTime: a till whose every number says that it was
// replaced, or counts to an end of its own, proves nothing, and costs no more than
// any other.
func TestTillThatCountsOtherwiseEachTime(t *testing.T) {
	for _, replaced := range []bool{true, false} {
		var records []inventory.Record
		for i := range 5000 {
			k := 5000 - i
			r := rung(strconv.Itoa(k), time.Duration(k)*time.Second, time.Duration(i)*time.Second, strconv.Itoa(10_000+i))
			if replaced {
				r.Event.Transaction.Kind = "till_replaced"
			}
			records = append(records, r)
		}
		l := tellDay(records, t0.Add(20*time.Hour))
		if len(l.Findings) > 0 || !strings.Contains(l.Sentence, "again and again") {
			t.Fatal(l.Sentence)
		}
	}
}

// TestSuspectedOfTheFirstHeard: of three receipts with one basket each later one
// is suspected to be the one that was heard first, so that what comes late does
// not change what was told.
func TestSuspectedOfTheFirstHeard(t *testing.T) {
	var records []inventory.Record
	for i, x := range []struct{ at, heard time.Duration }{{0, 10}, {1, 2}, {3, 5}} {
		n := strconv.Itoa(776 + i)
		r := rung(n, x.at*time.Second, x.heard*time.Second, "")
		r.Event.Keys = []inventory.Key{{Name: inventory.KeyReceipt, Value: n}}
		r.Event.Lines = []inventory.Line{lineOf("A", -1)}
		r.Content = r.Event.ContentHash()
		records = append(records, r)
	}
	have := map[string]time.Duration{}
	for _, f := range tellDay(records, t0.Add(time.Minute)).Findings {
		have[f.Sentence] = f.OpenedAt.Sub(t0)
	}
	want := map[string]time.Duration{
		"Receipts 776 and 777 hold the same goods, 1 s apart.": 10 * time.Second,
		"Receipts 777 and 778 hold the same goods, 2 s apart.": 5 * time.Second,
	}
	if !maps.Equal(have, want) {
		t.Fatalf("have %v, want %v", have, want)
	}
}

// TestBookFindingsDoNotVanish: what a book has told it does not forget when more
// is heard; it says what ended it, and when.
func TestBookFindingsDoNotVanish(t *testing.T) {
	rules := simRules(t, true)
	rapid.Check(t, func(t *rapid.T) {
		tl := randomTale(t)
		slices.SortFunc(tl.records, func(a, b inventory.Record) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
		told := map[string]inventory.Finding{}
		for i := range tl.records {
			if i+1 < len(tl.records) && tl.records[i+1].ReceivedAt.Equal(tl.records[i].ReceivedAt) {
				continue
			}
			now := t0.Add(60 * time.Hour)
			if i+1 < len(tl.records) {
				now = tl.records[i+1].ReceivedAt.Add(-time.Microsecond)
			}
			here := map[string]inventory.Finding{}
			for _, l := range Stitch(rules, slices.Clone(tl.records[:i+1]), nil, now) {
				for _, f := range l.Findings {
					if inventory.Book(l.Canonical.Name) {
						here[f.ID] = f
					}
				}
			}
			for id, before := range told {
				after, ok := here[id]
				if !ok || !after.OpenedAt.Equal(before.OpenedAt) {
					t.Fatalf("told before %s and not after:\n%+v\n%+v", tl.records[i].ID, before, after)
				}
				if before.State == inventory.FindingClosed && after.State == inventory.FindingClosed && !after.ClosedAt.Equal(before.ClosedAt) && after.ClosedAt.Before(before.ClosedAt) {
					t.Fatalf("closed earlier than it was:\n%+v\n%+v", before, after)
				}
			}
			maps.Copy(told, here)
		}
	})
}

// BenchmarkRegisterDay hears and tells one register's day.
func BenchmarkRegisterDay(b *testing.B) {
	for _, n := range []int{300, 3000, 20_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			records := make([]inventory.Record, n)
			for i := range records {
				k := i
				if i%7 == 0 {
					k = min(n-1, i+40) // a little out of order
				}
				records[i] = rung(strconv.Itoa(k+1), time.Duration(k)*time.Second, time.Duration(i)*time.Second, "")
				records[i].Event.Lines = []inventory.Line{{Item: strconv.Itoa(i % 500), Quantity: inventory.DecimalOf(-1), UOM: "EA"}}
			}
			b.ReportAllocs()
			for b.Loop() {
				tellDay(records, t0.Add(40*time.Hour))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/receipt")
		})
	}
}

// BenchmarkRegisterAgain tells a day that is in memory once more, as each flush
// with one of its receipts does.
func BenchmarkRegisterAgain(b *testing.B) {
	d := &registerDay{}
	for i := range 300 {
		r := rung(strconv.Itoa(i+1), time.Duration(i)*time.Minute, time.Duration(i)*time.Minute, "")
		r.Event.Lines = []inventory.Line{lineOf(strconv.Itoa(i%50), -1)}
		d.hear(&r)
	}
	rules := NewRules(nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		d.tell(rules, dayKey, nil, t0.Add(6*time.Hour))
	}
}
