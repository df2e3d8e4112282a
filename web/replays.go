package web

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Queue is what the gauges of a queue said in a window.
type Queue struct {
	System, Instance, Location, Queue string
	// Depth is the newest one, of At by the gauge's clock; Before the oldest of the
	// window and Most the greatest.
	Depth, Before, Most inventory.Decimal
	At                  time.Time
	OldestAge           time.Duration // of the oldest message, zero where it is not told
	LastAt              time.Time     // when the last reading reached us
	StalledSince        time.Time     // zero unless nothing is taken out of it
}

// ReplayState is what has become of a replay that was requested.
type ReplayState string

// States of a replay.
const (
	ReplayWaiting ReplayState = "waiting" // not due yet
	ReplayLanded  ReplayState = "landed"
	ReplayDoubled ReplayState = "doubled" // landed, and was posted twice
	ReplayStalled ReplayState = "stalled"
	ReplayFailed  ReplayState = "failed"
)

// ReplayStates lists them, what needs people first.
var ReplayStates = []ReplayState{ReplayDoubled, ReplayStalled, ReplayFailed, ReplayWaiting, ReplayLanded}

// Replay is a replay that was requested, and what has become of it.
type Replay struct {
	RecordID                string // of the request
	System, Step, Location  string
	Batch                   string // the key batch of the request, where it names one
	RequestedAt, ReceivedAt time.Time
	LifecycleID             string // empty while no lifecycle has the request
	State                   ReplayState
	LandedAt                time.Time // by the hop's own clock; zero unless landed
	// Units is by how much stock is off, where it was posted twice.
	Units []inventory.Quantity
	Error string
}

// SettleReplays says of each replay what the lifecycle that has it tells: a pure
// function of both.
func SettleReplays(list []Replay, lifecycles []inventory.Lifecycle) {
	type place struct{ lifecycle, step int }
	of := map[string]place{}
	for i := range lifecycles {
		for j := range lifecycles[i].Steps {
			for _, id := range lifecycles[i].Steps[j].EventIDs {
				of[id] = place{i, j}
			}
		}
	}
	for i := range list {
		r := &list[i]
		r.State = ReplayWaiting
		p, ok := of[r.RecordID]
		if !ok {
			continue
		}
		l := &lifecycles[p.lifecycle]
		settleReplay(r, l, &l.Steps[p.step])
	}
}

func settleReplay(r *Replay, l *inventory.Lifecycle, s *inventory.StepState) {
	r.LifecycleID = l.ID
	switch s.Outcome {
	case inventory.OK, inventory.Replayed, inventory.Partial:
		r.State, r.LandedAt = ReplayLanded, s.OccurredAt
	case inventory.Failed, inventory.Rejected, inventory.DeadLettered, inventory.Discarded:
		if s.ReceivedAt.After(r.ReceivedAt) {
			r.State = ReplayFailed
			if s.Error != nil {
				r.Error = s.Error.Code
			}
		}
	default: // nothing is known of it yet
	}
	for i := range l.Findings {
		f := &l.Findings[i]
		switch {
		case f.Kind == inventory.DuplicatePosting && f.Resolution != inventory.Disproved && r.State == ReplayLanded:
			r.State, r.Units = ReplayDoubled, f.Units
		case f.Kind == inventory.StalledReplay && f.State == inventory.FindingOpen && r.State == ReplayWaiting:
			r.State = ReplayStalled
		}
	}
}

// ledger is what replays come to.
type ledger struct {
	Requested int
	Count     map[ReplayState]int
	// EndsAt is when the rest will have landed if it goes on as in the last quarter
	// of an hour; zero where nothing landed, or nothing is left.
	EndsAt time.Time
}

// ledgerPace is over how long the pace of landing is taken.
const ledgerPace = 15 * time.Minute

func ledgerOf(list []Replay, now time.Time) ledger {
	l := ledger{Requested: len(list), Count: map[ReplayState]int{}}
	recent := 0
	first := now
	for i := range list {
		r := &list[i]
		l.Count[r.State]++
		if !r.LandedAt.IsZero() && !r.LandedAt.Before(now.Add(-ledgerPace)) && !r.LandedAt.After(now) {
			recent++
			if r.LandedAt.Before(first) {
				first = r.LandedAt
			}
		}
	}
	left := l.Count[ReplayWaiting] + l.Count[ReplayStalled]
	// One that landed is no pace.
	if took := now.Sub(first); left > 0 && recent > 1 && took > 0 {
		l.EndsAt = now.Add(took / time.Duration(recent) * time.Duration(left))
	}
	return l
}

// replayWindow is how far back replays are shown where no window is given, and
// ledgerRows how many of them are counted.
const (
	replayWindow = 24 * time.Hour
	ledgerRows   = 10_000
	ledgerItems  = 1000
	queueRows    = 1000
	// replayRows is how many of them the page lists.
	replayRows = 20
)

// told says what has become of a replay.
func (r *Replay) told() (toneOf tone, said string) {
	switch r.State {
	case ReplayLanded:
		return toneGood, "Landed"
	case ReplayDoubled:
		return toneBad, "Posted twice"
	case ReplayStalled:
		return toneBad, "Stalled"
	case ReplayFailed:
		return toneBad, "Failed"
	default:
		return toneBusy, "Waiting"
	}
}

type queueJSON struct {
	System       string `json:"system"`
	Instance     string `json:"system_instance"`
	Location     string `json:"location"`
	Queue        string `json:"queue"`
	Depth        string `json:"depth"`
	Before       string `json:"depth_before"`
	Most         string `json:"depth_most"`
	At           stamp  `json:"read_at"`
	OldestAge    number `json:"oldest_age_seconds"`
	LastAt       stamp  `json:"last_received_at"`
	StalledSince stamp  `json:"stalled_since"`
}

var queueColumns = []string{
	"system", "system_instance", "location", "queue", "depth", "depth_before", "depth_most", "read_at", "oldest_age_seconds", "last_received_at", "stalled_since",
}

func queueOf(q *Queue) queueJSON {
	j := queueJSON{
		q.System, q.Instance, q.Location, q.Queue, q.Depth.String(), q.Before.String(), q.Most.String(), stamp(q.At), number(math.NaN()), stamp(q.LastAt), stamp(q.StalledSince),
	}
	if q.OldestAge > 0 {
		j.OldestAge = number(q.OldestAge.Seconds())
	}
	return j
}

func (s *Server) apiQueues(r *http.Request) (any, error) {
	from, until, err := s.windowOf(r, flowWindow)
	if err != nil {
		return nil, err
	}
	queues, err := s.Reader.Queues(r.Context(), from, until, queueRows)
	if err != nil {
		return nil, err
	}
	items := make([]queueJSON, len(queues))
	for i := range queues {
		items[i] = queueOf(&queues[i])
	}
	return &list{
		Items: items, name: "queues", columns: queueColumns,
		rows: func(yield func([]string)) {
			for _, q := range items {
				age := ""
				if seconds := float64(q.OldestAge); !math.IsNaN(seconds) {
					age = strconv.FormatFloat(seconds, 'f', -1, 64)
				}
				yield([]string{q.System, q.Instance, q.Location, q.Queue, q.Depth, q.Before, q.Most, q.At.String(), age, q.LastAt.String(), q.StalledSince.String()})
			}
		},
	}, nil
}

type replayJSON struct {
	ID            string         `json:"request_id"`
	CorrelationID string         `json:"correlation_id"`
	Batch         string         `json:"batch"`
	System        string         `json:"system"`
	Step          string         `json:"step"`
	Location      string         `json:"location"`
	RequestedAt   stamp          `json:"requested_at"`
	State         ReplayState    `json:"state"`
	LandedAt      stamp          `json:"landed_at"`
	Units         []quantityJSON `json:"units"`
	Error         string         `json:"error"`
}

type ledgerJSON struct {
	Requested int          `json:"requested"`
	Landed    int          `json:"landed"`
	Doubled   int          `json:"doubled"`
	Stalled   int          `json:"stalled"`
	Failed    int          `json:"failed"`
	Waiting   int          `json:"waiting"`
	EndsAt    stamp        `json:"estimated_end"`
	Whole     bool         `json:"whole"`
	Items     []replayJSON `json:"items"`
}

func (s *Server) apiReplays(r *http.Request) (any, error) {
	from, until, err := s.windowOf(r, replayWindow)
	if err != nil {
		return nil, err
	}
	replays, err := s.Reader.Replays(r.Context(), from, until, ledgerRows)
	if err != nil {
		return nil, err
	}
	l := ledgerOf(replays, until)
	out := ledgerJSON{
		l.Requested, l.Count[ReplayLanded], l.Count[ReplayDoubled], l.Count[ReplayStalled], l.Count[ReplayFailed], l.Count[ReplayWaiting],
		stamp(l.EndsAt), len(replays) < ledgerRows, make([]replayJSON, 0, len(replays)),
	}
	byNeed(replays)
	for i := range replays[:min(len(replays), ledgerItems)] {
		p := &replays[i]
		out.Items = append(out.Items, replayJSON{
			p.RecordID, p.LifecycleID, p.Batch, p.System, p.Step, p.Location, stamp(p.RequestedAt), p.State, stamp(p.LandedAt), quantitiesOf(p.Units), p.Error,
		})
	}
	return out, nil
}

// byNeed puts what needs people first.
func byNeed(list []Replay) {
	slices.SortStableFunc(list, func(a, b Replay) int {
		return slices.Index(ReplayStates, a.State) - slices.Index(ReplayStates, b.State)
	})
}
