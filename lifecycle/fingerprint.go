package lifecycle

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What did not change is not written again. A field left out here would stay as it
// was in the store; TestFingerprintHoldsAll asks for each.

// fingerprint is equal for two lifecycles a reader could not tell apart. The now
// and the facts it was computed with are no part of it: what only got older is
// not written again.
func fingerprint(l *inventory.Lifecycle) string {
	p := imprint{make([]byte, 0, 2048)}
	p.str(l.ID, l.Workflow, string(l.State), string(l.Verdict), l.Sentence, l.Location, l.Region, string(l.Posting), l.Register,
		l.BusinessDate, l.Owner, l.PostedBy, l.RuleVersion)
	p.times(l.StartedAt, l.UpdatedAt, l.PostedAt, l.PostingDue, l.NextAt)
	p.scoped(l.Canonical, l.Component)
	p.keys(l.Keys)
	p.num(len(l.Identifiers))
	p.scoped(l.Identifiers...)
	p.list(l.Items)
	p.list(l.RecordIDs)
	p.num(len(l.Units))
	for _, u := range l.Units {
		p.str(u.UOM, u.Quantity.String())
	}
	p.num(len(l.Values))
	for _, v := range l.Values {
		p.str(v.Currency, v.Basis, v.Amount.String())
	}
	p.num(len(l.Steps))
	for i := range l.Steps {
		s := &l.Steps[i]
		p.str(s.System, s.Step, s.Title, string(s.Outcome), s.Owner, s.Runbook, s.Note)
		p.bools(s.Required, s.Expected, s.Error != nil)
		p.times(s.OccurredAt, s.ReceivedAt, s.ExpectedBy)
		p.num(s.Attempt)
		p.list(s.EventIDs)
		if e := s.Error; e != nil {
			p.str(e.Code, e.Field, e.Value, e.Message)
		}
	}
	p.num(len(l.Lines))
	for i := range l.Lines {
		x := &l.Lines[i]
		p.str(x.Item, x.Location, x.Status, x.UOM, x.Owed.String(), x.Posted.String())
		p.keys(x.ItemAt)
		p.bools(x.Comparable)
		p.num(x.Postings)
	}
	p.num(len(l.Related))
	for _, r := range l.Related {
		p.str(r.Rel)
		p.keys(r.Keys)
	}
	p.num(len(l.Findings))
	for i := range l.Findings {
		p.str(findingFingerprint(&l.Findings[i]))
	}
	p.num(len(l.Awaits))
	for _, a := range l.Awaits {
		p.str(a.System, a.Run)
		p.times(a.Through)
	}
	sum := sha256.Sum256(p.buf)
	return string(sum[:16])
}

// findingFingerprint is equal for two findings a reader could not tell apart.
func findingFingerprint(f *inventory.Finding) string {
	h := sha256.New()
	fmt.Fprintf(h, "%v", *f)
	return string(h.Sum(nil)[:16])
}

// imprint writes fields with their lengths, so that no two different ones write the
// same bytes.
type imprint struct{ buf []byte }

func (p *imprint) num(n int) { p.buf = binary.AppendVarint(p.buf, int64(n)) }

func (p *imprint) str(values ...string) {
	for _, s := range values {
		p.num(len(s))
		p.buf = append(p.buf, s...)
	}
}

func (p *imprint) list(values []string) {
	p.num(len(values))
	p.str(values...)
}

// times are told apart as far as a row can: by the microsecond.
func (p *imprint) times(all ...time.Time) {
	for _, t := range all {
		p.bools(t.IsZero())
		p.buf = binary.AppendVarint(p.buf, t.UnixMicro())
	}
}

func (p *imprint) bools(all ...bool) {
	for _, b := range all {
		if b {
			p.buf = append(p.buf, 1)
		} else {
			p.buf = append(p.buf, 0)
		}
	}
}

func (p *imprint) scoped(all ...inventory.ScopedKey) {
	for _, k := range all {
		p.str(k.Name, k.Value)
	}
}

func (p *imprint) keys(all []inventory.Key) {
	p.num(len(all))
	for _, k := range all {
		p.str(k.Name, k.Value)
	}
}
