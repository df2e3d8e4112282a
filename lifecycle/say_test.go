package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

func TestDifferences(t *testing.T) {
	line := func(owed, posted int64, unit string) inventory.LineState {
		return inventory.LineState{Owed: inventory.Milli(owed * 1000), Posted: inventory.Milli(posted * 1000), UOM: unit}
	}
	for _, c := range []struct {
		want  string
		lines []inventory.LineState
	}{
		{"2 too low", []inventory.LineState{line(-2, -4, "EA")}},
		{"1 too high", []inventory.LineState{line(1, 2, "EA")}},
		{"2 too low and 2 too high", []inventory.LineState{line(-2, -4, "EA"), line(2, 4, "EA")}},
		{"3, 1 KGM too low", []inventory.LineState{line(-3, -6, "EA"), line(-1, -2, "KGM")}},
	} {
		if have := differences(c.lines); have != c.want {
			t.Errorf("%q, want %q", have, c.want)
		}
	}
}

func TestClockNamesAnotherDay(t *testing.T) {
	sold := time.Date(2026, 11, 23, 10, 2, 0, 0, time.UTC)
	clock := clockAt(inventory.Location{Zone: time.UTC}, sold)
	if have := clock(sold); have != "10:02" {
		t.Errorf("the same day: %q", have)
	}
	if have := clock(sold.Add(26 * time.Hour)); have != "24 Nov 12:02" {
		t.Errorf("the next day: %q", have)
	}
}

func TestLowerFirst(t *testing.T) {
	for in, want := range map[string]string{"": "", "X": "x", "Sold": "sold", "ERP posted": "ERP posted", "Übernommen": "übernommen"} {
		if have := lowerFirst(in); have != want {
			t.Errorf("%q becomes %q, want %q", in, have, want)
		}
	}
}

// TestMissingProvesWorse: a step called missing that turns out dead-lettered had
// not happened, and is not said to have.
func TestMissingProvesWorse(t *testing.T) {
	tl := without(smooth(), "erp posted")
	tl.say("erp posted", 20*time.Minute, said{receipt: r1, outcome: inventory.DeadLettered, err: "erp_lock"})
	for _, f := range one(t, tl, time.Hour).Findings {
		if f.Kind == inventory.MissingStep {
			if !strings.Contains(f.Sentence, "it was dead-lettered.") {
				t.Errorf("%q", f.Sentence)
			}
			return
		}
	}
	t.Error("nothing was missing meanwhile")
}

// TestCollisionEvidenceBounded: a correlation id in every sale does not make
// every finding name every record.
func TestCollisionEvidenceBounded(t *testing.T) {
	tl := &tale{}
	for i := range 60 {
		receipt := "0123-04-" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		tl.say("pos completed", time.Duration(i)*time.Second, said{corr: c1, receipt: receipt, lines: basket})
	}
	for _, l := range Stitch(saleRules(t), tl.records, nil, t0.Add(time.Hour)) {
		for _, f := range l.Findings {
			if len(f.Evidence) > collisionEvidence {
				t.Fatalf("%s names %d records", f.Kind, len(f.Evidence))
			}
		}
	}
}
