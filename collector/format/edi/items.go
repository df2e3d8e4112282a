package edi

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/inventory"
)

// RawType is the media type of fragments (RFC 1767).
func (s Syntax) RawType() string {
	if s == EDIFACT {
		return "application/EDIFACT"
	}
	return "application/EDI-X12"
}

// Read reads a document and yields what read makes of its messages, in order:
// it is [format.Format]'s Read for both syntaxes. Notes of a message go to its
// first item. An interchange that contradicts itself, or that departs from the
// standard, is told of by an event of the workflow document at its end.
func Read(ctx context.Context, document io.Reader, source format.Source, syntax Syntax, read func(*Message) []format.Item, yield func(format.Item) error) error {
	return parts(ctx, document, syntax, func(p part) error {
		switch {
		case p.lost != nil:
			return yield(format.Item{Path: p.lost.problem.Path, Raw: p.lost.raw, RawType: syntax.RawType(), Problem: &p.lost.problem})
		case p.closing != nil:
			item, tell := p.closing.document(source)
			if !tell {
				return nil
			}
			return yield(item)
		}
		var items []format.Item
		if p.message.joined {
			items = []format.Item{p.message.Unread("Lines end within its segments, and it has fewer segments than it says: some of them end with another terminator than the rest. Have the sender end all of them alike, and send it again.")}
		} else {
			items = read(p.message)
		}
		for i := range items {
			if i == 0 {
				items[i].Notes = append(items[i].Notes, p.message.Notes...)
			}
			if err := yield(items[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Unread is the item of a message that cannot be read: why, and what to do.
func (m *Message) Unread(why string) format.Item {
	return format.Item{
		Path: m.Path, Raw: m.Raw, RawType: m.Interchange.Syntax.RawType(),
		Problem: &format.Problem{Path: m.Path, Detail: why},
	}
}

// Finish completes an event of a message: what the envelope says, what the
// source declares, its type, and its identity. number is the document's own
// number; where it has none, the control numbers stand in.
//
// The identity is the number and a hash of what the event says: a document sent
// again under new control numbers is the same record, and one that says
// something else is another.
func (m *Message) Finish(e *inventory.Event, source format.Source, system, number string) {
	i := m.Interchange
	e.Source = source.Name
	if e.System == "" { // an answer speaks of another's hop
		e.System = cmp.Or(source.System, system)
	}
	e.SystemInstance = source.Instance
	if e.Location == "" {
		e.Location, e.LocationScheme = source.Location, ""
	}
	if i.Test {
		e.Transaction.Mode = "training"
	}
	e.Type = "inventory." + e.Workflow + "." + e.Step
	set := func(name, value string) {
		if value != "" {
			if e.Attributes == nil {
				e.Attributes = map[string]string{}
			}
			e.Attributes[name] = value
		}
	}
	set("edi.type", m.Type)
	set("edi.version", m.Version)
	set("edi.interchange", i.Control)
	set("edi.sender", i.Sender.ID)
	set("edi.receiver", i.Receiver.ID)
	set("edi.message", m.Control)
	if m.Group != nil {
		set("edi.group", m.Group.Control)
	}
	if i.told.IsZero() {
		i.told, i.toldAsSent, i.toldOf = e.Time, e.TimeAsSent, Party{e.Location, e.LocationScheme}
	}
	e.Normalize()
	if number == "" {
		number = i.Control + "/" + m.Control
		if m.Group != nil {
			number = i.Control + "/" + m.Group.Control + "/" + m.Control
		}
	}
	content := e.ContentHash()
	e.ID = fmt.Sprintf("%s/%s/%s/%s/%x", strings.ToLower(m.Type), i.Sender.ID, number, e.Step, content[:8])
}

// Sent is when the interchange or group says it was made: a last resort for
// messages that say no time.
func (m *Message) Sent(zone *time.Location) (Moment, bool) {
	type at struct{ path, date, hours string }
	places := []at{{m.Interchange.Path, m.Interchange.Date, m.Interchange.Time}}
	if m.Group != nil {
		places = append([]at{{m.Path, m.Group.Date, m.Group.Time}}, places...)
	}
	for _, p := range places {
		if t, err := ReadX12(p.date, p.hours, "", zone, p.path); err == nil {
			return t, true
		}
	}
	return Moment{}, false
}

// document is the event that tells of an interchange as a whole, where there is
// something to tell.
func (i *Interchange) document(source format.Source) (format.Item, bool) {
	if len(i.notes) == 0 && len(i.miscounts) == 0 {
		return format.Item{}, false
	}
	raw := i.End
	if len(raw) == 0 {
		raw = i.Raw
	}
	m := &Message{Interchange: i, Path: i.Path, Type: "document", Raw: raw}
	for _, c := range i.miscounts {
		if !noted(i.notes, c.note()) {
			i.notes = append(i.notes, c.note())
		}
	}
	e := inventory.Event{Workflow: "document", Step: "received", Location: source.Location}
	if e.Location == "" {
		e.Location, e.LocationScheme = cmp.Or(i.Receiver.ID, i.Sender.ID), "edi"
	}
	if e.Location == "" {
		e.Location, e.LocationScheme = i.toldOf.ID, i.toldOf.Scheme
	}
	sent, ok := m.Sent(source.ZoneFor(e.Location))
	switch {
	case e.Location == "":
		return m.Unread("The interchange contradicts itself and names no receiver: declare a location for its source. " + i.notes[0].Detail), true
	case !ok && !i.told.IsZero():
		// DXS carries no date: that of its first message stands in.
		sent.Time, sent.AsSent = i.told, i.toldAsSent
	case !ok:
		return m.Unread("The interchange contradicts itself, and says no readable date of its own. " + i.notes[0].Detail), true
	}
	e.Time, e.TimeAsSent = sent.Time, sent.AsSent
	if len(i.miscounts) > 0 {
		c := i.miscounts[0]
		e.Outcome = inventory.Partial
		e.Error = &inventory.Error{Code: format.CountMismatch, Field: c.Field, Value: c.Value, Message: c.Path + ": " + c.Found}
	}
	if source.Document != "" {
		e.Keys = []inventory.Key{{Name: "file", Value: source.Document}}
	}
	m.Finish(&e, source, "middleware", i.Control)
	return format.Item{Event: e, Path: i.Path, Raw: raw, RawType: i.Syntax.RawType(), Notes: append(i.notes, sent.Notes...)}, true
}

func noted(notes []format.Note, n format.Note) bool {
	for _, other := range notes {
		if other == n {
			return true
		}
	}
	return false
}

// CheckKey notes a GTIN, GLN or SSCC whose check digit is wrong. It is kept as
// sent.
func (m *Message) CheckKey(kind gs1.Kind, key, place string) {
	if !gs1.Valid(key) {
		m.Note(format.CheckDigit, place, fmt.Sprintf("The check digit of the %s %q is wrong: kept as sent.", strings.ToUpper(string(kind)), key))
	}
}
