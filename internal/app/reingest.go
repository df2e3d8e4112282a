package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/web"
)

// ReingestRequest says which entries of the quarantine are read again; what is
// empty is not asked for.
type ReingestRequest struct {
	ID        string    `json:"id"`
	Source    string    `json:"source"`
	Transport string    `json:"transport"`
	Reason    string    `json:"reason"`
	From      time.Time `json:"from"` // received at or after
	To        time.Time `json:"to"`   // received before
	// Unnamed asks for those of senders that are not known.
	Unnamed bool `json:"unnamed"`
	// Expect, where given, is how many entries that is thought to be: of another
	// number none is read.
	Expect *int `json:"expect"`
	// By is who wants it.
	By string `json:"by"`
}

func (r *ReingestRequest) asks(q *inventory.Quarantined) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return (!r.Unnamed || q.Source == "") && is(r.ID, q.ID) && is(r.Source, q.Source) && is(r.Transport, q.Transport) && is(r.Reason, q.Reason) &&
		(r.From.IsZero() || !q.ReceivedAt.Before(r.From)) && (r.To.IsZero() || q.ReceivedAt.Before(r.To))
}

// ReingestReport is what became of them.
type ReingestReport struct {
	Entries int             `json:"entries"` // that were asked for
	Landed  int             `json:"landed"`  // of them, whole
	Events  int             `json:"events"`  // that are on disk by it
	Still   []ReingestStill `json:"still"`   // the first hundred that cannot be read yet
}

// ReingestStill is an entry that still cannot be read.
type ReingestStill struct {
	ID     string `json:"id"`
	Detail string `json:"detail"`
}

// reingest reads entries again. What our own code failed on (poison) is a message
// of the log and no input; it is left out.
func (a *App) reingest(ctx context.Context, ask ReingestRequest) (ReingestReport, error) {
	report := ReingestReport{Still: []ReingestStill{}}
	g, err := collector.NewReingester(a.collectorOptions())
	if err != nil {
		return report, err
	}
	n, err := a.store.QuarantineMatching(ctx, store.QuarantineFilter{
		ID: ask.ID, Source: ask.Source, Transport: ask.Transport, Reason: ask.Reason, Unnamed: ask.Unnamed, From: ask.From, To: ask.To,
	})
	if err != nil {
		return report, err
	}
	if ask.Expect != nil && *ask.Expect != int(n) {
		report.Entries = int(n)
		return report, errUnexpected
	}
	if n == 0 {
		return report, nil
	}
	// Who had what read again, and what came of it, is in the log of the instance.
	// It concerns no transaction that could have a trail.
	defer func() {
		a.log.Info("the quarantine was read again", "by", ask.By, "id", ask.ID, "source", ask.Source, "unnamed", ask.Unnamed, "transport", ask.Transport, "reason", ask.Reason,
			"from", ask.From, "to", ask.To, "entries", report.Entries, "landed", report.Landed, "events", report.Events)
	}()
	const window = 100 // entries in memory at a time; each has up to 4 MiB
	seen := map[string]bool{}
	var last inventory.Quarantined
	for {
		entries, err := a.store.Quarantined(ctx, last, window)
		if err != nil {
			return report, err
		}
		for i := range entries {
			q := &entries[i]
			if !ask.asks(q) || q.Reason == "poison" || seen[q.ID] {
				continue
			}
			seen[q.ID] = true // what a sender repeated is one entry
			report.Entries++
			events, err := g.Reingest(ctx, *q)
			switch {
			case err == nil:
				report.Landed++
				report.Events += events
			case !errors.Is(err, collector.ErrStill):
				return report, err
			case len(report.Still) < window:
				report.Still = append(report.Still, ReingestStill{q.ID, err.Error()})
			}
		}
		if len(entries) < window {
			return report, nil
		}
		last = entries[len(entries)-1]
	}
}

// errUnexpected: the filter asks for another number of entries than was thought.
var errUnexpected = errors.New("the number of entries is not the one expected")

// pressReingest is reingest as the pages ask for it.
func (a *App) pressReingest(ctx context.Context, ask web.ReingestAsk) (web.Reingested, error) {
	r, err := a.reingest(ctx, ReingestRequest{Source: ask.Source, Unnamed: ask.Source == "", Reason: ask.Reason, To: ask.To, Expect: &ask.Expect, By: ask.By})
	out := web.Reingested{Entries: r.Entries, Landed: r.Landed, Events: r.Events}
	for _, s := range r.Still {
		out.Still = append(out.Still, web.StillUnread(s))
	}
	if errors.Is(err, errUnexpected) {
		err = nil // the pages say it in their own words
	}
	return out, err
}

// serveReingest answers POST /api/v1/quarantine/reingest, whose body is a
// ReingestRequest, with a ReingestReport. It takes as long as it takes.
func (a *App) serveReingest(w http.ResponseWriter, r *http.Request) {
	unhurried(w)
	var ask ReingestRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&ask); err != nil {
		refuse(w, http.StatusBadRequest, `The body is {"source": "pos-fr", "reason": "malformed", …}: id, source, transport, reason, from, to, unnamed, expect, by.`)
		return
	}
	report, err := a.reingest(r.Context(), ask)
	if errors.Is(err, errUnexpected) {
		refuse(w, http.StatusConflict, fmt.Sprintf("The filter asks for %d entries, not %d: look again. Nothing was read.", report.Entries, *ask.Expect))
		return
	}
	respond(w, report, err)
}
