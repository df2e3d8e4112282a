package lifecycle

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

func spoke(system, location string, at time.Time) inventory.Fact {
	return inventory.Fact{ReceivedAt: at, Watermark: inventory.Watermark{System: system, Location: location, CompleteThrough: at}}
}

// TestSilencesIncremental: evidence asked after every watermark, in whatever
// order they came, says the same as evidence asked once.
func TestSilencesIncremental(t *testing.T) {
	rules := NewRules(nil, nil)
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		var facts []inventory.Fact
		at := t0
		for range 60 {
			at = at.Add(time.Duration(random.IntN(300)) * time.Second)
			if random.IntN(12) == 0 {
				at = at.Add(time.Hour)
			}
			facts = append(facts, spoke("erp", "", at))
			if random.IntN(5) == 0 { // two at one instant
				facts = append(facts, spoke("erp", "", at))
			}
		}
		now := at.Add(time.Minute)
		want, wantNext := NewEvidence(facts...).silences(rules.Location, now)
		for i := range 10 { // some come out of order
			j := random.IntN(len(facts))
			facts[i], facts[j] = facts[j], facts[i]
		}
		asked := NewEvidence()
		for _, f := range facts {
			asked.Add(f)
			asked.silences(rules.Location, f.ReceivedAt)
		}
		have, haveNext := asked.silences(rules.Location, now)
		if !reflect.DeepEqual(have, want) || !haveNext.Equal(wantNext) {
			t.Fatalf("asked after each:\n%+v\nnext %s\nasked once:\n%+v\nnext %s", have, haveNext, want, wantNext)
		}
		for _, s := range have {
			if s.Opened.After(now) {
				t.Fatalf("a silence that has not opened yet: %+v", s)
			}
		}
	}
}

// TestSilenceNotYet: what was received after now does not open a silence early.
func TestSilenceNotYet(t *testing.T) {
	e := NewEvidence(spoke("erp", "", t0), spoke("erp", "", t0.Add(time.Hour)))
	all, next := e.silences(NewRules(nil, nil).Location, t0.Add(time.Minute))
	if want := t0.Add(3 * silenceFloor); len(all) != 0 || !next.Equal(want) {
		t.Fatalf("silences %+v, next %s; want none, and %s", all, next, want)
	}
}

// TestTrim: what is forgotten changes neither reach nor the silence that lasts.
func TestTrim(t *testing.T) {
	e := NewEvidence()
	for m := range 600 {
		e.Add(spoke("erp", "", t0.Add(time.Duration(m)*time.Minute)))
	}
	last := t0.Add(599 * time.Minute)
	locate := NewRules(nil, nil).Location
	before, _ := e.silences(locate, last.Add(time.Hour))
	e.Trim(t0.Add(5 * time.Hour))
	if h := e.feeds[inventory.Feed{System: "erp"}]; len(h.received) != 300 {
		t.Fatalf("kept %d watermarks, want 300", len(h.received))
	}
	after, _ := e.silences(locate, last.Add(time.Hour))
	if !reflect.DeepEqual(before, after) || len(after) != 1 {
		t.Errorf("silences %+v, before trimming %+v", after, before)
	}
	if at, ok := e.reach("erp", "0123", last); !ok || !at.Equal(last) {
		t.Errorf("reach %s, %t", at, ok)
	}
	if _, ok := e.reach("erp", "0123", last.Add(time.Nanosecond)); ok {
		t.Error("evidence reaches beyond its newest watermark")
	}
}

// BenchmarkSilences is one evaluation after one watermark: 600 stores' feeds,
// each with a week of watermarks every four minutes.
func BenchmarkSilences(b *testing.B) {
	e := NewEvidence()
	store := func(i int) string {
		return string([]byte{'1', byte('0' + i/100), byte('0' + i/10%10), byte('0' + i%10)})
	}
	at := t0
	for range 7 * 24 * 15 {
		at = at.Add(4 * time.Minute)
		for i := range 600 {
			e.Add(spoke("pos", store(i), at))
		}
	}
	locate := NewRules(nil, nil).Location
	e.silences(locate, at)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at = at.Add(time.Millisecond)
		e.Add(spoke("pos", store(i%600), at))
		e.silences(locate, at)
	}
}

// TestFactOnce: a watermark delivered twice is heard once, when it first came.
func TestFactOnce(t *testing.T) {
	e := NewEngine(EngineOptions{})
	for i, id := range []string{"a", "b", "a"} {
		f := spoke("erp", "", t0.Add(time.Duration(i)*time.Minute))
		f.RecordID = id
		e.takeFact(f)
	}
	if h := e.evidence.feeds[inventory.Feed{System: "erp"}]; len(h.received) != 2 || e.evidenceDirty != 2 {
		t.Fatalf("heard %d times, counted %d, want 2", len(h.received), e.evidenceDirty)
	}
}
