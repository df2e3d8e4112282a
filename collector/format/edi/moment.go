package edi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
)

// Moment is a date, maybe with a time of day, as a document says it.
type Moment struct {
	Time   time.Time // UTC; the start of the day where no time is said
	AsSent string
	Date   string // YYYY-MM-DD as said
	From   string // the first day of a period, whose last is Date
	// HasClock says that a time of day was said.
	HasClock bool
	Notes    []format.Note
}

// clock is a moment before it is placed on the globe.
type clock struct {
	asSent                     string
	year, month, day           int
	hour, minute, second, nano int
	hasClock                   bool
	zone                       string // as sent; empty means none
	from                       string
}

func (c *clock) isoDay() string { return fmt.Sprintf("%04d-%02d-%02d", c.year, c.month, c.day) }

// ReadX12 reads a date as CCYYMMDD or YYMMDD, a time as HHMM, HHMMSS or
// HHMMSSDD, and a time code (element 623) such as GM or ET. The time may be
// empty. zone is that of the place it is about.
//
// The error is one sentence without the path: what is no date.
func ReadX12(date, hours, code string, zone *time.Location, path string) (Moment, error) {
	c := clock{asSent: strings.TrimSpace(date + " " + hours + " " + code), zone: code}
	digits := date
	if len(date) == 6 {
		digits = century(date) + date
	}
	if !c.take("CCYYMMDD", digits) {
		return Moment{}, fmt.Errorf("%q is no date: write it as CCYYMMDD", date)
	}
	var note string
	if hours != "" && (len(hours) < 4 || !c.take("HHMMSSDD"[:min(len(hours), 8)&^1], hours[:min(len(hours), 8)&^1])) {
		c.hour, c.minute, c.second, c.nano = 0, 0, 0, 0
		note = fmt.Sprintf("%q is no time of day: the date is read alone.", hours)
	} else {
		c.hasClock = hours != ""
	}
	return c.place(zone, path, note)
}

// century reads a year of two digits as 1970 to 2069.
func century(date string) string {
	if date[:2] >= "70" {
		return "19"
	}
	return "20"
}

// layouts are the date formats of EDIFACT element 2379 that name a day. YY is a
// year without century. Of a period the end counts.
var layouts = map[string]string{
	"2": "DDMMYY", "3": "MMDDYY", "4": "DDMMCCYY", "5": "DDMMCCYYHHMM",
	"101": "YYMMDD", "102": "CCYYMMDD", "201": "YYMMDDHHMM", "202": "YYMMDDHHMMSS", "203": "CCYYMMDDHHMM", "204": "CCYYMMDDHHMMSS",
	"205": "CCYYMMDDHHMMZHHMM", "301": "YYMMDDHHMMZZZ", "302": "YYMMDDHHMMSSZZZ", "303": "CCYYMMDDHHMMZZZ", "304": "CCYYMMDDHHMMSSZZZ",
	"711": "CCYYMMDD-CCYYMMDD", "716": "YYMMDD-YYMMDD", "717": "YYMMDD-YYMMDD", "718": "CCYYMMDD-CCYYMMDD", "719": "CCYYMMDDHHMM-CCYYMMDDHHMM",
}

// ReadEDIFACT reads the value of a DTM in the format its third component names.
// An unnamed format is told by the value's length, with a note.
func ReadEDIFACT(value, layout string, zone *time.Location, path string) (Moment, error) {
	var note string
	form, ok := layouts[layout]
	if !ok {
		if layout != "" {
			return Moment{}, fmt.Errorf("%q has the date format %s, which names no day that can be read here", value, layout)
		}
		form = map[int]string{6: "YYMMDD", 8: "CCYYMMDD", 10: "YYMMDDHHMM", 12: "CCYYMMDDHHMM", 14: "CCYYMMDDHHMMSS"}[len(value)]
		if form == "" {
			return Moment{}, fmt.Errorf("%q names no date format, and its length tells none", value)
		}
		note = fmt.Sprintf("%q names no date format: read as %s.", value, form)
	}
	c := clock{asSent: value}
	text := value
	if head, tail, period := strings.Cut(form, "-"); period {
		start, end, ok := strings.Cut(value, "-")
		if !ok && len(value) == len(head)+len(tail) { // the hyphen is often left out
			start, end, ok = value[:len(head)], value[len(head):], true
		}
		if !ok || len(start) != len(head) {
			return Moment{}, fmt.Errorf("%q is no period of the format %s (%s)", value, layout, form)
		}
		first := clock{}
		if i := strings.Index(head, "HH"); i > 0 {
			head, start = head[:i], start[:i]
		}
		if !first.take(head, start) {
			return Moment{}, fmt.Errorf("%q is no period of the format %s (%s)", value, layout, form)
		}
		c.from = first.isoDay()
		form, text = tail, end
	}
	switch {
	case strings.HasSuffix(form, "ZHHMM"):
		form = strings.TrimSuffix(form, "ZHHMM")
		if len(text) > len(form) {
			text, c.zone = text[:len(form)], text[len(form):]
		}
	case strings.HasSuffix(form, "ZZZ"):
		form = strings.TrimSuffix(form, "ZZZ")
		if len(text) > len(form) {
			text, c.zone = text[:len(form)], text[len(form):]
		}
	}
	days := form
	if i := strings.Index(form, "HH"); i > 0 {
		days = form[:i]
	}
	if len(text) < len(days) || len(text) > len(form) || !c.take(days, text[:len(days)]) {
		return Moment{}, fmt.Errorf("%q is no date of the format %s (%s)", value, layout, form)
	}
	if hours := text[len(days):]; len(hours) > 0 {
		if len(hours) >= 4 && len(hours)%2 == 0 && c.take(form[len(days):len(days)+len(hours)], hours) {
			c.hasClock = true
		} else {
			c.hour, c.minute, c.second = 0, 0, 0
			note = fmt.Sprintf("%q has no time of day in %q: the date is read alone.", value, hours)
		}
	}
	return c.place(zone, path, note)
}

// take reads digits by a layout of two letters each; false where they are none
// or name no day or time of day of these times (1970 to 2099). Hour 24 and second 60 are let through.
func (c *clock) take(layout, digits string) bool {
	if len(layout) != len(digits) {
		return false
	}
	for i := 0; i+1 < len(layout); i += 2 {
		n, err := strconv.Atoi(digits[i : i+2])
		if err != nil || digits[i] == '-' || digits[i] == '+' {
			return false
		}
		switch field := layout[i : i+2]; {
		case field == "CC":
			c.year = n * 100
		case field == "YY" && i > 0 && layout[i-2:i] == "CC":
			c.year += n
		case field == "YY":
			if c.year = 2000 + n; n >= 70 {
				c.year = 1900 + n
			}
		case field == "MM" && i > 0 && layout[i-2:i] == "HH":
			c.minute = n
		case field == "MM":
			c.month = n
		case field == "DD" && strings.HasPrefix(layout, "HH"):
			c.nano = n * 10_000_000
		case field == "DD":
			c.day = n
		case field == "HH":
			c.hour = n
		case field == "SS":
			c.second = n
		}
	}
	if strings.Contains(layout, "HH") && (c.hour > 24 || c.minute > 59 || c.second > 60 || c.hour == 24 && (c.minute > 0 || c.second > 0)) {
		return false
	}
	if strings.Contains(layout, "YY") {
		d := time.Date(c.year, time.Month(c.month), c.day, 0, 0, 0, 0, time.UTC)
		return c.year >= 1970 && c.year < 2100 && d.Day() == c.day && int(d.Month()) == c.month
	}
	return true
}

// place puts the clock into a zone: the one it names, else that of its place.
func (c *clock) place(zone *time.Location, path, note string) (Moment, error) {
	m := Moment{AsSent: c.asSent, Date: c.isoDay(), From: c.from, HasClock: c.hasClock}
	say := func(code, detail string) {
		m.Notes = append(m.Notes, format.Note{Code: code, Path: path, Detail: detail})
	}
	if note != "" {
		say(format.NotStandard, note)
	}
	if c.hasClock && c.hour == 24 {
		say(format.NotStandard, fmt.Sprintf("%q has hour 24: read as the midnight that ends the day.", c.asSent))
	}
	wall := time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, c.nano, time.UTC)
	if !c.hasClock {
		say(format.DateOnly, m.Date+" has no time of day: read as the start of that day.")
	}
	if c.zone != "" && c.hasClock {
		if named := namedZone(c.zone); named != nil {
			t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), named)
			if zone != nil && !sameOffset(t, zone) {
				say(format.OffsetDoubtful, fmt.Sprintf("%q says the zone %s, but its place is in %s: read as sent.", c.asSent, c.zone, zone))
			}
			m.Time = t.UTC()
			return m, nil
		}
		if c.zone != "LT" {
			say(format.NotStandard, fmt.Sprintf("The zone %q of %q is unknown: read as the time of its place.", c.zone, c.asSent))
		}
	}
	t, notes := format.WallTime(wall, zone, path)
	m.Time, m.Notes = t.UTC(), append(m.Notes, notes...)
	return m, nil
}

// sameOffset reports whether zone has t's offset then. UTC is everybody's.
func sameOffset(t time.Time, zone *time.Location) bool {
	_, said := t.Zone()
	_, there := t.In(zone).Zone()
	return said == 0 || said == there
}

// namedZone reads a time code of X12 element 623, an offset, or a zone's name as
// EDIFACT senders write it; nil where it is none.
func namedZone(code string) *time.Location {
	code = strings.ToUpper(strings.TrimSpace(code))
	if h, ok := map[string]int{
		"GM": 0, "UT": 0, "GMT": 0, "UTC": 0, "Z": 0, "WET": 0, "BST": 1, "CET": 1, "CES": 2, "CEST": 2, "EET": 2, "EES": 3,
		"ES": -5, "ED": -4, "CS": -6, "CD": -5, "MS": -7, "MD": -6, "PS": -8, "PD": -7, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
		"AS": -9, "AD": -8, "HS": -10, "HD": -9, "TS": -4, "TD": -3,
	}[code]; ok {
		if h == 0 {
			return time.UTC
		}
		return time.FixedZone(code, h*3600)
	}
	if name, ok := map[string]string{"ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles", "AT": "America/Anchorage", "HT": "Pacific/Honolulu", "TT": "America/Halifax"}[code]; ok {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
		return nil
	}
	sign, digits := 1, strings.TrimPrefix(code, "+")
	if strings.HasPrefix(digits, "-") {
		sign, digits = -1, digits[1:]
	}
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil || digits[0] == '-' || digits[0] == '+':
		return nil
	case code == digits && len(digits) == 2 && n >= 1 && n <= 12:
		return time.FixedZone(code, n*3600) // X12: 01 to 12 are ahead of UTC,
	case code == digits && len(digits) == 2 && n >= 13 && n <= 24:
		return time.FixedZone(code, (n-25)*3600) // 13 to 24 are -12 to -1
	case len(digits) == 2 && n <= 14:
		return time.FixedZone(code, sign*n*3600)
	case len(digits) == 4 && n/100 <= 14 && n%100 < 60:
		return time.FixedZone(code, sign*(n/100*3600+n%100*60))
	}
	return nil
}
