package alerts

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Rules say what is worth telling. The zero value is not useful; start from
// [DefaultRules].
type Rules struct {
	// MinMembers findings of one cause, opened within Window, open an incident: a
	// single missing sale of 600 stores wakes nobody.
	MinMembers int
	Window     time.Duration
	// MinValue opens one with fewer members, when what they put at risk within
	// Window reaches it in any one currency. Zero: never.
	MinValue inventory.Decimal
	// Immediate kinds need one finding only.
	Immediate []inventory.Kind
	// Hold is how long it must be over before the incident is resolved: what comes
	// back within it has not been away.
	Hold time.Duration
	// Quiet is how long nothing new must have come for the next wave to be an
	// incident of its own. It keeps yesterday's message from swallowing today's
	// outage.
	Quiet    time.Duration
	Silences []Silence
	// Routes say who hears of what; the first that matches counts. Without any,
	// every receiver hears of everything.
	Routes []Route
}

// DefaultRules are the rules nobody has changed.
func DefaultRules() Rules {
	return Rules{
		MinMembers: 5,
		Window:     time.Hour,
		MinValue:   inventory.DecimalOf(5000),
		// A telemetry gap that does more than inform is about our own log.
		Immediate: []inventory.Kind{inventory.SourceSilent, inventory.TelemetryGap},
		Hold:      10 * time.Minute,
		Quiet:     8 * time.Hour,
	}
}

// Validate says what is wrong with the rules.
func (r *Rules) Validate() error {
	var errs []error
	if r.MinMembers < 1 {
		errs = append(errs, fmt.Errorf("alert rules: the least number of members is %d; it is at least 1", r.MinMembers))
	}
	for name, d := range map[string]time.Duration{"window": r.Window, "hold": r.Hold, "quiet time": r.Quiet} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("alert rules: the %s is %v; it must be positive", name, d))
		}
	}
	for _, s := range r.Silences {
		if s.Match == (Match{}) {
			errs = append(errs, errors.New("alert rules: a silence that matches everything would hide every incident; name a kind, cause, system or objective"))
		}
	}
	return errors.Join(errs...)
}

// Match selects clusters and burns; empty fields match anything. A match with
// an objective selects burns only, one with a kind, cause or system clusters
// only.
type Match struct {
	Kind      inventory.Kind
	Cause     inventory.Cause
	System    string
	Objective string
}

func (m Match) cluster(k Key) bool {
	return m.Objective == "" &&
		(m.Kind == "" || m.Kind == k.Kind) &&
		(m.Cause == "" || m.Cause == k.Cause) &&
		(m.System == "" || m.System == k.System)
}

func (m Match) burn(objective string) bool {
	return m.Kind == "" && m.Cause == "" && m.System == "" &&
		(m.Objective == "" || m.Objective == objective)
}

// Silence keeps new incidents from opening between From and Until, on the
// retailer's clock. What is silenced is still counted and shown everywhere else,
// and opens an incident when the silence ends and it is still there.
type Silence struct {
	Match       Match
	From, Until time.Time
	Reason      string
}

func (s *Silence) at(now time.Time) bool { return !now.Before(s.From) && now.Before(s.Until) }

// Route names the receivers of what it matches.
type Route struct {
	Match     Match
	Receivers []string
}

// receives reports whether the named receiver hears of the incident.
func (r *Rules) receives(name string, i *Incident) bool {
	for _, route := range r.Routes {
		if i.Cluster != nil && route.Match.cluster(i.Cluster.Key) || i.Burn != nil && route.Match.burn(i.Burn.Objective) {
			return slices.Contains(route.Receivers, name)
		}
	}
	return true
}

// Relevant reports whether the cluster would open an incident by itself.
func (r *Rules) Relevant(c *Cluster) bool {
	if c.Severity == inventory.Info || c.Open == 0 {
		return false
	}
	return slices.Contains(r.Immediate, c.Key.Kind) || c.Recent >= r.MinMembers || r.worth(c.RecentValues)
}

// holds reports whether the cluster still holds an incident firing.
func (r *Rules) holds(c *Cluster) bool {
	if slices.Contains(r.Immediate, c.Key.Kind) {
		return c.Open > 0
	}
	return c.Open >= r.MinMembers || r.worth(c.Values)
}

func (r *Rules) worth(values []inventory.Amount) bool {
	return r.MinValue.Sign() > 0 && slices.ContainsFunc(values, func(a inventory.Amount) bool {
		return a.Amount.Abs().Cmp(r.MinValue) >= 0
	})
}

func (r *Rules) silencedCluster(k Key, now time.Time) bool {
	return slices.ContainsFunc(r.Silences, func(s Silence) bool { return s.at(now) && s.Match.cluster(k) })
}

func (r *Rules) silencedBurn(objective string, now time.Time) bool {
	return slices.ContainsFunc(r.Silences, func(s Silence) bool { return s.at(now) && s.Match.burn(objective) })
}
