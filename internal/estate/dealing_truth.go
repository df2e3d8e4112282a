package estate

import (
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// standsAs is where a person says a transaction stands that has such a finding
// open. What is not named here is worth knowing and changes nothing.
var standsAs = map[inventory.Kind]inventory.Verdict{
	inventory.DuplicatePosting: inventory.Conflicted, inventory.DoubleIssue: inventory.Conflicted, inventory.WrongSign: inventory.Conflicted,
	inventory.UOMMismatch: inventory.Conflicted, inventory.QuantityMismatch: inventory.Conflicted, inventory.LocationMismatch: inventory.Conflicted,
	inventory.StatusMismatch: inventory.Conflicted, inventory.OverRelease: inventory.Conflicted, inventory.OverReceipt: inventory.Conflicted,
	inventory.UnexpectedReceipt: inventory.Conflicted, inventory.ShortReceipt: inventory.Conflicted, inventory.TransitNotCleared: inventory.Conflicted,
	inventory.ReservationUnbalanced: inventory.Conflicted, inventory.Oversold: inventory.Conflicted, inventory.PhantomStock: inventory.Conflicted,
	inventory.StaleOverwrite: inventory.Conflicted, inventory.ControlTotalMismatch: inventory.Conflicted, inventory.SequenceGap: inventory.Conflicted,
	inventory.PartialPost: inventory.Conflicted, inventory.MappingConflict: inventory.Conflicted, inventory.KeyCollision: inventory.Conflicted,
	inventory.UnapprovedAdjustment: inventory.Conflicted, inventory.SelfApproved: inventory.Conflicted, inventory.ToleranceExceeded: inventory.Conflicted,
	inventory.OfflineConflict: inventory.Conflicted, inventory.SnapshotStale: inventory.Conflicted, inventory.PriceMismatch: inventory.Conflicted,
	inventory.DateShift: inventory.Conflicted,
}

// judge says what must be found about the dealing, from what is sent about it.
func (d *dealing) judge(messages []*message) SaleTruth {
	t := SaleTruth{
		CorrelationID: d.id(), Location: d.place.ID, Workflow: d.flow.workflow, StartedAt: d.sale.at,
		FinalAt: later(d.sale.at, d.settled), Findings: d.findings, Tolerated: d.maybe,
	}
	slices.Sort(d.happened)
	t.Faults = slices.Compact(d.happened)
	if len(messages) > 0 {
		t.StartedAt = messages[0].send
	}
	told := map[*inventory.Event]*message{}
	for _, m := range messages {
		if m.send.Before(t.StartedAt) {
			t.StartedAt = m.send
		}
		t.FinalAt = later(t.FinalAt, m.send)
		told[m.says] = m
	}
	v := verdictOf{opts: d.opts, live: d.live, sale: d.sale, moves: true, truth: &t}
	for i := range d.flow.legs {
		l := &d.flow.legs[i]
		if !l.owed || d.waived[l.name] || l.when != nil && !l.when(d) {
			continue
		}
		h := &hop{ref: l.ref(), due: d.due(l), missing: l.missing}
		for after := l.after; after != "" && h.after == nil; {
			k := slices.IndexFunc(d.flow.legs, func(x leg) bool { return x.name == after })
			before := &d.flow.legs[k]
			h.after, after = v.find(before.ref()), before.after
		}
		for _, s := range d.said {
			if m := told[&s.event]; m != nil && s.leg == l {
				v.hear(h, m.outcome, m.at, m.send, s.event.Error)
			}
		}
		v.prove(h)
		v.hops = append(v.hops, h)
	}
	for _, h := range v.hops {
		v.say(h)
		if h.wrong() || h.proven {
			t.FinalAt = later(t.FinalAt, h.due)
		}
	}
	for _, f := range t.Findings {
		v.overdue = v.overdue || f.Kind == inventory.ReturnNotPosted
		v.conflicted = v.conflicted || f.State == inventory.FindingOpen && standsAs[f.Kind] == inventory.Conflicted
	}
	t.Verdict = v.verdict()
	if d.verdict != "" {
		t.Verdict = d.verdict
	}
	slices.SortStableFunc(t.Findings, func(a, b Expected) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	return t
}
