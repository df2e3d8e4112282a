package slo

import "math"

// Counts are the lifecycles of one window, by how they count.
type Counts struct {
	Good, Bad, Unknown int64
}

// Add returns c + d.
func (c Counts) Add(d Counts) Counts {
	return Counts{c.Good + d.Good, c.Bad + d.Bad, c.Unknown + d.Unknown}
}

// Valid is the number the ratio is made of: unknown ones stand apart.
func (c Counts) Valid() int64 { return c.Good + c.Bad }

// Attainment is the share of good ones; ok is false where nothing counts yet.
func (c Counts) Attainment() (share float64, ok bool) {
	if c.Valid() == 0 {
		return 0, false
	}
	return float64(c.Good) / float64(c.Valid()), true
}

// BurnRate is how many times faster than allowed the budget of a target is
// spent: 1 spends exactly all of it over the objective's window. 0 where nothing
// counts: no evidence is no burn.
func (c Counts) BurnRate(target float64) float64 {
	if c.Valid() == 0 {
		return 0
	}
	return float64(c.Bad) / float64(c.Valid()) / (1 - target)
}

// Budget is how many bad ones a target allows, and what became of them.
type Budget struct {
	Allowed float64 // bad ones allowed among those that counted so far
	Spent   int64   // bad ones
}

// Budget returns the budget of a target over c.
func (c Counts) Budget(target float64) Budget {
	return Budget{Allowed: float64(c.Valid()) * (1 - target), Spent: c.Bad}
}

// Left is the share of the budget that is left: 1 untouched, 0 gone, below 0
// overspent.
func (b Budget) Left() float64 {
	if b.Allowed == 0 {
		return 1
	}
	return 1 - float64(b.Spent)/b.Allowed
}

// Hold returns why the gate holds an alarm of policy p back, given the long
// window's counts; empty where it lets it pass.
func (g Gate) Hold(p Policy, target float64, long Counts) string {
	switch {
	case long.Bad < g.MinBad:
		return "too few bad ones"
	case AtLeast(long.Bad, long.Valid(), math.Min(1, p.Threshold/2*(1-target))) > 1-g.Confidence:
		return "may be chance"
	}
	return ""
}

// Burn is how one policy stands.
type Burn struct {
	Policy      Policy
	Long, Short Counts
	// LongRate and ShortRate are burn rates over the two windows.
	LongRate, ShortRate float64
	// Held says why the gate holds the alarm back though both rates reach the
	// threshold; empty otherwise.
	Held string
	// Firing is the decision.
	Firing bool
}

// Worse orders firing burns: a page before a ticket, then the policy that
// tolerates less time, then the faster burn.
func (b Burn) Worse(than Burn) bool {
	if page := b.Policy.Severity == Page; page != (than.Policy.Severity == Page) {
		return page
	}
	if b.Policy.Threshold != than.Policy.Threshold {
		return b.Policy.Threshold > than.Policy.Threshold
	}
	return b.LongRate > than.LongRate
}

// Decide applies a policy to the counts of its two windows.
func Decide(p Policy, g Gate, target float64, long, short Counts) Burn {
	b := Burn{
		Policy: p, Long: long, Short: short,
		LongRate: long.BurnRate(target), ShortRate: short.BurnRate(target),
	}
	// Rates are quotients of whole numbers; a burn of exactly the threshold must
	// not fall below it by a rounding in the last place.
	threshold := p.Threshold * (1 - 1e-12)
	if b.LongRate >= threshold && b.ShortRate >= threshold {
		b.Held = g.Hold(p, target, long)
		b.Firing = b.Held == ""
	}
	return b
}

// AtLeast is the probability of k or more bad ones among n if each were bad
// with probability p: small means it is no accident. It is the binomial upper
// tail, by way of the regularized incomplete beta function.
func AtLeast(k, n int64, p float64) float64 {
	switch {
	case k <= 0 || p >= 1:
		return 1
	case k > n || p <= 0:
		return 0
	}
	return incompleteBeta(float64(k), float64(n-k+1), p)
}

// incompleteBeta is I_x(a, b) for 0 < x < 1, by Lentz's continued fraction
// (Numerical Recipes, 6.4), on the side where it converges fast.
func incompleteBeta(a, b, x float64) float64 {
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return clamp(front * betaFraction(a, b, x) / a)
	}
	return clamp(1 - front*betaFraction(b, a, 1-x)/b)
}

func clamp(p float64) float64 { return math.Max(0, math.Min(1, p)) }

func betaFraction(a, b, x float64) float64 {
	const (
		tiny    = 1e-300
		epsilon = 1e-14
		// The fraction needs about the root of max(a, b) terms: enough for
		// hundreds of millions of sales.
		terms = 100_000
	)
	away := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c := 1.0
	d := 1 / away(1-(a+b)*x/(a+1))
	h := d
	for i := 1; i <= terms; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / away(1+even*d)
		c = away(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / away(1+odd*d)
		c = away(1 + odd/c)
		step := d * c
		h *= step
		if math.Abs(step-1) < epsilon {
			break
		}
	}
	return h
}
