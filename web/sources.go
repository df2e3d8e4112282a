package web

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// quarantineRows is how many reasons and senders the page of sources counts.
const quarantineRows = 100

// sourcesData is every system as we hear it, and what could not be read.
type sourcesData struct {
	Sources    []SourceDetail
	Habits     []Habit // those first of which most is missing
	Runs       []runState
	Queues     []Queue
	Replays    []Replay // those that need people first
	Ledger     ledger
	Unread     []QuarantineCount
	Quarantine []Unread // the newest few that wait
	Rereads    []Reread // the newest few
}

func (s *Server) sources(v *view, r *http.Request) (templ.Component, error) {
	v.Title, v.Section = "Sources", "sources"
	d, err := once(r.Context(), s.shared, "sources", s.askSources)
	if err != nil {
		return nil, err
	}
	return sourcesPage(v, d), nil
}

func (s *Server) askSources(ctx context.Context) (*sourcesData, error) {
	now := s.Clock.Now()
	d := &sourcesData{}
	var err error
	if d.Sources, err = s.Reader.SourceDetails(ctx, now.Add(-flowWindow), now); err != nil {
		return nil, err
	}
	if d.Habits, err = s.Reader.Habits(ctx, mostHabits); err != nil {
		return nil, err
	}
	quietest(d.Habits)
	d.Habits = slices.DeleteFunc(d.Habits, func(h Habit) bool { return h.missing() <= 0 })
	d.Habits = d.Habits[:min(len(d.Habits), habitRows)]
	if d.Runs, err = s.runStates(ctx, now); err != nil {
		return nil, err
	}
	if d.Queues, err = s.Reader.Queues(ctx, now.Add(-flowWindow), now, queueRows); err != nil {
		return nil, err
	}
	if d.Replays, err = s.Reader.Replays(ctx, now.Add(-replayWindow), now, ledgerRows); err != nil {
		return nil, err
	}
	d.Ledger = ledgerOf(d.Replays, now)
	byNeed(d.Replays)
	d.Replays = d.Replays[:min(len(d.Replays), replayRows)]
	if d.Unread, err = s.Reader.QuarantineCounts(ctx, quarantineRows); err != nil {
		return nil, err
	}
	if d.Quarantine, err = s.Reader.Quarantine(ctx, QuarantineQuery{Page: Page{Limit: 10}}); err != nil {
		return nil, err
	}
	d.Rereads, err = s.Reader.Reingests(ctx, Page{Limit: 5})
	return d, err
}

// silent reports that a source known to speak has said nothing in the window.
// Whether it should have is the engine's to say.
func (d *SourceDetail) silent() bool { return d.Events == 0 }

// bars draws the trend: a bar for each part of the window, as high as its share
// of the fullest.
func (d *SourceDetail) bars() []sparkBar {
	most := max(1, slices.Max(d.Trend[:]))
	bars := make([]sparkBar, 0, len(d.Trend))
	for i, n := range d.Trend {
		h := math.Max(1, 28*float64(n)/float64(most))
		class := "good"
		if n == 0 {
			class = "none"
		}
		bars = append(bars, sparkBar{X: strconv.Itoa(4 * i), Y: fixed(28 - h), H: fixed(h), Class: class, Title: count(n)})
	}
	return bars
}

// coverage says which share of the events carries each key, the most first.
func (d *SourceDetail) coverage() string {
	names := slices.SortedFunc(maps.Keys(d.Keys), func(a, b string) int {
		if d.Keys[a] != d.Keys[b] {
			return d.Keys[b] - d.Keys[a]
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = keyLabel(name) + " " + wholePercent(float64(d.Keys[name])/float64(d.Events))
	}
	return orElse(strings.Join(parts, " · "), dash)
}

// excerpt shows the beginning of raw bytes as text; what is no text is shown as
// Go writes it. The page escapes it like any other text.
func excerpt(raw []byte) string {
	const most = 2048
	cut := raw[:min(len(raw), most)]
	text := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\u202e' {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(string(cut), "\ufffd"))
	if len(raw) > most {
		text += "\n… " + count(len(raw)) + " bytes in all"
	}
	return text
}

type sourceJSON struct {
	System          string         `json:"system"`
	Events          int            `json:"events"`
	Failures        int            `json:"failures"`
	Suppressed      int            `json:"suppressed"`
	Late            int            `json:"late"`
	Ahead           int            `json:"clock_ahead"`
	SkewSeconds     float64        `json:"clock_skew_seconds"`
	LagSeconds      float64        `json:"lag_p50_seconds"`
	LagP99Seconds   float64        `json:"lag_p99_seconds"`
	LastAt          stamp          `json:"last_received_at"`
	CompleteThrough stamp          `json:"complete_through"`
	Feeds           int            `json:"feeds"`
	Keys            map[string]int `json:"keys"`
	Trend           []int          `json:"trend"`
}

func sourceOf(d *SourceDetail) sourceJSON {
	keys := d.Keys
	if keys == nil {
		keys = map[string]int{}
	}
	return sourceJSON{
		d.System, d.Events, d.Failures, d.Suppressed, d.Late, d.Ahead, d.Skew.Seconds(), d.Lag.Seconds(), d.LagP99.Seconds(),
		stamp(d.LastAt), stamp(d.CompleteThrough), d.Feeds, keys, d.Trend[:],
	}
}

var sourceColumns = []string{
	"system", "events", "failures", "suppressed", "late", "clock_ahead", "clock_skew_seconds", "lag_p50_seconds", "lag_p99_seconds",
	"last_received_at", "complete_through", "feeds", "keys",
}

func (j *sourceJSON) row() []string {
	f := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	var keys []string
	for _, name := range slices.Sorted(maps.Keys(j.Keys)) {
		keys = append(keys, name+"="+strconv.Itoa(j.Keys[name]))
	}
	return []string{
		j.System, strconv.Itoa(j.Events), strconv.Itoa(j.Failures), strconv.Itoa(j.Suppressed), strconv.Itoa(j.Late), strconv.Itoa(j.Ahead),
		f(j.SkewSeconds), f(j.LagSeconds), f(j.LagP99Seconds), j.LastAt.String(), j.CompleteThrough.String(), strconv.Itoa(j.Feeds),
		strings.Join(keys, " "),
	}
}

// windowOf reads a request's window, which ends now and begins so long before
// unless it says otherwise.
func (s *Server) windowOf(r *http.Request, length time.Duration) (from, until time.Time, err error) {
	values := r.URL.Query()
	if from, err = instantOf(values, "from"); err != nil {
		return from, until, err
	}
	if until, err = instantOf(values, "to"); err != nil {
		return from, until, err
	}
	if until.IsZero() {
		until = s.Clock.Now()
	}
	if from.IsZero() {
		from = until.Add(-length)
	}
	if !from.Before(until) {
		return from, until, &badQuery{"from", "it lies before to."}
	}
	return from, until, nil
}

func (s *Server) apiSources(r *http.Request) (any, error) {
	from, until, err := s.windowOf(r, flowWindow)
	if err != nil {
		return nil, err
	}
	sources, err := s.Reader.SourceDetails(r.Context(), from, until)
	if err != nil {
		return nil, err
	}
	items := make([]sourceJSON, len(sources))
	for i := range sources {
		items[i] = sourceOf(&sources[i])
	}
	return &list{
		Items: items, name: "sources", columns: sourceColumns,
		rows: func(yield func([]string)) {
			for i := range items {
				yield(items[i].row())
			}
		},
	}, nil
}
