package flat

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/units"
)

// Layout describes the files of one kind.
type Layout struct {
	// Name is how configuration calls it; Title is for people.
	Name  string `yaml:"layout"`
	Title string `yaml:"title"`
	// File is a glob of the document's name, such as RTLOG_*.DAT; Begins a regular
	// expression of how the decoded text begins. Those given have to match for a document to be of this
	// kind; where there is a header row, its columns have to be there too.
	File   string `yaml:"file"`
	Begins string `yaml:"begins"`

	// Encoding is utf-8 (default), latin-1, latin-9, windows-1250, windows-1252,
	// cp850, or ebcdic-037, ebcdic-500, ebcdic-1047.
	Encoding string `yaml:"encoding"`
	// Delimiter is one ASCII character, or "tab"; empty means fixed width, where
	// columns have a width. Quote is the character that quotes, `"` unless given;
	// "none" where quotes are text.
	Delimiter string `yaml:"delimiter"`
	Quote     string `yaml:"quote"`
	// RecordLength is the length in bytes of records that no line end separates.
	RecordLength int `yaml:"record_length"`
	// Header says that the first row names the columns, which may then stand in any
	// order.
	Header bool `yaml:"header"`
	// Tag is where a fixed-width record says its type: its first Tag bytes. A
	// delimited record says it in its first field.
	Tag int `yaml:"tag"`

	// Decimal is the decimal mark, "." unless given; Thousands the grouping mark,
	// none unless given.
	Decimal   string `yaml:"decimal"`
	Thousands string `yaml:"thousands"`
	// Units is the list by which units are read: rec20 (default), x12 or sap.
	Units string `yaml:"units"`
	// Zone is the IANA zone of times without offset, where the location has none
	// declared.
	Zone string `yaml:"zone"`
	// Group are the columns whose equal values make neighbouring rows one event;
	// without any, each row is one.
	Group []string `yaml:"group"`

	// Set gives fields their value in every event, before anything is read.
	Set     map[string]string `yaml:"set"`
	Records []Record          `yaml:"records"`

	// ready for use, by resolve.
	chars    *charset
	begins   *regexp.Regexp
	comma    byte
	quote    byte
	location *time.Location
	list     *units.List
	set      []assignment
}

// Record describes the records of one type.
type Record struct {
	// Tag is its type as it stands in the file; empty where a file has one type.
	Tag  string `yaml:"tag"`
	Role Role   `yaml:"role"`
	// Length is how long a fixed-width record is, without its line end. Another
	// length then means that columns have shifted. 0 means that it is not looked at.
	Length  int               `yaml:"length"`
	Set     map[string]string `yaml:"set"`
	Columns []Column          `yaml:"columns"`

	set []assignment
}

// Role is what a record does.
type Role string

// Roles.
const (
	// Row is an event with a line, or one more line of an event (see Layout.Group).
	Row Role = "row"
	// File says what holds for all events behind it.
	File Role = "file"
	// Begin begins an event, and ends the one before.
	Begin Role = "event"
	// Item begins a line of the event.
	Item Role = "line"
	// Detail says more of the line, or of the event where it has none yet.
	Detail Role = "detail"
	// End ends the event; where a layout has one, an event without it is cut off.
	End Role = "end"
	// Trailer ends the file; where a layout has one, a file without it is cut off.
	Trailer Role = "trailer"
	// Pass is passed over.
	Pass Role = "pass"
)

var roles = []Role{Row, File, Begin, Item, Detail, End, Trailer, Pass}

// Column is one column of a record.
type Column struct {
	// Name is the header's name of it, and what people are told.
	Name string `yaml:"name"`
	// Width is its width in bytes, in a fixed-width record. At, its first byte
	// counted from 1, is needed only where columns do not follow each other.
	Width int `yaml:"width"`
	At    int `yaml:"at"`
	// To is the field it becomes: a target such as business_date, keys.receipt or
	// line.quantity. Without one the column is passed over and counted.
	To string `yaml:"to"`
	// Required says that it may not be empty.
	Required bool `yaml:"required"`
	// Implied is how many of the digits of a number without decimal mark are
	// decimals. As is how a number is written: text (default), zoned (its last
	// character holds the sign) or packed (two digits a byte, the last half the
	// sign; IBM's COMP-3).
	Implied int    `yaml:"implied"`
	As      string `yaml:"as"`
	// Negate turns the sign of a number: where a sale of 2 is written 2, stock falls
	// by it.
	Negate bool `yaml:"negate"`
	// Formats are how a day or time may be written: YYYY YY MM DD HH mm ss SSS Z.
	Formats []string `yaml:"formats"`
	// Values translates what is written; "*" stands for every other value. A value
	// it does not have cannot be read.
	Values map[string]string `yaml:"values"`
	// Cases sets further fields by what is written, in the same manner.
	Cases map[string]map[string]string `yaml:"cases"`

	// ready for use, by resolve.
	formats []string // as package time has them
	target  target
	cases   map[string][]assignment
}

// assignment gives a field its value.
type assignment struct {
	to     string
	target target
	value  string
}

// hasRole reports whether any record has the role.
func (l *Layout) hasRole(r Role) bool {
	return slices.ContainsFunc(l.Records, func(rec Record) bool { return rec.Role == r })
}

// tagged reports whether records say their type.
func (l *Layout) tagged() bool {
	return len(l.Records) != 1 || l.Records[0].Tag != ""
}

// dates turns the formats of a layout into those of package time.
var dates = strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02", "HH", "15", "mm", "04", "ss", "05",
	".SSS", ".000", ",SSS", ",000", "Z", "Z07:00")

// resolve makes the layout ready for use, and says what is wrong with it: the
// place as a path into it, and a sentence.
func (l *Layout) resolve(fail func(place string, sentence string, args ...any)) {
	if l.Name == "" {
		fail("", `A layout needs a name: begin it with "layout: my-files".`)
	}
	var ok bool
	if l.chars, ok = charsetOf(l.Encoding); !ok {
		fail("encoding", "%q is no known encoding: use %s.", l.Encoding, encodings())
		l.chars, _ = charsetOf("")
	}
	var err error
	if l.begins, err = regexp.Compile("^(?:" + l.Begins + ")"); err != nil {
		fail("begins", "%q is no regular expression: %v.", l.Begins, err)
	}
	switch {
	case l.Delimiter == "tab":
		l.comma = '\t'
	case len(l.Delimiter) == 1 && l.Delimiter[0] < 0x80:
		l.comma = l.Delimiter[0]
	case l.Delimiter != "":
		fail("delimiter", `%q is no delimiter: use one character, or "tab".`, l.Delimiter)
	}
	l.quote = '"'
	switch {
	case l.Quote == "none":
		l.quote = 0
	case len(l.Quote) == 1 && l.Quote[0] < 0x80:
		l.quote = l.Quote[0]
	case l.Quote != "":
		fail("quote", `%q is no quote: use one character, or "none".`, l.Quote)
	}
	if l.comma == 0 || l.RecordLength > 0 {
		l.quote = 0
	}
	if l.RecordLength < 0 || l.RecordLength > mostRecord {
		fail("record_length", "%d is no length of a record: use 1 to %d bytes.", l.RecordLength, mostRecord)
	}
	if l.Decimal == "" {
		l.Decimal = "."
	}
	if len(l.Decimal) != 1 || len(l.Thousands) > 1 || l.Decimal == l.Thousands {
		fail("decimal", "The decimal mark %q and the grouping mark %q have to be two different characters.", l.Decimal, l.Thousands)
	}
	switch l.Units {
	case "", "rec20":
		l.list = units.Rec20
	case "x12":
		l.list = units.X12
	case "sap":
		l.list = units.SAP
	default:
		fail("units", "%q is no list of units: use rec20, x12 or sap.", l.Units)
		l.list = units.Rec20
	}
	if l.Zone != "" {
		zone, err := time.LoadLocation(l.Zone)
		if err != nil {
			fail("zone", "%q is no IANA time zone: use one such as Europe/Berlin.", l.Zone)
		}
		l.location = zone
	}
	l.resolveRecords(fail)
}
