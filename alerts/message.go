package alerts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Message is an incident in words, the same for every receiver. Texts are plain:
// each receiver escapes and cuts them to its own limits.
type Message struct {
	IncidentID string
	State      State
	Severity   inventory.Severity
	Title      string // "Not in ERP: 4,012 sales"
	// Lead is one sentence of what it means, or of how it ended.
	Lead string
	// Facts are short pairs, most important first: cause, reach, owner.
	Facts []Fact
	// Burn is the sentence about the promise at stake, where the incident is about
	// more than that.
	Burn string
	// Groups are the parts of the incident worth naming, largest first.
	Groups   []string
	Examples []ExampleLink
	Action   string
	Owner    string
	Link     string // to everything the incident is about
	Runbook  string
	OpenedAt time.Time
	ClosedAt time.Time // zero while firing
	// Labels are for machines: what the incident is, unchanging over its life.
	Labels map[string]string
	// Group is the only finding group inside; empty otherwise.
	Group string
}

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// ExampleLink is an example with its address.
type ExampleLink struct{ Text, URL, Note string }

// hash tells whether a message says the same as another. Labels and texts are
// all of it.
func (m *Message) hash() string {
	raw, err := json.Marshal(m)
	if err != nil {
		// Strings, times and maps of strings always encode; a time beyond year 9999
		// would not, and then the message is sent each time.
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:12])
}

// examplesShown is how many examples a message names.
const examplesShown = 3

// Compose puts an incident into words. publicURL is the address people reach
// the pages at.
func Compose(i *Incident, publicURL string) Message {
	base := strings.TrimRight(publicURL, "/")
	m := Message{
		IncidentID: i.ID, State: i.State, Severity: i.Severity, OpenedAt: i.OpenedAt, ClosedAt: i.ClosedAt,
		Labels: map[string]string{"incident": i.ID, "severity": string(i.Severity)},
	}
	if i.Cluster != nil {
		composeCluster(&m, i, base)
	}
	if i.Burn != nil {
		composeBurn(&m, i, base)
	}
	if i.State == Resolved {
		m.Lead = ending(i)
	}
	return m
}

func composeCluster(m *Message, i *Incident, base string) {
	c := i.Cluster
	count := c.Open
	if i.State == Resolved {
		count = i.Peak
	}
	m.Title = c.Title
	if c.Key.Kind == inventory.SourceSilent {
		m.Title = fmt.Sprintf("%s: %s", c.Title, c.Key.System)
		if c.Locations > 0 {
			m.Title += " at " + plural(c.Locations, "store")
		}
	} else {
		m.Title = fmt.Sprintf("%s: %s", c.Title, plural(count, noun(c.Examples)))
	}
	m.Lead = c.Sentence
	if c.Open > 1 && c.Sentence != "" {
		m.Lead = "The first of them: " + c.Sentence
	}
	m.Action, m.Owner, m.Runbook = c.Action, c.Owner, c.Runbook

	m.fact("Cause", words(string(c.Key.Cause)))
	m.fact("Where", c.Key.where())
	m.fact("Error", c.Key.ErrorCode)
	m.fact("Stores", locations(c))
	m.fact("Regions", list(c.Regions, 4))
	m.fact("Units at risk", quantities(c.Units))
	m.fact("Value at risk", amounts(c.Values))
	m.fact("Owner", c.Owner)
	m.fact("Acknowledged", c.acknowledged())
	m.fact("Assigned to", list(c.Assignees, 3))

	switch {
	case c.Key.Kind == inventory.SourceSilent: // its stores are named already
	case c.Groups > 1:
		for _, g := range c.GroupsTop {
			what := g.What
			if what == "" {
				what = g.ID
			}
			m.Groups = append(m.Groups, fmt.Sprintf("%s: %s", what, number(int64(g.Open))))
		}
		if rest := c.Groups - len(c.GroupsTop); rest > 0 && len(c.GroupsTop) > 0 {
			m.Groups = append(m.Groups, fmt.Sprintf("and %s more", number(int64(rest))))
		}
	case len(c.GroupsTop) == 1:
		m.Group = c.GroupsTop[0].ID
	}
	for _, e := range c.Examples[:min(len(c.Examples), examplesShown)] {
		text := e.Receipt
		if text == "" {
			text = e.LifecycleID
		}
		link := ExampleLink{Text: text, URL: base + "/trace/" + url.PathEscape(e.LifecycleID), Note: e.Sentence}
		if e.LifecycleID == "" { // about a feed
			link.Text, link.URL = cmp.Or(e.Location, c.Key.System), ""
		}
		m.Examples = append(m.Examples, link)
	}
	m.Link = base + "/findings?" + m.query(c)

	for name, value := range map[string]string{
		"kind": string(c.Key.Kind), "cause": string(c.Key.Cause), "system": c.Key.System, "step": c.Key.Step,
		"error_code": c.Key.ErrorCode, "owner": c.Owner,
	} {
		if value != "" {
			m.Labels[name] = value
		}
	}
}

// acknowledged says who looks after how much of it.
func (c *Cluster) acknowledged() string {
	if len(c.AcknowledgedBy) == 0 {
		return ""
	}
	by := "by " + list(c.AcknowledgedBy, 3)
	if c.Acknowledged < c.Open {
		return fmt.Sprintf("%s of %s, %s", number(int64(c.Acknowledged)), number(int64(c.Open)), by)
	}
	return by
}

func (m *Message) query(c *Cluster) string {
	q := url.Values{}
	if m.Group != "" {
		q.Set("group", m.Group)
		return q.Encode()
	}
	for name, value := range map[string]string{"kind": string(c.Key.Kind), "cause": string(c.Key.Cause), "system": c.Key.System} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

func composeBurn(m *Message, i *Incident, base string) {
	b := i.Burn
	m.Labels["objective"] = b.Objective
	if i.Cluster != nil {
		m.Burn = b.sentence()
		return
	}
	m.Title = "Promise at risk: " + b.Title
	m.Lead = fmt.Sprintf("%s of %s missed it within %s.", number(b.Bad), plural(int(b.Valid), "sale"), span(b.Long))
	m.Owner, m.Runbook = b.Owner, b.Runbook
	m.Link = base + "/"
	m.Labels["owner"] = b.Owner
	m.fact("Burn", fmt.Sprintf("%s× (%s, alarm at %s×)", rate(b.Rate), b.Policy, rate(b.Threshold)))
	m.fact("Budget left", fmt.Sprintf("%s (%s)", percent(b.BudgetLeft), span(b.Window)))
	if b.Stores > 0 {
		m.fact("Stores", number(int64(b.Stores)))
	}
	m.fact("Regions", list(b.Regions, 4))
	if b.Unknown > 0 {
		m.fact("Unknown", number(b.Unknown)+" not confirmed yet, counted apart")
	}
	m.fact("Owner", b.Owner)
	for _, c := range b.Causes {
		m.Groups = append(m.Groups, fmt.Sprintf("%s: %s", c.Title, number(c.Count)))
	}
}

func (b *Burn) sentence() string {
	if !b.Firing {
		return fmt.Sprintf("“%s” no longer burns; %s of the budget is left.", b.Title, percent(b.BudgetLeft))
	}
	where := ""
	if len(b.Regions) > 0 {
		where = ", worst in " + list(b.Regions, 3)
	}
	return fmt.Sprintf("“%s” burns %s× as fast as allowed (over %s%s); %s of the budget of %s is left.",
		b.Title, rate(b.Rate), span(b.Long), where, percent(b.BudgetLeft), span(b.Window))
}

// ending says how it ended, and admits what is left.
func ending(i *Incident) string {
	if i.ContinuedBy != "" {
		return "It was quiet for long and has come again: a newer message continues this one."
	}
	after := span(i.ClosedAt.Sub(i.OpenedAt))
	if i.Cluster == nil {
		return fmt.Sprintf("Over after %s.", after)
	}
	if i.Cluster.Open == 0 {
		return fmt.Sprintf("Over after %s: nothing is open any more.", after)
	}
	return fmt.Sprintf("Over after %s; %s still open.", after, plural(i.Cluster.Open, "finding"))
}

func (m *Message) fact(name, value string) {
	if value != "" {
		m.Facts = append(m.Facts, Fact{name, value})
	}
}

func (k Key) where() string {
	if k.Step != "" {
		return k.Step
	}
	return k.System
}

// noun is what the examples are: sales, as long as they all are.
func noun(examples []Example) string {
	if len(examples) == 0 || examples[0].Workflow == "" {
		return "finding"
	}
	for _, e := range examples {
		if e.Workflow != examples[0].Workflow {
			return "transaction"
		}
	}
	return words(examples[0].Workflow)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(int64(n)) + " " + noun + "s"
}

func locations(c *Cluster) string {
	switch {
	case c.Locations == 0:
		return ""
	case c.Locations <= len(c.LocationsTop):
		return strings.Join(c.LocationsTop, ", ")
	case len(c.LocationsTop) == 0:
		return number(int64(c.Locations))
	default:
		return fmt.Sprintf("%s, most in %s", number(int64(c.Locations)), strings.Join(c.LocationsTop, ", "))
	}
}

// list names up to limit and counts the rest. Undeclared locations have no
// region.
func list(names []string, limit int) string {
	names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
	if len(names) > limit {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
	}
	return strings.Join(names, ", ")
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// quantities and amounts are never added across units, currencies or bases.
func quantities(all []inventory.Quantity) string {
	var parts []string
	for _, q := range all {
		parts = append(parts, grouped(q.Quantity.Abs().String())+" "+q.UOM)
	}
	return list(parts, 4)
}

func amounts(all []inventory.Amount) string {
	var parts []string
	for _, a := range all {
		text := grouped(cents(a.Amount.Abs().String())) + " " + a.Currency
		if a.Basis != "" {
			text += " (" + words(a.Basis) + ")"
		}
		parts = append(parts, text)
	}
	return list(parts, 3)
}

// cents shows money with at least two places.
func cents(s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	for len(fraction) < 2 {
		fraction += "0"
	}
	return whole + "." + fraction
}

func number(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

// grouped puts commas between thousands of a plain decimal without sign.
func grouped(s string) string {
	whole, fraction, pointed := strings.Cut(s, ".")
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	if pointed {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// rate writes a burn rate: one place below ten, none above.
func rate(r float64) string {
	if r < 9.95 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Round(r), 'f', 0, 64)
}

// percent writes a share in whole percent, and never calls something nothing.
func percent(share float64) string {
	p := math.Round(share * 100)
	if p == 0 && share > 0 {
		return "under 1 %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// span writes a length of time as people say it.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0 || d >= 10*day:
		return plural(int(d/day), "day")
	case d >= day:
		return fmt.Sprintf("%s %d h", plural(int(d/day), "day"), int(d%day/time.Hour))
	case d >= time.Hour && d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
	case d >= time.Minute:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	default:
		return fmt.Sprintf("%d s", int(d/time.Second))
	}
}
