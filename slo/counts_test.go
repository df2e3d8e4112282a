package slo_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/slo"
)

const (
	hour   = time.Hour
	day    = 24 * hour
	period = 28 * day
	target = 0.995
)

var (
	fast = slo.Policy{Name: "fast-burn", Severity: slo.Page, Threshold: 13.44, Long: hour, Short: 5 * time.Minute}
	slow = slo.Policy{Name: "slow-burn", Severity: slo.Ticket, Threshold: 0.933, Long: 3 * day, Short: 6 * hour}
)

func TestDecide(t *testing.T) {
	c := func(good, bad int64) slo.Counts { return slo.Counts{Good: good, Bad: bad} }
	for name, test := range map[string]struct {
		policy      slo.Policy
		long, short slo.Counts
		fires       bool
		held        string
	}{
		"nothing sold":                     {fast, c(0, 0), c(0, 0), false, ""},
		"all good":                         {fast, c(10_000, 0), c(900, 0), false, ""},
		"ERP down for an hour":             {fast, c(0, 3600), c(0, 300), true, ""},
		"both windows exactly at 13.44":    {fast, c(93_280, 6_720), c(9_328, 672), true, ""},
		"just below 13.44":                 {fast, c(93_281, 6_719), c(9_328, 672), false, ""},
		"was bad, is over":                 {fast, c(3000, 600), c(300, 0), false, ""},
		"bad for five minutes only":        {fast, c(100_000, 300), c(0, 300), false, ""},
		"one bad sale of three at night":   {fast, c(2, 1), c(0, 1), false, "too few bad ones"},
		"four of four":                     {fast, c(0, 4), c(0, 1), false, "too few bad ones"},
		"five of five":                     {fast, c(0, 5), c(0, 1), true, ""},
		"five of thirty":                   {fast, c(25, 5), c(3, 1), true, ""},
		"five of sixty":                    {fast, c(55, 5), c(3, 1), false, "may be chance"},
		"only unknown: evidence is behind": {fast, slo.Counts{Unknown: 900}, slo.Counts{Unknown: 80}, false, ""},
		"slow burn over three days":        {slow, c(497_500, 2_500), c(41_000, 250), true, ""},
		"slow burn, few sales":             {slow, c(995, 5), c(80, 1), false, "may be chance"},
		"slow burn, kept promise":          {slow, c(498_500, 1_500), c(41_000, 100), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := slo.Decide(test.policy, slo.DefaultGate, target, test.long, test.short)
			if b.Firing != test.fires || b.Held != test.held {
				t.Errorf("firing %v, held %q (rates %.2f and %.2f); want %v, %q", b.Firing, b.Held, b.LongRate, b.ShortRate, test.fires, test.held)
			}
		})
	}
}

func TestBudgetShare(t *testing.T) {
	for p, want := range map[slo.Policy]float64{fast: 0.02, slow: 0.1} {
		if got := p.BudgetShare(period); math.Abs(got-want) > 1e-4 {
			t.Errorf("%s fires at %.4f of the budget, want %.2f", p.Name, got, want)
		}
	}
}

func TestCountsWithoutEvidence(t *testing.T) {
	unknown := slo.Counts{Unknown: 12}
	if _, ok := unknown.Attainment(); ok {
		t.Error("attainment of nothing but unknowns is known")
	}
	if rate := unknown.BurnRate(target); rate != 0 {
		t.Errorf("burn rate of nothing but unknowns is %v", rate)
	}
	if left := unknown.Budget(target).Left(); left != 1 {
		t.Errorf("budget left is %v, want it untouched", left)
	}
}

func counts(t *rapid.T, label string) slo.Counts {
	n := rapid.Int64Range(0, 1_000_000)
	return slo.Counts{Good: n.Draw(t, label+" good"), Bad: n.Draw(t, label+" bad"), Unknown: n.Draw(t, label+" unknown")}
}

// The burn over a window and the share of the budget it spends are one number
// seen from two sides.
func TestBurnAndBudgetAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := counts(t, "window")
		target := rapid.Float64Range(0.5, 0.9999).Draw(t, "target")
		if c.Valid() == 0 {
			return
		}
		spent := 1 - c.Budget(target).Left()
		if burn := c.BurnRate(target); math.Abs(burn-spent) > 1e-9*math.Max(1, burn) {
			t.Fatalf("burn %v, budget spent %v", burn, spent)
		}
		share, _ := c.Attainment()
		if met := share >= target; met != (spent <= 1) && math.Abs(spent-1) > 1e-9 {
			t.Fatalf("attainment %v of %v, but %v of the budget spent", share, target, spent)
		}
	})
}

// What has nobody's word changes no decision; one more bad sale in both windows
// never silences an alarm; one more good one never starts it.
func TestDecisionIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		short := counts(t, "short")
		long := short.Add(counts(t, "rest"))
		p := rapid.SampledFrom([]slo.Policy{fast, slow}).Draw(t, "policy")
		decide := func(more slo.Counts) bool {
			return slo.Decide(p, slo.DefaultGate, target, long.Add(more), short.Add(more)).Firing
		}
		before := decide(slo.Counts{})
		if decide(slo.Counts{Unknown: 1_000}) != before {
			t.Fatal("unknown ones changed the decision")
		}
		if before && !decide(slo.Counts{Bad: 1}) {
			t.Fatal("one more bad sale silenced it")
		}
		if !before && decide(slo.Counts{Good: 1}) {
			t.Fatal("one more good sale started it")
		}
	})
}

// AtLeast against the sum it stands for.
func TestAtLeastEqualsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 300).Draw(t, "n")
		k := rapid.Int64Range(0, n+1).Draw(t, "k")
		p := rapid.Float64Range(1e-4, 0.9999).Draw(t, "p")
		want := 0.0
		for i := k; i <= n; i++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(n - i + 1))
			want += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		}
		if got := slo.AtLeast(k, n, p); math.Abs(got-want) > 1e-9 {
			t.Fatalf("P(X >= %d | %d, %v) = %v, want %v", k, n, p, got, want)
		}
	})
}

// Known answers, and numbers of sales far beyond the sum's reach.
func TestAtLeastKnownAnswers(t *testing.T) {
	for _, test := range []struct {
		k, n    int64
		p, want float64
	}{
		{0, 10, 0.5, 1},
		{11, 10, 0.5, 0},
		{10, 10, 0.5, 1.0 / 1024},
		{1, 10, 0.005, 1 - math.Pow(0.995, 10)},
		{5, 10, 0.5, 638.0 / 1024},
		{50_000, 10_000_000, 0.005, 0.5006}, // the mean: a little over one half
		{52_000, 10_000_000, 0.005, 0},
	} {
		if got := slo.AtLeast(test.k, test.n, test.p); math.Abs(got-test.want) > 1e-3 {
			t.Errorf("P(X >= %d | %d, %v) = %v, want %v", test.k, test.n, test.p, got, test.want)
		}
	}
}
