package epcis

import (
	"cmp"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// captureJob reads what a repository says of a document it was given: whether it
// took the events (EPCIS 2.0, 8.2.6, resource EPCISCaptureJob). It is no event of
// goods, but of the way of their events.
func (r *reader) captureJob(v *jsonread.Value, notes []format.Note) error {
	id := v.Get("captureID").Identifier(&notes)
	item := format.Item{Path: pathOf(v), Raw: v.Raw(), RawType: "application/json"}
	fail := func(at *jsonread.Value, detail string) error {
		item.Notes, item.Problem = notes, &format.Problem{Path: at.Path(), Detail: detail}
		return r.send(item)
	}
	if id == "" {
		return fail(v, "is a capture job without captureID: nothing says which document it is about.")
	}
	running, success := v.Get("running").String() == "true", v.Get("success").String() == "true"
	e := inventory.Event{
		Source: cmp.Or(r.source.Name, "/epcis"), Workflow: "document", Step: "received", Type: "inventory.document.received",
		System: cmp.Or(r.source.System, "middleware"), SystemInstance: r.source.Instance, Location: r.source.Location,
		Keys: []inventory.Key{{Name: "epcis_capture", Value: id}}, Attributes: map[string]string{},
	}
	if e.Location == "" {
		return fail(v, "names no place, as capture jobs do, and none is declared for its sender: declare the source's location.")
	}
	at := v.First("finishedAt", "createdAt")
	if running {
		at = v.First("createdAt", "finishedAt")
	}
	t, err := instant.Read(at.String(), time.UTC, at.Path())
	if err != nil {
		return fail(v, "the time of the capture job (finishedAt, createdAt) "+err.Error())
	}
	notes = append(notes, t.Notes...)
	e.Time, e.TimeAsSent = t.UTC(), at.String()
	state := "finished"
	switch {
	case running:
		e.Outcome, state = inventory.Pending, "running"
	case !success:
		e.Outcome, state = inventory.Failed, "failed"
		e.Error = &inventory.Error{Code: "capture_failed"}
		var said []string
		for _, problem := range v.Get("errors").List() {
			said = append(said, strings.TrimSpace(problem.Get("title").String()+" "+problem.Get("detail").String()))
			if kind := problem.Get("type").String(); e.Error.Value == "" {
				e.Error.Value = kind
			}
		}
		e.Error.Message = strings.Join(said, "; ")
		if v.Get("captureErrorBehaviour").String() == "proceed" {
			// The events without error were kept.
			e.Outcome = inventory.Partial
		}
	}
	e.ID = "capture/" + id + "/" + state
	v.Unasked(func(name string, value *jsonread.Value) { e.Attributes[name] = value.Use().JSON() })
	item.Event, item.Notes = e, notes
	return r.send(item)
}
