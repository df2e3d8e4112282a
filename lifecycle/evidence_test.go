package lifecycle

import (
	"math/rand/v2"
	"reflect"
	"slices"
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
	e.Trim(locate, t0.Add(4*time.Hour)) // not worth it yet
	e.Trim(locate, t0.Add(5*time.Hour))
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

// TestForgottenIsGivenBack: the order of watermarks plays no part; and whatever is forgotten on the way, at whatever times,
// once given back reach and silences are those of evidence that forgot nothing;
// and silences are so also while it is forgotten.
func TestForgottenIsGivenBack(t *testing.T) {
	locate := NewRules(nil, nil).Location
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 3))
		var facts []inventory.Fact
		whole, short := NewEvidence(), NewEvidence()
		at := t0
		for i := range 400 {
			gap := time.Duration(30+random.IntN(60)) * time.Second
			if random.IntN(40) == 0 {
				gap = time.Duration(random.IntN(90)) * time.Minute
			}
			at = at.Add(gap)
			f := spoke("erp", []string{"", "0123"}[random.IntN(2)], at)
			f.Position = uint64(i + 1)
			f.Watermark.CompleteThrough = at.Add(time.Duration(random.IntN(20)-15) * time.Minute)
			if random.IntN(10) == 0 {
				f.ReceivedAt = at.Add(-time.Duration(random.IntN(120)) * time.Second) // overtaken on its way
			}
			facts = append(facts, f)
			whole.Add(f)
			short.Add(f)
			if random.IntN(20) == 0 {
				short.Trim(locate, at.Add(-time.Hour))
			}
		}
		recent := func(all []Silence) []Silence {
			return slices.DeleteFunc(all, func(s Silence) bool { return !s.Ended.IsZero() && s.Ended.Before(at.Add(-time.Hour)) })
		}
		now := at.Add(time.Hour)
		want, _ := whole.silences(locate, now)
		got, _ := short.silences(locate, now)
		if !reflect.DeepEqual(recent(want), recent(got)) {
			t.Fatalf("seed %d: silences %+v, want %+v", seed, got, want)
		}
		mixed := NewEvidence()
		for _, i := range random.Perm(len(facts)) {
			mixed.Add(facts[i])
		}
		missed := 0
		for range 200 {
			due := t0.Add(time.Duration(random.Int64N(int64(now.Sub(t0)))))
			wantAt, wantOK := whole.reach("erp", "123", due)
			if gotAt, gotOK := mixed.reach("erp", "123", due); gotOK != wantOK || !gotAt.Equal(wantAt) {
				t.Fatalf("seed %d: in another order %s is reached at %s, %t; want %s, %t", seed, due, gotAt, gotOK, wantAt, wantOK)
			}
			gotAt, gotOK := short.reach("erp", "123", due)
			if systems, locations := short.Missed(); len(systems) > 0 {
				missed++
				short.Restore(systems, locations, facts)
				gotAt, gotOK = short.reach("erp", "123", due)
				if again, _ := short.Missed(); len(again) > 0 {
					// The other feed about it.
					short.Restore([]string{"erp", "erp"}, []string{"", "123"}, facts)
					gotAt, gotOK = short.reach("erp", "123", due)
				}
			}
			if gotOK != wantOK || !gotAt.Equal(wantAt) {
				t.Fatalf("seed %d: %s reached at %s, %t; want %s, %t", seed, due, gotAt, gotOK, wantAt, wantOK)
			}
		}
		if missed == 0 {
			t.Errorf("seed %d: nothing was forgotten", seed)
		}
		want, _ = whole.silences(locate, now)
		if got, _ = short.silences(locate, now); !reflect.DeepEqual(want, got) {
			t.Fatalf("seed %d: given back, silences are %+v, want %+v", seed, got, want)
		}
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
