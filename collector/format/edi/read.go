package edi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/stocktrace/stocktrace/collector/format"
)

// part is what a document is made of; one of the fields is set.
type part struct {
	message *Message
	closing *Interchange // an interchange ended, with what it says of itself
	lost    *lost
}

// lost are bytes that could not be read as a part of a message.
type lost struct {
	problem format.Problem
	raw     []byte
}

// envelope cuts segments into messages and checks the control segments.
type envelope struct {
	yield       func(part) error
	interchange *Interchange
	group       *Group
	message     *Message
	dropping    bool // the message is too large to be held
}

// parts reads a document and yields its parts in order. The error is yield's, or
// a *format.Problem where nothing in it is an interchange or the reader fails.
func parts(ctx context.Context, in io.Reader, syntax Syntax, yield func(part) error) error {
	s := newScanner(in, syntax)
	found := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := s.offset
		between, err := s.seek()
		if err != nil && !errors.Is(err, io.EOF) {
			return unreadable(err)
		}
		if len(between) > 0 && found {
			at = max(at, s.offset-int64(len(between)))
			if err := yield(part{lost: &lost{format.Problem{
				Path:   fmt.Sprintf("byte %d", at),
				Detail: fmt.Sprintf("%d bytes belong to no interchange: they were left out. Ask the sender what they are.", len(between)),
			}, between}}); err != nil {
				return err
			}
		} else if len(between) > 0 {
			first := "an interchange begins with ISA, GS or DXS"
			if syntax == EDIFACT {
				first = "an interchange begins with UNA or UNB"
			}
			if err := yield(part{lost: &lost{format.Problem{
				Path:   "byte 0",
				Detail: fmt.Sprintf("%d bytes stand before any interchange and were left out: %s.", len(between), first),
			}, between}}); err != nil {
				return err
			}
		}
		if err != nil {
			if !found {
				return &format.Problem{Detail: "No interchange was found in it: send it as X12 or EDIFACT, beginning with its first segment."}
			}
			return nil
		}
		if len(between) == MaxSegment {
			continue
		}
		found = true
		if err := readInterchange(ctx, s, syntax, yield); err != nil {
			return err
		}
	}
}

func unreadable(err error) error {
	return &format.Problem{Detail: "The document could not be read to its end: " + err.Error() + "."}
}

// readInterchange reads up to the interchange's last segment, or to where
// another begins. Damage to the syntax ends it, and reading goes on behind.
func readInterchange(ctx context.Context, s *scanner, syntax Syntax, yield func(part) error) error {
	head, raw, notes, err := s.open()
	if err != nil {
		return damaged(err, fmt.Sprintf("byte %d", s.offset-int64(len(raw))), raw, yield)
	}
	i := &Interchange{}
	i.open(&head, syntax, raw)
	for _, n := range notes {
		i.note(format.NotStandard, i.Path, n)
	}
	e := &envelope{yield: yield, interchange: i}
	if head.Tag == "UNH" || head.Tag == "GS" || head.Tag == "ST" {
		i.Path = "document"
		if head.Tag == "UNH" {
			i.note(format.NotStandard, i.Path, "The document begins with UNH, without a UNB: read as an interchange of its own.")
		}
		head.from, head.to = 0, len(raw)
		if _, err := e.take(head, raw); err != nil {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		seg, raw, err := s.next(i.marks)
		if err != nil {
			return e.cut(err, raw)
		}
		if done, err := e.take(seg, raw); done || err != nil {
			return err
		}
	}
}

// damaged yields what could not be read; reading goes on with the next
// interchange.
func damaged(err error, path string, raw []byte, yield func(part) error) error {
	d := (*damage)(nil)
	if errors.As(err, &d) {
		return yield(part{lost: &lost{format.Problem{Path: path, Detail: "The envelope cannot be read: " + d.detail + "."}, raw}})
	}
	if errors.Is(err, io.EOF) {
		return yield(part{lost: &lost{format.Problem{Path: path, Detail: "The envelope cannot be read: the document ends within it. Send it whole."}, raw}})
	}
	return unreadable(err)
}

// cut ends an interchange that has no last segment.
func (e *envelope) cut(err error, raw []byte) error {
	i := e.interchange
	d := (*damage)(nil)
	end := ""
	switch {
	case errors.As(err, &d):
		if e.message != nil {
			raw = append(e.message.Raw, raw...)
		}
		path := i.Path
		if e.message != nil {
			path = e.message.Path
		}
		e.message = nil
		if err := damaged(err, path, raw, e.yield); err != nil {
			return err
		}
		end = "the syntax is damaged"
	case errors.Is(err, errNext):
		end = "the next interchange begins"
	case errors.Is(err, io.EOF):
		end = "the document ends"
	default:
		return unreadable(err)
	}
	if err := e.endMessage(nil, end); err != nil {
		return err
	}
	e.endGroup(nil, end)
	if i.Path != "document" {
		i.contradict(i.Path, e.names().interchangeEnd, "", end)
	}
	return e.yield(part{closing: i})
}

// names are the tags of a syntax's control segments.
type names struct{ group, groupEnd, message, messageEnd, interchangeEnd string }

func (e *envelope) names() names {
	if e.interchange.Syntax == EDIFACT {
		return names{"UNG", "UNE", "UNH", "UNT", "UNZ"}
	}
	if len(e.interchange.Raw) > 3 && string(e.interchange.Raw[:3]) == "DXS" {
		return names{"GS", "GE", "ST", "SE", "DXE"}
	}
	return names{"GS", "GE", "ST", "SE", "IEA"}
}

// take files a segment; done says that the interchange has ended.
func (e *envelope) take(seg Segment, raw []byte) (done bool, err error) {
	i, n := e.interchange, e.names()
	switch seg.Tag {
	case n.group:
		if err := e.endMessage(nil, "the next group begins"); err != nil {
			return false, err
		}
		e.endGroup(nil, "the next group begins")
		e.openGroup(&seg)
	case n.groupEnd:
		if err := e.endMessage(nil, "its group ends"); err != nil {
			return false, err
		}
		e.endGroup(&seg, "")
	case n.message:
		if err := e.endMessage(nil, "the next one begins"); err != nil {
			return false, err
		}
		e.openMessage(seg, raw)
	case n.messageEnd:
		if e.message == nil {
			return false, e.stray(seg, raw)
		}
		if err := e.add(seg, raw); err != nil || e.message == nil {
			return false, err
		}
		return false, e.endMessage(&seg, "")
	case n.interchangeEnd:
		if err := e.endMessage(nil, "its interchange ends"); err != nil {
			return false, err
		}
		e.endGroup(nil, "its interchange ends")
		e.close(&seg, raw)
		return true, e.yield(part{closing: i})
	case "TA1":
		// The acknowledgement of an interchange stands alone, between groups.
		if e.message == nil {
			m := &Message{Interchange: i, Path: i.Path + "/TA1", Type: "TA1", Head: seg}
			m.Raw = raw[seg.from:]
			seg.from, seg.to = 0, len(m.Raw)
			m.Body = []Segment{seg}
			return false, e.yield(part{message: m})
		}
		return false, e.add(seg, raw)
	default:
		if e.message == nil {
			return false, e.stray(seg, raw)
		}
		return false, e.add(seg, raw)
	}
	return false, nil
}

// stray is a segment that stands outside any message.
func (e *envelope) stray(seg Segment, raw []byte) error {
	if e.dropping {
		e.dropping = seg.Tag != e.names().messageEnd
		return nil
	}
	return e.yield(part{lost: &lost{format.Problem{
		Path:   e.interchange.Path,
		Detail: fmt.Sprintf("The segment %q stands outside any %s and was left out: a segment before it may be missing.", seg.Tag, e.names().message),
	}, raw[seg.from:]}})
}

func (e *envelope) openGroup(seg *Segment) {
	g := &Group{Type: seg.Text(1)}
	if seg.Tag == "GS" {
		g.Sender, g.Receiver = Party{ID: seg.Text(2)}, Party{ID: seg.Text(3)}
		g.Date, g.Time, g.Control = seg.Text(4), seg.Text(5), seg.Text(6)
	} else {
		g.Sender, g.Receiver = Party{seg.Part(2, 1), seg.Part(2, 2)}, Party{seg.Part(3, 1), seg.Part(3, 2)}
		g.Date, g.Time, g.Control = seg.Part(4, 1), seg.Part(4, 2), seg.Text(5)
	}
	e.group = g
	if i := e.interchange; i.Path == "document" {
		// Without an ISA the group says who speaks to whom, and when.
		i.Sender, i.Receiver, i.Date, i.Time = g.Sender, g.Receiver, g.Date, g.Time
	}
	e.interchange.groups++
}

func (e *envelope) endGroup(seg *Segment, instead string) {
	g, i, n := e.group, e.interchange, e.names()
	e.group = nil
	switch {
	case g == nil && seg == nil:
	case g == nil:
		i.contradict(i.Path, n.groupEnd, seg.Text(2), "no "+n.group+" stands before it")
	case seg == nil:
		i.contradict(e.groupPath(g), n.groupEnd, "", instead)
	default:
		path := e.groupPath(g)
		i.count(path, n.groupEnd+"01", seg.Text(1), g.messages, "messages in the group")
		header := "GS06"
		if n.group == "UNG" {
			header = "UNG05"
		}
		i.number(path, n.groupEnd+"02", seg.Text(2), header, g.Control)
	}
}

func (e *envelope) groupPath(g *Group) string {
	return e.interchange.Path + "/" + e.names().group + " " + g.Control
}

func (e *envelope) openMessage(seg Segment, raw []byte) {
	i := e.interchange
	i.messages++
	m := &Message{Interchange: i, Group: e.group, Head: seg}
	path := i.Path
	if e.group != nil {
		e.group.messages++
		path = e.groupPath(e.group)
	}
	if seg.Tag == "ST" {
		m.Type, m.Control, m.Version = seg.Text(1), seg.Text(2), seg.Text(3)
		if m.Version == "" {
			m.Version = i.Version
		}
	} else {
		m.Control, m.Type = seg.Text(1), seg.Part(2, 1)
		m.Version = seg.Part(2, 2) + ":" + seg.Part(2, 3) + ":" + seg.Part(2, 4)
	}
	m.Path = path + "/" + seg.Tag + " " + m.Control
	m.Raw = append([]byte(nil), raw[seg.from:]...)
	m.Head.from, m.Head.to = 0, len(m.Raw)
	m.size = 1
	e.message, e.dropping = m, false
}

// add appends a segment to the message. One too large to be held is given up,
// and what follows of it is left out.
func (e *envelope) add(seg Segment, raw []byte) error {
	m := e.message
	if len(m.Raw)+len(raw) > MaxMessage || len(m.Body) >= MaxSegments {
		e.message, e.dropping = nil, seg.Tag != e.names().messageEnd
		return e.yield(part{lost: &lost{format.Problem{
			Path:   m.Path,
			Detail: fmt.Sprintf("It is longer than %d MiB or %d segments and cannot be held in memory; only its first %d KiB are kept. Split it.", MaxMessage>>20, MaxSegments, MaxSegment>>10),
		}, m.Raw[:min(len(m.Raw), MaxSegment):min(len(m.Raw), MaxSegment)]}})
	}
	seg.from, seg.to = len(m.Raw)+seg.from, len(m.Raw)+seg.to
	m.Raw = append(m.Raw, raw...)
	m.size++
	if seg.wrapped && !m.wrapped {
		m.wrapped = true
		m.Note(format.NotStandard, seg.Tag, "A line ends within the segment: read without the line end. Where another terminator stands there, segments are joined that are not one.")
	}
	m.Body = append(m.Body, seg)
	return nil
}

// endMessage yields the message, checked against its last segment; without one
// the message is read all the same.
func (e *envelope) endMessage(seg *Segment, instead string) error {
	m, n := e.message, e.names()
	e.message = nil
	if m == nil {
		return nil
	}
	if seg == nil {
		m.Contradict(n.messageEnd, "", instead)
		return e.yield(part{message: m})
	}
	m.Body = m.Body[:len(m.Body)-1]
	m.Count(n.messageEnd+"01", seg.Text(1), m.size, "segments from "+n.message+" to "+n.messageEnd)
	if said, err := strconv.Atoi(seg.Text(1)); m.wrapped && err == nil && said > m.size {
		m.joined = true
	}
	if control := seg.Text(2); control != m.Control {
		header := "ST02"
		if n.message == "UNH" {
			header = "UNH01"
		}
		m.Contradict(n.messageEnd+"02", control, fmt.Sprintf("%s is %q", header, m.Control))
	}
	return e.yield(part{message: m})
}

func (e *envelope) close(seg *Segment, raw []byte) {
	i := e.interchange
	i.End = raw[seg.from:]
	switch seg.Tag {
	case "IEA":
		i.count(i.Path, "IEA01", seg.Text(1), i.groups, "groups in the interchange")
		i.number(i.Path, "IEA02", seg.Text(2), "ISA13", i.Control)
	case "DXE":
		i.number(i.Path, "DXE01", seg.Text(1), "DXS04", i.Control)
		i.count(i.Path, "DXE02", seg.Text(2), i.messages, "transaction sets in the transmission")
	default:
		n, what := i.messages, "messages in the interchange"
		if i.groups > 0 {
			n, what = i.groups, "groups in the interchange"
		}
		i.count(i.Path, "UNZ01", seg.Text(1), n, what)
		i.number(i.Path, "UNZ02", seg.Text(2), "UNB05", i.Control)
	}
}
