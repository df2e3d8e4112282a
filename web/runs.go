package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// runMemory is how long a run's last report is looked for.
const runMemory = 35 * 24 * time.Hour

// Report is how far an extract of a feed reaches.
type Report struct {
	System, Location, Extract string
	Through, ReceivedAt       time.Time
}

// runState is a scheduled run as its reports tell of it.
type runState struct {
	Run, System, Location string
	ReportedAt            time.Time
	Last                  time.Time // the last start it is reported to have done; zero where none is
	Next, Due             time.Time // the start after that, and by when it has to be reported
	Missed                bool
}

// runStates says of every run that is reported where it stands.
func (s *Server) runStates(ctx context.Context, now time.Time) ([]runState, error) {
	type watched struct{ system, run string }
	runs := map[watched]*inventory.Run{}
	var order []watched
	var systems []string
	for _, w := range s.Workflows {
		for i := range w.Runs {
			r := &w.Runs[i]
			k := watched{r.Feed, r.Name}
			if r.Feed == "" || runs[k] != nil {
				continue
			}
			runs[k] = r
			order = append(order, k)
			systems = append(systems, r.Feed)
		}
	}
	if len(runs) == 0 {
		return nil, nil
	}
	reports, err := s.Reader.Reports(ctx, now.Add(-runMemory), systems)
	if err != nil {
		return nil, err
	}
	var states []runState
	for _, k := range order {
		r := runs[k]
		at := map[string]Report{} // by location
		for _, p := range reports {
			if p.System == k.system && r.Named(p.Extract) && !p.Through.Before(at[inventory.Unpad(p.Location)].Through) {
				at[inventory.Unpad(p.Location)] = p
			}
		}
		if len(at) == 0 {
			next := r.Next(now.Add(-r.Cutoff), s.Zone)
			states = append(states, runState{Run: k.run, System: k.system, Next: next, Due: next.Add(r.Grace)})
		}
		for _, p := range at {
			states = append(states, s.runState(r, p, now))
		}
	}
	slices.SortFunc(states, func(a, b runState) int {
		missed := func(x bool) int {
			if x {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(missed(a.Missed), missed(b.Missed)), cmp.Compare(a.System, b.System), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Location, b.Location))
	})
	return states, nil
}

func (s *Server) runState(r *inventory.Run, p Report, now time.Time) runState {
	place, declared := s.Location(p.Location)
	if !declared {
		place = inventory.Undeclared("")
		place.Zone = s.Zone
	}
	state := runState{Run: r.Name, System: p.System, Location: p.Location, ReportedAt: p.ReceivedAt}
	const back = 8 * 24 * time.Hour
	before := p.Through.Add(-back)
	for start := r.Next(before, place.Zone); !start.IsZero(); start = r.Next(start.Add(-r.Cutoff), place.Zone) {
		if !start.Add(-r.Cutoff).After(p.Through) {
			state.Last, before = start, start
			continue
		}
		closed := p.Location != "" && place.AfterOpen(before, time.Microsecond).After(start)
		before = start
		if closed && start.Before(now) {
			continue // nothing was done since the last one
		}
		state.Next, state.Due = start, start.Add(r.Grace)
		state.Missed = !state.Due.After(now)
		break
	}
	return state
}

type runJSON struct {
	Run        string `json:"run"`
	System     string `json:"system"`
	Location   string `json:"location"`
	ReportedAt stamp  `json:"reported_at"`
	Last       stamp  `json:"last_start"`
	Next       stamp  `json:"expected_start"`
	Due        stamp  `json:"due"`
	Missed     bool   `json:"missed"`
}

func (s *Server) apiRuns(r *http.Request) (any, error) {
	states, err := s.runStates(r.Context(), s.Clock.Now())
	if err != nil {
		return nil, err
	}
	items := make([]runJSON, len(states))
	for i, x := range states {
		items[i] = runJSON{x.Run, x.System, x.Location, stamp(x.ReportedAt), stamp(x.Last), stamp(x.Next), stamp(x.Due), x.Missed}
	}
	return &list{
		Items: items, name: "runs", columns: []string{"run", "system", "location", "reported_at", "last_start", "expected_start", "due", "missed"},
		rows: func(yield func([]string)) {
			for _, j := range items {
				yield([]string{j.Run, j.System, j.Location, j.ReportedAt.String(), j.Last.String(), j.Next.String(), j.Due.String(), strconv.FormatBool(j.Missed)})
			}
		},
	}, nil
}
