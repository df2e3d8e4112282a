package mapping

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// numbers says how a document writes numbers.
type numbers struct{ point, group string }

// read returns a number in the contract's form. A sign may stand behind it, as
// SAP writes it.
func (n numbers) read(text string) (string, error) {
	s := strings.TrimSpace(text)
	sign := ""
	switch {
	case strings.HasSuffix(s, "-"):
		sign, s = "-", strings.TrimSpace(s[:len(s)-1])
	case strings.HasSuffix(s, "+"):
		s = strings.TrimSpace(s[:len(s)-1])
	case strings.HasPrefix(s, "-"):
		sign, s = "-", strings.TrimSpace(s[1:])
	case strings.HasPrefix(s, "+"):
		s = strings.TrimSpace(s[1:])
	}
	whole, fraction, pointed := strings.Cut(s, n.point)
	if n.group != "" && strings.Contains(whole, n.group) {
		groups := strings.Split(whole, n.group)
		for i, g := range groups {
			if len(g) != 3 && (i > 0 || len(g) == 0 || len(g) > 3) {
				return "", fmt.Errorf("%q is no number whose thousands are parted by %q", text, n.group)
			}
		}
		whole = strings.Join(groups, "")
	}
	if whole == "" {
		whole = "0"
	}
	plain := sign + whole
	if pointed && fraction != "" {
		plain += "." + fraction
	}
	if s == "" || s == n.point {
		plain = ""
	}
	if _, err := inventory.ParseDecimal(plain); err != nil {
		other := ","
		if n.point == "," {
			other = "."
		}
		if strings.Contains(s, other) {
			return "", fmt.Errorf("%q is no number with %q as its decimal sign: say how numbers are written, with numbers: {decimal: %q}", text, n.point, other)
		}
		return "", fmt.Errorf("%q is no number of at most 15 digits before and 9 after the decimal sign", text)
	}
	return plain, nil
}

// write is the inverse of read.
func (n numbers) write(d inventory.Decimal) string {
	return strings.Replace(d.String(), ".", n.point, 1)
}

// layoutOf turns a pattern such as dd.MM.yyyy HH:mm:ss into Go's layout. Letters
// that mean nothing are refused, unless they stand in quotes: yyyy-MM-dd'T'HH:mm.
func layoutOf(pattern string) (string, error) {
	if pattern == "unix" || pattern == "unix_ms" {
		return pattern, nil
	}
	var b strings.Builder
	for rest := pattern; rest != ""; {
		if rest[0] == '\'' {
			literal, after, ok := strings.Cut(rest[1:], "'")
			if !ok {
				return "", fmt.Errorf("layout %q: a quote is not closed", pattern)
			}
			if strings.ContainsAny(literal, "0123456789") || len(literal) > 3 {
				return "", fmt.Errorf("layout %q: only up to three letters or signs stand in quotes", pattern)
			}
			b.WriteString(literal)
			rest = after
			continue
		}
		n := 1
		for n < len(rest) && rest[n] == rest[0] {
			n++
		}
		part := rest[:n]
		goes, known := layouts[part]
		switch {
		case known:
			b.WriteString(goes)
		case strings.ContainsAny(part[:1], " .,:/-_+"):
			b.WriteString(part)
		default:
			return "", fmt.Errorf("layout %q: %q means nothing; there are yyyy yy MM M dd d HH H mm ss S SSS XXX xx, and letters in quotes", pattern, part)
		}
		rest = rest[n:]
	}
	if b.Len() == 0 {
		return "", errors.New("a layout is empty")
	}
	return b.String(), nil
}

var layouts = map[string]string{
	"yyyy": "2006", "yy": "06", "MM": "01", "M": "1", "dd": "02", "d": "2", "HH": "15", "H": "15", "mm": "04", "m": "4", "ss": "05", "s": "5",
	"S": "0", "SS": "00", "SSS": "000", "SSSSSS": "000000", "XXX": "Z07:00", "xx": "-0700", "xxx": "-07:00",
}
