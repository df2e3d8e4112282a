package alerts_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/alerts/alertstest"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
)

// story plays evaluations one after another, keeping what they leave open.
type story struct {
	tb    testing.TB
	rules alerts.Rules
	all   map[string]alerts.Incident
}

func newStory(tb testing.TB) *story {
	tb.Helper()
	return &story{tb: tb, rules: alerts.DefaultRules(), all: map[string]alerts.Incident{}}
}

// at evaluates minutes after noon and returns what changed, as "firing 5" and
// the like.
func (s *story) at(minutes int, clusters []alerts.Cluster, results ...slo.Result) string {
	s.tb.Helper()
	changed := alerts.Advance(&s.rules, s.known(), clusters, results, alertstest.Noon.Add(time.Duration(minutes)*time.Minute))
	var words []string
	for _, i := range changed {
		word := string(i.State)
		if i.Cluster != nil {
			word += fmt.Sprintf(" %d", i.Cluster.Open)
		}
		if i.Burn != nil {
			word += " burn"
		}
		if i.ContinuedBy != "" {
			word += " continued"
		}
		words = append(words, word)
		s.all[i.ID] = i
	}
	return strings.Join(words, ", ")
}

func (s *story) known() []alerts.Incident {
	known := slices.Collect(maps.Values(s.all))
	slices.SortFunc(known, func(a, b alerts.Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), strings.Compare(a.ID, b.ID))
	})
	return known
}

func (s *story) expect(minutes int, want string, clusters []alerts.Cluster, results ...slo.Result) {
	s.tb.Helper()
	if got := s.at(minutes, clusters, results...); got != want {
		s.tb.Errorf("after %d min: %q, want %q", minutes, got, want)
	}
}

func missing(tb testing.TB, n int) []alerts.Cluster {
	tb.Helper()
	if n == 0 {
		return nil
	}
	return []alerts.Cluster{alertstest.MissingInERP(tb, n)}
}

func TestFewSalesAreNoIncident(t *testing.T) {
	s := newStory(t)
	s.expect(0, "", missing(t, 1))
	s.expect(1, "", missing(t, 4))
	s.expect(2, "firing 5", missing(t, 5))
	s.expect(3, "firing 4000", missing(t, 4000))
	s.expect(4, "", missing(t, 4000))
	if len(s.all) != 1 {
		t.Errorf("%d incidents for one cause", len(s.all))
	}
}

func TestWhatOpensAnIncident(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*alerts.Cluster)
		opens  bool
	}{
		"one silent feed":              {func(c *alerts.Cluster) { c.Key.Kind = inventory.SourceSilent }, true},
		"one message we cannot read":   {func(c *alerts.Cluster) { c.Key.Kind = inventory.TelemetryGap }, true},
		"one sale":                     {func(*alerts.Cluster) {}, false},
		"one valuable sale":            {func(c *alerts.Cluster) { c.RecentValues = money("EUR", 5000) }, true},
		"valuable in two currencies":   {func(c *alerts.Cluster) { c.RecentValues = append(money("EUR", 4999), money("USD", 4999)...) }, false},
		"valuable, but long ago":       {func(c *alerts.Cluster) { c.Values = money("EUR", 90_000) }, false},
		"many, but long ago":           {func(c *alerts.Cluster) { c.Open, c.Recent = 900, 4 }, false},
		"many that only inform":        {func(c *alerts.Cluster) { c.Open, c.Recent, c.Severity = 900, 900, inventory.Info }, false},
		"five that warn":               {func(c *alerts.Cluster) { c.Open, c.Recent, c.Severity = 5, 5, inventory.Warning }, true},
		"a silent feed that has ended": {func(c *alerts.Cluster) { c.Key.Kind, c.Open = inventory.SourceSilent, 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := alertstest.MissingInERP(t, 1)
			test.change(&c)
			s := newStory(t)
			if got := s.at(0, []alerts.Cluster{c}) != ""; got != test.opens {
				t.Errorf("opens an incident: %v, want %v", got, test.opens)
			}
			for _, i := range s.all {
				if want := c.Severity; i.Severity != want {
					t.Errorf("severity %s, want %s", i.Severity, want)
				}
			}
		})
	}
}

func money(currency string, n int64) []inventory.Amount {
	return []inventory.Amount{{Currency: currency, Basis: "retail_gross", Amount: inventory.DecimalOf(n)}}
}

func TestAnIncidentEndsWhenItIsOver(t *testing.T) {
	s := newStory(t)
	s.expect(0, "firing 50", missing(t, 50))
	s.expect(20, "firing 4", missing(t, 4)) // calm, and not yet over
	s.expect(25, "", missing(t, 4))
	s.expect(29, "firing 6", missing(t, 6)) // back: it was not over
	s.expect(31, "firing 3", missing(t, 3))
	s.expect(40, "", missing(t, 3))
	s.expect(41, "resolved 3", missing(t, 3))
	s.expect(42, "", missing(t, 3))
	for _, i := range s.all {
		if i.Peak != 50 || !i.ClosedAt.Equal(alertstest.Noon.Add(41*time.Minute)) {
			t.Errorf("peak %d, closed %v", i.Peak, i.ClosedAt)
		}
		if lead := alerts.Compose(&i, "").Lead; lead != "Over after 41 min; 3 findings still open." {
			t.Errorf("the end is told as %q", lead)
		}
	}
	s.expect(60, "firing 7", missing(t, 7))
	if len(s.all) != 2 {
		t.Errorf("%d incidents, want a second one after the first was over", len(s.all))
	}
}

func TestAnIncidentEndsWhenNothingIsLeft(t *testing.T) {
	s := newStory(t)
	s.expect(0, "firing 5", missing(t, 5))
	s.expect(5, "firing 0", nil)
	s.expect(15, "resolved 0", nil)
	for _, i := range s.all {
		m := alerts.Compose(&i, "")
		if m.Lead != "Over after 15 min: nothing is open any more." || m.Title != "Not in ERP: 5 sales" || len(m.Examples) != 3 {
			t.Errorf("the end is told as %q, %q with %d examples", m.Title, m.Lead, len(m.Examples))
		}
	}
}

func TestASecondWaveIsToldAnew(t *testing.T) {
	s := newStory(t)
	s.expect(0, "firing 50", missing(t, 50))
	later := func(minutes, open, recent int) []alerts.Cluster {
		c := alertstest.MissingInERP(t, open)
		c.Recent, c.LastOpened = recent, alertstest.Noon.Add(time.Duration(minutes)*time.Minute)
		return []alerts.Cluster{c}
	}
	s.expect(200, "firing 50", later(0, 50, 0)) // nothing new: only the recent ones are fewer
	s.expect(470, "firing 51", later(470, 51, 1))
	s.expect(949, "firing 60", later(949, 60, 9))                              // 7 h 59 min after the last one
	s.expect(1500, "resolved 60 continued, firing 600", later(1500, 600, 540)) // next morning
	all := s.known()
	if len(all) != 2 || all[0].State != alerts.Resolved || all[1].State != alerts.Firing || all[0].ContinuedBy != all[1].ID {
		t.Errorf("incidents are %+v", all)
	}
}

func TestABurnAndItsCauseAreOneIncident(t *testing.T) {
	cause := alertstest.MissingInERP(t, 2900)
	both := alertstest.Burning(alertstest.Because(cause, 2900))

	t.Run("at once", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing 2900 burn", []alerts.Cluster{cause}, both)
		s.expect(1, "firing 2900 burn", []alerts.Cluster{cause}) // no longer burns
		s.expect(2, "", []alerts.Cluster{cause})
	})
	t.Run("cause first", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing 2900", []alerts.Cluster{cause})
		s.expect(5, "firing 2900 burn", []alerts.Cluster{cause}, both)
	})
	t.Run("burn first", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing burn", nil, alertstest.Burning())
		s.expect(5, "firing 2900 burn", []alerts.Cluster{cause}, both)
		if len(s.all) != 1 {
			t.Errorf("%d incidents", len(s.all))
		}
	})
	t.Run("a cause known for hours does not swallow the burn", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing 2900", []alerts.Cluster{cause})
		s.expect(61, "firing burn", []alerts.Cluster{cause}, both)
	})
	t.Run("a cause of less than half stands beside it", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing burn, firing 2900", []alerts.Cluster{cause}, alertstest.Burning(alertstest.Because(cause, 1400)))
	})
	t.Run("it ends when both have ended", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing 2900 burn", []alerts.Cluster{cause}, both)
		s.expect(5, "firing 0 burn", nil, both)
		s.expect(20, "", nil, both)
		s.expect(21, "firing 0 burn", nil)
		s.expect(31, "resolved 0 burn", nil)
	})
}

func TestATicketAfterAPageIsNoNews(t *testing.T) {
	ticket := alertstest.Burning()
	standings := []*slo.Standing{&ticket.Total, &ticket.Regions[0], &ticket.Stores[0]}
	for _, s := range standings {
		burn := s.Burns[0]
		burn.Policy = slo.Policy{Name: "slow-burn", Severity: slo.Ticket, Threshold: 0.933, Long: 72 * time.Hour, Short: 6 * time.Hour}
		s.Burns = []slo.Burn{burn}
	}
	t.Run("what has paged is over when it no longer pages", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing burn", nil, alertstest.Burning())
		s.expect(10, "firing burn", nil, ticket)
		s.expect(20, "resolved burn", nil, ticket)
		s.expect(21, "", nil, ticket)
		s.expect(20+72*60, "", nil, ticket)
		s.expect(21+72*60, "firing burn", nil, ticket) // that is another budget
		for _, i := range s.known()[:1] {
			if lead := alerts.Compose(&i, "").Lead; lead != "Over after 20 min." || i.Severity != inventory.Critical {
				t.Errorf("severity %s, ended as %q", i.Severity, lead)
			}
		}
	})
	t.Run("a ticket by itself", func(t *testing.T) {
		s := newStory(t)
		s.expect(0, "firing burn", nil, ticket)
		s.expect(60, "", nil, ticket)
		if i := s.known()[0]; i.Severity != inventory.Warning {
			t.Errorf("severity %s", i.Severity)
		}
		s.expect(61, "firing burn", nil, alertstest.Burning()) // the same message gets worse
		s.expect(62, "firing burn", nil, ticket)
		s.expect(72, "resolved burn", nil, ticket)
	})
}

func TestSilences(t *testing.T) {
	s := newStory(t)
	silence := func(m alerts.Match) alerts.Silence {
		return alerts.Silence{Match: m, From: alertstest.Noon, Until: alertstest.Noon.Add(time.Hour), Reason: "ERP maintenance"}
	}
	s.rules.Silences = []alerts.Silence{silence(alerts.Match{System: "erp"}), silence(alerts.Match{Objective: "sale-posted"})}
	other := alertstest.MissingInERP(t, 9)
	other.Key.System, other.Key.Step = "oms", "oms availability_updated"
	s.expect(59, "firing 9", append(missing(t, 400), other), alertstest.Burning())
	s.expect(60, "firing burn, firing 400", append(missing(t, 400), other), alertstest.Burning())
}

func TestRulesValidate(t *testing.T) {
	rules := alerts.DefaultRules()
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	rules.MinMembers, rules.Hold, rules.Silences = 0, -1, []alerts.Silence{{Reason: "quiet, please"}}
	err := rules.Validate()
	for _, want := range []string{"least number of members is 0", "hold is -1ns", "a silence that matches everything"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// Whatever comes: one firing incident per cause, all that matters is told, and
// asking twice changes nothing.
func TestAdvanceProperties(t *testing.T) {
	kinds := []inventory.Kind{inventory.MissingStep, inventory.SourceSilent, inventory.DeadLetter}
	rapid.Check(t, func(t *rapid.T) {
		rules := alerts.DefaultRules()
		all := map[string]alerts.Incident{}
		now := alertstest.Noon
		for range rapid.IntRange(1, 12).Draw(t, "evaluations") {
			now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "minutes")) * time.Minute)
			var clusters []alerts.Cluster
			for _, kind := range kinds {
				open := rapid.IntRange(0, 9).Draw(t, "open")
				if open == 0 {
					continue
				}
				ago := time.Duration(rapid.IntRange(0, 900).Draw(t, "ago")) * time.Minute
				clusters = append(clusters, alerts.Cluster{
					Key: alerts.Key{Kind: kind}, Severity: inventory.Critical, Open: open,
					Recent: rapid.IntRange(0, open).Draw(t, "recent"), LastOpened: now.Add(-ago),
				})
			}
			var results []slo.Result
			if rapid.Bool().Draw(t, "burning") {
				var causes []slo.Cause
				if rapid.Bool().Draw(t, "explained") {
					causes = append(causes, slo.Cause{Kind: rapid.SampledFrom(kinds).Draw(t, "cause"), Lifecycles: 2000})
				}
				results = append(results, alertstest.Burning(causes...))
			}
			var open []alerts.Incident
			for _, i := range all {
				if i.State == alerts.Firing {
					open = append(open, i)
				}
			}
			slices.SortFunc(open, func(a, b alerts.Incident) int { return strings.Compare(a.ID, b.ID) })
			before := fmt.Sprintf("%+v", open)
			for _, i := range alerts.Advance(&rules, open, clusters, results, now) {
				all[i.ID] = i
			}
			if after := fmt.Sprintf("%+v", open); after != before {
				t.Fatal("Advance changed what it was given")
			}
			var firing []alerts.Incident
			told := map[alerts.Key]int{}
			burning := 0
			for _, i := range all {
				if i.State != alerts.Firing {
					continue
				}
				firing = append(firing, i)
				if i.Cluster != nil {
					told[i.Cluster.Key]++
				}
				if i.Burn != nil && i.Burn.Firing {
					burning++
				}
			}
			for _, c := range clusters {
				if n := told[c.Key]; n > 1 || n == 0 && rules.Relevant(&c) {
					t.Fatalf("%v with %d open, %d recent is told by %d incidents", c.Key, c.Open, c.Recent, n)
				}
			}
			if burning != len(results) {
				t.Fatalf("%d incidents tell of %d burns", burning, len(results))
			}
			slices.SortFunc(firing, func(a, b alerts.Incident) int { return strings.Compare(a.ID, b.ID) })
			if again := alerts.Advance(&rules, firing, clusters, results, now); len(again) > 0 {
				t.Fatalf("asked again, %d incidents changed", len(again))
			}
		}
	})
}
