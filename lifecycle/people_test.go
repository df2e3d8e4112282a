package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/inventory"
)

// act has a person do something about what the tale tells, at an offset.
func (tl *tale) act(at time.Duration, about inventory.Lifecycle, a inventory.Action) {
	tl.n++
	a.ID, a.By, a.Via = cmp.Or(a.ID, fmt.Sprintf("a-%d", tl.n)), cmp.Or(a.By, "ada"), "api"
	a.About, a.Lifecycle = about.Component, about.ID
	if err := a.Validate(); err != nil {
		panic(err)
	}
	tl.records = append(tl.records, inventory.ActionRecord(a, t0.Add(at)))
}

// found is the lifecycle's only finding.
func found(t *testing.T, l inventory.Lifecycle) inventory.Finding {
	t.Helper()
	if len(l.Findings) != 1 {
		t.Fatalf("want one finding, have %v", brief(l))
	}
	return l.Findings[0]
}

// missing is a sale that is not in ERP, with its finding.
func missing(t *testing.T) (*tale, inventory.Lifecycle, string) {
	t.Helper()
	tl := without(smooth(), "erp posted")
	l := one(t, tl, 10*time.Minute)
	return tl, l, found(t, l).ID
}

func TestAcknowledgedAndAssigned(t *testing.T) {
	tl, l, id := missing(t)
	tl.act(12*time.Minute, l, inventory.Action{Verb: inventory.Acknowledge, Finding: id, Ticket: "INC-7"})
	tl.act(13*time.Minute, l, inventory.Action{Verb: inventory.Acknowledge, Finding: id, By: "bob"})
	tl.act(14*time.Minute, l, inventory.Action{Verb: inventory.Assign, Finding: id, Assignee: "erp team"})
	now := one(t, tl, time.Hour)
	f := found(t, now)
	if f.AcknowledgedBy != "ada" || !f.AcknowledgedAt.Equal(t0.Add(12*time.Minute)) || f.Assignee != "erp team" || f.Ticket != "INC-7" {
		t.Errorf("have %+v", f)
	}
	if f.State != inventory.FindingOpen || now.Verdict != inventory.Overdue || !now.UpdatedAt.Equal(l.UpdatedAt) {
		t.Errorf("looking after it ends nothing and is no news of the sale: %s, %s, updated %s", f.State, now.Verdict, now.UpdatedAt)
	}
}

func TestResolvedByHand(t *testing.T) {
	tl, l, id := missing(t)
	tl.act(12*time.Minute, l, inventory.Action{Verb: inventory.Resolve, Finding: id, Resolution: inventory.Corrected, Note: "MB1B"})
	now := one(t, tl, time.Hour)
	f := found(t, now)
	by, ok := inventory.ActionID(f.ClosedBy)
	if f.State != inventory.FindingClosed || f.Resolution != inventory.Corrected || f.ResolutionNote != "MB1B" || !ok || by == "" || !f.ClosedAt.Equal(t0.Add(12*time.Minute)) {
		t.Errorf("have %+v", f)
	}
	if now.State != inventory.StateClosed || !now.NextAt.IsZero() {
		t.Errorf("nothing more is waited for: %s, next %s", now.State, now.NextAt)
	}
	if now.Verdict != inventory.Overdue {
		t.Errorf("the verdict is the evidence's: %s", now.Verdict)
	}
	if want := "Sold 09:02; not in ERP: due 09:07, nothing came. Resolved by ada at 09:14: corrected manually."; now.Sentence != want {
		t.Errorf("says %q", now.Sentence)
	}

	t.Run("and reopened", func(t *testing.T) {
		tl := &tale{records: slices.Clone(tl.records), n: 50}
		tl.act(20*time.Minute, l, inventory.Action{Verb: inventory.Reopen, Finding: id})
		now := one(t, tl, time.Hour)
		if f := found(t, now); f.State != inventory.FindingOpen || f.Resolution != "" || f.ClosedBy != "" || now.State != inventory.StateOpen {
			t.Errorf("have %+v, lifecycle %s", f, now.State)
		}
	})
	t.Run("and posted after all", func(t *testing.T) {
		tl := &tale{records: slices.Clone(tl.records), n: 50}
		tl.say("erp posted", 20*time.Minute, said{receipt: r1, doc: "1", lines: basket})
		now := one(t, tl, time.Hour)
		if f := found(t, now); f.Resolution != inventory.Corrected || now.Verdict != inventory.CompleteLate {
			t.Errorf("have %+v, lifecycle %s", f, now.Verdict)
		}
	})
	t.Run("and disproved", func(t *testing.T) {
		tl := &tale{records: slices.Clone(tl.records), n: 50}
		tl.say("erp posted", 3*time.Minute, said{receipt: r1, doc: "1", lines: basket, received: 30 * time.Minute})
		if f := found(t, one(t, tl, time.Hour)); f.Resolution != inventory.Disproved {
			t.Errorf("it had never been so: %+v", f)
		}
	})
	t.Run("and tried again in vain", func(t *testing.T) {
		tl := &tale{records: slices.Clone(tl.records), n: 50}
		tl.say("erp posted", 20*time.Minute, said{receipt: r1, outcome: inventory.Failed, err: "timeout"})
		if f := found(t, one(t, tl, time.Hour)); f.State != inventory.FindingOpen {
			t.Errorf("new evidence opens it again: %+v", f)
		}
		tl.act(30*time.Minute, l, inventory.Action{Verb: inventory.Resolve, Finding: id, Resolution: inventory.Accepted})
		if f := found(t, one(t, tl, time.Hour)); f.Resolution != inventory.Accepted {
			t.Errorf("and a person closes it again: %+v", f)
		}
	})
}

// What evidence closed first stays closed by it, and what was said before there
// was a finding is about none.
func TestEvidenceComesFirst(t *testing.T) {
	tl, l, id := missing(t)
	tl.say("erp posted", 7*time.Minute, said{receipt: r1, doc: "1", lines: basket})
	tl.act(12*time.Minute, l, inventory.Action{Verb: inventory.Resolve, Finding: id, Resolution: inventory.FalseAlarm})
	if f := found(t, one(t, tl, time.Hour)); f.Resolution != inventory.Recovered {
		t.Errorf("have %+v", f)
	}
	tl, l, id = missing(t)
	tl.act(2*time.Minute, l, inventory.Action{Verb: inventory.Resolve, Finding: id, Resolution: inventory.FalseAlarm})
	if f := found(t, one(t, tl, time.Hour)); f.State != inventory.FindingOpen {
		t.Errorf("have %+v", f)
	}
}

func TestActionToldTwiceIsOne(t *testing.T) {
	tl, l, id := missing(t)
	tl.act(12*time.Minute, l, inventory.Action{ID: "once", Verb: inventory.Resolve, Finding: id, Resolution: inventory.Accepted})
	tl.act(13*time.Minute, l, inventory.Action{Verb: inventory.Reopen, Finding: id})
	tl.act(14*time.Minute, l, inventory.Action{ID: "once", Verb: inventory.Resolve, Finding: id, Resolution: inventory.Accepted})
	if f := found(t, one(t, tl, time.Hour)); f.State != inventory.FindingOpen {
		t.Errorf("a lost answer asked for again resolved it twice: %+v", f)
	}
}

// two are a till's word and the middleware's under different keys: nothing binds
// them.
func two() *tale {
	tl := &tale{}
	tl.say("pos completed", 0, said{receipt: r1, lines: basket})
	tl.say("middleware accepted", 10*time.Second, said{corr: c1})
	return tl
}

func merge(tl *tale, at time.Duration, id string, a, b inventory.Lifecycle) {
	tl.act(at, a, inventory.Action{
		ID: id, Verb: inventory.Merge, With: b.Component, Records: slices.Concat(a.RecordIDs, b.RecordIDs),
	})
}

func ids(all []inventory.Lifecycle) string {
	var s []string
	for _, l := range all {
		s = append(s, fmt.Sprintf("%s(%d)", l.ID, len(l.RecordIDs)))
	}
	return strings.Join(s, " ")
}

func TestMergedByHand(t *testing.T) {
	rules := saleRules(t)
	stitch := func(tl *tale) []inventory.Lifecycle { return Stitch(rules, tl.records, nil, t0.Add(time.Hour)) }
	tl := two()
	apart := stitch(tl)
	if len(apart) != 2 {
		t.Fatalf("have %s", ids(apart))
	}
	merge(tl, 5*time.Minute, "m", apart[0], apart[1])
	tl.say("erp posted", 20*time.Minute, said{receipt: r1, doc: "1", lines: basket}) // by a key of one side
	if got := ids(stitch(tl)); got != "c-1(3)" {
		t.Fatalf("have %s", got)
	}
	tl.act(30*time.Minute, apart[0], inventory.Action{Verb: inventory.Undo, Undoes: "m"})
	if got := ids(stitch(tl)); got != "c-1(1) receipt:123/4/778(2)" {
		t.Errorf("taken back: %s", got)
	}
}

// Two values of one identifying key never share a lifecycle, unless a person says
// so; and that is no collision.
func TestMergedAgainstTheirKeys(t *testing.T) {
	rules := saleRules(t)
	tl := smooth()
	tl.say("middleware accepted", time.Minute, said{corr: "c-2"})
	all := Stitch(rules, tl.records, nil, t0.Add(time.Hour))
	merge(tl, 5*time.Minute, "m", all[0], all[1])
	all = Stitch(rules, tl.records, nil, t0.Add(time.Hour))
	if got := ids(all); got != "c-1(6)" || len(all[0].Findings) > 0 {
		t.Errorf("have %s with %v", got, brief(all[0]))
	}
}

func TestSplitByHand(t *testing.T) {
	rules := saleRules(t)
	stitch := func(tl *tale) []inventory.Lifecycle { return Stitch(rules, tl.records, nil, t0.Add(time.Hour)) }
	tl := smooth()
	whole := stitch(tl)[0]
	post := whole.RecordIDs[len(whole.RecordIDs)-1]
	tl.act(5*time.Minute, whole, inventory.Action{ID: "s", Verb: inventory.Split, Records: []string{post}})
	parted := stitch(tl)
	if len(parted) != 2 || parted[0].ID != "c-1" || len(parted[0].RecordIDs) != 4 || parted[1].RecordIDs[0] != post {
		t.Fatalf("have %s", ids(parted))
	}
	for _, l := range parted {
		for _, f := range l.Findings {
			if f.Kind == inventory.KeyCollision {
				t.Errorf("%s: what people parted collides: %s", l.ID, f.Sentence)
			}
		}
	}
	// Merging the two puts them together again, and so does taking the split back.
	again := &tale{records: slices.Clone(tl.records), n: 50}
	merge(again, 6*time.Minute, "m", parted[0], parted[1])
	if got := ids(stitch(again)); got != "c-1(5)" {
		t.Errorf("merged again: %s", got)
	}
	tl.act(7*time.Minute, whole, inventory.Action{Verb: inventory.Undo, Undoes: "s"})
	if got := ids(stitch(tl)); got != "c-1(5)" {
		t.Errorf("taken back: %s", got)
	}
}

// An action says nothing of records that are no longer there.
func TestActionAboutNothing(t *testing.T) {
	tl, l, id := missing(t)
	tl.records = nil
	tl.act(12*time.Minute, l, inventory.Action{Verb: inventory.Acknowledge, Finding: id})
	if all := Stitch(saleRules(t), tl.records, nil, t0.Add(time.Hour)); len(all) > 0 {
		t.Errorf("have %s", ids(all))
	}
}

// somebody acts on lifecycles as they stand, at random: what a person might do.
func somebody(pick func(n int) int, all []inventory.Lifecycle, id string, at time.Time) (inventory.Record, bool) {
	a := inventory.Action{ID: id, By: "ada", Via: "api"}
	l := all[pick(len(all))]
	a.About, a.Lifecycle = l.Component, l.ID
	switch n := pick(8); {
	case n < 5 && len(l.Findings) > 0:
		a.Finding = l.Findings[pick(len(l.Findings))].ID
		switch pick(4) {
		case 0:
			a.Verb, a.Ticket = inventory.Acknowledge, "INC"
		case 1:
			a.Verb, a.Assignee = inventory.Assign, "team"
		case 2:
			a.Verb, a.Resolution = inventory.Resolve, inventory.ByHand[pick(len(inventory.ByHand))]
		default:
			a.Verb = inventory.Reopen
		}
	case n == 5 && len(l.RecordIDs) > 1:
		a.Verb, a.Records = inventory.Split, []string{l.RecordIDs[pick(len(l.RecordIDs))]}
	case n == 6:
		other := all[pick(len(all))]
		if other.ID == l.ID || len(l.RecordIDs)+len(other.RecordIDs) < 2 || inventory.Book(l.Component.Name) || inventory.Book(other.Component.Name) {
			return inventory.Record{}, false
		}
		a.Verb, a.With, a.Records = inventory.Merge, other.Component, slices.Concat(l.RecordIDs, other.RecordIDs)
	default:
		a.Verb, a.Undoes = inventory.Undo, fmt.Sprintf("p-%d", pick(8))
	}
	if err := a.Validate(); err != nil {
		return inventory.Record{}, false
	}
	return inventory.ActionRecord(a, at), true
}

// TestPeopleAreConfluent: whatever people do, and in whatever order it and the
// records are read, and however often, the answer is one.
func TestPeopleAreConfluent(t *testing.T) {
	rules := saleRules(t)
	rapid.Check(t, func(t *rapid.T) {
		tl := smooth()
		tl.say("pos completed", time.Minute, said{corr: "c-2", receipt: "0123-04-000779", lines: basket})
		tl.say("middleware mapped", 2*time.Minute, said{corr: c1, receipt: "0123-04-000779", outcome: inventory.DeadLettered, err: "timeout"})
		tl.say("middleware accepted", 3*time.Minute, said{corr: "c-3"})
		tl.say("erp posted", 4*time.Minute, said{doc: "1", lines: basket}) // an orphan
		drop := rapid.IntRange(0, len(tl.records)-1).Draw(t, "drop")
		tl.records = slices.Delete(tl.records, drop, drop+1)
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		for i := range rapid.IntRange(1, 8).Draw(t, "actions") {
			at := t0.Add(time.Duration(5+pick(20)) * time.Minute)
			if r, ok := somebody(pick, Stitch(rules, tl.records, nil, t0.Add(time.Hour)), fmt.Sprintf("p-%d", i), at); ok {
				tl.records = append(tl.records, r)
			}
		}
		now := t0.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "now")) * time.Minute)
		want := Stitch(rules, tl.records, nil, now)
		shuffled := rapid.Permutation(slices.Concat(tl.records, tl.records[:pick(len(tl.records))])).Draw(t, "order")
		if diff := gocmp.Diff(want, Stitch(rules, shuffled, nil, now), gocmp.AllowUnexported(inventory.Decimal{})); diff != "" {
			t.Fatalf("another order, another answer:\n%s", diff)
		}
		records := map[string]bool{}
		for _, l := range want {
			for _, id := range l.RecordIDs {
				if records[id] {
					t.Fatalf("%s is in two lifecycles", id)
				}
				records[id] = true
			}
		}
		for _, r := range tl.records {
			if records[r.ID] != (r.Event.Action == nil) {
				t.Fatalf("%s: in a lifecycle %v", r.ID, records[r.ID])
			}
		}
	})
}
