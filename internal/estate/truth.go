package estate

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Truth is what an instance must say about what an estate did, once everything
// it sent has been processed.
type Truth struct {
	Sales    []SaleTruth
	Days     []DayTruth
	Silences []SilenceTruth
	// End is the instant the estate's last watermarks spoke for: what is final
	// only after it is compared as open. Zero where the estate was stopped before
	// it had sent everything.
	End time.Time
}

// SaleTruth is the truth about one document.
type SaleTruth struct {
	CorrelationID string            `json:"correlation_id"`
	Receipt       string            `json:"receipt,omitempty"`
	Location      string            `json:"location"`
	Workflow      string            `json:"workflow"`
	StartedAt     time.Time         `json:"started_at"`
	Verdict       inventory.Verdict `json:"verdict"`
	Findings      []Expected        `json:"findings,omitempty"`
	// Tolerated may be said besides, because the order of arrival decides.
	Tolerated []Expected `json:"tolerated,omitempty"`
	// Late lists every step that came after its deadline, also those that an
	// earlier late step explains.
	Late   []LateStep `json:"late,omitempty"`
	Faults []Fault    `json:"faults,omitempty"`
	// FinalAt is when nothing changes any more: the last event has been sent and
	// every deadline has passed.
	FinalAt time.Time `json:"final_at"`
}

// Expected is a finding as it must be said.
type Expected struct {
	Kind inventory.Kind `json:"kind"`
	Step string         `json:"step,omitempty"`
	// Or are kinds, resolved, that say the same fact where the evidence arrived in
	// another order: a step found missing before it came late.
	Or []inventory.Kind `json:"or,omitempty"`
	// State is open or closed; empty where either is right.
	State inventory.FindingState `json:"state,omitempty"`
}

// LateStep is a step that came late.
type LateStep struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

// SilenceTruth is a feed that sent nothing for a while.
type SilenceTruth struct {
	System   string    `json:"system"` // empty: any feed
	Location string    `json:"location,omitempty"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	// Required: it must be found. Otherwise it may be.
	Required bool `json:"required"`
}

// judge says what must be found about a document, from the messages that are
// sent about it. What was sent up to live arrived all at once.
func judge(opts *Options, live time.Time, s *sale, messages []*message, faults []Fault) SaleTruth {
	t := SaleTruth{
		CorrelationID: s.correlation, Location: s.store.ID, Workflow: s.basket.Workflow,
		StartedAt: s.at, Verdict: inventory.Unclassified, Faults: faults, FinalAt: s.at,
	}
	if s.sequence > 0 {
		t.Receipt = s.receipt()
	}
	for _, m := range messages {
		t.FinalAt = later(t.FinalAt, m.send)
	}
	v := verdictOf{opts: opts, live: live, sale: s, owed: s.basket.owed, moves: len(s.basket.owed) > 0, truth: &t}
	for _, ref := range []inventory.StepRef{posCompleted, accepted, mapped, availability, posted} {
		v.hop(ref, messages)
	}
	for _, h := range v.hops {
		v.say(h)
		if h.wrong() { // it has until then
			t.FinalAt = later(t.FinalAt, h.due)
		}
	}
	v.balance(messages)
	v.duplicates(messages)
	t.Verdict = v.verdict()
	slices.SortStableFunc(t.Findings, func(a, b Expected) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	return t
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// verdictOf gathers what a verdict is made of.
type verdictOf struct {
	opts  *Options
	live  time.Time
	sale  *sale
	owed  []booking
	truth *SaleTruth
	hops  []*hop

	// moves: it moves goods, so that something is owed at all.
	moves bool

	conflicted, stalled, failed, overdue, late bool
}

// hop is how one owed step went.
type hop struct {
	ref   inventory.StepRef
	due   time.Time
	after *hop
	// missing is what it is called when it does not come.
	missing inventory.Kind

	ok        time.Time      // first success; zero: none seen
	told      time.Time      // when that was sent
	mourned   time.Time      // when it was last said to be dead-lettered
	unmapped  bool           // failed for want of a mapping
	buried    bool           // dead-lettered
	requested bool           // a replay was asked for
	refused   inventory.Kind // it will not be done, and what that is called
	waits     inventory.Kind // it waits, and what that is called once it is due
	proven    bool           // not seen, but a later hop is
}

func (h *hop) isLate() bool { return !h.ok.IsZero() && !h.due.IsZero() && h.ok.After(h.due) }

// wrong reports whether the hop has not succeeded, which explains what follows.
func (h *hop) wrong() bool { return h.ok.IsZero() && !h.proven }

// explained reports whether any hop before h has the property.
func (h *hop) explained(by func(*hop) bool) bool {
	for before := h.after; before != nil; before = before.after {
		if by(before) {
			return true
		}
	}
	return false
}

// hop works out how a step went; one that is not owed is left out.
func (v *verdictOf) hop(ref inventory.StepRef, messages []*message) {
	h := &hop{ref: ref}
	d := v.opts.Deadlines
	var deadline time.Duration
	switch ref {
	case accepted:
		deadline, h.after = d.Accepted, v.find(posCompleted)
	case mapped:
		deadline, h.after = d.Mapped, v.find(accepted)
	case availability:
		deadline, h.after = d.Availability, v.find(accepted)
	case posted:
		deadline, h.after = d.Posted, v.find(mapped)
		if v.sale.store.Posting == inventory.PostingBatch {
			deadline = d.PostedBatch
		}
	}
	if (ref == availability || ref == posted) && len(v.owed) == 0 {
		return // nothing moves stock
	}
	if ref == posted && v.sale.store.Posting == inventory.PostingStoreDay {
		return // its day owes the posting
	}
	if deadline > 0 {
		h.due = v.sale.at.Add(deadline)
	}
	for _, m := range messages {
		if m.ref == ref {
			v.hear(h, m.outcome, m.at, m.send, m.failure)
		}
	}
	v.prove(h)
	v.hops = append(v.hops, h)
}

// hear takes in what a hop says, and when it is sent.
func (v *verdictOf) hear(h *hop, outcome inventory.Outcome, at, sent time.Time, failure *inventory.Error) {
	switch outcome {
	case inventory.OK, inventory.Partial:
		if h.ok.IsZero() || at.Before(h.ok) {
			h.ok, h.told = at, sent
		}
	case inventory.ReplayRequested:
		h.requested = true
		v.truth.FinalAt = later(v.truth.FinalAt, at.Add(v.opts.Deadlines.Replay))
	case inventory.DeadLettered:
		h.buried = true
		h.mourned = later(h.mourned, sent)
	case inventory.Rejected:
		h.refused = inventory.RejectedKind
	case inventory.Discarded:
		h.refused = inventory.DiscardedKind
	case inventory.Held:
		h.waits = inventory.HeldKind
	case inventory.Retrying:
		h.waits = inventory.Stall
	default:
		// Neither completes nor ends the step.
	}
	switch {
	case failure == nil:
	case strings.HasSuffix(failure.Code, "_unmapped"):
		h.unmapped = true
	case failure.Code == "not_in_assortment":
		h.refused = inventory.NotInAssortment
	}
}

// prove says of the hops before a successful one that they happened.
func (v *verdictOf) prove(h *hop) {
	if h.ok.IsZero() {
		return
	}
	for before := h.after; before != nil; before = before.after {
		before.proven = before.ok.IsZero()
	}
}

func (v *verdictOf) find(ref inventory.StepRef) *hop {
	for _, h := range v.hops {
		if h.ref == ref {
			return h
		}
	}
	return nil
}

// missing is what it is called when a hop does not come: goods that a customer
// brought back and nobody put on stock are more than a missing step.
func (v *verdictOf) missing(h *hop) inventory.Kind {
	if v.sale.basket.Workflow == workflowReturn && h.ref == posted {
		return inventory.ReturnNotPosted
	}
	return cmp.Or(h.missing, inventory.MissingStep)
}

// say adds the findings about one hop: one fact, one kind.
func (v *verdictOf) say(h *hop) {
	step := h.ref.String()
	expect := func(e Expected) {
		e.Step = step
		v.truth.Findings = append(v.truth.Findings, e)
	}
	tolerate := func(kind inventory.Kind) {
		v.truth.Tolerated = append(v.truth.Tolerated, Expected{Kind: kind, Step: step, State: inventory.FindingClosed})
	}
	explained := func() {
		// The hop before came late, and then this one: between the two it may have
		// been missing for itself.
		tolerate(v.missing(h))
		if !h.told.After(v.live) {
			tolerate(inventory.LateStep) // in a history it may be heard of first
		}
	}
	if h.isLate() {
		v.late = true
		v.truth.Late = append(v.truth.Late, LateStep{step, h.ok.Sub(h.due).Seconds()})
	}
	switch {
	case h.proven:
		expect(Expected{Kind: inventory.TelemetryGap})
	case h.wrong() && h.unmapped:
		v.failed = true
		expect(Expected{Kind: inventory.MappingUnknown, State: inventory.FindingOpen})
	case h.wrong() && h.buried:
		v.failed = true
		expect(Expected{Kind: inventory.DeadLetter, State: inventory.FindingOpen})
		if h.requested {
			v.stalled = true
			expect(Expected{Kind: inventory.StalledReplay, State: inventory.FindingOpen})
		}
	case h.wrong() && h.refused != "":
		v.failed = true
		expect(Expected{Kind: h.refused, State: inventory.FindingOpen})
		tolerate(v.missing(h)) // where only a part of it was heard first
	case h.wrong() && h.waits != "":
		v.stalled = v.stalled || h.waits == inventory.Stall
		v.overdue = true
		expect(Expected{Kind: h.waits, State: inventory.FindingOpen})
		tolerate(v.missing(h))
	case h.wrong():
		v.overdue = true
		if !h.explained((*hop).wrong) {
			expect(Expected{Kind: v.missing(h), State: inventory.FindingOpen})
		}
	case h.buried && h.told.After(v.live) && h.told.After(h.mourned):
		expect(Expected{Kind: inventory.DeadLetter, State: inventory.FindingClosed}) // replayed
	case h.buried && h.isLate() && !h.explained((*hop).isLate):
		// Dead letter and replay arrived together: perhaps nobody ever saw it dead,
		// and all there is to say is that it came late.
		expect(Expected{Kind: inventory.LateStep, Or: []inventory.Kind{inventory.DeadLetter, v.missing(h)}})
	case h.buried:
		tolerate(inventory.DeadLetter)
		if h.isLate() {
			explained()
		}
	case h.isLate() && h.unmapped && h.explained((*hop).isLate) && !h.told.After(v.live):
		// In a history failure and retry may be heard as one: then it is a late
		// step that the one before explains.
		tolerate(inventory.MappingUnknown)
		explained()
	case h.isLate() && h.unmapped:
		expect(Expected{Kind: inventory.LateStep, Or: []inventory.Kind{inventory.MappingUnknown, v.missing(h)}})
	case h.isLate() && !h.explained((*hop).isLate):
		expect(Expected{Kind: inventory.LateStep, Or: []inventory.Kind{v.missing(h)}})
	case h.isLate():
		explained()
	}
}

// balance compares what was booked with what is owed, per item.
func (v *verdictOf) balance(messages []*message) {
	type account struct {
		booked    inventory.Decimal
		documents int
	}
	accounts := map[*Item]*account{}
	accountOf := func(item *Item) *account {
		a := accounts[item]
		if a == nil {
			a = &account{}
			accounts[item] = a
		}
		return a
	}
	some, reversed, alone, documents := false, false, false, 0
	var newest time.Time
	for _, m := range messages {
		if m.ref != posted || len(m.lines) == 0 {
			continue
		}
		documents++
		newest = later(newest, m.at)
		alone = alone || !slices.Equal(m.lines, v.owed)
		for _, k := range m.lines {
			a := accountOf(k.item)
			switch m.outcome {
			case inventory.OK:
				some = true
				a.booked = a.booked.Add(k.quantity)
				a.documents++
			case inventory.Reversed:
				reversed = true
				a.booked = a.booked.Sub(k.quantity)
				a.documents--
			default:
				// Books nothing.
			}
		}
	}
	if !some {
		return
	}
	twice, wrong := false, false
	for _, k := range v.owed {
		a := accountOf(k.item)
		off := a.booked.Sub(k.quantity)
		tolerance := inventory.Decimal{}
		if k.item.UOM != "EA" {
			tolerance = inventory.Milli(int64(len(v.sale.basket.Lines)))
		}
		switch {
		case off.Abs().Cmp(tolerance) <= 0:
		case off.Sign() == k.quantity.Sign() && a.documents > 1:
			twice = true
		default:
			wrong = true
		}
	}
	step := posted.String()
	if twice || wrong {
		v.truth.FinalAt = later(v.truth.FinalAt, v.find(posted).due)
	}
	if !wrong && alone && documents > 1 && newest.After(v.find(posted).due) {
		// When it was due, one document was there, and that alone was wrong.
		v.truth.Tolerated = append(v.truth.Tolerated,
			Expected{Kind: inventory.QuantityMismatch, Step: step, State: inventory.FindingClosed})
	}
	switch {
	case twice:
		v.truth.Findings = append(v.truth.Findings, Expected{Kind: inventory.DuplicatePosting, Step: step, State: inventory.FindingOpen})
	case wrong:
		v.truth.Findings = append(v.truth.Findings, Expected{Kind: inventory.QuantityMismatch, Step: step, State: inventory.FindingOpen})
	case reversed:
		// Heard in another order, it was booked twice for a moment.
		v.truth.Tolerated = append(v.truth.Tolerated,
			Expected{Kind: inventory.DuplicatePosting, Step: step, State: inventory.FindingClosed})
	}
	v.conflicted = twice || wrong
}

// duplicates expects one finding for a sale that was submitted again, however
// often and however it was noticed: a till that sends twice and a middleware that
// recognises it speak of the same.
func (v *verdictOf) duplicates(messages []*message) {
	tills := 0
	var found []Expected
	for _, m := range messages {
		switch {
		case m.ref == posCompleted && m.via == cloudEvents:
			if tills++; tills > 1 {
				found = append(found, Expected{Kind: inventory.DuplicateDelivery, Step: posCompleted.String()})
			}
		case m.outcome == inventory.Suppressed:
			found = append(found, Expected{Kind: inventory.DuplicateDelivery, Step: m.ref.String()})
		}
	}
	if len(found) > 0 {
		v.truth.Findings = append(v.truth.Findings, found[0])
		v.truth.Tolerated = append(v.truth.Tolerated, found[1:]...)
	}
}

// verdict is the first that applies.
func (v *verdictOf) verdict() inventory.Verdict {
	switch {
	case v.conflicted:
		return inventory.Conflicted
	case v.stalled:
		return inventory.Stalled
	case v.failed:
		return inventory.FailedV
	case v.overdue:
		return inventory.Overdue
	case !v.moves:
		return inventory.NotExpected
	case v.late:
		return inventory.CompleteLate
	default:
		return inventory.Complete
	}
}

// line is one line of the truth: exactly one field is set.
type line struct {
	Sale    *SaleTruth    `json:"sale,omitempty"`
	Day     *DayTruth     `json:"day,omitempty"`
	Silence *SilenceTruth `json:"silence,omitempty"`
	End     *time.Time    `json:"end,omitempty"`
}

// ReadTruth reads the NDJSON an estate has written. A line said again (an
// estate that was started again repeats some) counts once, the last one.
func ReadTruth(r io.Reader) (*Truth, error) {
	t := &Truth{}
	sales, days := map[string]int{}, map[string]int{}
	silences := map[SilenceTruth]bool{}
	rows := bufio.NewScanner(r)
	rows.Buffer(make([]byte, 0, 64<<10), 16<<20)
	for n := 1; rows.Scan(); n++ {
		var l line
		if err := json.Unmarshal(rows.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("read truth: line %d: %w", n, err)
		}
		switch {
		case l.Sale != nil:
			if i, ok := sales[l.Sale.CorrelationID]; ok {
				t.Sales[i] = *l.Sale
				break
			}
			sales[l.Sale.CorrelationID] = len(t.Sales)
			t.Sales = append(t.Sales, *l.Sale)
		case l.Day != nil:
			if i, ok := days[l.Day.id()]; ok {
				t.Days[i] = *l.Day
				break
			}
			days[l.Day.id()] = len(t.Days)
			t.Days = append(t.Days, *l.Day)
		case l.Silence != nil:
			if !silences[*l.Silence] {
				silences[*l.Silence] = true
				t.Silences = append(t.Silences, *l.Silence)
			}
		case l.End != nil:
			t.End = *l.End
		default:
			return nil, fmt.Errorf("read truth: line %d says nothing known", n)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	return t, nil
}

// truthWriter writes the truth; it keeps its errors for flush.
type truthWriter struct {
	w   *bufio.Writer
	err error
}

func newTruthWriter(w io.Writer) *truthWriter {
	if w == nil {
		w = io.Discard
	}
	return &truthWriter{w: bufio.NewWriterSize(w, 64<<10)}
}

func (t *truthWriter) write(l line) {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = t.w.Write(append(b, '\n'))
	}
	t.err = errors.Join(t.err, err)
}

func (t *truthWriter) flush() error {
	if err := errors.Join(t.err, t.w.Flush()); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	return nil
}
