package inventory

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

// Decimal is an exact signed decimal with up to nine places. Quantities and
// money are never floats: 0.1 three times is 0.3.
//
// The zero value is 0. Decimals compare with ==, because their form is unique.
type Decimal struct {
	whole int64 // whole units, sign included
	nano  int64 // billionths, |nano| < 1e9, of the same sign as whole
}

const nanos = 1_000_000_000

// ErrDecimal is wrapped by every error of [ParseDecimal].
var ErrDecimal = errors.New("not a decimal number")

// ParseDecimal reads a plain decimal such as "-2", "+12.50" or "0.125": at most
// 15 digits before the point and nine after it, no exponent, no grouping. The
// bound keeps sums of any realistic number of lines from overflowing.
func ParseDecimal(s string) (Decimal, error) {
	digits, neg := s, false
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		neg, digits = digits[0] == '-', digits[1:]
	}
	intPart, fraction, pointed := strings.Cut(digits, ".")
	if intPart == "" || (pointed && fraction == "") {
		return Decimal{}, fmt.Errorf("%w: %q", ErrDecimal, s)
	}
	intPart = strings.TrimLeft(intPart[:len(intPart)-1], "0") + intPart[len(intPart)-1:]
	if len(intPart) > 15 {
		return Decimal{}, fmt.Errorf("%w: %q has more than 15 digits before the point", ErrDecimal, s)
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > 9 {
		return Decimal{}, fmt.Errorf("%w: %q has more than 9 decimal places", ErrDecimal, s)
	}
	var d Decimal
	for i := range len(intPart) {
		c := intPart[i]
		if c < '0' || c > '9' {
			return Decimal{}, fmt.Errorf("%w: %q", ErrDecimal, s)
		}
		d.whole = d.whole*10 + int64(c-'0')
	}
	for i := range 9 {
		c := byte('0')
		if i < len(fraction) {
			c = fraction[i]
		}
		if c < '0' || c > '9' {
			return Decimal{}, fmt.Errorf("%w: %q", ErrDecimal, s)
		}
		d.nano = d.nano*10 + int64(c-'0')
	}
	if neg {
		d = d.Neg()
	}
	return d, nil
}

// DecimalOf returns the whole number n as a Decimal.
func DecimalOf(n int64) Decimal { return Decimal{whole: n} }

// Milli returns n thousandths, the unit in which weighed goods are tolerated.
func Milli(n int64) Decimal {
	return Decimal{whole: n / 1000, nano: n % 1000 * (nanos / 1000)}
}

// Parts returns d as whole units and billionths, both of d's sign: the exact
// form in which it is stored and sent.
func (d Decimal) Parts() (whole, nano int64) { return d.whole, d.nano }

// DecimalFromParts returns whole units plus nano billionths.
func DecimalFromParts(whole, nano int64) Decimal { return settle(whole, nano) }

// Add returns d + e.
func (d Decimal) Add(e Decimal) Decimal { return settle(d.whole+e.whole, d.nano+e.nano) }

// Sub returns d - e.
func (d Decimal) Sub(e Decimal) Decimal { return d.Add(e.Neg()) }

// Neg returns -d.
func (d Decimal) Neg() Decimal { return Decimal{whole: -d.whole, nano: -d.nano} }

// Abs returns |d|.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.whole < 0 || d.nano < 0:
		return -1
	case d.whole > 0 || d.nano > 0:
		return 1
	default:
		return 0
	}
}

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int { return d.Sub(e).Sign() }

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d == Decimal{} }

// Mul returns d × e, rounded half away from zero at the ninth place. ok is
// false where the product does not fit; money at risk is then not stated rather
// than stated wrongly.
func (d Decimal) Mul(e Decimal) (product Decimal, ok bool) {
	neg := d.Sign()*e.Sign() < 0
	a, b := d.Abs(), e.Abs()
	// (aw + an/1e9)(bw + bn/1e9) with 128-bit intermediates.
	hi, whole := bits.Mul64(uint64(a.whole), uint64(b.whole))
	if hi != 0 || whole > 1<<62 {
		return Decimal{}, false
	}
	cross := func(w, n int64) (uint64, uint64, bool) {
		hi, lo := bits.Mul64(uint64(w), uint64(n))
		if hi >= nanos {
			return 0, 0, false
		}
		q, r := bits.Div64(hi, lo, nanos)
		return q, r, true
	}
	q1, r1, ok1 := cross(a.whole, b.nano)
	q2, r2, ok2 := cross(b.whole, a.nano)
	if !ok1 || !ok2 || q1 > 1<<61 || q2 > 1<<61 {
		return Decimal{}, false
	}
	tail := (uint64(a.nano)*uint64(b.nano) + nanos/2) / nanos
	n := r1 + r2 + tail
	w := whole + q1 + q2 + n/nanos
	if w > 1<<62 {
		return Decimal{}, false
	}
	product = Decimal{whole: int64(w), nano: int64(n % nanos)}
	if neg {
		product = product.Neg()
	}
	return product, true
}

// String writes the shortest plain form: "-2", "12.5", "0".
func (d Decimal) String() string {
	var b strings.Builder
	if d.Sign() < 0 {
		b.WriteByte('-')
		d = d.Neg()
	}
	fmt.Fprintf(&b, "%d", d.whole)
	if d.nano != 0 {
		b.WriteByte('.')
		b.WriteString(strings.TrimRight(fmt.Sprintf("%09d", d.nano), "0"))
	}
	return b.String()
}

// settle restores the unique form after an addition: |nano| < 1e9 and no mixed
// signs.
func settle(whole, nano int64) Decimal {
	whole += nano / nanos
	nano %= nanos
	switch {
	case whole > 0 && nano < 0:
		whole, nano = whole-1, nano+nanos
	case whole < 0 && nano > 0:
		whole, nano = whole+1, nano-nanos
	}
	return Decimal{whole: whole, nano: nano}
}

// MarshalText implements encoding.TextMarshaler.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
