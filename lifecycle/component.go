package lifecycle

import (
	"container/heap"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// component is a connected component of identifying keys as one partition knows
// it: with its records where the root's home is this partition, as a mere
// pointer to the root where it is another's.
type component struct {
	root    inventory.ScopedKey
	keys    []inventory.ScopedKey
	entries []entry                // by arrival, distinct, echoes among them; empty once moved away
	held    map[heldEntry]struct{} // what entries are there, where they are many
	book    book                   // of a book's key, instead of entries
	away    bool

	announced map[inventory.ScopedKey]bool // keys whose homes have been told
	unbound   []inventory.ScopedKey        // keys whose binding row is to be written

	// written holds a fingerprint of each live row, so that what did not change
	// is not written again; keys holds the search keys written.
	lifecycles map[string]storedLifecycle
	findings   map[string]string

	// judged is the now it was last judged by. A watermark once reached holds for
	// good, also where a restart has forgotten it.
	judged time.Time
	due    time.Time
	at     int // index in the due heap, -1 outside
	awaits []await
	dirty  bool
	closed bool
	heard  bool // a message in hand is about it

	// resting: some of its records, or all, are in the store only.
	resting bool
	// weight is what it was last weighed at, queued whether it is among the awake
	// ones, and used whether it was touched since it last came to their front.
	weight       int
	queued, used bool
}

// await is evidence a lifecycle waits for, about the location it is judged at.
type await struct {
	inventory.Await
	location string
}

type storedLifecycle struct {
	fingerprint string
	keys        map[inventory.Key]bool
}

func newComponent(root inventory.ScopedKey) *component {
	return &component{
		root: root, at: -1, announced: map[inventory.ScopedKey]bool{},
		lifecycles: map[string]storedLifecycle{}, findings: map[string]string{},
	}
}

// add takes in a record; it reports whether it was new.
func (c *component) add(e entry) bool {
	if c.holds(&e) {
		return false
	}
	at, _ := slices.BinarySearchFunc(c.entries, e, byArrival)
	c.entries = slices.Insert(c.entries, at, e)
	return true
}

// manyEntries is from how many on a component remembers what it holds, instead of
// looking.
const manyEntries = 64

type heldEntry struct {
	inventory.Identity
	echo inventory.Echo
}

// holds reports whether it has the entry; it takes it to be added where not.
func (c *component) holds(e *entry) bool {
	h := heldEntry{e.Identity(), e.echo}
	if len(c.entries) < manyEntries {
		c.held = nil
		return slices.ContainsFunc(c.entries, func(x entry) bool { return heldEntry{x.Identity(), x.echo} == h })
	}
	if len(c.held) != len(c.entries) {
		c.held = make(map[heldEntry]struct{}, 2*len(c.entries))
		for i := range c.entries {
			c.held[heldEntry{c.entries[i].Identity(), c.entries[i].echo}] = struct{}{}
		}
	}
	_, has := c.held[h]
	c.held[h] = struct{}{}
	return has
}

// dueHeap orders components by when their answer may change.
type dueHeap []*component

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *dueHeap) Push(x any) {
	c := x.(*component)
	c.at = len(*h)
	*h = append(*h, c)
}

func (h *dueHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	c.at = -1
	return c
}

// schedule sets when c is to be looked at again; zero means not by time.
func (h *dueHeap) schedule(c *component, due time.Time) {
	c.due = due
	switch {
	case due.IsZero() && c.at >= 0:
		heap.Remove(h, c.at)
	case due.IsZero():
	case c.at >= 0:
		heap.Fix(h, c.at)
	default:
		heap.Push(h, c)
	}
}

// hot is the components a partition has in memory, by each of their keys.
type hot struct {
	byKey map[inventory.ScopedKey]*component
	due   dueHeap
	idle  []*component // closed or away, oldest first: the first to leave
	// awake are the components with records in memory, in the order in which they
	// are asked whether they may rest, and weight is theirs together.
	awake  []*component
	weight int
}

// join makes the keys one component and returns it, with the roots that lost
// their rank in the merge. The second of two components is emptied into the
// first.
func (h *hot) join(keys []inventory.ScopedKey) (c *component, fallen []inventory.ScopedKey) {
	root := keys[0]
	for _, k := range keys {
		d := h.byKey[k]
		if d == nil || d == c {
			continue
		}
		if c == nil {
			c = d
			continue
		}
		if len(d.entries) > len(c.entries) {
			c, d = d, c
		}
		fallen = append(fallen, h.merge(c, d)...)
	}
	if c == nil {
		c = newComponent(root)
	}
	for _, k := range keys {
		if h.byKey[k] != c {
			h.byKey[k] = c
			c.keys = append(c.keys, k)
			c.unbound = append(c.unbound, k)
		}
		if inventory.CompareKeys(k, c.root) < 0 {
			fallen = append(fallen, c.root)
			c.root = k
			c.unbound = append(c.unbound[:0], c.keys...)
		}
	}
	return c, fallen
}

// merge empties d into c.
func (h *hot) merge(c, d *component) (fallen []inventory.ScopedKey) {
	if inventory.CompareKeys(d.root, c.root) < 0 {
		c.root, d.root = d.root, c.root
	}
	fallen = append(fallen, d.root)
	for _, k := range d.keys {
		h.byKey[k] = c
	}
	c.keys = append(c.keys, d.keys...)
	c.unbound = append(c.unbound[:0], c.keys...)
	for _, e := range d.entries {
		c.add(e)
	}
	for k := range d.announced {
		c.announced[k] = true
	}
	// What was written for d is c's to rewrite or to bury.
	for id, s := range d.lifecycles {
		s.fingerprint = ""
		c.lifecycles[id] = s
	}
	for id := range d.findings {
		c.findings[id] = ""
	}
	c.judged = later2(c.judged, d.judged)
	c.heard = c.heard || d.heard
	c.resting = c.resting || d.resting
	h.due.schedule(d, time.Time{})
	d.keys, d.entries, d.lifecycles, d.findings = nil, nil, nil, nil
	d.closed = true
	return fallen
}

// forget drops a component from memory; the store has all of it.
func (h *hot) forget(c *component) {
	for _, k := range c.keys {
		if h.byKey[k] == c {
			delete(h.byKey, k)
		}
	}
	h.due.schedule(c, time.Time{})
	h.weight -= c.weight
	c.weight = 0
}
