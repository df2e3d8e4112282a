package inventory

import (
	"errors"
	"math/big"
	"testing"
	"testing/quick"
)

func TestParseDecimal(t *testing.T) {
	for in, want := range map[string]string{
		"-2": "-2", "+12.50": "12.5", "0.125": "0.125", "-0": "0", "000778": "778", "-0.000000001": "-0.000000001",
		"999999999999999.999999999": "999999999999999.999999999", "1.500000000000": "1.5",
	} {
		d, err := ParseDecimal(in)
		if err != nil || d.String() != want {
			t.Errorf("%q is %s, %v; want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"", "-", ".", "1.", ".5", "1e3", "1,5", " 1", "0x1", "1000000000000000", "0.0000000001", "NaN", "--1"} {
		if d, err := ParseDecimal(in); !errors.Is(err, ErrDecimal) {
			t.Errorf("%q is %s, %v", in, d, err)
		}
	}
}

// TestDecimalArithmetic holds sums and products to exact rational arithmetic.
func TestDecimalArithmetic(t *testing.T) {
	rat := func(d Decimal) *big.Rat {
		r, ok := new(big.Rat).SetString(d.String())
		if !ok {
			t.Fatalf("%s is no number", d)
		}
		return r
	}
	check := func(aw, bw int32, an, bn uint32) bool {
		a := settle(int64(aw), int64(an%nanos))
		b := settle(int64(bw), int64(bn%nanos))
		if rat(a.Add(b)).Cmp(new(big.Rat).Add(rat(a), rat(b))) != 0 || rat(a.Sub(b)).Cmp(new(big.Rat).Sub(rat(a), rat(b))) != 0 {
			t.Logf("%s and %s: sum %s, difference %s", a, b, a.Add(b), a.Sub(b))
			return false
		}
		if a.Cmp(b) != rat(a).Cmp(rat(b)) {
			return false
		}
		p, ok := a.Mul(b)
		if !ok {
			return false
		}
		off := new(big.Rat).Sub(rat(p), new(big.Rat).Mul(rat(a), rat(b)))
		if off.Abs(off).Cmp(big.NewRat(1, 1_000_000_000)) > 0 {
			t.Logf("%s × %s = %s", a, b, p)
			return false
		}
		back, err := ParseDecimal(a.String())
		return err == nil && back == a
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Fatal(err)
	}
}
