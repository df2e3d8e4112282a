package canonical

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// kind is what a scalar was on the wire.
type kind byte

const (
	none    kind = iota // null, or an attribute without a value: as if not sent
	str                 // text
	integer             // a number written without point or exponent
	number              // any other number
	boolean
	structured // an object, an array or bytes
)

// scalar is a single value as sent, over either wire. text is the string
// itself or the number or boolean as written.
type scalar struct {
	kind kind
	text string
}

// absent reports whether nothing was said. Senders fill templates: an empty
// string means the same as no field.
func (s scalar) absent() bool { return s.kind == none || s.kind == str && s.text == "" }

// asText reads an identifier or a word. A whole number is accepted as the text
// it is written as, because a till number 4 can mean only "4". Anything else
// could have lost zeros or digits on its way, and is rejected.
func (s scalar) asText() (string, error) {
	switch s.kind {
	case none, str:
		return s.text, nil
	case integer:
		if s.text[0] != '-' {
			return s.text, nil
		}
		return "", fmt.Errorf("must be text, but is the negative number %s: identifiers are strings", s.text)
	case number:
		return "", fmt.Errorf("must be text, but is the number %s: send identifiers in quotes, as a number may have lost digits or zeros", s.text)
	case boolean:
		return "", fmt.Errorf("must be text, but is %s", s.text)
	default:
		return "", errStructured
	}
}

// asDecimal reads an exact decimal, sent as text or number.
func (s scalar) asDecimal() (inventory.Decimal, error) {
	switch s.kind {
	case none:
		return inventory.Decimal{}, nil
	case str, integer, number:
		d, err := inventory.ParseDecimal(s.text)
		if err != nil {
			return d, fmt.Errorf("must be a plain decimal such as \"-2\" or \"0.125\", but is %s: write at most 15 digits before and 9 after the point, without exponent", show(s.text))
		}
		return d, nil
	default:
		return inventory.Decimal{}, fmt.Errorf("must be a decimal in quotes, such as \"-2\"")
	}
}

// asAmount reads a decimal that is kept as it was written.
func (s scalar) asAmount() (string, error) {
	if s.absent() {
		return "", nil
	}
	if _, err := s.asDecimal(); err != nil {
		return "", err
	}
	return s.text, nil
}

// asInt reads a whole number from 0 to most, sent as number or digits.
func (s scalar) asInt(most int64) (int64, error) {
	if s.absent() {
		return 0, nil
	}
	if s.kind == str || s.kind == integer {
		n, err := strconv.ParseInt(s.text, 10, 64)
		if err == nil && n >= 0 && n <= most {
			return n, nil
		}
	}
	return 0, fmt.Errorf("must be a whole number from 0 to %d, but is %s", most, show(s.text))
}

func (s scalar) asBool() (bool, error) {
	if s.kind == boolean || s.kind == str {
		switch s.text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, fmt.Errorf("must be true or false, but is %s", show(s.text))
}

// asDate reads a calendar day as data. It is a label, not an instant, and is
// kept as written.
func (s scalar) asDate() (string, error) {
	text, err := s.asText()
	if err != nil || text == "" {
		return "", err
	}
	if !isDate(text) {
		return "", fmt.Errorf("must be a day written YYYY-MM-DD, but is %s", show(text))
	}
	return text, nil
}

// isDate reports whether s is a day of the calendar written YYYY-MM-DD.
func isDate(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	digits := func(part string) (n int) {
		for i := range len(part) {
			c := part[i] - '0'
			if c > 9 {
				return -1
			}
			n = 10*n + int(c)
		}
		return n
	}
	year, month, day := digits(s[:4]), digits(s[5:7]), digits(s[8:])
	if year < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= 28 || day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (s scalar) asChoice(choices []string) (string, error) {
	text, err := s.asText()
	if err != nil || text == "" || slices.Contains(choices, text) {
		return text, err
	}
	return "", fmt.Errorf("must be one of %s, but is %s", strings.Join(choices, ", "), show(text))
}

// asInstant reads an RFC 3339 timestamp. A leap second is the second after :59.
func (s scalar) asInstant() (time.Time, error) {
	text, err := s.asText()
	if err != nil {
		return time.Time{}, err
	}
	return parseInstant(text)
}

func parseInstant(text string) (time.Time, error) {
	wrong := func(why string) (time.Time, error) {
		return time.Time{}, fmt.Errorf("must be an RFC 3339 instant such as 2026-11-23T10:02:54.120+01:00, but is %s: %s", show(text), why)
	}
	const shape = "0000-00-00T00:00:00"
	if len(text) <= len(shape) {
		return wrong("date, time of day or offset is missing")
	}
	for i := range len(shape) {
		c, digit := text[i], text[i] >= '0' && text[i] <= '9'
		switch {
		case shape[i] == '0' && !digit,
			shape[i] == 'T' && c != 'T' && c != 't' && c != ' ',
			shape[i] != '0' && shape[i] != 'T' && c != shape[i]:
			return wrong("the date and time are not written that way")
		}
	}
	plain, leap := text, time.Duration(0)
	if plain[10] != 'T' || strings.HasSuffix(plain, "z") {
		plain = plain[:10] + "T" + strings.ToUpper(plain[11:])
	}
	if plain[17:19] == "60" {
		plain, leap = plain[:17]+"59"+plain[19:], time.Second
	}
	if end := plain[len(plain)-1]; end != 'Z' && (len(plain) < 25 || plain[len(plain)-3] != ':') {
		return wrong("it has no offset; end it with Z or one such as +01:00, since a wall time without offset is ambiguous")
	}
	if plain[19] == ',' {
		return wrong("fractions of a second follow a point")
	}
	t, err := time.Parse(time.RFC3339Nano, plain)
	if err != nil {
		return wrong("there is no such day or time of day")
	}
	return storable(t.Add(leap))
}

// The instants that every part of stocktrace can hold. 1970 itself is left out:
// it is what clocks say that were never set, and what columns hold for none.
var (
	earliest = time.Unix(0, 0).UTC()
	latest   = time.Unix(0, math.MaxInt64).UTC()
)

// storable returns t in UTC to the microsecond, the precision everything is
// stored in, so that an event equals itself after a round trip.
func storable(t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Microsecond)
	if !t.After(earliest) || t.After(latest) {
		return time.Time{}, fmt.Errorf("must lie between 1970 and 2262, but is %s: set the sender's clock", t.Format(time.RFC3339))
	}
	return t, nil
}
