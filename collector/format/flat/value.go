package flat

import (
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// value reads what stands in a column: text for the target's set, and "" where
// nothing is said. raw are the column's bytes in a fixed-width record. The error
// is one sentence that names the column.
func (l *Layout) value(c *Column, k kind, said string, raw []byte) (string, error) {
	v := strings.Trim(said, " \t\x00")
	if c.As == "packed" {
		var err error
		if v, err = packed(raw); err != nil {
			return "", fmt.Errorf("%s %w", c.Name, err)
		}
	}
	if v == "" || ((k == day || k == moment) && strings.Trim(v, "0-:./ T") == "" && !clock(c)) {
		if c.Required {
			return "", fmt.Errorf("%s is empty, and has to be given.", c.Name) //nolint:revive,staticcheck // sentences for people
		}
		return "", nil
	}
	if c.As == "zoned" {
		var err error
		if v, err = zoned(v); err != nil {
			return "", fmt.Errorf("%s %w", c.Name, err)
		}
	}
	if len(c.Values) > 0 {
		to, ok := c.Values[v]
		if !ok {
			if to, ok = c.Values["*"]; !ok {
				return "", fmt.Errorf("%s is %s, which the layout does not know: add it to the column's values, or correct it at its source.", c.Name, show(v)) //nolint:revive,staticcheck // sentences for people
			}
		}
		if v = to; v == "" {
			return "", nil
		}
	}
	switch k {
	case number, whole:
		d, err := l.decimal(v, c.Implied)
		if err != nil {
			return "", fmt.Errorf("%s %w", c.Name, err)
		}
		if c.Negate {
			d = d.Neg()
		}
		if w, nano := d.Parts(); k == whole && (nano != 0 || w < 0 || w > 1<<31-1) {
			return "", fmt.Errorf("%s is %s, and no count.", c.Name, show(v)) //nolint:revive,staticcheck // sentences for people
		}
		return d.String(), nil
	case day, moment:
		v, err := stamp(v, c.formats, k)
		if err != nil {
			return "", fmt.Errorf("%s %w", c.Name, err)
		}
		return v, nil
	default:
		return v, nil
	}
}

// clock reports whether a column holds a time of day, where zeros are midnight.
func clock(c *Column) bool { return c.To == "time.clock" }

// decimal reads a number as the layout writes them: a sign before or behind it,
// groups of three digits, implied decimals.
func (l *Layout) decimal(v string, implied int) (inventory.Decimal, error) {
	digits, sign := v, ""
	switch {
	case strings.HasPrefix(v, "-") || strings.HasPrefix(v, "+"):
		sign, digits = v[:1], v[1:]
	case strings.HasSuffix(v, "-") || strings.HasSuffix(v, "+"):
		sign, digits = v[len(v)-1:], v[:len(v)-1]
	}
	digits = strings.TrimSpace(digits)
	whole, fraction, pointed := strings.Cut(digits, l.Decimal)
	if l.Thousands != "" && strings.Contains(whole, l.Thousands) {
		groups := strings.Split(whole, l.Thousands)
		for i, g := range groups {
			if len(g) != 3 && (i > 0 || len(g) == 0 || len(g) > 3) {
				return inventory.Decimal{}, fmt.Errorf("is %s, whose groups are not of three digits: its decimal mark may be another than the layout's %q.", show(v), l.Decimal) //nolint:revive,staticcheck // sentences for people
			}
		}
		whole = strings.Join(groups, "")
	}
	if implied > 0 {
		if pointed {
			return inventory.Decimal{}, fmt.Errorf("is %s with a decimal mark, where the layout implies %d decimals: correct one of them.", show(v), implied) //nolint:revive,staticcheck // sentences for people
		}
		if short := implied + 1 - len(whole); short > 0 {
			whole = strings.Repeat("0", short) + whole
		}
		whole, fraction = whole[:len(whole)-implied], whole[len(whole)-implied:]
	}
	if whole == "" && fraction != "" {
		whole = "0"
	}
	text := sign + whole
	if fraction != "" {
		text += "." + fraction
	}
	d, err := inventory.ParseDecimal(text)
	if err != nil {
		return inventory.Decimal{}, fmt.Errorf("is %s, and no number: at most 15 digits before the decimal mark %q and 9 after it.", show(v), l.Decimal) //nolint:revive,staticcheck // sentences for people
	}
	return d, nil
}

// zoned reads a zoned decimal: the sign is in the zone of the last digit, which
// shows as { A–I (plus) or } J–R (minus) in EBCDIC and ASCII alike.
func zoned(v string) (string, error) {
	last := v[len(v)-1]
	const plus, minus = "{ABCDEFGHI", "}JKLMNOPQR"
	if i := strings.IndexByte(plus, last); i >= 0 {
		return v[:len(v)-1] + string(rune('0'+i)), nil
	}
	if i := strings.IndexByte(minus, last); i >= 0 {
		return "-" + v[:len(v)-1] + string(rune('0'+i)), nil
	}
	if last < '0' || last > '9' {
		return "", fmt.Errorf("is %s, and no zoned number.", show(v)) //nolint:revive,staticcheck // sentences for people
	}
	return v, nil
}

// packed reads a packed decimal: two digits a byte, and the sign in the last
// half: D is minus, C and F plus.
func packed(raw []byte) (string, error) {
	var b strings.Builder
	bad := fmt.Errorf("is % X, and no packed number: its columns may have shifted.", raw) //nolint:revive,staticcheck // sentences for people
	for i, x := range raw {
		high, low := x>>4, x&0xF
		if high > 9 {
			return "", bad
		}
		b.WriteByte('0' + high)
		switch {
		case i < len(raw)-1 && low > 9, i == len(raw)-1 && low < 0xA:
			return "", bad
		case i < len(raw)-1:
			b.WriteByte('0' + low)
		case low == 0xD || low == 0xB:
			return "-" + b.String(), nil
		}
	}
	return b.String(), nil
}

// usual are the formats that are read where a column names none.
var usual = map[kind][]string{
	day:    {"2006-01-02", "20060102"},
	moment: {"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "20060102150405", "2006-01-02", "20060102", "15:04:05", "150405"},
}

// stamp reads a day, a time of day, or both, and writes what it says in the ISO
// form: 2026-11-23, 10:02:54, 2026-11-23T10:02:54 with an offset where it has one.
func stamp(v string, formats []string, k kind) (string, error) {
	if len(formats) == 0 {
		formats = usual[k]
	}
	for _, f := range formats {
		t, err := time.Parse(f, v)
		if err != nil {
			continue
		}
		dated, timed := strings.Contains(f, "02"), strings.Contains(f, "15")
		if dated && (t.Year() < 1970 || t.Year() > 2261) {
			return "", fmt.Errorf("is %s, before 1970 or after 2261: most often a placeholder for no time. Leave it empty instead.", show(v)) //nolint:revive,staticcheck // sentences for people
		}
		if k == day && !dated {
			continue
		}
		var out string
		if dated {
			out = t.Format(time.DateOnly)
		}
		if k == day {
			return out, nil
		}
		if timed {
			if dated {
				out += "T"
			}
			out += t.Format("15:04:05.999999999")
			if strings.Contains(f, "Z07") {
				out += t.Format("Z07:00")
			}
		}
		return out, nil
	}
	return "", fmt.Errorf("is %s, and no day or time as the layout writes them: correct it at its source, or add its format.", show(v)) //nolint:revive,staticcheck // sentences for people
}

// show quotes what a sender wrote, shortened.
func show(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
