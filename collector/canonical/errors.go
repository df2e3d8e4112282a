package canonical

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Reasons for which something is quarantined.
const (
	// Unreadable: not JSON, not protobuf, not the envelope it claims to be.
	Unreadable = "unreadable"
	// Malformed: readable, but a field is missing or cannot mean anything.
	Malformed = "malformed"
	// Contradiction: two statements of one event exclude each other.
	Contradiction = "contradiction"
	// Oversized: larger than one event may be.
	Oversized = "oversized"
)

// Error says why an event cannot be read.
type Error struct {
	// Reason is one of the reasons above.
	Reason string
	// Pointer is where, as a JSON pointer (RFC 6901) into the event as sent. For
	// OTLP it points into the span or log record, attributes by name:
	// /attributes/inventory.lines/0/quantity.
	Pointer string
	// Detail is one sentence: what is wrong and what to do.
	Detail string
}

// Error returns pointer and detail.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

// contradiction is the error of a field that excludes another one; every other
// plain error of a field means malformed.
type contradiction string

func (c contradiction) Error() string { return string(c) }

// at turns what a field had to say against its value into an Error with a
// place; an Error that has one already passes through.
func at(pointer string, err error) error {
	var placed *Error
	if errors.As(err, &placed) {
		return placed
	}
	reason := Malformed
	var c contradiction
	if errors.As(err, &c) {
		reason = Contradiction
	}
	return &Error{Reason: reason, Pointer: pointer, Detail: err.Error()}
}

// syntax turns an error of the JSON decoder into an Error. document is the
// pointer of the JSON document within the event.
func syntax(document string, err error) error {
	var s *jsontext.SyntacticError
	switch {
	case errors.As(err, &s):
		pointer := document + string(s.JSONPointer)
		switch {
		case errors.Is(s.Err, jsontext.ErrDuplicateName):
			return &Error{Contradiction, pointer, "is written twice in one object: write it once, since which of the two counts is undefined"}
		case errors.Is(s.Err, io.ErrUnexpectedEOF):
			return &Error{Unreadable, pointer, fmt.Sprintf("the JSON ends in the middle of a value, after byte %d", s.ByteOffset)}
		case strings.Contains(s.Err.Error(), "UTF-8"):
			return &Error{Unreadable, pointer, fmt.Sprintf("byte %d is not UTF-8: JSON is exchanged in UTF-8 only", s.ByteOffset)}
		default:
			return &Error{Unreadable, pointer, fmt.Sprintf("is not JSON at byte %d: %s", s.ByteOffset, s.Err)}
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Unreadable, document, "is empty: a JSON document was expected"}
	default:
		return &Error{Unreadable, document, err.Error()}
	}
}

// pointer appends name to a JSON pointer, escaped.
func pointer(base, name string) string { return string(jsontext.Pointer(base).AppendToken(name)) }

// show quotes a value for a sentence, cut where it would drown it.
func show(s string) string {
	const most = 80
	if len(s) > most {
		cut := bytes.ToValidUTF8([]byte(s[:most]), nil)
		return fmt.Sprintf("%q…", cut)
	}
	return fmt.Sprintf("%q", s)
}
