package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/stocktrace/stocktrace/inventory"
)

// traceData is one lifecycle and what it was stitched from.
type traceData struct {
	inventory.Lifecycle
	Zone    *time.Location
	Rows    []traceRow
	Records []traceRecord
	// RecordsErr: the lifecycle is shown also where its records cannot be.
	RecordsErr error
	Trail      []Action // what people did, newest first
}

// traceRow is a line of the timeline: a step, or the time nothing was heard
// between two.
type traceRow struct {
	Gap  time.Duration // of a gap; zero for a step
	Step inventory.StepState
	Mark mark
	// Took is from the start to the step, or to now where it has not come; Share
	// of Limit.
	Took, Limit time.Duration
	Said        string // what the expectation came to: 3 min 10 s late
}

// mark is how a step is drawn.
type mark string

const (
	markDone    mark = "done"
	markLate    mark = "late"
	markFailed  mark = "failed"
	markMissing mark = "missing" // overdue: the hollow one
	markWaiting mark = "waiting" // not due yet
	markUnsure  mark = "unsure"  // due, but the evidence does not reach that far
	markSeen    mark = "seen"    // heard, expected by nobody
)

// traceRecord is a record with why it belongs here.
type traceRecord struct {
	inventory.Record
	JoinedBy string
}

func (s *Server) trace(v *view, r *http.Request) (templ.Component, error) {
	id := r.PathValue("id")
	l, err := s.lifecycle(r, id)
	if err != nil {
		var several *severalError
		if errors.As(err, &several) {
			return nil, redirect("/find?q=" + url.QueryEscape(id))
		}
		return nil, err
	}
	if l.ID != id {
		return nil, redirect(tracePath(l.ID))
	}
	v.Title, v.Section = saleName(&l), "sales"
	d := traceData{Lifecycle: l, Zone: v.zoneOf(l.Location), Rows: timeline(&l, v.Now)}
	records, err := s.Reader.Records(r.Context(), &l)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "read records", "lifecycle", l.ID, "error", err)
		d.RecordsErr = err
	}
	for _, rec := range records {
		d.Records = append(d.Records, traceRecord{rec, joinedBy(&l, &rec)})
	}
	d.Trail = s.trailOf(r, &l)
	return tracePage(v, d), nil
}

// severalError: a name that several lifecycles answer to.
type severalError struct{ matches []Match }

func (e *severalError) Error() string { return "several lifecycles carry that number" }

// lifecycle returns the lifecycle of that id, or the only one that carries it as
// a key: any key and any former id leads to where the records are now.
func (s *Server) lifecycle(r *http.Request, id string) (inventory.Lifecycle, error) {
	l, err := s.Reader.Lifecycle(r.Context(), id)
	if !errors.Is(err, ErrNotFound) {
		return l, err
	}
	matches, searchErr := s.Reader.Search(r.Context(), id, findLimit)
	if searchErr != nil {
		return l, searchErr
	}
	switch len(matches) {
	case 0:
		return l, err
	case 1:
		return s.Reader.Lifecycle(r.Context(), matches[0].Lifecycle.ID)
	default:
		return l, &severalError{matches}
	}
}

// gapWorthSaying is the least silence the timeline draws as a gap of its own.
const gapWorthSaying = time.Minute

// timeline orders the steps by when they happened, or were to happen, and puts
// the silences between them. Idle time is one line however long it was.
func timeline(l *inventory.Lifecycle, now time.Time) []traceRow {
	rows := make([]traceRow, 0, len(l.Steps)+2)
	for _, st := range l.Steps {
		if st.Outcome == "" && !st.Expected {
			continue
		}
		rows = append(rows, stepRow(l, st, now))
	}
	slices.SortStableFunc(rows, func(a, b traceRow) int { return placeInTime(a).Compare(placeInTime(b)) })
	out := make([]traceRow, 0, 2*len(rows))
	for i, row := range rows {
		if i > 0 {
			from, to := placeInTime(rows[i-1]), placeInTime(row)
			if row.Step.OccurredAt.IsZero() {
				// Nothing has been heard since the step before, up to now.
				to = now
				if !rows[i-1].Step.OccurredAt.IsZero() && to.Sub(from) >= gapWorthSaying {
					out = append(out, traceRow{Gap: to.Sub(from)})
				}
			} else if to.Sub(from) >= gapWorthSaying {
				out = append(out, traceRow{Gap: to.Sub(from)})
			}
		}
		out = append(out, row)
	}
	return out
}

// placeInTime is where a row stands: what happened before what is still owed.
func placeInTime(r traceRow) time.Time {
	if !r.Step.OccurredAt.IsZero() {
		return r.Step.OccurredAt
	}
	if !r.Step.ExpectedBy.IsZero() {
		// Owed steps come last, in the order they are due.
		return r.Step.ExpectedBy.AddDate(100, 0, 0)
	}
	return time.Unix(1<<40, 0)
}

func stepRow(l *inventory.Lifecycle, st inventory.StepState, now time.Time) traceRow {
	row := traceRow{Step: st}
	if !st.ExpectedBy.IsZero() {
		row.Limit = st.ExpectedBy.Sub(l.StartedAt)
	}
	late := func(at time.Time) bool { return !st.ExpectedBy.IsZero() && at.After(st.ExpectedBy) }
	switch st.Outcome {
	case "":
		row.Took = now.Sub(l.StartedAt)
		switch {
		case !late(now):
			row.Mark = markWaiting
			if !st.ExpectedBy.IsZero() {
				row.Said = "due " + ago(now, st.ExpectedBy)
			}
		case awaits(l, st.System) || l.Verdict == inventory.Unconfirmed:
			row.Mark, row.Said = markUnsure, "cannot say yet"
		default:
			row.Mark, row.Said = markMissing, duration(now.Sub(st.ExpectedBy))+" overdue"
		}
	case inventory.OK, inventory.Replayed:
		row.Took = st.OccurredAt.Sub(l.StartedAt)
		row.Mark = markDone
		if late(st.OccurredAt) {
			row.Mark, row.Said = markLate, duration(st.OccurredAt.Sub(st.ExpectedBy))+" late"
		}
		if !st.Expected && !st.Required {
			row.Mark = markSeen
		}
	case inventory.Failed, inventory.Rejected, inventory.DeadLettered, inventory.Discarded:
		row.Took = st.OccurredAt.Sub(l.StartedAt)
		row.Mark, row.Said = markFailed, strings.ToLower(words(string(st.Outcome)))
	default: // retrying, held, pending, replay_requested, …
		row.Took = st.OccurredAt.Sub(l.StartedAt)
		row.Mark, row.Said = markWaiting, strings.ToLower(words(string(st.Outcome)))
		if late(now) {
			row.Mark = markMissing
		}
	}
	return row
}

// awaited says what a verdict waits for, but for the time.
func awaited(a inventory.Await) string {
	if a.Run != "" {
		return "the run " + a.Run + " of"
	}
	return systemName(a.System) + " evidence to"
}

func awaits(l *inventory.Lifecycle, system string) bool {
	return slices.ContainsFunc(l.Awaits, func(a inventory.Await) bool { return a.System == system && a.Run == "" })
}

// markTone gives a mark its colour.
func markTone(m mark) tone {
	switch m {
	case markDone:
		return toneGood
	case markLate:
		return toneWarn
	case markFailed, markMissing:
		return toneBad
	case markWaiting:
		return toneBusy
	case markUnsure:
		return toneUnsure
	default:
		return toneMute
	}
}

// share is how much of its time a step has used.
func (r traceRow) share() float64 {
	if r.Limit <= 0 {
		return 0
	}
	return float64(r.Took) / float64(r.Limit)
}

// joinedBy says which key made a record part of the lifecycle.
func joinedBy(l *inventory.Lifecycle, rec *inventory.Record) string {
	for _, k := range rec.Event.Identifiers() { // the most trusted first
		if slices.Contains(l.Identifiers, k) {
			return strings.ToLower(keyLabel(k.Name)) + " " + k.Value
		}
	}
	return ""
}

// keyRow is a key as its systems write it.
type keyRow struct {
	Name   string
	Values []string
	Binds  bool
}

// keyRows lists a lifecycle's keys, those that bind first.
func keyRows(l *inventory.Lifecycle) []keyRow {
	var rows []keyRow
	for _, k := range l.Keys {
		i := slices.IndexFunc(rows, func(r keyRow) bool { return r.Name == k.Name })
		if i < 0 {
			rows = append(rows, keyRow{Name: k.Name, Binds: inventory.Identifying(k.Name)})
			i = len(rows) - 1
		}
		if !slices.Contains(rows[i].Values, k.Value) {
			rows[i].Values = append(rows[i].Values, k.Value)
		}
	}
	slices.SortStableFunc(rows, func(a, b keyRow) int {
		switch {
		case a.Binds == b.Binds:
			return cmp.Compare(a.Name, b.Name)
		case a.Binds:
			return -1
		default:
			return 1
		}
	})
	return rows
}

// differs reports whether a line is not posted as owed.
// What has not been posted at all does not differ: it is missing, which the
// steps say.
func differs(l inventory.LineState) bool {
	return l.Comparable && l.Postings > 0 && l.Owed.Cmp(l.Posted) != 0
}

// stockOff says what the difference did to the ledger's stock. Sales are
// negative: more posted than sold leaves it too low.
func stockOff(l inventory.LineState) string {
	diff := l.Posted.Sub(l.Owed)
	switch {
	case !l.Comparable:
		return "not comparable"
	case l.Postings == 0 && l.Posted.IsZero() && !l.Owed.IsZero():
		return "not posted"
	case diff.Sign() < 0:
		return decimal(diff.Neg()) + " too low"
	case diff.Sign() > 0:
		return decimal(diff) + " too high"
	default:
		return "right"
	}
}

// linesDiffer reports whether any line of the lifecycle is not posted as owed.
func linesDiffer(l *inventory.Lifecycle) bool { return slices.ContainsFunc(l.Lines, differs) }

// openFirst puts open findings before closed ones.
func openFirst(findings []inventory.Finding) []inventory.Finding {
	list := slices.Clone(findings)
	slices.SortStableFunc(list, func(a, b inventory.Finding) int {
		return cmp.Compare(b.State, a.State) // "open" after "closed" in the alphabet
	})
	return list
}

// stepTime writes the wall time of the store, to the millisecond where the
// sender gave it, and the date where it is not the one the sale began.
func stepTime(d traceData, t time.Time) string {
	if t.IsZero() {
		return dash
	}
	local, start := t.In(d.Zone), d.StartedAt.In(d.Zone)
	if local.YearDay() == start.YearDay() && local.Year() == start.Year() {
		return local.Format("15:04:05")
	}
	return local.Format("2 Jan 15:04:05")
}

func stepTitle(st inventory.StepState) string { return orElse(st.Title, words(st.Step)) }

// otherNames lists what other systems call the item.
func otherNames(l inventory.LineState) string {
	names := make([]string, 0, len(l.ItemAt))
	for _, k := range l.ItemAt {
		names = append(names, k.Value)
	}
	if len(names) == 0 {
		return dash
	}
	return strings.Join(names, ", ")
}

// arrival says how long a record took to reach us, and over what.
func arrival(r inventory.Record) string {
	over := strings.ReplaceAll(r.Transport, "_", " ")
	switch over {
	case "cloudevents":
		over = "CloudEvent"
	case "otlp traces":
		over = "OTLP span"
	case "otlp logs":
		over = "OTLP log"
	}
	if lag := r.ReceivedAt.Sub(r.Event.Time); lag >= 0 {
		return over + ", here after " + duration(lag)
	}
	return over + ", clock ahead by " + duration(r.Event.Time.Sub(r.ReceivedAt))
}

// closedHow says how a finding ended.
func closedHow(f inventory.Finding) string {
	if f.Resolution == "" {
		return "Closed"
	}
	return words(string(f.Resolution))
}

// runbookName is the last part of a runbook's address.
func runbookName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	path := strings.Trim(u.Path, "/")
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		path = path[i+1:]
	}
	return orElse(path, u.Host)
}
