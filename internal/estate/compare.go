package estate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Observed is what an instance says, as far as it is compared.
type Observed struct {
	Lifecycles []ObservedLifecycle
	Findings   []ObservedFinding
}

// ObservedLifecycle is a lifecycle as the API lists it.
type ObservedLifecycle struct {
	CorrelationID string            `json:"correlation_id"`
	Workflow      string            `json:"workflow"`
	Verdict       inventory.Verdict `json:"verdict"`
	Location      string            `json:"location"`
	StartedAt     time.Time         `json:"started_at"`
}

// ObservedFinding is a finding as the API lists it, disproved ones included.
type ObservedFinding struct {
	ID            string                 `json:"id"`
	Kind          inventory.Kind         `json:"kind"`
	State         inventory.FindingState `json:"state"`
	Resolution    inventory.Resolution   `json:"resolution"`
	CorrelationID string                 `json:"correlation_id"`
	System        string                 `json:"system"`
	Step          string                 `json:"step"`
	Location      string                 `json:"location"`
	OpenedAt      *time.Time             `json:"opened_at"`
	ClosedAt      *time.Time             `json:"closed_at"`
}

// hop returns the step in the form "erp posted", whichever way it was sent.
func (f *ObservedFinding) hop() string {
	if f.System == "" || f.Step == "" || strings.HasPrefix(f.Step, f.System+" ") {
		return f.Step
	}
	return f.System + " " + f.Step
}

// Report is how an instance's answers differ from the truth.
type Report struct {
	// Sales counts documents compared, Open those whose time has not come: of
	// these nothing must be said yet, only nothing wrong.
	Sales, Open int
	// Missed is what should have been said and was not, False what was said and
	// should not have been, Verdicts where a lifecycle stands elsewhere.
	Missed, False, Verdicts []Difference
	Kinds                   []KindScore
}

// Difference is one thing that is not as it should be.
type Difference struct {
	CorrelationID string
	Receipt       string
	Faults        []Fault
	Want, Got     string
}

// String is one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s %v: want %s, got %s", d.CorrelationID, d.Receipt, d.Faults,
		cmp.Or(d.Want, "nothing"), cmp.Or(d.Got, "nothing"))
}

// KindScore counts one kind of finding.
type KindScore struct {
	Kind                     inventory.Kind
	Expected, Found, Unasked int // Unasked: found, but not expected
}

// Recall is the share of expected findings that were found.
func (k KindScore) Recall() float64 { return share(k.Found, k.Expected) }

// Precision is the share of what was found that was expected.
func (k KindScore) Precision() float64 { return share(k.Found, k.Found+k.Unasked) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// Equal reports whether the instance says the truth.
func (r *Report) Equal() bool { return len(r.Missed)+len(r.False)+len(r.Verdicts) == 0 }

// String is a table by kind and the first differences.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d documents compared, %d of them still open; %d missed, %d false, %d other verdicts\n",
		r.Sales, r.Open, len(r.Missed), len(r.False), len(r.Verdicts))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\texpected\tfound\tfalse\trecall\tprecision\t")
	for _, k := range r.Kinds {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.4f\t%.4f\t\n", k.Kind, k.Expected, k.Found, k.Unasked, k.Recall(), k.Precision())
	}
	_ = w.Flush() // a strings.Builder does not fail
	const most = 20
	for _, list := range []struct {
		name string
		of   []Difference
	}{{"missed", r.Missed}, {"false", r.False}, {"verdict", r.Verdicts}} {
		for i, d := range list.of {
			if i == most {
				fmt.Fprintf(&b, "%s: and %d more\n", list.name, len(list.of)-most)
				break
			}
			fmt.Fprintf(&b, "%s: %s\n", list.name, d)
		}
	}
	return b.String()
}

// Compare holds what an instance says against the truth, in both directions.
// Disproved findings are left aside. asOf is the instant up to which the instance
// has been told everything; zero is the truth's own end.
func Compare(truth *Truth, got Observed, asOf time.Time) *Report {
	if asOf.IsZero() {
		asOf = truth.End
	}
	c := comparison{
		report: &Report{}, asOf: asOf,
		findings: map[string][]*ObservedFinding{}, scores: map[inventory.Kind]*KindScore{},
	}
	var feeds []*ObservedFinding
	for i := range got.Findings {
		f := &got.Findings[i]
		switch {
		case f.Resolution == inventory.Disproved:
		case f.CorrelationID != "":
			c.findings[f.CorrelationID] = append(c.findings[f.CorrelationID], f)
		case f.Kind == inventory.SourceSilent:
			feeds = append(feeds, f)
		default:
			// A group of findings that are listed themselves.
		}
	}
	lifecycles := map[string]*ObservedLifecycle{}
	for i := range got.Lifecycles {
		l := &got.Lifecycles[i]
		if _, twice := lifecycles[l.CorrelationID]; twice {
			c.differ(&c.report.Verdicts, nil, "one lifecycle "+l.CorrelationID, "two")
		}
		lifecycles[l.CorrelationID] = l
	}
	for i := range truth.Sales {
		s := &truth.Sales[i]
		c.sale(s, lifecycles[s.CorrelationID])
		delete(lifecycles, s.CorrelationID)
		delete(c.findings, s.CorrelationID)
	}
	for i := range truth.Days {
		d := &truth.Days[i]
		c.day(d, lifecycles[d.id()])
		delete(lifecycles, d.id())
		delete(c.findings, d.id())
	}
	for id, l := range lifecycles {
		// A register's day, an order's stock and an item's tell of no document; what is
		// said in them counts. A day's posting is part of its day.
		if slices.Contains(books, l.Workflow) || l.Workflow == workflowPostingBatch && l.Verdict == inventory.Complete {
			delete(lifecycles, id)
		}
	}
	// What the estate never did: a transaction torn apart, or a finding about one.
	for _, l := range sorted(lifecycles) {
		c.differ(&c.report.Verdicts, nil, "", fmt.Sprintf("a lifecycle %s of workflow %q, %s", l.CorrelationID, l.Workflow, l.Verdict))
	}
	for _, list := range sorted(c.findings) {
		for _, f := range list {
			c.unasked(nil, f)
		}
	}
	c.silences(truth.Silences, feeds)

	for _, kind := range inventory.Kinds {
		if k := c.scores[kind]; k != nil {
			c.report.Kinds = append(c.report.Kinds, *k)
			delete(c.scores, kind)
		}
	}
	for _, k := range sorted(c.scores) { // kinds of a newer instance
		c.report.Kinds = append(c.report.Kinds, *k)
	}
	return c.report
}

// sorted returns the values of m in order of key, so that reports are the same
// each time.
func sorted[K cmp.Ordered, V any](m map[K]V) []V {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	values := make([]V, len(keys))
	for i, k := range keys {
		values[i] = m[k]
	}
	return values
}

type comparison struct {
	report   *Report
	asOf     time.Time
	findings map[string][]*ObservedFinding
	scores   map[inventory.Kind]*KindScore
}

func (c *comparison) score(kind inventory.Kind) *KindScore {
	k := c.scores[kind]
	if k == nil {
		k = &KindScore{Kind: kind}
		c.scores[kind] = k
	}
	return k
}

func (c *comparison) differ(list *[]Difference, s *SaleTruth, want, got string) {
	d := Difference{Want: want, Got: got}
	if s != nil {
		d.CorrelationID, d.Receipt, d.Faults = s.CorrelationID, s.Receipt, s.Faults
	}
	*list = append(*list, d)
}

func (c *comparison) unasked(s *SaleTruth, f *ObservedFinding) {
	c.score(f.Kind).Unasked++
	got := fmt.Sprintf("%s at %q, %s %s (finding %s", f.Kind, f.hop(), f.State, f.Resolution, f.ID)
	if s == nil && f.CorrelationID != "" {
		got += " of " + f.CorrelationID
	}
	c.differ(&c.report.False, s, "", got+")")
}

// day compares a store's day that is posted as a whole.
func (c *comparison) day(d *DayTruth, l *ObservedLifecycle) {
	s := &SaleTruth{
		CorrelationID: d.id(), Location: d.Location, Workflow: workflowPostingDay, Verdict: d.Verdict, Findings: d.Findings, FinalAt: d.FinalAt,
	}
	c.sale(s, l)
}

func (c *comparison) sale(s *SaleTruth, l *ObservedLifecycle) {
	r := c.report
	if l == nil && s.StartedAt.After(c.asOf) {
		return // nothing of it had been said by then
	}
	r.Sales++
	if l == nil {
		c.differ(&r.Verdicts, s, string(s.Verdict), "no lifecycle")
		return
	}
	open := s.FinalAt.After(c.asOf)
	if open {
		r.Open++
	}
	if !open && l.Verdict != s.Verdict {
		c.differ(&r.Verdicts, s, string(s.Verdict), string(l.Verdict))
	}
	if l.Workflow != s.Workflow {
		c.differ(&r.Verdicts, s, "workflow "+s.Workflow, "workflow "+l.Workflow)
	}
	left := slices.Clone(c.findings[s.CorrelationID])
	take := func(matches func(*ObservedFinding) bool) *ObservedFinding {
		i := slices.IndexFunc(left, matches)
		if i < 0 {
			return nil
		}
		f := left[i]
		left = slices.Delete(left, i, i+1)
		return f
	}
	for _, want := range s.Findings {
		found := take(func(f *ObservedFinding) bool { return want.is(f, open) })
		if found == nil {
			found = take(want.isOtherwise)
		}
		switch {
		case found != nil:
			c.score(want.Kind).Expected++
			c.score(want.Kind).Found++
		case !open:
			c.score(want.Kind).Expected++
			c.differ(&r.Missed, s, want.String(), "")
		}
	}
	for _, f := range left {
		if slices.ContainsFunc(s.Tolerated, func(t Expected) bool { return t.is(f, open) }) {
			continue
		}
		// While it is open, a step of it may be missing that will come.
		if open && (f.Kind == inventory.MissingStep || f.Kind == inventory.ReturnNotPosted) && s.expects(f.hop()) {
			continue
		}
		c.unasked(s, f)
	}
}

// expects reports whether anything is to be said about a step.
func (s *SaleTruth) expects(step string) bool {
	for _, list := range [][]Expected{s.Findings, s.Tolerated} {
		if slices.ContainsFunc(list, func(e Expected) bool { return e.Step == step }) {
			return true
		}
	}
	return false
}

// is reports whether f is the expected finding; whether it is open or closed is
// not asked before its time has come.
func (e Expected) is(f *ObservedFinding, early bool) bool {
	if f.Kind != e.Kind || (!early && e.State != "" && f.State != e.State) {
		return false
	}
	// That a sale was delivered twice belongs to the sale, not to a step.
	// So does that an item goes by two names, which the second to be heard shows.
	return e.Kind == inventory.DuplicateDelivery || e.Kind == inventory.IdentityDrift || f.hop() == e.Step
}

// isOtherwise reports whether f, resolved, says the same fact in another kind.
func (e Expected) isOtherwise(f *ObservedFinding) bool {
	if !slices.Contains(e.Or, f.Kind) || f.hop() != e.Step {
		return false
	}
	// Late steps need no resolution: it is said, and it is over.
	return f.Kind == inventory.LateStep || f.State == inventory.FindingClosed
}

// String is the finding as in "missing_step at erp posted (open)".
func (e Expected) String() string {
	s := string(e.Kind) + " at " + e.Step
	if e.State != "" {
		s += " (" + string(e.State) + ")"
	}
	return s
}

// silences compares source_silent findings with the feeds' silences.
func (c *comparison) silences(truth []SilenceTruth, found []*ObservedFinding) {
	used := map[*ObservedFinding]bool{}
	for _, t := range truth {
		if t.System == "" {
			for _, f := range found {
				used[f] = used[f] || t.covers(f)
			}
			continue
		}
		var match *ObservedFinding
		for _, f := range found {
			if t.covers(f) && (match == nil || used[match]) {
				match = f
			}
		}
		fresh := match != nil && !used[match]
		if match != nil {
			used[match] = true
		}
		switch {
		case fresh:
			c.score(inventory.SourceSilent).Expected++
			c.score(inventory.SourceSilent).Found++
		case !fresh && t.Required && !t.Until.After(c.asOf):
			c.score(inventory.SourceSilent).Expected++
			c.differ(&c.report.Missed, nil, t.String(), "")
		}
	}
	for _, f := range found {
		// After the estate's end every feed is silent.
		if !used[f] && (f.OpenedAt == nil || c.asOf.IsZero() || f.OpenedAt.Before(c.asOf)) {
			c.unasked(nil, f)
		}
	}
}

// covers reports whether f was opened in the silence, or so soon after it that
// the end of it was not known.
func (t SilenceTruth) covers(f *ObservedFinding) bool {
	const slack = 2 * time.Minute
	if t.System != "" && (f.System != t.System || inventory.Unpad(f.Location) != inventory.Unpad(t.Location)) {
		return false
	}
	return f.OpenedAt != nil && !f.OpenedAt.Before(t.From) && !f.OpenedAt.After(t.Until.Add(slack))
}

// String names feed and time.
func (t SilenceTruth) String() string {
	return fmt.Sprintf("source_silent of %s %s from %s to %s", t.System, t.Location,
		t.From.Format(time.RFC3339), t.Until.Format(time.RFC3339))
}
