package slo

import (
	"cmp"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Tally is what the source counted at one location.
type Tally struct {
	Location, Region string
	// Windows are parallel to the windows asked for.
	Windows []Counts
	Pending int64 // not over yet
}

// Scope is where a standing holds: everywhere when both are empty, a region, or
// one location in its region.
type Scope struct{ Region, Location string }

// Standing is how an objective stands in one scope.
type Standing struct {
	Scope   Scope
	Counts  Counts // over the objective's window
	Pending int64
	Budget  Budget
	// Burns has one entry per policy, in the objective's order.
	Burns []Burn
}

// Met reports whether the promise is kept; a scope where nothing counts keeps it.
func (s *Standing) Met(target float64) bool {
	share, ok := s.Counts.Attainment()
	return !ok || share >= target
}

// Firing returns the worst policy that fires: a page before a ticket, the faster
// burn first.
func (s *Standing) Firing() (Burn, bool) {
	var worst Burn
	found := false
	for _, b := range s.Burns {
		if b.Firing && (!found || b.Worse(worst)) {
			worst, found = b, true
		}
	}
	return worst, found
}

// Long returns the long window's counts of the policy of that name.
func (s *Standing) Long(policy string) (Counts, bool) {
	for _, b := range s.Burns {
		if b.Policy.Name == policy {
			return b.Long, true
		}
	}
	return Counts{}, false
}

// Point is one step of the trend, counted at the moments promises were over.
type Point struct {
	At     time.Time // start of the step
	Counts Counts
}

// Cause is what made promises fail, as the findings on those lifecycles say.
type Cause struct {
	Kind      inventory.Kind
	Cause     inventory.Cause
	System    string
	Step      string
	ErrorCode string
	Title     string
	Owner     string
	// Lifecycles is how many bad ones it is found on. One lifecycle may have two
	// causes; then both count it.
	Lifecycles int64
}

// Result is one evaluation of an objective.
type Result struct {
	Objective *Objective
	AsOf      time.Time // on the retailer's clock
	Total     Standing
	Regions   []Standing // worst first
	Stores    []Standing // worst first, every location with something counted
	// Trend covers the objective's window in steps of [TrendStep]; steps in which
	// nothing counted are absent.
	Trend []Point
	// Causes are the worst of the objective's window.
	Causes []Cause
	// Burning are the causes in the long window of the worst policy that fires
	// anywhere; empty while none does. Bad is what they are a share of.
	Burning    []Cause
	BurningBad int64
}

// TrendStep is the step of a result's trend.
const TrendStep = time.Hour

// judge makes a result of what was counted in o.windows() at asOf.
func judge(o *Objective, asOf time.Time, tallies []Tally) Result {
	windows := o.windows()
	r := Result{Objective: o, AsOf: asOf}
	total := sums(len(windows))
	byRegion := slices.Contains(o.Indicator.By, ByRegion)
	byLocation := slices.Contains(o.Indicator.By, ByLocation)
	regions := map[string]*Tally{}
	for _, t := range tallies {
		add(total, t)
		if byRegion {
			region, ok := regions[t.Region]
			if !ok {
				region = sums(len(windows))
				regions[t.Region] = region
			}
			add(region, t)
		}
		if byLocation {
			r.Stores = append(r.Stores, stand(o, windows, Scope{t.Region, t.Location}, t))
		}
	}
	r.Total = stand(o, windows, Scope{}, *total)
	for name, t := range regions {
		r.Regions = append(r.Regions, stand(o, windows, Scope{Region: name}, *t))
	}
	slices.SortFunc(r.Regions, worstFirst)
	slices.SortFunc(r.Stores, worstFirst)
	return r
}

func sums(n int) *Tally { return &Tally{Windows: make([]Counts, n)} }

func add(sum *Tally, t Tally) {
	for i := range sum.Windows {
		sum.Windows[i] = sum.Windows[i].Add(t.Windows[i])
	}
	sum.Pending += t.Pending
}

func stand(o *Objective, windows []time.Duration, scope Scope, t Tally) Standing {
	counts := func(w time.Duration) Counts { return t.Windows[slices.Index(windows, w)] }
	s := Standing{Scope: scope, Counts: counts(o.Window), Pending: t.Pending}
	s.Budget = s.Counts.Budget(o.Target)
	for _, p := range o.Policies {
		s.Burns = append(s.Burns, Decide(p, o.Gate, o.Target, counts(p.Long), counts(p.Short)))
	}
	return s
}

// worstFirst orders by what was broken, then by attainment, then by name. Bad
// ones come before the ratio, so that a store with one sale does not lead.
func worstFirst(a, b Standing) int {
	shareA, _ := a.Counts.Attainment()
	shareB, _ := b.Counts.Attainment()
	return cmp.Or(
		cmp.Compare(b.Counts.Bad, a.Counts.Bad),
		cmp.Compare(shareA, shareB),
		cmp.Compare(a.Scope.Region, b.Scope.Region),
		cmp.Compare(a.Scope.Location, b.Scope.Location),
	)
}

// firing returns the worst burn of the total and of any region.
func (r *Result) firing() (Burn, bool) {
	all := Standing{}
	for _, s := range append([]Standing{r.Total}, r.Regions...) {
		all.Burns = append(all.Burns, s.Burns...)
	}
	return all.Firing()
}

// BudgetLine turns a trend into the share of the budget left after each step,
// of the budget the whole window allows: it falls with every bad one and does
// not recover inside the window.
func (r *Result) BudgetLine() []float64 {
	line := make([]float64, len(r.Trend))
	spent := Budget{Allowed: r.Total.Budget.Allowed}
	for i, p := range r.Trend {
		spent.Spent += p.Counts.Bad
		line[i] = spent.Left()
	}
	return line
}
