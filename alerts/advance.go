package alerts

import (
	"reflect"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
)

// mainShare is the share of a burn one cause must explain for both to be told
// as one.
const mainShare = 0.5

// Advance applies what is wrong now to the incidents known and returns those that
// changed, opened or were resolved, with their deliveries untouched. Known are
// all that fire, and those of [BurnMemory] that told of a burn. It is pure; known
// is not modified. clusters must be complete: one that is absent has no open
// finding.
//
// A burn and the cause of most of it are one incident. Which came first decides
// its id; once together they stay together.
//
// A ticket's windows look back for hours and days. What has paged is over when
// it no longer pages, and the same budget is no ticket of its own afterwards.
func Advance(rules *Rules, known []Incident, clusters []Cluster, results []slo.Result, now time.Time) []Incident {
	a := advance{rules: rules, now: now, clusters: map[Key]*Cluster{}, burns: map[string]*Burn{}}
	for i := range clusters {
		a.clusters[clusters[i].Key] = &clusters[i]
	}
	var order []string // objectives in the order given
	for i := range results {
		if b := burning(&results[i]); b != nil {
			a.burns[b.Objective] = b
			order = append(order, b.Objective)
		}
	}
	for i := range known {
		if known[i].State != Firing {
			a.past = append(a.past, &known[i])
			continue
		}
		inc := known[i].clone()
		a.incidents = append(a.incidents, &inc)
		a.before = append(a.before, &known[i])
	}

	a.startNewWaves()
	a.refreshAll() // what is over takes in nothing new
	for _, objective := range order {
		a.placeBurn(a.burns[objective])
	}
	for i := range clusters {
		c := &clusters[i]
		if a.withCluster(c.Key) == nil && rules.Relevant(c) && !rules.silencedCluster(c.Key, now) {
			a.open(c, nil)
		}
	}
	a.refreshAll()
	return a.changed()
}

type advance struct {
	rules     *Rules
	now       time.Time
	clusters  map[Key]*Cluster
	burns     map[string]*Burn
	incidents []*Incident
	before    []*Incident // what the first incidents were before; shorter
	past      []*Incident // resolved
}

// BurnMemory is how long a resolved incident that told of a burn is to be known:
// as long as the longest window a ticket looks back.
const BurnMemory = 7 * 24 * time.Hour

// told reports whether a ticket's budget went in an incident people know of.
func (a *advance) told(b *Burn) bool {
	return b.Severity != inventory.Critical && slices.ContainsFunc(slices.Concat(a.past, a.incidents), func(i *Incident) bool {
		return i.State == Resolved && i.Burn != nil && i.Burn.Objective == b.Objective &&
			i.Severity == inventory.Critical && a.now.Sub(i.ClosedAt) <= b.Long
	})
}

func (a *advance) withCluster(k Key) *Incident {
	for _, i := range a.incidents {
		if i.State == Firing && i.Cluster != nil && i.Cluster.Key == k {
			return i
		}
	}
	return nil
}

func (a *advance) withBurn(objective string) *Incident {
	for _, i := range a.incidents {
		if i.State == Firing && i.Burn != nil && i.Burn.Objective == objective {
			return i
		}
	}
	return nil
}

// startNewWaves ends incidents whose cause was quiet for long and has come back
// in strength: a new incident takes over, so that people hear of it.
func (a *advance) startNewWaves() {
	for _, inc := range slices.Clone(a.incidents) {
		if inc.Cluster == nil {
			continue
		}
		c := a.clusters[inc.Cluster.Key]
		if c == nil || !a.rules.Relevant(c) || c.LastOpened.Sub(inc.Cluster.LastOpened) < a.rules.Quiet ||
			a.rules.silencedCluster(c.Key, a.now) {
			continue
		}
		a.close(inc)
		inc.ContinuedBy = a.open(c, nil).ID
	}
}

// placeBurn finds or opens the incident a burn belongs to.
func (a *advance) placeBurn(b *Burn) {
	cause, ok := b.main()
	if inc := a.withBurn(b.Objective); inc != nil {
		if ok && inc.Cluster == nil && a.withCluster(cause) == nil {
			inc.Cluster = a.clusters[cause]
		}
		return
	}
	if a.rules.silencedBurn(b.Objective, a.now) || a.told(b) {
		return
	}
	if ok {
		// An incident that is older than what the burn looks at is about something
		// else, or nobody has looked at it: the burn speaks up by itself.
		if inc := a.withCluster(cause); inc != nil {
			if inc.Burn == nil && a.now.Sub(inc.OpenedAt) <= b.Long {
				inc.Burn = b
				return
			}
		} else if c := a.clusters[cause]; c != nil {
			a.open(c, b)
			return
		}
	}
	a.open(nil, b)
}

func (a *advance) open(c *Cluster, b *Burn) *Incident {
	lead := ""
	if c != nil {
		lead = c.Key.String()
	} else {
		lead = "objective/" + b.Objective
	}
	inc := &Incident{
		ID: incidentID(lead, a.now), State: Firing, OpenedAt: a.now, UpdatedAt: a.now,
		Cluster: c, Burn: b, Deliveries: map[string]Delivery{},
	}
	a.incidents = append(a.incidents, inc)
	return inc
}

func (a *advance) close(inc *Incident) { inc.State, inc.ClosedAt = Resolved, a.now }

func (a *advance) refreshAll() {
	for _, inc := range a.incidents {
		a.refresh(inc)
	}
}

// refresh gives a firing incident the newest numbers and decides whether it is
// over.
func (a *advance) refresh(inc *Incident) {
	if inc.State != Firing {
		return
	}
	active := false
	if inc.Cluster != nil {
		if c := a.clusters[inc.Cluster.Key]; c != nil {
			inc.Cluster = c
			active = a.rules.holds(c) || a.rules.Relevant(c)
		} else {
			inc.Cluster = emptied(inc.Cluster)
		}
		inc.Peak = max(inc.Peak, inc.Cluster.Open)
	}
	if inc.Burn != nil {
		b := a.burns[inc.Burn.Objective]
		if b != nil && (b.Severity == inventory.Critical || inc.Severity != inventory.Critical) {
			inc.Burn, active = b, true
		} else if inc.Burn.Firing {
			over := *inc.Burn
			over.Firing = false
			inc.Burn = &over
		}
	}
	if inc.Severity != inventory.Critical {
		inc.Severity = inc.severity() // it rises, and does not fall
	}
	switch {
	case active:
		inc.CalmSince = time.Time{}
	case inc.CalmSince.IsZero():
		inc.CalmSince = a.now
	case a.now.Sub(inc.CalmSince) >= a.rules.Hold:
		a.close(inc)
	}
}

// emptied is a cluster of which nothing is open any more; where it was and its
// examples stay, to look back at.
func emptied(c *Cluster) *Cluster {
	e := *c
	e.Open, e.Recent, e.Acknowledged, e.Units, e.Values, e.RecentValues = 0, 0, 0, nil, nil, nil
	return &e
}

// severity is the worst of what is in it.
func (i *Incident) severity() inventory.Severity {
	if i.Cluster != nil && i.Cluster.Severity == inventory.Critical || i.Burn != nil && i.Burn.Severity == inventory.Critical {
		return inventory.Critical
	}
	return inventory.Warning
}

// changed returns the incidents that are not what they were before.
func (a *advance) changed() []Incident {
	var changed []Incident
	for i, inc := range a.incidents {
		if i < len(a.before) && reflect.DeepEqual(inc, a.before[i]) {
			continue
		}
		inc.UpdatedAt = a.now
		changed = append(changed, *inc)
	}
	return changed
}

// burning turns a result into a burn, nil where nothing fires.
func burning(r *slo.Result) *Burn {
	var worst slo.Burn
	found := false
	b := &Burn{
		Objective: r.Objective.Name, Title: r.Objective.Title, Owner: r.Objective.Owner, Runbook: r.Objective.Runbook,
		Target: r.Objective.Target, Window: r.Objective.Window, BudgetLeft: r.Total.Budget.Left(), Firing: true,
	}
	for i, s := range append([]slo.Standing{r.Total}, r.Regions...) {
		f, ok := s.Firing()
		if !ok {
			continue
		}
		if !found || f.Worse(worst) {
			worst, found = f, true
		}
		if i > 0 {
			b.Regions = append(b.Regions, s.Scope.Region)
		}
	}
	if !found {
		return nil
	}
	p := worst.Policy
	b.Policy, b.Threshold, b.Long, b.Short, b.Rate = p.Name, p.Threshold, p.Long, p.Short, worst.LongRate
	b.Severity = inventory.Warning
	if p.Severity == slo.Page {
		b.Severity = inventory.Critical
	}
	if long, ok := r.Total.Long(p.Name); ok {
		b.Bad, b.Valid, b.Unknown = long.Bad, long.Valid(), long.Unknown
	}
	for _, s := range r.Stores {
		if long, ok := s.Long(p.Name); ok && long.Bad > 0 {
			b.Stores++
		}
	}
	slices.Sort(b.Regions)
	for _, c := range r.Burning {
		b.Causes = append(b.Causes, BurnCause{
			Key:   Key{Kind: c.Kind, Cause: c.Cause, System: c.System, Step: c.Step, ErrorCode: c.ErrorCode},
			Title: c.Title, Count: c.Lifecycles,
		})
	}
	return b
}

// main is the cause of most of the burn, if one is.
func (b *Burn) main() (Key, bool) {
	for _, c := range b.Causes {
		if float64(c.Count) >= mainShare*float64(b.Bad) && b.Bad > 0 {
			return c.Key, true
		}
	}
	return Key{}, false
}
