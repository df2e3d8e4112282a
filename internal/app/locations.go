package app

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine without zone files must not move the stores to UTC

	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/inventory"
)

var (
	locationFields = []string{"id", "name", "region", "zone", "owner", "posting", "open", "closed", "expect"}
	weekdays       = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday
)

// LoadLocations reads the locations file:
//
//	locations:
//	  - id: "0123"
//	    name: Lyon Part-Dieu
//	    region: south
//	    zone: Europe/Paris
//	    owner: store-ops-south
//	    posting: realtime            # or batch
//	    open:
//	      mon: "08:00-20:00"
//	      sat: ["08:00-12:00", "14:00-18:00"]
//	    closed: ["2026-12-24", "12-25"]  # a date, or a day of every year
//	    expect:                      # events an hour while open, in place of what is learned
//	      pos: 40
//	      pos 04: 12                 # of one register
//	      store_app: 0               # nothing is expected of it
//
// A weekday left out is closed, unless all are: then the location is always
// open. A span may end after midnight ("18:00-02:00"). Errors list every
// mistake with file and line.
func LoadLocations(file string) ([]inventory.Location, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read locations: %w", err)
	}
	root, err := parseYAML(file, raw)
	if err != nil {
		return nil, err
	}
	if root == nil || root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: begins with `locations:` and a list below it", file)
	}
	var locations []inventory.Location
	lines := map[string]int{}
	err = eachField(file, root, "field", []string{"locations"}, func(_ string, list *yaml.Node) error {
		if list.Kind != yaml.SequenceNode {
			return at(file, list, "locations is a list; each entry begins with `- id:`")
		}
		var errs []error
		for _, n := range list.Content {
			l, err := readLocation(file, n)
			if err != nil {
				errs = append(errs, errList(err)...)
				continue
			}
			// 0123 and 123 are one store to every key it scopes.
			id := inventory.Unpad(l.ID)
			if first, twice := lines[id]; twice {
				errs = append(errs, at(file, n, "location %q is declared twice, first in line %d", l.ID, first))
				continue
			}
			lines[id] = n.Line
			locations = append(locations, l)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return nil, err
	}
	return locations, nil
}

func readLocation(file string, n *yaml.Node) (inventory.Location, error) {
	l := inventory.Undeclared("")
	if n.Kind != yaml.MappingNode {
		return l, at(file, n, "a location begins with `- id:`")
	}
	err := eachField(file, n, "field", locationFields, func(name string, value *yaml.Node) error {
		switch name {
		case "open":
			return readOpen(file, value, &l)
		case "closed":
			return readClosed(file, value, &l)
		case "expect":
			return readExpect(file, value, &l)
		}
		if value.Kind != yaml.ScalarNode {
			return at(file, value, "%s is plain text", name)
		}
		v := value.Value
		switch name {
		case "id":
			// An unquoted 0123 is an octal number to some YAML writers; its text
			// as written is the identifier.
			l.ID = v
		case "name":
			l.Name = v
		case "region":
			l.Region = v
		case "owner":
			l.Owner = v
		case "zone":
			zone, err := time.LoadLocation(v)
			if err != nil || v == "Local" {
				return at(file, value, "zone %q is not an IANA time zone like Europe/Paris", v)
			}
			l.Zone = zone
		case "posting":
			l.Posting = inventory.Posting(v)
			if !slices.Contains(inventory.Postings, l.Posting) {
				return at(file, value, "posting %q is not realtime, batch or store_day", v)
			}
		}
		return nil
	})
	if err == nil && l.ID == "" {
		err = at(file, n, "a location needs an id")
	}
	return l, err
}

func readClosed(file string, n *yaml.Node, l *inventory.Location) error {
	if n.Kind != yaml.SequenceNode {
		return at(file, n, `closed is a list of days like ["2026-12-24", "12-25"]`)
	}
	var errs []error
	for _, day := range n.Content {
		_, errDate := time.Parse(time.DateOnly, day.Value)
		_, errYearly := time.Parse(time.DateOnly, "2000-"+day.Value) // a leap year
		if errDate != nil && errYearly != nil {
			errs = append(errs, at(file, day, `closed: %q is neither a date like 2026-12-24 nor a day of every year like 12-25`, day.Value))
			continue
		}
		l.Closed = append(l.Closed, day.Value)
	}
	return errors.Join(errs...)
}

// mostExpected bounds a declared rate, in events an hour: a thousand a second.
const mostExpected = 3_600_000

func readExpect(file string, n *yaml.Node, l *inventory.Location) error {
	if n.Kind != yaml.MappingNode {
		return at(file, n, "expect is written by system, like pos: 40 (events an hour while open)")
	}
	var errs []error
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		words := strings.Fields(name.Value)
		rate, err := strconv.ParseFloat(value.Value, 64)
		switch {
		case name.Kind != yaml.ScalarNode || len(words) == 0 || len(words) > 2:
			errs = append(errs, at(file, name, "expect: %q is neither a system like pos nor a register of one like pos 04", name.Value))
		case seen[name.Value]:
			errs = append(errs, at(file, name, "expect: %q is said twice", name.Value))
		case err != nil || !(rate >= 0 && rate <= mostExpected):
			errs = append(errs, at(file, value, "expect: %s: %q is not a number of events an hour", name.Value, value.Value))
		default:
			e := inventory.Expected{System: words[0], PerHour: rate}
			if len(words) == 2 {
				e.Register = words[1]
			}
			l.Expect = append(l.Expect, e)
		}
		seen[name.Value] = true
	}
	return errors.Join(errs...)
}

func readOpen(file string, n *yaml.Node, l *inventory.Location) error {
	if n.Kind != yaml.MappingNode {
		return at(file, n, `open is written by weekday, like mon: "08:00-20:00"`)
	}
	return eachField(file, n, "weekday", weekdays, func(day string, value *yaml.Node) error {
		nodes := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			nodes = value.Content
		}
		d := slices.Index(weekdays, day)
		var errs []error
		for _, n := range nodes {
			span, err := parseSpan(n.Value)
			if err != nil || n.Kind != yaml.ScalarNode {
				errs = append(errs, at(file, n, `%s: %q is not a span like "08:00-20:00"`, day, n.Value))
				continue
			}
			if k := len(l.Open[d]); k > 0 && span.From < l.Open[d][k-1].To {
				errs = append(errs, at(file, n, "%s: %q begins before the span above it ends", day, n.Value))
				continue
			}
			l.Open[d] = append(l.Open[d], span)
		}
		return errors.Join(errs...)
	})
}

// parseSpan reads "08:00-20:00" or, past midnight, "18:00-02:00".
func parseSpan(s string) (inventory.Span, error) {
	from, to, ok := strings.Cut(s, "-")
	a, errA := parseMinute(from)
	b, errB := parseMinute(to)
	if !ok || errA != nil || errB != nil || a == b || a == 24*60 {
		return inventory.Span{}, errors.New("not a span")
	}
	if b < a {
		b += 24 * 60
	}
	return inventory.Span{From: a, To: b}, nil
}

func parseMinute(s string) (int, error) {
	h, m, ok := strings.Cut(strings.TrimSpace(s), ":")
	hours, errH := strconv.ParseUint(h, 10, 8)
	minutes, errM := strconv.ParseUint(m, 10, 8)
	n := int(hours)*60 + int(minutes)
	if !ok || errH != nil || errM != nil || minutes > 59 || n > 24*60 {
		return 0, errors.New("not a time of day")
	}
	return n, nil
}
