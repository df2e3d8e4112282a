package edi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Party is who sent or receives an interchange: an identification and the code
// of its list, as sent.
type Party struct{ ID, Scheme string }

// Interchange is what the envelope of ISA and IEA, UNB and UNZ, or DXS and DXE
// says of its messages.
type Interchange struct {
	Syntax           Syntax
	Path             string // ISA 000000049
	Control          string
	Sender, Receiver Party
	Version          string // ISA12, or UNOC:3
	Date, Time       string // as sent: YYMMDD, or YYYYMMDD in syntax 4, and HHMM
	Test             bool   // marked as test data: ISA15 T, UNB11 1
	// Raw is the first segment exactly as it stands, End the last one.
	Raw, End []byte

	// notes are what is doubtful of it; miscounts are those among them that
	// contradict what was counted.
	notes     []format.Note
	miscounts []Miscount
	messages  int
	groups    int
	marks     *marks
	// told is when what its first event tells of happened, toldOf where.
	told       time.Time
	toldAsSent string
	toldOf     Party
}

// Group is a functional group: GS and GE, or UNG and UNE.
type Group struct {
	Control, Type    string
	Sender, Receiver Party
	Date, Time       string
	messages         int
}

// Miscount is a control count, number or total that contradicts the document.
type Miscount struct {
	Path, Field, Value string
	// Found is what is there, as the end of "…, but ".
	Found string
}

func (m Miscount) note() format.Note {
	detail := fmt.Sprintf("%s says %q, but %s", m.Field, m.Value, m.Found)
	if m.Value == "" {
		detail = fmt.Sprintf("%s is missing: %s", m.Field, m.Found)
	}
	return format.Note{
		Code: format.CountMismatch, Path: m.Path,
		Detail: detail + ". It was read all the same; ask the sender whether something is missing.",
	}
}

// Message is one transaction set or message with its envelope.
type Message struct {
	Interchange *Interchange
	Group       *Group // nil where there is none
	Path        string // ISA 000000049/GS 49/ST 0008
	Type        string // 856, DESADV
	Version     string // 004010; D:96A:UN
	Control     string
	// Head is ST or UNH, Body what stands between it and SE or UNT.
	Head Segment
	Body []Segment
	// Raw is all of it, exactly as it stands.
	Raw   []byte
	Notes []format.Note

	size    int
	wrapped bool // a segment of it was, and that is noted
	joined  bool // and segments are missing that it says it has
}

// Span is the message's bytes from one segment of the body to another, the
// latter included; they stand in the document exactly so.
func (m *Message) Span(from, to int) []byte {
	return m.Raw[m.Body[from].from:m.Body[to].to]
}

// Note adds a note about a place in the message, such as LIN[3].
func (m *Message) Note(code, place, detail string) {
	path := m.Path
	if place != "" {
		path += "/" + place
	}
	m.Notes = append(m.Notes, format.Note{Code: code, Path: path, Detail: detail})
}

// Contradict notes that a field of the message says otherwise than the message
// is, and has the interchange's document event tell of it.
func (m *Message) Contradict(field, value, found string) {
	c := Miscount{m.Path, field, value, found}
	m.Notes = append(m.Notes, c.note())
	m.Interchange.miscounts = append(m.Interchange.miscounts, c)
}

// Count checks a control count against what was counted.
func (m *Message) Count(field, value string, counted int, what string) {
	if n, err := strconv.Atoi(value); err != nil || n != counted {
		m.Contradict(field, value, fmt.Sprintf("the count of %s is %d", what, counted))
	}
}

// Total checks a hash total against the sum of what it is about, such as the
// quantities shipped.
func (m *Message) Total(field, value string, sum inventory.Decimal, what string) {
	if said, err := inventory.ParseDecimal(value); err != nil || said != sum {
		m.Contradict(field, value, fmt.Sprintf("%s sum up to %s", what, sum))
	}
}

func (i *Interchange) note(code, path, detail string) {
	i.notes = append(i.notes, format.Note{Code: code, Path: path, Detail: detail})
}

func (i *Interchange) contradict(path, field, value, found string) {
	m := Miscount{path, field, value, found}
	i.miscounts = append(i.miscounts, m)
	i.notes = append(i.notes, m.note())
}

// count checks a trailer's count and control number against its header's.
func (i *Interchange) count(path, field, value string, counted int, what string) {
	if n, err := strconv.Atoi(value); err != nil || n != counted {
		i.contradict(path, field, value, fmt.Sprintf("the count of %s is %d", what, counted))
	}
}

// number checks that a trailer repeats its header's control number; padding
// does not count.
func (i *Interchange) number(path, field, value, header, expected string) {
	switch {
	case inventory.Unpad(value) == inventory.Unpad(expected):
	case expected != "" && inventory.Unpad(bare(value)) == inventory.Unpad(expected):
		i.note(format.NotStandard, path, fmt.Sprintf("%s is %q, with characters that do not belong to the number of %s: read without them.", field, value, header))
	default:
		i.contradict(path, field, value, fmt.Sprintf("%s is %q", header, expected))
	}
}

// bare leaves letters and digits.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 && alphanumeric(byte(r)) {
			return r
		}
		return -1
	}, s)
}

// open reads what the first segment of an interchange says.
func (i *Interchange) open(head *Segment, syntax Syntax, raw []byte) {
	i.Syntax, i.Raw, i.marks = syntax, raw, head.marks
	switch head.Tag {
	case "ISA":
		i.Sender, i.Receiver = Party{head.Text(6), head.Text(5)}, Party{head.Text(8), head.Text(7)}
		i.Date, i.Time, i.Version, i.Control = head.Text(9), head.Text(10), head.Text(12), head.Text(13)
		i.Test = head.Text(15) == "T"
	case "DXS":
		i.Sender, i.Receiver, i.Version, i.Control = Party{head.Text(1), ""}, Party{head.Text(5), ""}, head.Text(3), head.Text(4)
	case "UNB":
		i.Version = strings.Trim(head.Part(1, 1)+":"+head.Part(1, 2), ":")
		i.Sender, i.Receiver = Party{head.Part(2, 1), head.Part(2, 2)}, Party{head.Part(3, 1), head.Part(3, 2)}
		i.Date, i.Time, i.Control, i.Test = head.Part(4, 1), head.Part(4, 2), head.Text(5), head.Text(11) == "1"
	}
	i.Path = strings.TrimSpace(head.Tag + " " + i.Control)
}
