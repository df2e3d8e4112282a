package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// monday is when the weeks of these stories begin.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// babble is a retailer that is heard: stores 0001 to 0000+stores in two regions,
// each with tills 1 and 2, open from 8 to 20 without saying so, and a middleware
// that hears what they say.
type babble struct {
	stores int
	seed   uint64
	// mute says that a source is not heard in a minute; nil: never.
	mute   func(system, store, till string, at time.Time) bool
	closed []string // of every store, declared
	expect []inventory.Expected
	zone   *time.Location
}

func (b *babble) rules() *Rules {
	var all []inventory.Location
	for i := range b.stores {
		l := inventory.Undeclared(storeName(i))
		l.Region, l.Closed, l.Expect = []string{"north", "south"}[i%2], b.closed, b.expect
		if b.zone != nil {
			l.Zone = b.zone
		}
		all = append(all, l)
	}
	return NewRules(nil, all)
}

func storeName(i int) string { return fmt.Sprintf("%04d", i+1) }

// busy is in which share of its minutes a till rings at an hour of the day.
func busy(hour int) float64 {
	switch {
	case hour < 8 || hour >= 20:
		return 0
	case hour >= 16 && hour < 19:
		return 0.7
	default:
		return 0.3
	}
}

// heard returns who is heard from the first Monday on, for so long.
func (b *babble) heard(long time.Duration) (rows []inventory.Heard) {
	rng := rand.New(rand.NewPCG(b.seed, 1))
	for hour := monday; hour.Before(monday.Add(long)); hour = hour.Add(time.Hour) {
		var middleware uint64
		for s := range b.stores {
			for _, till := range []string{"1", "2"} {
				var minutes uint64
				for m := range 60 {
					at := hour.Add(time.Duration(m) * time.Minute)
					if rng.Float64() >= busy(hour.Hour()) || !at.Before(monday.Add(long)) {
						continue
					}
					if b.mute == nil || !b.mute("pos", storeName(s), till, at) {
						minutes |= 1 << m
					}
					if b.mute == nil || !b.mute("middleware", storeName(s), till, at) {
						middleware |= 1 << m
					}
				}
				if minutes != 0 {
					rows = append(rows, inventory.Heard{Hour: hour, System: "pos", Location: storeName(s), Register: till, Minutes: minutes})
				}
			}
		}
		if middleware != 0 {
			rows = append(rows, inventory.Heard{Hour: hour, System: "middleware", Minutes: middleware})
		}
	}
	slices.SortFunc(rows, CompareHeard)
	return rows
}

func (b *babble) found(long time.Duration) []inventory.Finding {
	rules := b.rules()
	return AboutHearing(rules, NewHearing(rules), b.heard(long), nil, monday.Add(long))
}

const week = 7 * 24 * time.Hour

// peak is on the Wednesday of the sixth week, at five.
var peak = monday.Add(5*week + 2*24*time.Hour + 17*time.Hour)

func during(at, from time.Time, long time.Duration) bool {
	return !at.Before(from) && at.Before(from.Add(long))
}

// TestNobodyIsMissed: six weeks of ordinary trade, night and day, raise nothing.
func TestNobodyIsMissed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		b := babble{stores: 12, seed: seed}
		for _, f := range b.found(6 * week) {
			t.Errorf("seed %d: %s: %s", seed, f.OpenedAt, f.Sentence)
		}
	}
}

// TestWhoFallsSilent tells one story each: what falls silent at the peak of a day, and
// what is said of it.
func TestWhoFallsSilent(t *testing.T) {
	t.Parallel()
	at := peak.Add(7 * time.Minute)
	stories := []struct {
		name   string
		mute   func(system, store, till string, m time.Time) bool
		with   babble
		from   time.Time
		want   []string // the beginnings of sentences
		within time.Duration
		group  int // how many groups they make; 0: one each
	}{
		{
			name: "a store", want: []string{"Nothing of pos 0003 "}, within: 10 * time.Minute,
			mute: func(system, store, _ string, m time.Time) bool {
				return system == "pos" && store == "0003" && during(m, at, time.Hour)
			},
		},
		{
			name: "a register", want: []string{"Nothing of pos 0003 register 2 "}, within: 40 * time.Minute,
			mute: func(system, store, till string, m time.Time) bool {
				return system == "pos" && store == "0003" && till == "2" && during(m, at, time.Hour)
			},
		},
		{
			name: "a register for ten minutes",
			mute: func(system, store, till string, m time.Time) bool {
				return system == "pos" && store == "0003" && till == "2" && during(m, at, 10*time.Minute)
			},
		},
		{
			name: "a region", want: []string{"Nothing of pos of region north "}, within: 10 * time.Minute,
			mute: func(system, store, _ string, m time.Time) bool {
				return system == "pos" && strings.Contains("0001 0003 0005 0007 0009 0011", store) && during(m, at, time.Hour)
			},
		},
		{
			name: "everything", want: []string{"Nothing of every system "}, within: 10 * time.Minute,
			mute: func(_, _, _ string, m time.Time) bool { return during(m, at, time.Hour) },
		},
		{
			name: "the middleware", want: []string{"Nothing of middleware "}, within: 10 * time.Minute,
			mute: func(system, _, _ string, m time.Time) bool { return system == "middleware" && during(m, at, time.Hour) },
		},
		{
			name: "the middleware and stores behind it", want: []string{"Nothing of middleware ", "Nothing of pos 0003 ", "Nothing of pos 0005 "}, within: 10 * time.Minute, group: 1,
			mute: func(system, store, _ string, m time.Time) bool {
				return (system == "middleware" || store == "0003" || store == "0005") && during(m, at, time.Hour)
			},
		},
		{
			name: "three stores of a region", want: []string{"Nothing of pos 0003 ", "Nothing of pos 0005 ", "Nothing of pos 0007 "}, within: 10 * time.Minute, group: 1,
			mute: func(system, store, _ string, m time.Time) bool {
				return system == "pos" && strings.Contains("0003 0005 0007", store) && during(m, at, time.Hour)
			},
		},
		{
			name: "a store at night", from: monday.Add(5*week + 20*time.Hour),
			mute: func(_, store, _ string, m time.Time) bool {
				return store == "0003" && during(m, monday.Add(5*week+20*time.Hour), 12*time.Hour)
			},
		},
		{
			name: "a store without a past",
			mute: func(_, store, _ string, m time.Time) bool {
				return store == "0003" && (m.Before(at.Add(-week)) || during(m, at, time.Hour))
			},
		},
		{
			name: "a holiday that was declared", with: babble{closed: []string{peak.Format("01-02")}},
			mute: func(_, _, _ string, m time.Time) bool { return during(m, peak.Truncate(24*time.Hour), 24*time.Hour) },
		},
		{
			name: "a holiday nobody declared", want: []string{"Nothing of every system "}, within: 18 * time.Hour,
			mute: func(_, _, _ string, m time.Time) bool { return during(m, peak.Truncate(24*time.Hour), 24*time.Hour) },
		},
		{
			name: "nothing is expected of it", with: babble{expect: []inventory.Expected{{System: "pos"}, {System: "pos", Register: "1"}, {System: "pos", Register: "2"}}},
			mute: func(system, store, _ string, m time.Time) bool {
				return system == "pos" && store == "0003" && during(m, at, time.Hour)
			},
		},
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.with.stores, s.with.mute = 12, s.mute
			found := s.with.found(peak.Add(3 * time.Hour).Sub(monday))
			var said []string
			groups := map[string]bool{}
			for _, f := range found {
				i := slices.IndexFunc(s.want, func(w string) bool { return strings.HasPrefix(f.Sentence, w) })
				if i < 0 {
					t.Errorf("is not so: %s: %s", f.OpenedAt, f.Sentence)
					continue
				}
				said = append(said, s.want[i])
				groups[f.Group] = true
				if took := f.OpenedAt.Sub(f.FirstOccurredAt); took > s.within {
					t.Errorf("took %s: %s", took, f.Sentence)
				}
				if f.State != inventory.FindingClosed && s.name != "a holiday nobody declared" {
					t.Errorf("is not closed: %s", f.Sentence)
				}
			}
			slices.Sort(said)
			if !slices.Equal(said, s.want) {
				t.Errorf("said %q, want %q", said, s.want)
			}
			if s.group > 0 && len(groups) != s.group {
				t.Errorf("%d groups", len(groups))
			}
		})
	}
}

// TestDeclaredRate: where a rate is declared no weeks are needed.
func TestDeclaredRate(t *testing.T) {
	t.Parallel()
	at := monday.Add(24*time.Hour + 17*time.Hour)
	b := babble{stores: 4, expect: []inventory.Expected{{System: "pos", PerHour: 60}}}
	b.mute = func(system, store, _ string, m time.Time) bool {
		return system == "pos" && store == "0003" && during(m, at, 30*time.Minute)
	}
	rules := b.rules()
	for k, l := range rules.locations {
		for d := range l.Open {
			l.Open[d] = []inventory.Span{{From: 9 * 60, To: 19 * 60}}
		}
		rules.locations[k] = l
	}
	end := at.Add(time.Hour)
	found := AboutHearing(rules, NewHearing(rules), b.heard(end.Sub(monday)), nil, end)
	if len(found) != 1 || found[0].Location != "0003" || found[0].OpenedAt.After(at.Add(20*time.Minute)) || !strings.Contains(found[0].Sentence, "60 events an hour are expected") {
		t.Errorf("%+v", found)
	}
}

// TestHearingInParts: taken in hour by hour, in days, after a start in between
// that knows only the last weeks, or looked at ahead: the same silences.
func TestHearingInParts(t *testing.T) {
	t.Parallel()
	b := babble{stores: 6, seed: 9}
	rng := rand.New(rand.NewPCG(3, 3))
	outages := map[string][]time.Time{}
	for s := range 6 {
		for range 60 {
			outages[storeName(s)] = append(outages[storeName(s)], monday.Add(time.Duration(rng.IntN(20*7*24*60))*time.Minute))
		}
	}
	b.mute = func(system, store, _ string, m time.Time) bool {
		return system == "pos" && slices.ContainsFunc(outages[store], func(o time.Time) bool { return during(m, o, 50*time.Minute) })
	}
	long := 20*week + 40*time.Hour + 17*time.Minute
	rules, rows, end := b.rules(), b.heard(long), monday.Add(long)
	after := func(rows []inventory.Heard, from time.Time) []inventory.Heard {
		i, _ := slices.BinarySearchFunc(rows, from, func(h inventory.Heard, t time.Time) int { return h.Hour.Compare(t) })
		return rows[i:]
	}
	ids := func(all []inventory.Finding) (said []string) {
		for _, f := range all {
			if f.OpenedAt.After(end.Add(-week)) {
				said = append(said, f.ID+string(f.State)+f.OpenedAt.String()+f.Group)
			}
		}
		return said
	}
	whole := AboutHearing(rules, NewHearing(rules), rows, nil, end)
	if len(ids(whole)) < 2 || len(whole) < 20 {
		t.Fatalf("%d silences, %d of the last week: too few to compare", len(whole), len(ids(whole)))
	}
	parts := NewHearing(rules)
	for at := monday; at.Before(end.Add(-2 * time.Hour)); at = parts.Next() {
		parts.Take(after(rows, at), at.Add(time.Duration(1+rng.IntN(30))*time.Hour))
		parts.silencesAt(after(rows, parts.Next()), parts.Next().Add(90*time.Minute))
		parts.forget(at.Add(-week))
	}
	if got := ids(AboutHearing(rules, parts, after(rows, parts.Next()), nil, end)); !slices.Equal(got, ids(whole)) {
		t.Errorf("in parts %q, want %q", got, ids(whole))
	}
	late := NewHearing(rules)
	if got := ids(AboutHearing(rules, late, after(rows, end.Add(-listenBack).Truncate(time.Hour)), nil, end)); !slices.Equal(got, ids(whole)) {
		t.Errorf("with the last weeks alone %q, want %q", got, ids(whole))
	}
}

// TestForgottenSource: a till that was taken away is missed once, and not for
// ever.
func TestForgottenSource(t *testing.T) {
	t.Parallel()
	b := babble{stores: 4, mute: func(_, store, till string, m time.Time) bool { return store == "0002" && till == "1" && m.After(peak) }}
	found := b.found(peak.Add(6 * week).Sub(monday))
	if len(found) != 1 || found[0].State != inventory.FindingClosed || found[0].Resolution != inventory.Accepted ||
		!strings.Contains(found[0].Sentence, "not expected any more") {
		t.Errorf("%+v", found)
	}
}

func BenchmarkHearing(b *testing.B) {
	retailer := babble{stores: 60}
	rules, rows := retailer.rules(), retailer.heard(5*week)
	h := NewHearing(rules)
	b.Run("five weeks of 120 registers", func(b *testing.B) {
		for b.Loop() {
			h = NewHearing(rules)
			h.Take(rows, monday.Add(5*week))
		}
	})
	b.Run("a look ahead", func(b *testing.B) {
		for b.Loop() {
			h.silencesAt(nil, h.Next().Add(30*time.Minute))
		}
	})
}
