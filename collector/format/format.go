// Package format is what documents in retail's own formats have in common:
// POSLog, EPCIS, IDoc, EDI, UBL, webhooks and flat files each have a package
// below this one that reads them, event by event, into the language of package
// inventory.
//
//	bytes ──▶ Format.Read ──▶ Item: an Event with its place, notes and fragment
//	                     └──▶ Item: a Problem with its place and fragment
//
// A reader streams: its memory is bounded by the largest transaction of a
// document, never by the document. It reads what can be read, says what cannot,
// and goes on behind it. Nothing is put right silently: what it doubts it notes.
package format

import (
	"context"
	"io"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Source is what is known of a document's sender before it is read.
type Source struct {
	// Name becomes the events' CloudEvents source: a URI reference such as
	// /sap/prd/100 or /pos/store/0123.
	Name string
	// System and Instance are who speaks; where System is empty the format's own
	// guess counts (POSLog: pos, IDoc: erp).
	System, Instance string
	// Location stands in where the document names none.
	Location string
	// Zone is the declared zone of times without an offset; nil means that none is
	// declared, and such times are read as UTC with a note.
	Zone *time.Location
	// ZoneOf returns the declared zone of a location, nil where it has none. It is
	// asked before Zone.
	ZoneOf func(location string) *time.Location
	// Document names the document: a file name or a request id. Empty is allowed.
	Document string
	// Header carries what came beside the body, such as a webhook's topic; names
	// are canonical MIME header keys.
	Header map[string]string
}

// Format reads documents of one kind.
type Format interface {
	// Name is how configuration and people call it: poslog, epcis, idoc, x12.
	Name() string
	// Detect reports whether a document that begins with head (up to 4 KiB) is of
	// this kind.
	Detect(head []byte, source Source) bool
	// Read reads one document and calls yield for every item in it, in order. It
	// stops at the first error of yield and returns it. It returns an error of its
	// own, a *Problem, only where the rest of the document cannot be read; what was
	// yielded before stands.
	//
	// The same document gives the same items: ids are made of what the document
	// says, or of a hash of the fragment where it says nothing, never of the time
	// or a counter of this process.
	Read(ctx context.Context, document io.Reader, source Source, yield func(Item) error) error
}

// Item is one event of a document, or one part of it that could not be read.
type Item struct {
	// Event is what was read. Its ID, Source, Type, Time and the contract's
	// required fields are set unless Problem is; it need not be normalized.
	Event inventory.Event
	// Path is where in the document it stands, in the format's own terms:
	// /POSLog/Transaction[3], ISA 000000049/GS 12/ST 0001, line 17.
	Path string
	// Raw is the fragment it was read from, exactly as it stands in the document,
	// RawType its media type.
	Raw     []byte
	RawType string
	// Notes are what a person should know of how it was read.
	Notes []Note
	// Ignored counts what the document says and no event carries, by path without
	// indexes; for people who try a mapping.
	Ignored map[string]int
	// Problem is set where the fragment could not be read: it is quarantined.
	Problem *Problem
}

// Note is something that was read, but is doubtful. It is stored with the
// event and never changes it.
type Note struct {
	// Code is one of the constants below.
	Code string
	// Path is where in the document.
	Path string
	// Detail is one sentence: what was found, and how it was read.
	Detail string
}

// Codes of notes.
const (
	// CheckDigit: a GTIN, GLN or SSCC whose check digit is wrong.
	CheckDigit = "check_digit"
	// ZoneAssumed: a time without offset, read in the declared zone.
	ZoneAssumed = "zone_assumed"
	// ZoneUnknown: a time without offset, and no zone declared: read as UTC.
	ZoneUnknown = "zone_unknown"
	// TimeAmbiguous: a wall time that the autumn change repeats.
	TimeAmbiguous = "time_ambiguous"
	// TimeNonexistent: a wall time that the spring change leaves out.
	TimeNonexistent = "time_nonexistent"
	// DateOnly: a date without a time of day, read as the start of that day.
	DateOnly = "date_only"
	// OffsetDoubtful: an offset that contradicts the location's zone.
	OffsetDoubtful = "offset_doubtful"
	// Unmapped: a value that a mapping's table does not have; kept as sent.
	Unmapped = "unmapped"
	// IDRounded: an identifier above 2^53 that came as a JSON number.
	IDRounded = "id_rounded"
	// UnitUnknown: a unit in no declared list; kept as sent.
	UnitUnknown = "unit_unknown"
	// CountMismatch: a control count, number or total contradicts the document.
	CountMismatch = "control_count"
	// NotStandard: the document departs from its standard where the meaning is
	// still plain.
	NotStandard = "not_standard"
)

// Problem is why a document, or a part of it, could not be read.
type Problem struct {
	// Path is where, in the format's own terms.
	Path string
	// Detail is one sentence: what is wrong, and what to do.
	Detail string
}

// Error returns path and detail.
func (p *Problem) Error() string {
	if p.Path == "" {
		return p.Detail
	}
	return p.Path + ": " + p.Detail
}

// WallTime reads a wall time without offset as the clock of zone shows it, and
// notes what had to be assumed. A nil zone means none is declared.
func WallTime(wall time.Time, zone *time.Location, path string) (time.Time, []Note) {
	asSent := wall.Format("2006-01-02T15:04:05")
	if zone == nil {
		return inZone(wall, time.UTC), []Note{{
			ZoneUnknown, path,
			asSent + " has no offset and no zone is declared for its place: read as UTC. Declare the location's zone.",
		}}
	}
	t := inZone(wall, zone)
	notes := []Note{{ZoneAssumed, path, asSent + " has no offset: read in " + zone.String() + ", the declared zone."}}
	switch other := t.Add(-time.Hour); {
	case t.Format(time.DateTime) != wall.Format(time.DateTime):
		notes = append(notes, Note{
			TimeNonexistent, path,
			asSent + " does not exist in " + zone.String() + ": clocks went forward over it. Read as " + t.Format(time.RFC3339) + ".",
		})
	case other.Format(time.DateTime) == t.Format(time.DateTime):
		// time.Date is free to choose; the earlier one is what a till shows first.
		t = other
		notes = append(notes, ambiguous(asSent, zone, path))
	case t.Add(time.Hour).Format(time.DateTime) == t.Format(time.DateTime):
		notes = append(notes, ambiguous(asSent, zone, path))
	}
	return t, notes
}

func ambiguous(asSent string, zone *time.Location, path string) Note {
	return Note{
		TimeAmbiguous, path,
		asSent + " occurs twice in " + zone.String() + ", when clocks go back: read as the first. Order by the register's sequence.",
	}
}

func inZone(wall time.Time, zone *time.Location) time.Time {
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
}

// ZoneFor is the zone of a location's wall times: the location's own, else the
// source's, else nil.
func (s Source) ZoneFor(location string) *time.Location {
	if s.ZoneOf != nil && location != "" {
		if z := s.ZoneOf(location); z != nil {
			return z
		}
	}
	return s.Zone
}
