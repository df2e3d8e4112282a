package estate

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/inventory"
)

// store is one shop of the retailer.
type store struct {
	inventory.Location
	index     int
	erp       *erp
	currency  string
	size      float64 // relative to an average store
	registers int
	// firstRegister is the index of its first register among all.
	firstRegister int
	group         int
}

// register returns the number printed on receipts: "04".
func (s *store) register(n int) string { return fmt.Sprintf("%02d", n+1) }

// erp is one instance of the ERP. Each reports in its own way.
type erp struct {
	index    int
	instance string
	via      transport
	// namesSKU: its lines say the till's item beside its own article.
	namesSKU bool
}

var erps = []*erp{
	{0, "erp-eu", logs, false},
	{1, "erp-us", traces, true},
	{2, "erp-apac", logs, false},
}

// region is a part of the retailer with one owner and one ERP.
type region struct {
	name     string
	share    float64 // of all stores
	erp      int
	currency string
	cities   []city
	hours    []hours
}

type city struct{ name, zone string }

// hours are opening hours of weekdays, Saturdays and Sundays in local minutes;
// an empty span means closed.
type hours struct{ week, saturday, sunday inventory.Span }

func open(fromHour, toHour int) inventory.Span {
	return inventory.Span{From: fromHour * 60, To: toHour * 60}
}

// The regions lie so that some of them are always open: somewhere it is day.
var regions = []region{
	{
		name: "germany", share: 0.28, erp: 0, currency: "EUR",
		cities: []city{
			{"Hamburg", "Europe/Berlin"},
			{"Berlin", "Europe/Berlin"},
			{"Köln", "Europe/Berlin"},
			{"München", "Europe/Berlin"},
			{"Leipzig", "Europe/Berlin"},
			{"Bremen", "Europe/Berlin"},
			{"Nürnberg", "Europe/Berlin"},
			{"Dortmund", "Europe/Berlin"},
		},
		hours: []hours{{open(8, 20), open(8, 20), inventory.Span{}}, {open(7, 22), open(7, 20), inventory.Span{}}},
	},
	{
		name: "uk-ireland", share: 0.15, erp: 0, currency: "GBP",
		cities: []city{
			{"London", "Europe/London"},
			{"Leeds", "Europe/London"},
			{"Bristol", "Europe/London"},
			{"Glasgow", "Europe/London"},
			{"Cardiff", "Europe/London"},
			{"Belfast", "Europe/London"},
		},
		hours: []hours{{open(7, 22), open(7, 22), open(10, 16)}, {open(8, 20), open(8, 19), open(11, 17)}},
	},
	{
		name: "france-benelux", share: 0.15, erp: 0, currency: "EUR",
		cities: []city{
			{"Paris", "Europe/Paris"},
			{"Lyon", "Europe/Paris"},
			{"Lille", "Europe/Paris"},
			{"Bruxelles", "Europe/Brussels"},
			{"Gent", "Europe/Brussels"},
			{"Utrecht", "Europe/Amsterdam"},
		},
		hours: []hours{{open(8, 20), open(8, 20), open(9, 13)}, {open(9, 20), open(9, 20), inventory.Span{}}},
	},
	{
		name: "nordics", share: 0.08, erp: 0, currency: "EUR",
		cities: []city{
			{"Stockholm", "Europe/Stockholm"}, {"København", "Europe/Copenhagen"}, {"Oslo", "Europe/Oslo"}, {"Helsinki", "Europe/Helsinki"},
		},
		hours: []hours{{open(7, 21), open(8, 20), open(10, 18)}},
	},
	{
		name: "us-east", share: 0.14, erp: 1, currency: "USD",
		cities: []city{
			{"Boston", "America/New_York"}, {"Philadelphia", "America/New_York"}, {"Atlanta", "America/New_York"}, {"Baltimore", "America/New_York"},
		},
		hours: []hours{{open(8, 22), open(8, 22), open(10, 19)}, {open(7, 23), open(7, 23), open(8, 21)}},
	},
	{
		name: "us-central", share: 0.08, erp: 1, currency: "USD",
		cities: []city{{"Chicago", "America/Chicago"}, {"Dallas", "America/Chicago"}, {"Minneapolis", "America/Chicago"}},
		hours:  []hours{{open(8, 22), open(8, 22), open(10, 19)}},
	},
	{
		name: "us-west", share: 0.07, erp: 1, currency: "USD",
		cities: []city{{"Seattle", "America/Los_Angeles"}, {"Portland", "America/Los_Angeles"}, {"Oakland", "America/Los_Angeles"}},
		hours:  []hours{{open(8, 22), open(8, 22), open(9, 21)}, {open(7, 23), open(7, 23), open(8, 22)}},
	},
	{
		name: "australia", share: 0.05, erp: 2, currency: "AUD",
		cities: []city{{"Sydney", "Australia/Sydney"}, {"Melbourne", "Australia/Melbourne"}, {"Brisbane", "Australia/Brisbane"}},
		hours:  []hours{{open(7, 22), open(7, 22), open(8, 20)}},
	},
}

var quarters = []string{"Central", "Station", "West", "North", "Harbour", "Market", "East", "South", "Park", "Gate", "Bridge", "Hill"}

// tradingGroup is the stores that open and close together: openness and demand
// are worked out once for all of them.
type tradingGroup struct {
	stores []*store
	reach  []float64 // cumulative size, for drawing a store
}

// buildStores lays out the retailer. Which stores exist and how large they are
// depends on the seed alone.
func buildStores(seed uint64, count int, batchShare, dayShare float64) ([]*store, []tradingGroup, error) {
	type pattern struct {
		zone  string
		hours hours
	}
	var (
		stores    []*store
		groups    []tradingGroup
		groupOf   = map[pattern]int{}
		zones     = map[string]*time.Location{}
		registers int
		share     float64
	)
	for r := range regions {
		region := &regions[r]
		share += region.share
		until := int(math.Round(share * float64(count)))
		if r == len(regions)-1 {
			until = count
		}
		for n := 0; len(stores) < until; n++ {
			i := len(stores)
			d := roll(seed, "store", uint64(i))
			place := region.cities[n%len(region.cities)]
			zone, ok := zones[place.zone]
			if !ok {
				var err error
				if zone, err = time.LoadLocation(place.zone); err != nil {
					return nil, nil, fmt.Errorf("build stores: %w", err)
				}
				zones[place.zone] = zone
			}
			open := region.hours[d.IntN(len(region.hours))]
			s := &store{
				Location: inventory.Location{
					ID: fmt.Sprintf("%04d", i+1), Name: storeName(place.name, n/len(region.cities)), Region: region.name,
					Zone: zone, Owner: "store-ops-" + region.name, Posting: inventory.PostingRealtime,
				},
				index: i, erp: erps[region.erp], currency: region.currency,
				size: math.Exp(0.5 * d.NormFloat64()),
			}
			for day := range s.Open {
				var span inventory.Span
				switch time.Weekday(day) {
				case time.Saturday:
					span = open.saturday
				case time.Sunday:
					span = open.sunday
				default:
					span = open.week
				}
				if span.To > span.From {
					s.Open[day] = []inventory.Span{span}
				}
			}
			s.size = min(max(s.size, 0.3), 4)
			s.registers = 2 + int(2*s.size)
			s.firstRegister = registers
			registers += s.registers
			if d.chance(batchShare) {
				s.Posting = inventory.PostingBatch
			} else if d.chance(dayShare / max(1-batchShare, 1e-9)) {
				s.Posting = inventory.PostingStoreDay
			}
			p := pattern{place.zone, open}
			g, ok := groupOf[p]
			if !ok {
				g = len(groups)
				groupOf[p] = g
				groups = append(groups, tradingGroup{})
			}
			s.group = g
			reach := s.size
			if k := len(groups[g].reach); k > 0 {
				reach += groups[g].reach[k-1]
			}
			groups[g].stores = append(groups[g].stores, s)
			groups[g].reach = append(groups[g].reach, reach)
			stores = append(stores, s)
		}
	}
	return stores, groups, nil
}

func storeName(city string, n int) string {
	name := city + " " + quarters[n%len(quarters)]
	if n >= len(quarters) {
		name += " " + strconv.Itoa(n/len(quarters)+1)
	}
	return name
}

// demand is how much the hour of day brings, 1 being an ordinary midday hour.
var demand = [24]float64{
	7: 0.4, 8: 0.5, 9: 0.7, 10: 0.9, 11: 1, 12: 1.1, 13: 1, 14: 0.9,
	15: 1, 16: 1.1, 17: 1.3, 18: 1.2, 19: 0.9, 20: 0.6, 21: 0.4, 22: 0.3,
}

// trade returns the group's part of the retailer's demand at t, 0 while closed.
func (g *tradingGroup) trade(t time.Time) float64 {
	first := g.stores[0]
	if !first.IsOpen(t) {
		return 0
	}
	local := t.In(first.Zone)
	weight := g.reach[len(g.reach)-1] * max(demand[local.Hour()], 0.2)
	if local.Weekday() == time.Saturday {
		weight *= 1.3
	}
	return weight
}

// warehouses are the retailer's, one a region, in order of regions. They never
// close.
func warehouses() ([]inventory.Location, error) {
	all := make([]inventory.Location, len(regions))
	for i := range regions {
		r := &regions[i]
		zone, err := time.LoadLocation(r.cities[0].zone)
		if err != nil {
			return nil, fmt.Errorf("build warehouses: %w", err)
		}
		all[i] = inventory.Location{
			ID: fmt.Sprintf("W%02d", i+1), Name: r.cities[0].name + " warehouse", Region: r.name, Zone: zone,
			Owner: "logistics-" + r.name, Posting: inventory.PostingRealtime,
		}
	}
	return all, nil
}

// Locations returns the stores and warehouses a retailer of these options has, without making
// it: an instance wants to know them before there is anything to sell to.
func Locations(opts Options) ([]inventory.Location, error) {
	stores, _, err := buildStores(opts.Seed, opts.Stores, opts.BatchShare, opts.DayShare)
	if err != nil {
		return nil, err
	}
	locations := make([]inventory.Location, len(stores))
	for i, s := range stores {
		locations[i] = s.Location
	}
	depots, err := warehouses()
	return append(locations, depots...), err
}

// WriteLocations writes the locations file of the retailer, in the form that
// --locations reads.
func WriteLocations(w io.Writer, locations []inventory.Location) error {
	type entry struct {
		ID      string    `yaml:"id"`
		Name    string    `yaml:"name"`
		Region  string    `yaml:"region"`
		Zone    string    `yaml:"zone"`
		Owner   string    `yaml:"owner"`
		Posting string    `yaml:"posting"`
		Open    yaml.Node `yaml:"open"`
		Closed  []string  `yaml:"closed,omitempty,flow"`
		// Expect is by system, or system and register.
		Expect map[string]float64 `yaml:"expect,omitempty,flow"`
	}
	var file struct {
		Locations []entry `yaml:"locations"`
	}
	for i := range locations {
		l := &locations[i]
		zone := "UTC"
		if l.Zone != nil {
			zone = l.Zone.String()
		}
		file.Locations = append(file.Locations, entry{
			ID: l.ID, Name: l.Name, Region: l.Region, Zone: zone, Owner: l.Owner, Posting: string(l.Posting),
			Open: openNode(l), Closed: l.Closed, Expect: expectOf(l),
		})
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return fmt.Errorf("write locations: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("write locations: %w", err)
	}
	return nil
}

func expectOf(l *inventory.Location) map[string]float64 {
	rates := map[string]float64{}
	for _, e := range l.Expect {
		rates[strings.TrimSpace(e.System+" "+e.Register)] = e.PerHour
	}
	return rates
}

// openNode writes opening hours in one line, Monday first.
func openNode(l *inventory.Location) yaml.Node {
	node := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for i := range 7 {
		day := time.Weekday((i + 1) % 7)
		var spans []*yaml.Node
		for _, s := range l.Open[day] {
			to := s.To
			if to > 24*60 {
				to -= 24 * 60 // past midnight
			}
			spans = append(spans, text(fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, to/60, to%60), yaml.DoubleQuotedStyle))
		}
		if len(spans) == 0 {
			continue
		}
		value := spans[0]
		if len(spans) > 1 {
			value = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: spans}
		}
		node.Content = append(node.Content, text(strings.ToLower(day.String()[:3]), 0), value)
	}
	return node
}

func text(s string, style yaml.Style) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: style}
}
