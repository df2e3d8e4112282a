// Package instant reads the times that JSON and XML documents carry: ISO 8601 as
// RFC 3339 and XML Schema's dateTime profile it, and as senders write it.
//
// A time is the most doubted field there is, so nothing is put right silently:
// what is no time is an error that says which part is wrong, what had to be
// assumed is a note.
package instant

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
)

// Date and time apart by T or blank, seconds and fraction optional, an offset or
// none.
var form = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})([Tt ])(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?$`)

var offsetForm = regexp.MustCompile(`^([+-])(\d{2})(?::?(\d{2}))?$`)

// Time is a time that was read.
type Time struct {
	time.Time
	// HasOffset says that it was written with an offset; Zulu that this was Z.
	HasOffset, Zulu bool
	Notes           []format.Note
}

// Read reads a time at path. One without offset is read in zone, with a note.
// The instant is in the zone or offset it was written in. The error is one
// sentence without the path.
func Read(text string, zone *time.Location, path string) (Time, error) {
	text = strings.TrimSpace(text)
	m := form.FindStringSubmatch(text)
	if m == nil {
		if text == "" {
			return Time{}, fmt.Errorf("is empty, and a time such as 2026-11-23T10:02:54+01:00 was expected.") //nolint:revive,staticcheck // a sentence for people
		}
		return Time{}, wrong(text, "is no time: write it as 2026-11-23T10:02:54+01:00")
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	year, month, day, hour, minute, second := n(1), n(2), n(3), n(5), n(6), n(7)
	for _, part := range []struct {
		name       string
		is, lo, hi int
	}{
		{"month", month, 1, 12},
		{"day", day, 1, daysIn(year, month)},
		{"hour", hour, 0, 24},
		{"minute", minute, 0, 59},
		{"second", second, 0, 60},
	} {
		if part.is < part.lo || part.is > part.hi {
			return Time{}, wrong(text, fmt.Sprintf("has %s %d, which does not exist: correct it at its source", part.name, part.is))
		}
	}
	nanos := 0
	if fraction := m[8]; fraction != "" {
		nanos, _ = strconv.Atoi((fraction + "00000000")[:9])
	}
	if hour == 24 && (minute != 0 || second != 0 || nanos != 0) {
		return Time{}, wrong(text, "has hour 24, which ends at 24:00:00: correct it at its source")
	}
	var t Time
	if m[4] == " " {
		t.note(format.NotStandard, path, text+" has a blank where ISO 8601 has a T: read as if it had.")
	}
	if second == 60 {
		t.note(format.NotStandard, path, text+" is a leap second: read as the second after 59.")
	}
	wall := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	switch offset := m[9]; offset {
	case "":
		var notes []format.Note
		t.Time, notes = format.WallTime(wall, zone, path)
		t.Notes = append(t.Notes, notes...)
	case "Z", "z":
		t.Time, t.HasOffset, t.Zulu = wall, true, true
	default:
		at, err := Offset(offset)
		if err != nil {
			return Time{}, wrong(text, err.Error())
		}
		t.HasOffset = true
		t.Time = wall.Add(-at).In(time.FixedZone("", int(at/time.Second)))
	}
	// The contract keeps instants in microseconds from 1970 to 2262.
	if t.Before(time.Unix(0, 0)) || t.Year() > 2261 {
		return Time{}, wrong(text, "is before 1970 or after 2262, most often a placeholder for no time: send the time it happened")
	}
	return t, nil
}

// Offset reads an offset from UTC: Z, +01:00, +0100 or +01. ISO 8601 has none
// beyond 14 hours.
func Offset(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "Z" || text == "z" {
		return 0, nil
	}
	m := offsetForm.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("has %q for an offset: write it as +01:00", text)
	}
	hours, _ := strconv.Atoi(m[2])
	minutes, _ := strconv.Atoi(m[3])
	if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
		return 0, fmt.Errorf("has the offset %s, which is nowhere on earth: offsets end at 14:00", text)
	}
	at := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if m[1] == "-" {
		at = -at
	}
	return at, nil
}

// OffsetOf is the offset of t as written, such as +01:00.
func OffsetOf(t time.Time) string { return t.Format("-07:00") }

func (t *Time) note(code, path, detail string) {
	t.Notes = append(t.Notes, format.Note{Code: code, Path: path, Detail: detail})
}

func daysIn(year, month int) int {
	if month < 1 || month > 12 {
		return 31
	}
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func wrong(text, why string) error {
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return fmt.Errorf("%s %s.", strings.ToValidUTF8(text, "\uFFFD"), why) //nolint:revive,staticcheck // a sentence for people
}
