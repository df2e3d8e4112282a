package flat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// mostEvent bounds one event, in bytes of its records.
const mostEvent = 16 << 20

const rawType = "text/plain"

// reader is the state of reading one file.
type reader struct {
	layout  *Layout
	source  format.Source
	yield   func(format.Item) error
	cut     *cutter
	columns map[string]int // by the header row

	file    *draft
	event   *draft // open, or nil
	trailer *draft
	group   []string // of the open event made of rows

	records, events, refused int
	contradictions           []format.Note
	// place and lastTime are where and when the events are, for a file that does not
	// say so of itself.
	place, lastTime string
}

func (r *reader) read(ctx context.Context) error {
	r.file = &draft{control: unsaid, at: r.cut.at(1)}
	for _, a := range r.layout.set {
		set(r.file, File, a.to, a.target, a.value)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := r.cut.next()
		if errors.Is(err, io.EOF) {
			return r.end()
		}
		if err != nil {
			return errors.Join(r.cutOff(), err)
		}
		if r.layout.Header && r.columns == nil && rec.wrong == "" {
			if err := r.header(rec); err != nil {
				return err
			}
			continue
		}
		r.records++
		if err := r.record(rec); err != nil {
			return err
		}
	}
}

// header learns where the columns are.
func (r *reader) header(rec record) error {
	r.columns = map[string]int{}
	for i, name := range rec.fields {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := r.columns[name]; !twice {
			r.columns[name] = i
		}
	}
	for _, c := range r.layout.Records[0].Columns {
		if _, ok := r.columns[strings.ToLower(c.Name)]; !ok && c.Required {
			return &format.Problem{Path: r.cut.at(rec.number), Detail: fmt.Sprintf("The header has no column %s: it is needed to read this file as %q. Choose another layout, or correct the header.", show(c.Name), r.layout.Name)}
		}
	}
	return nil
}

// record does what the record's role is.
func (r *reader) record(rec record) error {
	if rec.wrong != "" {
		return r.refuse(rec, rec.wrong)
	}
	described := r.find(rec)
	if described == nil {
		return r.stranger(rec)
	}
	if r.trailer != nil {
		return r.refuse(rec, "It stands behind the trailer, which ends the file: send it again in its place.")
	}
	where := r.cut.at(rec.number)
	switch described.Role {
	case Pass:
		if r.event != nil {
			r.within(rec)
			r.event.ignore(name(described), 1)
		}
	case File:
		if err := r.close(); err != nil {
			return err
		}
		r.file.raw, r.file.at = rec.raw, where
		r.apply(r.file, described, rec)
		if r.file.wrong != nil {
			return r.file.wrong // what holds for all events is not known
		}
	case Row:
		return r.row(described, rec)
	case Begin:
		if err := r.close(); err != nil {
			return err
		}
		r.event = r.file.from(rec, where)
		r.event.raw = bytes.Clone(rec.raw)
		r.apply(r.event, described, rec)
	case Item, Detail:
		if r.event == nil {
			return r.refuse(rec, fmt.Sprintf("The record %s stands outside of any event: the record that begins one is missing.", name(described)))
		}
		r.within(rec)
		if described.Role == Item {
			r.event.begin()
		}
		r.apply(r.event, described, rec)
	case End:
		if r.event == nil {
			return r.refuse(rec, fmt.Sprintf("The record %s ends an event that was never begun.", name(described)))
		}
		r.event.raw = append(r.event.raw, rec.raw...)
		r.apply(r.event, described, rec)
		return r.emit()
	case Trailer:
		if err := r.close(); err != nil {
			return err
		}
		r.trailer = r.file.from(rec, where)
		r.trailer.raw = rec.raw
		r.apply(r.trailer, described, rec)
	}
	return nil
}

// within adds a record to the open event.
func (r *reader) within(rec record) {
	r.event.records++
	if len(r.event.raw)+len(rec.raw) > mostEvent {
		r.event.fail(r.event.at, "The event is larger than the %d bytes it may have: its beginning is kept. Split it at its source.", mostEvent)
		r.event.event.Lines, r.event.signs = nil, nil
		return
	}
	r.event.raw = append(r.event.raw, rec.raw...)
}

func name(d *Record) string {
	if d.Tag == "" {
		return "row"
	}
	return d.Tag
}

// find returns the description of the record's type.
func (r *reader) find(rec record) *Record {
	if !r.layout.tagged() {
		return &r.layout.Records[0]
	}
	tag := ""
	switch {
	case r.layout.comma != 0:
		tag = rec.fields[0]
	case len(rec.body) >= r.layout.Tag:
		tag, _ = r.layout.chars.text(rec.body[:r.layout.Tag])
	default:
		tag = rec.text
	}
	tag = strings.TrimSpace(tag)
	i := slices.IndexFunc(r.layout.Records, func(d Record) bool { return d.Tag == tag })
	if i < 0 {
		return nil
	}
	return &r.layout.Records[i]
}

// stranger is a record of a type that the layout does not describe. Within an
// event it is passed over with a note: the event is plain without it.
func (r *reader) stranger(rec record) error {
	tag, _, _ := strings.Cut(rec.text, string(rune(max(r.layout.comma, ' '))))
	if r.event == nil {
		return r.refuse(rec, fmt.Sprintf("The layout %q does not describe records of the type %s: describe them, or choose another layout.", r.layout.Name, show(tag)))
	}
	r.within(rec)
	r.event.ignore("record", 1)
	r.event.note(format.NotStandard, r.cut.at(rec.number), "The layout does not describe records of the type %s: passed over.", show(tag))
	return nil
}

// refuse sends a record to the quarantine; an open event of rows ends before it.
func (r *reader) refuse(rec record, why string) error {
	path := r.cut.at(rec.number)
	if r.event != nil && !r.layout.hasRole(Row) {
		// It stands within the event, which is not whole without it.
		r.within(rec)
		r.event.fail(path, "%s", why)
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	r.refused++
	return r.yield(format.Item{Path: path, Raw: rec.raw, RawType: rawType, Problem: &format.Problem{Path: path, Detail: why}})
}

// row is an event with its line, or a line more of the open one.
func (r *reader) row(described *Record, rec record) error {
	var group []string
	for _, name := range r.layout.Group {
		i := slices.IndexFunc(described.Columns, func(c Column) bool { return c.Name == name })
		if i < 0 {
			continue
		}
		said, _ := r.cell(described, i, rec)
		group = append(group, strings.TrimSpace(said))
	}
	if r.event == nil || group == nil || !slices.Equal(group, r.group) {
		if err := r.close(); err != nil {
			return err
		}
		r.event, r.group = r.file.from(rec, r.cut.at(rec.number)), group
	}
	r.within(rec)
	r.event.begin()
	r.apply(r.event, described, rec)
	return nil
}

// close ends the open event where a following record does.
func (r *reader) close() error {
	if r.event == nil {
		return nil
	}
	if r.layout.hasRole(End) {
		r.event.fail(r.event.at, "The event is not ended: its last record is missing. Send it again, whole.")
	}
	return r.emit()
}

// emit yields the open event.
func (r *reader) emit() error {
	d := r.event
	r.event, r.group = nil, nil
	r.events++
	if n := d.control.ofEvent; n >= 0 && n != d.records {
		r.contradict(d.at, "The event says that it has %d records, and %d came: compare it with its source.", n, d.records)
		d.notes = append(d.notes, r.contradictions[len(r.contradictions)-1])
	}
	if n := d.control.lines; n >= 0 && n != len(d.event.Lines) {
		r.contradict(d.at, "The event says that it has %d lines, and %d came: compare it with its source.", n, len(d.event.Lines))
		d.notes = append(d.notes, r.contradictions[len(r.contradictions)-1])
	}
	d.finish(r.layout, r.source)
	if d.wrong == nil {
		if r.lastTime = d.event.TimeAsSent; r.events == 1 {
			r.place = d.event.Location
		} else if r.place != d.event.Location {
			r.place = "" // of several places none stands for the file
		}
	}
	item := format.Item{Path: d.at, Raw: d.raw, RawType: rawType, Ignored: d.ignored}
	if item.Problem = d.wrong; d.wrong != nil {
		r.refused++
		item.Ignored = nil
	} else {
		item.Event, item.Notes = d.event, d.notes
	}
	return r.yield(item)
}

// cutOff yields an event that the end of the file cut off.
func (r *reader) cutOff() error {
	if r.event == nil {
		return nil
	}
	if r.layout.hasRole(End) || r.layout.hasRole(Trailer) {
		r.event.fail(r.event.at, "The file ends within this event: it was cut off. Send it again, whole.")
	}
	return r.emit()
}

// end settles the file.
func (r *reader) end() error {
	if r.records == 0 && r.columns == nil {
		return &format.Problem{Path: r.cut.at(1), Detail: "The file is empty: there is nothing in it to read."}
	}
	if r.trailer == nil {
		if err := r.cutOff(); err != nil {
			return err
		}
		r.trailer = r.file
		if len(r.contradictions) > 0 {
			if err := r.doubt(); err != nil {
				return err
			}
		}
		if r.layout.hasRole(Trailer) {
			return &format.Problem{Path: r.cut.at(max(1, r.cut.number-1)), Detail: "The file ends without its trailer: it was cut off. What came before stands; send it again, whole."}
		}
		return nil
	}
	t := r.trailer
	r.contradictions = append(r.contradictions, t.notes...)
	if n := t.control.ofFile; n >= 0 && n != r.records-2 {
		r.contradict(t.at, "The trailer says that %d records stand between it and the header, and %d do: compare the file with its source.", n, r.records-2)
	}
	if n := t.control.events; n >= 0 && n != r.events {
		r.contradict(t.at, "The trailer says that the file has %d events, and %d came: compare it with its source.", n, r.events)
	}
	if t.wrong != nil {
		r.refused++
		if err := r.yield(format.Item{Path: t.at, Raw: t.raw, RawType: rawType, Problem: t.wrong}); err != nil {
			return err
		}
	}
	if len(r.contradictions) > 0 {
		if err := r.doubt(); err != nil {
			return err
		}
	}
	return r.watermark()
}

func (r *reader) contradict(path, sentence string, args ...any) {
	r.contradictions = append(r.contradictions, format.Note{Code: format.CountMismatch, Path: path, Detail: fmt.Sprintf(sentence, args...)})
}

// doubt says of the document as a whole that it contradicts itself (workflow
// document).
func (r *reader) doubt() error {
	d := r.file.from(record{number: 1}, r.contradictions[0].Path)
	first := r.contradictions[0]
	if len(d.moments) == 0 {
		d.moment("time", r.lastTime)
	}
	if d.event.Location == "" {
		d.event.Location = r.place
	}
	d.event.Workflow, d.event.Step = "document", "received"
	d.event.Lines, d.event.Covers, d.event.Totals = nil, nil, nil
	d.event.Error = &inventory.Error{Code: format.CountMismatch, Message: first.Detail}
	if r.source.Document != "" {
		d.event.Keys = append(d.event.Keys, inventory.Key{Name: "file", Value: r.source.Document})
	}
	d.finish(r.layout, r.source)
	item := format.Item{Path: d.at, Raw: r.trailer.raw, RawType: rawType}
	if d.wrong != nil {
		// An event it cannot become, for want of a place or time; it is said all the same.
		item.Problem = &format.Problem{Path: first.Path, Detail: first.Detail}
	} else {
		item.Event, item.Notes = d.event, append(r.contradictions, d.notes...)
	}
	return r.yield(item)
}

// watermark says how far the file's evidence reaches, where it says so. A file of
// which something is missing proves nothing by its silence.
func (r *reader) watermark() error {
	t := r.trailer
	said := t.moments["watermark.through"]
	if said == "" {
		return nil
	}
	item := format.Item{Path: t.at, Raw: t.raw, RawType: rawType}
	if r.refused > 0 || len(r.contradictions) > 0 {
		item.Problem = &format.Problem{Path: t.at, Detail: fmt.Sprintf("The file says that it is complete through %s, and is not: %d of its parts could not be read, and %d of its counts do not agree. Its watermark is not taken: correct the file, and send it again.", said, r.refused, len(r.contradictions))}
		return r.yield(item)
	}
	zone := r.source.ZoneFor(t.event.Location)
	if zone == nil {
		zone = r.layout.location
	}
	through, notes, err := at(said, zone, t.at)
	if err != nil {
		item.Problem = &format.Problem{Path: t.at, Detail: "The time it is complete through " + err.Error()}
		return r.yield(item)
	}
	t.finish(r.layout, r.source)
	e := inventory.Event{
		Source: r.source.Name, Type: inventory.TypeWatermark, Time: through.UTC(), TimeAsSent: said,
		System: t.event.System, SystemInstance: t.event.SystemInstance, Location: t.event.Location,
		Watermark: &inventory.Watermark{
			System: t.event.System, SystemInstance: t.event.SystemInstance, Location: t.event.Location,
			CompleteThrough: through.UTC(), Extract: t.control.extract, Records: int64(r.events),
		},
	}
	e.ID = "watermark/" + e.Watermark.Feed().String() + "/" + e.Watermark.Extract + "/" + e.ContentHash().String()[:16]
	item.Event, item.Notes = e, notes
	return r.yield(item)
}
