package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// A key that is found together with a great many values of another means none of
// them: a middleware that stamps one correlation id on all it does, a batch that
// gives its number to each of its deliveries. Such a key groups and does not bind.
// The transactions are told apart by what else they carry; what carries nothing
// else is an orphan. One finding says so of the key, and none of the transactions.

// hubValues is how many values of another identifying key a key may be found with
// before it is taken to mean none of them. A handful is a collision that somebody
// has to look at; more than a score is how the sender numbers.
const hubValues = 20

// workflowHub names what is told of such a key.
const workflowHub = "shared_key"

// hubRules is the version of what is said here, stored with it.
const hubRules = "hub-1"

// hub is a key that means no one transaction.
type hub struct {
	key   inventory.ScopedKey
	with  string    // the name of the keys it is found with
	since time.Time // when it was found with one too many
	lead  entry     // that told so
	about []string  // the records of the first of them
	last  time.Time // when it was last heard
}

// hubsOf finds the hubs among a component's keys. entries are in order of arrival.
func hubsOf(entries []entry) map[inventory.ScopedKey]*hub {
	if len(entries) <= hubValues {
		return nil
	}
	type pair struct {
		key  inventory.ScopedKey
		with string
	}
	values := map[pair]map[string]bool{}
	about := map[pair][]string{}
	var hubs map[inventory.ScopedKey]*hub
	for i := range entries {
		e := &entries[i]
		for _, k := range e.keys {
			if h := hubs[k]; h != nil {
				h.last = e.ReceivedAt
				continue
			}
			for _, other := range e.keys {
				p := pair{k, other.Name}
				if other.Name == k.Name || values[p][other.Value] {
					continue
				}
				if values[p] == nil {
					values[p] = map[string]bool{}
				}
				values[p][other.Value] = true
				if len(about[p]) < collisionEvidence {
					about[p] = append(about[p], e.ID)
				}
				if len(values[p]) > hubValues && hubs[k] == nil {
					if hubs == nil {
						hubs = map[inventory.ScopedKey]*hub{}
					}
					hubs[k] = &hub{key: k, with: other.Name, since: e.ReceivedAt, lead: *e, about: about[p], last: e.ReceivedAt}
				}
			}
		}
	}
	return hubs
}

// around divides a component as if its hubs were not there.
func around(hubs map[inventory.ScopedKey]*hub, entries, heard, said []entry) []cluster {
	var sets unionFind
	own := slices.Clone(entries)
	byID := map[string]inventory.ScopedKey{}
	for i := range own {
		e := &own[i]
		e.keys = slices.DeleteFunc(slices.Clone(e.keys), func(k inventory.ScopedKey) bool { return hubs[k] != nil })
		if len(e.keys) == 0 {
			e.keys = []inventory.ScopedKey{{Name: inventory.KeyRecord, Value: e.ID}}
		}
		sets.join(e.keys)
		byID[e.ID] = e.keys[0]
	}
	for _, together := range arrange(said).together {
		var keys []inventory.ScopedKey
		for _, id := range together {
			if k, ok := byID[id]; ok {
				keys = append(keys, k)
			}
		}
		if len(keys) > 0 {
			sets.join(keys)
		}
	}
	type part struct{ own, heard []entry }
	parts := map[inventory.ScopedKey]*part{}
	var order []*part
	for _, e := range own {
		root := sets.root(e.keys[0])
		if parts[root] == nil {
			parts[root] = &part{}
			order = append(order, parts[root])
		}
		parts[root].own = append(parts[root].own, e)
	}
	for _, e := range heard {
		if p := parts[sets.root(e.echo.To)]; p != nil {
			p.heard = append(p.heard, e)
		}
	}
	var clusters []cluster
	for _, p := range order {
		clusters = append(clusters, divided(p.own, p.heard, said)...)
	}
	for _, h := range hubs {
		clusters = append(clusters, cluster{canonical: h.key, keys: []inventory.ScopedKey{h.key}, said: said, hub: h})
	}
	slices.SortFunc(clusters, func(a, b cluster) int { return inventory.CompareKeys(a.canonical, b.canonical) })
	return clusters
}

// tell says of a hub that it is one. It is listed like a book, and is no
// transaction.
func (h *hub) tell(rules *Rules, now time.Time) inventory.Lifecycle {
	e := &h.lead.Event
	l := newBookLifecycle(rules, h.key, e.Location, hubRules, now)
	l.Workflow, l.StartedAt, l.UpdatedAt, l.RecordIDs = workflowHub, e.Time, h.last, h.about
	name := strings.ReplaceAll(h.key.Name, "_", " ")
	sentence := fmt.Sprintf("%s %s is on more than %s: it means none of them, and binds nothing. What carries no other key stands alone.",
		upperFirst(name), h.key.Value, plural(hubValues, strings.ReplaceAll(h.with, "_", " ")))
	f := claims{now: now}
	f.arrive(h.since, time.Time{}, h.lead.ID, []claim{{inventory.Finding{
		ID: findingID(inventory.KeyCollision, "hub", h.key.String()), Kind: inventory.KeyCollision, Cause: inventory.CauseIntegrationFault,
		System: e.System, FirstOccurredAt: e.Time, Evidence: h.about, Sentence: sentence,
	}, h.since}}, func(*inventory.Finding) inventory.Resolution { return inventory.Disproved })
	l.Sentence = cmp.Or(f.into(&l, h.key.String()), sentence)
	end := h.last.Add(bookHorizon)
	if !now.Before(end) {
		l.State = inventory.StateClosed
		return l
	}
	f.wake(end)
	l.NextAt = f.next
	return l
}
