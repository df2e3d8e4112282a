package jsonread

import (
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// exact is the largest whole number that every JSON reader keeps: 2^53. What is
// larger has often been rounded to a double before it was sent (RFC 8259, 6).
const exact = "9007199254740992"

// Identifier returns a value that names something as text: a number as it is
// written. A number that a sender may have rounded is added to notes.
func (v *Value) Identifier(notes *[]format.Note) string {
	if !v.Given() || (v.Kind != Text && v.Kind != Number) {
		return ""
	}
	if v.Kind == Number && Rounded(v.text) && notes != nil {
		*notes = append(*notes, format.Note{
			Code: format.IDRounded, Path: v.Path(),
			Detail: v.text + " is an identifier sent as a number above 2^53: its last digits may have been rounded. It was kept as written; ask the sender for text.",
		})
	}
	return strings.TrimSpace(v.text)
}

// Rounded reports whether a number may have lost digits on its way: it is beyond
// 2^53, or written with a fraction or exponent.
func Rounded(number string) bool {
	digits := strings.TrimPrefix(number, "-")
	if strings.ContainsAny(digits, ".eE") {
		return true
	}
	return len(digits) > len(exact) || (len(digits) == len(exact) && digits > exact)
}

// Decimal reads a number, or a text that is one, exactly. An exponent is worked
// out; what has more than 15 digits before the point or 9 after it is an error,
// because it could only be kept rounded.
func (v *Value) Decimal() (inventory.Decimal, error) {
	if !v.Given() || (v.Kind != Number && v.Kind != Text) {
		return inventory.Decimal{}, fmt.Errorf("%w: %s", inventory.ErrDecimal, shorten(v.Raw()))
	}
	return Decimal(v.text)
}

// Decimal reads a number as JSON and XML Schema write it, exactly: "12", "-0.5",
// "1.5E3", ".5".
func Decimal(text string) (inventory.Decimal, error) {
	text = strings.TrimSpace(text)
	sign, digits := "", text
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = strings.TrimPrefix(digits[:1], "+"), digits[1:]
	}
	mantissa, exponent, scientific := cutAny(digits, "eE")
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" {
		return inventory.Decimal{}, fmt.Errorf("%w: %q", inventory.ErrDecimal, text)
	}
	if scientific {
		n, ok := smallInt(exponent)
		if !ok {
			return inventory.Decimal{}, fmt.Errorf("%w: %q", inventory.ErrDecimal, text)
		}
		whole, fraction = shift(whole, fraction, n)
	} else if !pointed {
		return inventory.ParseDecimal(sign + whole)
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		fraction = "0"
	}
	d, err := inventory.ParseDecimal(sign + whole + "." + fraction)
	if err != nil {
		return d, fmt.Errorf("%w: %q", inventory.ErrDecimal, text)
	}
	return d, nil
}

func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// smallInt reads an exponent; beyond ±99 no decimal of ours has a place for it.
func smallInt(s string) (int, bool) {
	negative := strings.HasPrefix(s, "-")
	digits := strings.TrimLeft(strings.TrimLeft(s, "+-"), "0")
	if s == "" || len(s)-len(strings.TrimLeft(s, "+-")) > 1 || len(digits) > 2 || strings.TrimLeft(s, "+-") == "" {
		return 0, false
	}
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// shift moves the point n places to the right.
func shift(whole, fraction string, n int) (string, string) {
	for ; n > 0; n-- {
		if fraction == "" {
			whole += "0"
			continue
		}
		whole, fraction = whole+fraction[:1], fraction[1:]
	}
	for ; n < 0; n++ {
		if whole == "" {
			fraction = "0" + fraction
			continue
		}
		whole, fraction = whole[:len(whole)-1], whole[len(whole)-1:]+fraction
	}
	return whole, fraction
}
