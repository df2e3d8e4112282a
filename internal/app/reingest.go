package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
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
	// By is who wants it; it cannot be empty.
	By string `json:"by"`
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

// filter is what is asked for, as the audit trail has it.
func (r *ReingestRequest) filter() string {
	v := url.Values{}
	for name, value := range map[string]string{"id": r.ID, "source": r.Source, "transport": r.Transport, "reason": r.Reason} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": r.From, "to": r.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if r.Unnamed {
		v.Set("unnamed", "true")
	}
	return v.Encode()
}

// reingest reads entries again. What landed waits no longer; who asked, for what,
// and what came of it is in the tables, from before the first is read. What our own
// code failed on (poison) is a message of the log and no input; it is left out.
func (a *App) reingest(ctx context.Context, ask ReingestRequest, via string) (report ReingestReport, err error) {
	report.Still = []ReingestStill{}
	if ask.By = strings.TrimSpace(ask.By); ask.By == "" {
		return report, errNobody
	}
	// One after the other: nothing is read, or counted as landed, by two at once.
	select {
	case a.reingesting <- struct{}{}:
		defer func() { <-a.reingesting }()
	case <-ctx.Done():
		return report, ctx.Err()
	}
	g, err := collector.NewReingester(a.collectorOptions())
	if err != nil {
		return report, err
	}
	filter := store.QuarantineFilter{
		ID: ask.ID, Source: ask.Source, Transport: ask.Transport, Reason: ask.Reason, Unnamed: ask.Unnamed, From: ask.From, To: ask.To,
	}
	n, err := a.store.QuarantineMatching(ctx, filter)
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
	trail := web.Reread{ID: rand.Text(), At: a.clock.Now(), By: ask.By, Via: via, Filter: ask.filter(), Entries: int(n)}
	if err := a.store.WriteReingest(ctx, trail); err != nil {
		return report, err
	}
	defer func() {
		trail.Entries, trail.Landed, trail.Events, trail.EndedAt = report.Entries, report.Landed, report.Events, a.clock.Now()
		if err != nil {
			trail.Error = err.Error()
		}
		a.log.Info("the quarantine was read again", "by", ask.By, "via", via, "filter", trail.Filter,
			"entries", report.Entries, "landed", report.Landed, "events", report.Events, "error", trail.Error)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second) // who asked may have left
		defer cancel()
		err = errors.Join(err, a.store.WriteReingest(ctx, trail))
	}()
	return report, a.rereadAll(ctx, g, filter, trail.ID, &report)
}

// rereadAll reads what a filter asks for, the newest first, and notes what landed.
func (a *App) rereadAll(ctx context.Context, g *collector.Reingester, filter store.QuarantineFilter, id string, report *ReingestReport) error {
	const window = 100        // entries in memory at a time; each has up to 4 MiB
	seen := map[string]bool{} // by id; whether it landed
	var last inventory.Quarantined
	for {
		entries, err := a.store.Quarantined(ctx, filter, last, window)
		if err != nil {
			return err
		}
		var landed []inventory.Quarantined
		var failed error
		for i := range entries {
			q := entries[i].Quarantined
			if q.Reason == "poison" {
				continue
			}
			whole, again := seen[q.ID] // what a sender repeated is one entry
			if !again {
				if whole, failed = a.reread(ctx, g, q, report); failed != nil {
					break
				}
				seen[q.ID] = whole
			}
			if whole {
				landed = append(landed, q)
			}
		}
		if len(landed) > 0 {
			if err := a.store.WriteLanded(ctx, id, a.clock.Now(), landed); err != nil {
				return errors.Join(failed, err)
			}
		}
		if failed != nil || len(entries) < window {
			return failed
		}
		last = entries[len(entries)-1].Quarantined
	}
}

// reread reads one entry and reports whether it landed. An error is the log's.
func (a *App) reread(ctx context.Context, g *collector.Reingester, q inventory.Quarantined, report *ReingestReport) (landed bool, err error) {
	events, err := g.Reingest(ctx, q)
	switch {
	case err == nil:
		report.Landed++
		report.Events += events
	case !errors.Is(err, collector.ErrStill):
		return false, err
	case len(report.Still) < mostStill:
		report.Still = append(report.Still, ReingestStill{q.ID, err.Error()})
	}
	report.Entries++
	return err == nil, nil
}

// mostStill is how many of those that still cannot be read are told one by one.
const mostStill = 100

// errNobody: a reingest is on somebody's account.
var errNobody = errors.New("say who does it: by is empty")

// errUnexpected: the filter asks for another number of entries than was thought.
var errUnexpected = errors.New("the number of entries is not the one expected")

// pressReingest is reingest as the pages ask for it.
func (a *App) pressReingest(ctx context.Context, ask web.ReingestAsk) (web.Reingested, error) {
	r, err := a.reingest(ctx, ReingestRequest{Source: ask.Source, Unnamed: ask.Source == "", Reason: ask.Reason, To: ask.To, Expect: &ask.Expect, By: ask.By}, "page")
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
	via := "api"
	if c := r.Header.Get("Stocktrace-Client"); c == "cli" {
		via = c
	}
	report, err := a.reingest(r.Context(), ask, via)
	if errors.Is(err, errNobody) {
		refuse(w, http.StatusUnprocessableEntity, "Say who does it: by is empty.")
		return
	}
	if errors.Is(err, errUnexpected) {
		refuse(w, http.StatusConflict, fmt.Sprintf("The filter asks for %s, not %d: look again. Nothing was read.", entriesOf(report.Entries), *ask.Expect))
		return
	}
	respond(w, report, err)
}

func entriesOf(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
