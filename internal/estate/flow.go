package estate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// nearness is how close to a deadline nothing happens: closer, a verdict would
// hang on how a clock is read.
const nearness = 250 * time.Millisecond

// Exports of the systems: how events wait for the next one.
const (
	spanExport  = 5 * time.Second  // middleware and OMS
	erpRun      = 30 * time.Second // one ERP run, one document per documentSize receipts
	batchRun    = 2 * time.Hour    // when stores that post in batches are booked
	spanLag     = 300 * time.Millisecond
	erpLag      = 2 * time.Second
	markLag     = 6 * time.Second // a feed's watermark after the minute it speaks for
	markEvery   = time.Minute
	maxTillLag  = 2 * time.Second // a till has sent everything older than that
	outageBurst = 8 * time.Second // how long a store's late burst lasts
)

// documentSize is how many receipts one ERP document books.
const documentSize = 500

// runKey names an ERP run; all its receipts share few documents.
type runKey struct {
	ERP    int
	Window int64 // number of the run since 1970
}

// over reports whether nothing that happens from t on can still join the run.
func (k runKey) over(t time.Time) bool {
	return !t.Before(time.UnixMilli((k.Window + 1) * erpRun.Milliseconds()))
}

// MarshalText writes the key as "1-59012345".
func (k runKey) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d-%d", k.ERP, k.Window), nil
}

// UnmarshalText reads what MarshalText writes.
func (k *runKey) UnmarshalText(b []byte) error {
	erp, window, _ := strings.Cut(string(b), "-")
	var errERP, errWindow error
	k.ERP, errERP = strconv.Atoi(erp)
	k.Window, errWindow = strconv.ParseInt(window, 10, 64)
	if err := errors.Join(errERP, errWindow); err != nil {
		return fmt.Errorf("%q names no ERP run: %w", b, err)
	}
	return nil
}

// journey is one document on its way through the systems.
type journey struct {
	opts      *Options
	episodes  *episodes
	documents map[runKey]int
	s         *sale
	d         dice
	drawn     map[Fault]bool

	messages []*message
	happened []Fault
	// passed is when the document came through to the ERP of a store whose days are
	// posted as a whole; zero where it did not.
	passed time.Time
}

// travel works out every message about a document and which faults took effect,
// and enters it into its store's day where that is posted as a whole.
func travel(opts *Options, ep *episodes, schedule *schedule, s *sale) ([]*message, []Fault) {
	documents := schedule.cursor.Documents
	j := &journey{
		opts: opts, episodes: ep, documents: documents, s: s,
		d: roll(ep.seed, "flow", s.number), drawn: map[Fault]bool{},
	}
	for _, f := range AllFaults {
		j.drawn[f] = j.d.chance(opts.Faults[f])
	}
	if s.sameBasket {
		j.happens(SameBasket)
	}
	j.sell() // a return goes the same way, with the other sign
	if s.store.Posting == inventory.PostingStoreDay {
		schedule.enter(s, j.passed)
	}
	slices.Sort(j.happened)
	return j.messages, slices.Compact(j.happened)
}

func (j *journey) happens(f Fault) { j.happened = append(j.happened, f) }

// take reports whether the fault was drawn and notes that it happens.
func (j *journey) take(f Fault) bool {
	if j.drawn[f] {
		j.happens(f)
	}
	return j.drawn[f]
}

// due is a deadline of the sale.
func (j *journey) due(d time.Duration) time.Time { return j.s.at.Add(d) }

func (j *journey) postingDue() time.Time {
	if j.s.store.Posting == inventory.PostingBatch {
		return j.due(j.opts.Deadlines.PostedBatch)
	}
	return j.due(j.opts.Deadlines.Posted)
}

// keepAway moves an instant that is too near a deadline behind it.
func keepAway(t, due time.Time) time.Time {
	if d := t.Sub(due); d > -nearness && d < nearness {
		return due.Add(nearness + 50*time.Millisecond)
	}
	return t
}

// around returns an instant shortly before or after a deadline, whichever comes.
func (j *journey) around(due time.Time, after time.Duration) time.Time {
	if j.d.chance(0.4) {
		return due.Add(-j.d.between(nearness, 40*time.Second))
	}
	return due.Add(j.d.between(nearness, after))
}

func (j *journey) sell() {
	s, d := j.s, j.d
	sent := s.at.Add(d.between(50*time.Millisecond, 900*time.Millisecond))
	outage, offline := j.episodes.outage(s.store, s.at)
	if offline {
		j.happens(StoreOffline)
		sent = outage.To.Add(d.between(nearness, outageBurst))
	}
	sale := j.till(sent, posCompleted)
	sale.offline = offline
	if j.take(DuplicateSubmitted) {
		again := *sale
		again.id = saleID(s, posCompleted, 2)
		again.send = sent.Add(d.between(300*time.Millisecond, 900*time.Millisecond))
		j.messages = append(j.messages, &again)
	}
	if j.drawn[BothTransports] && !offline {
		j.happens(BothTransports)
		twin := *sale
		twin.via = logs
		twin.send = sent.Add(d.between(0, 900*time.Millisecond))
		j.messages = append(j.messages, &twin)
	}
	if j.take(DroppedBeforeMiddleware) {
		return
	}

	// Which hop is late, and whose telemetry is lost.
	lateHop, lostHop := accepted, accepted
	if d.chance(0.5) {
		lateHop = mapped
	}
	// Without the mapping's event, only an ERP that says both names can be compared.
	if d.chance(0.5) && s.store.erp.namesSKU {
		lostHop = mapped
	}

	took := sent.Add(d.between(200*time.Millisecond, 3*time.Second))
	if j.drawn[LateMiddleware] && lateHop == accepted {
		if t := j.around(j.due(j.opts.Deadlines.Accepted), 3*time.Minute); t.After(took) {
			took = t
			j.happens(LateMiddleware)
		}
	}
	took = keepAway(took, j.due(j.opts.Deadlines.Accepted))
	j.emit(accepted, took, inventory.OK, 1, nil)
	if j.take(DuplicateSuppressed) {
		j.emit(accepted, took.Add(d.between(500*time.Millisecond, 5*time.Second)), inventory.Suppressed, 1, nil)
	}

	if len(s.basket.owed) > 0 && !j.take(DroppedBeforeOMS) {
		t := took.Add(d.between(500*time.Millisecond, 20*time.Second))
		j.emit(availability, keepAway(t, j.due(j.opts.Deadlines.Availability)), inventory.OK, 1, nil)
	}

	if j.take(DroppedBeforeMapping) {
		return
	}
	passed, ok := j.mapIt(took, lateHop)
	if !ok {
		return
	}
	if s.store.Posting == inventory.PostingStoreDay {
		if !j.take(DroppedBeforeERP) {
			j.passed = passed
		}
		j.lose(lostHop, false)
		return
	}
	booked := false
	if len(s.basket.owed) > 0 && !j.take(DroppedBeforeERP) {
		booked = j.post(passed)
	}
	j.lose(lostHop, booked)
}

// mapIt takes the sale through the mapping and reports when it passed.
func (j *journey) mapIt(took time.Time, lateHop inventory.StepRef) (time.Time, bool) {
	d := j.d
	due := j.due(j.opts.Deadlines.Mapped)
	t := took.Add(d.between(200*time.Millisecond, 5*time.Second))
	if j.drawn[LateMiddleware] && lateHop == mapped {
		if late := j.around(due, 3*time.Minute); late.After(t) {
			t = late
			j.happens(LateMiddleware)
		}
	}
	t = keepAway(t, due)
	if g := j.episodes.gap(t); g.holds(t) {
		for i, l := range j.s.basket.Lines {
			if g.items[l.Item] {
				j.happens(MappingGap)
				return j.unmapped(t, g, i, l.Item)
			}
		}
	}
	if j.drawn[DeadLetterReplayed] || j.drawn[DeadLetterStalled] {
		if d.chance(0.5) {
			return j.deadLetter(mapped, t, due, nil)
		}
	} else if j.drawn[Retried] && d.chance(0.5) {
		if again := t.Add(d.between(8*time.Second, 20*time.Second)); again.Before(due.Add(-5 * time.Second)) {
			j.happens(Retried)
			j.emit(mapped, t, inventory.Failed, 1, &inventory.Error{Code: "mapping_service_timeout"})
			j.emit(mapped, again, inventory.OK, 2, nil)
			return again, true
		}
	}
	j.emit(mapped, t, inventory.OK, 1, nil)
	return t, true
}

// unmapped fails at an item without an article, tries again, and passes once
// the gap is closed, or never does.
func (j *journey) unmapped(t time.Time, g mappingGap, line int, item *Item) (time.Time, bool) {
	const retry = 40 * time.Second
	healed, buried := j.d.chance(0.5), j.d.chance(0.3)
	failure := &inventory.Error{Code: "item_unmapped", Field: fmt.Sprintf("lines[%d].item", line), Value: item.SKU}
	attempt := 1
	for ; attempt < 3 && t.Add(retry).Before(g.To); attempt++ {
		j.emit(mapped, t, inventory.Failed, attempt, failure)
		t = t.Add(retry)
	}
	if healed || !buried {
		j.emit(mapped, t, inventory.Failed, attempt, failure)
	} else {
		j.emit(mapped, t, inventory.DeadLettered, attempt, failure)
	}
	if !healed {
		return time.Time{}, false
	}
	t = keepAway(g.To.Add(j.d.between(time.Second, 20*time.Second)), j.due(j.opts.Deadlines.Mapped))
	j.emit(mapped, t, inventory.OK, attempt+1, nil)
	return t, true
}

// deadLetter fails twice and is dead-lettered; a replay is requested, which
// lands or not. lines are what an ERP posting that lands has booked.
func (j *journey) deadLetter(ref inventory.StepRef, t, due time.Time, lines []booking) (time.Time, bool) {
	d := j.d
	failure := &inventory.Error{Code: "payload_rejected", Field: "transaction.status"}
	if ref == posted {
		failure = &inventory.Error{Code: "document_locked"}
	}
	j.emit(ref, t, inventory.Failed, 1, failure)
	t = t.Add(d.between(5*time.Second, 15*time.Second))
	j.emit(ref, t, inventory.DeadLettered, 2, failure)
	t = t.Add(d.between(20*time.Second, 8*time.Minute))
	j.emit(ref, t, inventory.ReplayRequested, 2, nil)
	if j.drawn[DeadLetterStalled] {
		j.happens(DeadLetterStalled)
		return time.Time{}, false
	}
	j.happens(DeadLetterReplayed)
	t = keepAway(t.Add(d.between(5*time.Second, time.Minute)), due)
	m := j.emit(ref, t, inventory.OK, 3, nil)
	if ref == posted {
		j.book(m, lines)
	}
	return t, true
}

// post books the sale in the ERP and reports whether it is booked in the end.
func (j *journey) post(passed time.Time) bool {
	s, d := j.s, j.d
	due := j.postingDue()
	batch := s.store.Posting == inventory.PostingBatch
	var t time.Time
	if batch {
		t = ceil(passed, batchRun).Add(d.between(10*time.Second, 5*time.Minute))
	} else {
		t = passed.Add(d.between(5*time.Second, 100*time.Second))
		if j.drawn[DelayedERP] {
			if late := j.around(due, 10*time.Minute); late.After(t) {
				t = late
				j.happens(DelayedERP)
			}
		}
	}
	t = keepAway(t, due)

	lines := slices.Clone(s.basket.owed)
	slipped := -1
	if j.drawn[QuantitySlip] {
		slipped = d.IntN(len(lines))
		lines[slipped].quantity = slip(lines[slipped].quantity)
	}

	if (j.drawn[DeadLetterReplayed] || j.drawn[DeadLetterStalled]) &&
		!slices.Contains(j.happened, DeadLetterReplayed) {
		_, landed := j.deadLetter(posted, t, due, lines)
		if landed && slipped >= 0 {
			j.happens(QuantitySlip)
		}
		return landed
	}
	if slipped >= 0 {
		j.happens(QuantitySlip)
	}
	// A later document must be another one: it is in a later run.
	later := func() time.Duration { return erpRun + d.between(time.Second, 15*time.Second) }

	switch {
	case j.drawn[PostedTwice]:
		j.happens(PostedTwice)
		first := lines
		if slipped >= 0 && d.chance(0.5) {
			lines = s.basket.owed // only the first document slipped
		}
		j.book(j.emit(posted, t, inventory.OK, 1, nil), first)
		j.book(j.emit(posted, t.Add(later()+d.between(0, 4*time.Minute)), inventory.OK, 1, nil), lines)
		return true
	case j.drawn[CancelledAndReposted]:
		// In time, or it would be missing for a while.
		undone := t.Add(later())
		if again := undone.Add(later()); again.Before(due.Add(-time.Second)) {
			j.happens(CancelledAndReposted)
			j.book(j.emit(posted, t, inventory.OK, 1, nil), lines)
			j.book(j.emit(posted, undone, inventory.Reversed, 1, nil), lines)
			j.book(j.emit(posted, again, inventory.OK, 2, nil), s.basket.owed)
			return true
		}
	case j.drawn[SplitPosting] && slipped < 0:
		if second := t.Add(later()); second.Before(due.Add(-time.Second)) {
			if a, b, ok := j.split(lines); ok {
				j.happens(SplitPosting)
				j.book(j.emit(posted, t, inventory.OK, 1, nil), a)
				j.book(j.emit(posted, second, inventory.OK, 1, nil), b)
				return true
			}
		}
	case j.drawn[Retried] && !slices.Contains(j.happened, Retried):
		if again := t.Add(d.between(8*time.Second, 25*time.Second)); again.Before(due.Add(-5 * time.Second)) {
			j.happens(Retried)
			j.emit(posted, t, inventory.Failed, 1, &inventory.Error{Code: "object_locked"})
			j.book(j.emit(posted, again, inventory.OK, 2, nil), lines)
			return true
		}
	}
	j.book(j.emit(posted, t, inventory.OK, 1, nil), lines)
	return true
}

// slip returns a wrong quantity: one too few where that leaves something of a
// whole number, else one too many.
func slip(q inventory.Decimal) inventory.Decimal {
	one := inventory.DecimalOf(int64(q.Sign()))
	if q.Abs().Cmp(inventory.DecimalOf(2)) >= 0 {
		return q.Sub(one)
	}
	return q.Add(one)
}

// split divides what is owed between two documents: by item, or the quantity of
// a single item.
func (j *journey) split(lines []booking) (a, b []booking, ok bool) {
	if n := len(lines); n > 1 {
		cut := 1 + j.d.IntN(n-1)
		return lines[:cut], lines[cut:], true
	}
	k := lines[0]
	if k.item.UOM != "EA" || k.quantity.Abs().Cmp(inventory.DecimalOf(2)) < 0 {
		return nil, nil, false
	}
	one := inventory.DecimalOf(int64(k.quantity.Sign()))
	return []booking{{k.item, one}}, []booking{{k.item, k.quantity.Sub(one)}}, true
}

// lose takes a hop's event away, where a later hop proves that it happened and
// the hop said nothing else.
func (j *journey) lose(hop inventory.StepRef, booked bool) {
	if !j.drawn[LostTelemetry] || (hop == mapped && !booked) {
		return
	}
	said := 0
	for _, m := range j.messages {
		if m.ref == hop {
			said++
		}
	}
	if said != 1 {
		return
	}
	j.happens(LostTelemetry)
	j.messages = slices.DeleteFunc(j.messages, func(m *message) bool { return m.ref == hop })
}

// till adds an event of the store.
func (j *journey) till(sent time.Time, ref inventory.StepRef) *message {
	m := &message{
		sale: j.s, feed: feedPOS, via: cloudEvents, ref: ref, id: saleID(j.s, ref, 1), at: j.s.at, send: sent,
		outcome: inventory.OK, attempt: 1,
	}
	j.messages = append(j.messages, m)
	return m
}

// emit adds an event of a system behind the store.
func (j *journey) emit(ref inventory.StepRef, t time.Time, outcome inventory.Outcome, attempt int, failure *inventory.Error) *message {
	m := &message{
		sale: j.s, ref: ref, at: t, outcome: outcome, attempt: attempt, failure: failure,
		bare: outcome != inventory.OK,
	}
	n := 1
	for _, other := range j.messages {
		if other.ref == ref {
			n++
		}
	}
	m.id = saleID(j.s, ref, n)
	switch ref {
	case accepted, mapped:
		m.feed, m.via = feedMiddleware, traces
		m.send = ceil(t, spanExport).Add(spanLag)
		m.version = j.episodes.mappingVersion(t)
	case availability:
		m.feed, m.via = feedOMS, logs
		m.send = ceil(t, spanExport).Add(spanLag)
	case posted:
		m.feed, m.via = feedERP, j.s.store.erp.via
		m.send = ceil(t, erpRun).Add(erpLag)
	}
	if w, silent := j.episodes.silence(m.feed, m.send); silent {
		m.send = w.To
		j.happens(SilentFeed)
	}
	j.messages = append(j.messages, m)
	return m
}

// book gives an ERP event its document and what it books.
func (j *journey) book(m *message, lines []booking) {
	m.lines = lines
	m.bare = false
	key := runKey{ERP: j.s.store.erp.index, Window: m.at.UnixMilli() / erpRun.Milliseconds()}
	n := j.documents[key]
	j.documents[key]++
	m.document = fmt.Sprintf("49%d%08d%02d", key.ERP, key.Window%100_000_000, n/documentSize)
	m.id = m.document + "/" + j.s.receipt() + "/" + string(m.outcome)
}

// ceil returns the first multiple of d that is not before t.
func ceil(t time.Time, d time.Duration) time.Time {
	step := d.Milliseconds()
	ms := t.UnixMilli()
	return time.UnixMilli((ms + step - 1) / step * step).UTC()
}
