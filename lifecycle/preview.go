package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Preview is what other rules would say of the lifecycles that are open, or that
// they would open again. Nothing is written.
type Preview struct {
	// Lifecycles were recomputed under both rules, Open of them are open under the
	// present ones, Changed get another verdict or other findings.
	Lifecycles, Open, Changed int
	// Verdicts counts those with another verdict, Opened and Closed the findings
	// that would be open and are not, and the other way round.
	Verdicts       map[Turn]int
	Opened, Closed map[inventory.Kind]int
	// Changes are the changed ones, by id, at most mostChanges.
	Changes []Change
}

// Turn is a verdict that would become another. Empty is no lifecycle at all.
type Turn struct{ From, To inventory.Verdict }

// Change is one lifecycle that other rules would judge otherwise.
type Change struct {
	ID, Workflow string
	Turn
	Opened, Closed []inventory.Kind
	// Sentence is what would be said of it.
	Sentence string
}

// mostChanges bounds the lifecycles a preview names.
const mostChanges = 200

// PreviewRules judges every component that has an open lifecycle, under either
// rules, by the records, facts and the present moment of what is stored.
// Components whose lifecycles are all closed keep what was said of them, and are
// left out.
func PreviewRules(ctx context.Context, present, next *Rules, stored Stored) (Preview, error) {
	p := Preview{Verdicts: map[Turn]int{}, Opened: map[inventory.Kind]int{}, Closed: map[inventory.Kind]int{}}
	open := map[string]bool{}
	var now time.Time
	err := stored.EachLifecycle(ctx, func(r Row) error {
		now = later2(now, r.Lifecycle.ComputedAt)
		if r.Lifecycle.State == inventory.StateOpen || r.Lifecycle.Verdict == inventory.Unclassified {
			open[r.Lifecycle.ID] = true
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("read lifecycles: %w", err)
	}
	var facts []inventory.Fact
	if err := stored.Facts(ctx, time.Unix(0, 0), func(f inventory.Fact) { facts = append(facts, f) }); err != nil {
		return p, fmt.Errorf("read facts: %w", err)
	}
	var records []inventory.Record
	err = stored.EachRecord(ctx, func(r inventory.Record) error {
		if !r.Event.Fact() {
			r.Raw = nil
			records = append(records, r)
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("read records: %w", err)
	}
	judge := func(rules *Rules) map[string]inventory.Lifecycle {
		told := map[string]inventory.Lifecycle{}
		for _, l := range Stitch(rules, records, rules.NewEvidence(facts...), now) {
			told[l.ID] = l
		}
		return told
	}
	before, after := judge(present), judge(next)
	for id, is := range before {
		would, still := after[id]
		delete(after, id)
		if !open[id] && (!still || would.State == inventory.StateClosed) {
			continue
		}
		p.compare(&is, &would)
	}
	for _, would := range after { // a book that only the other rules open
		p.compare(&inventory.Lifecycle{ID: would.ID}, &would)
	}
	slices.SortFunc(p.Changes, func(a, b Change) int { return strings.Compare(a.ID, b.ID) })
	p.Changes = p.Changes[:min(len(p.Changes), mostChanges)]
	return p, nil
}

func (p *Preview) compare(is, would *inventory.Lifecycle) {
	p.Lifecycles++
	if is.State == inventory.StateOpen {
		p.Open++
	}
	c := Change{
		ID: is.ID, Workflow: cmp.Or(would.Workflow, is.Workflow), Turn: Turn{is.Verdict, would.Verdict}, Sentence: would.Sentence,
	}
	had, has := openFindings(is), openFindings(would)
	for _, id := range slices.Sorted(maps.Keys(has)) {
		if _, was := had[id]; !was {
			c.Opened = append(c.Opened, has[id])
			p.Opened[has[id]]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(had)) {
		if _, stays := has[id]; !stays {
			c.Closed = append(c.Closed, had[id])
			p.Closed[had[id]]++
		}
	}
	if c.From == c.To && len(c.Opened)+len(c.Closed) == 0 {
		return
	}
	p.Changed++
	if c.From != c.To {
		p.Verdicts[c.Turn]++
	}
	p.Changes = append(p.Changes, c)
}

func openFindings(l *inventory.Lifecycle) map[string]inventory.Kind {
	open := map[string]inventory.Kind{}
	for i := range l.Findings {
		if f := &l.Findings[i]; f.State == inventory.FindingOpen {
			open[f.ID] = f.Kind
		}
	}
	return open
}
