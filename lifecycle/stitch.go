package lifecycle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// recurrence is how far apart business dates of one receipt number may lie and
// still mean one sale; beyond, the till's counter has come round.
// Source: contract, Identity, "nearest within ±3 days".
const recurrence = 3 * 24 * time.Hour

// Stitch returns the lifecycles of a set of records as they stand at now,
// ordered by id. It is a pure function of the set: order and repetition of
// records do not matter, only their content and first received times. Findings
// that would open after now are not there yet; NextAt says when to ask again.
func Stitch(rules *Rules, records []inventory.Record, evidence *Evidence, now time.Time) []inventory.Lifecycle {
	var all []inventory.Lifecycle
	entries, books := withEchoes(rules, distinct(records))
	for _, component := range components(entries) {
		all = append(all, stitchComponent(rules, component, evidence, now)...)
	}
	_, said := peoples(entries)
	for key, b := range books {
		all = append(all, heedBook(rules, b.tell(rules, key, evidence, now), said))
	}
	slices.SortFunc(all, func(a, b inventory.Lifecycle) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// entry is a record with what stitching asks of it again and again.
type entry struct {
	*inventory.Record
	keys    []inventory.ScopedKey
	outcome inventory.Outcome
	step    int // index into the workflow's steps, -1 where it has none
	// digest is computed when it is first asked for; most records never are.
	digested bool
	digest   inventory.Hash
	// echo is set where it is another lifecycle's record.
	echo inventory.Echo
}

// name tells a record from every other, also from one with the same id and other
// content. What is said to several lifecycles has a name for each.
func (e *entry) name() string {
	name := e.ID + "#" + e.Content.String()
	if e.isEcho() {
		name += " to " + e.echo.To.String()
	}
	return name
}

// business returns the digest of what the record says about the business.
func (e *entry) business() inventory.Hash {
	if !e.digested {
		e.digest, e.digested = e.Event.Digest(), true
	}
	return e.digest
}

func newEntry(r *inventory.Record) entry {
	e := entry{Record: r, keys: r.Event.Identifiers(), outcome: r.Event.EffectiveOutcome()}
	if len(e.keys) == 0 {
		e.keys = []inventory.ScopedKey{{Name: inventory.KeyRecord, Value: r.ID}}
	}
	return e
}

// distinct drops repetitions of an identity, keeping the first received, and
// orders what is left by arrival. Ties are broken by identity, never by the
// order given.
func distinct(records []inventory.Record) []entry {
	entries := make([]entry, len(records))
	for i := range records {
		entries[i] = newEntry(&records[i])
	}
	slices.SortFunc(entries, byArrival)
	seen := make(map[inventory.Identity]bool, len(entries))
	kept := entries[:0]
	for _, e := range entries {
		if id := e.Identity(); !seen[id] {
			seen[id] = true
			kept = append(kept, e)
		}
	}
	return kept
}

// withEchoes adds what the entries say to other components, and returns the
// books they go into.
func withEchoes(rules *Rules, entries []entry) ([]entry, map[inventory.ScopedKey]book) {
	books := map[inventory.ScopedKey]book{}
	for i := range len(entries) {
		for _, echo := range rules.echoes(entries[i].Record) {
			if inventory.Book(echo.To.Name) {
				if books[echo.To] == nil {
					books[echo.To] = newBook(echo.To)
				}
				books[echo.To].hear(told(entries[i].Record, echo))
			} else {
				entries = append(entries, newEcho(entries[i].Record, echo))
			}
		}
	}
	slices.SortFunc(entries, byArrival)
	return entries, books
}

func byArrival(a, b entry) int {
	return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), strings.Compare(a.ID, b.ID),
		slices.Compare(a.Content[:], b.Content[:]), inventory.CompareKeys(a.echo.To, b.echo.To), strings.Compare(a.echo.Rel, b.echo.Rel))
}

// components groups entries that share identifying keys, transitively. Entries
// keep their order.
func components(entries []entry) [][]entry {
	if len(entries) == 0 {
		return nil
	}
	var sets unionFind
	for i := range entries {
		sets.join(entries[i].keys)
	}
	byRoot := map[inventory.ScopedKey]int{}
	var groups [][]entry
	for _, e := range entries {
		root := sets.root(e.keys[0])
		i, ok := byRoot[root]
		if !ok {
			i = len(groups)
			byRoot[root] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// unionFind joins keys; the root of a set is its least key.
type unionFind struct {
	parent map[inventory.ScopedKey]inventory.ScopedKey
}

func (u *unionFind) root(k inventory.ScopedKey) inventory.ScopedKey {
	for {
		p, ok := u.parent[k]
		if !ok || p == k {
			return k
		}
		if g, ok := u.parent[p]; ok {
			u.parent[k] = g // halve the path
		}
		k = p
	}
}

func (u *unionFind) join(keys []inventory.ScopedKey) {
	if u.parent == nil {
		u.parent = map[inventory.ScopedKey]inventory.ScopedKey{}
	}
	for i := 1; i < len(keys); i++ {
		a, b := u.root(keys[0]), u.root(keys[i])
		switch c := inventory.CompareKeys(a, b); {
		case c < 0:
			u.parent[b] = a
		case c > 0:
			u.parent[a] = b
		}
	}
}

// cluster is the part of a component that is one lifecycle.
type cluster struct {
	entries   []entry
	heard     []entry               // echoes: what other lifecycles' records say of it
	said      []entry               // what people said, of any lifecycle of the component
	keys      []inventory.ScopedKey // least first
	canonical inventory.ScopedKey
	// shared are keys it shares with other clusters of its component, with when
	// the sharing was first seen.
	shared []collision
	hub    *hub // set where it is no transaction, but a key that means none
}

type collision struct {
	key   inventory.ScopedKey
	since time.Time
	with  []string // record ids of the others that carry it
}

// divide decides whether a component is one lifecycle or several. Two different
// values of one identifying key never share a lifecycle; recurrences of one
// receipt number do not either.
//
// An echo goes to the cluster that has the key it was sent to. People have the
// last word: what they split off shares no lifecycle with the rest, and what they
// merged is one.
func divide(entries []entry) []cluster {
	entries, said := peoples(entries)
	entries, heard := apart(entries)
	if hubs := hubsOf(entries); len(hubs) > 0 {
		return around(hubs, entries, heard, said)
	}
	return divided(entries, heard, said)
}

// divided is divide where every key means what it says.
func divided(entries, heard, said []entry) []cluster {
	if len(entries) == 0 {
		return nil
	}
	values := map[string]inventory.ScopedKey{}
	several := false
	for i := range entries {
		for _, k := range entries[i].keys {
			if v, ok := values[k.Name]; ok && v != k {
				several = true
			}
			values[k.Name] = k
		}
	}
	recurs := recurrences(entries)
	arranged := arrange(said)
	if !several && len(recurs) == 0 && arranged.none() {
		c := cluster{entries: entries, heard: heard, said: said}
		for _, k := range values {
			c.keys = append(c.keys, k)
		}
		slices.SortFunc(c.keys, inventory.CompareKeys)
		c.canonical = c.keys[0]
		return []cluster{c}
	}

	// Where numbers recur the key in force is number@first business date.
	inForce := make([][]inventory.ScopedKey, len(entries))
	for i := range entries {
		inForce[i] = make([]inventory.ScopedKey, len(entries[i].keys))
		for j, k := range entries[i].keys {
			inForce[i][j] = recurs.qualify(k, entries[i])
		}
	}
	// Richest key sets first, then by content: arrival order plays no part.
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(len(inForce[b]), len(inForce[a])),
			slices.CompareFunc(inForce[a], inForce[b], inventory.CompareKeys),
			strings.Compare(entries[a].ID, entries[b].ID),
			slices.Compare(entries[a].Content[:], entries[b].Content[:]))
	})
	type draft struct {
		keys    []inventory.ScopedKey
		members []int
		out     string // the split that took its records out; empty for what was left
	}
	var drafts []*draft
	for _, i := range order {
		var best *draft
		bestShared := 0
		for _, d := range drafts {
			if d.out != arranged.out[entries[i].ID] {
				continue
			}
			if shared, ok := compatible(d.keys, inForce[i]); ok && shared > bestShared {
				best, bestShared = d, shared
			}
		}
		if best == nil {
			best = &draft{out: arranged.out[entries[i].ID]}
			drafts = append(drafts, best)
		}
		best.keys = mergeKeys(best.keys, inForce[i])
		best.members = append(best.members, i)
	}
	// What came later may have bridged two drafts, or people have merged them.
	for merged := true; merged; {
		merged = false
		for a := 0; a < len(drafts) && !merged; a++ {
			for b := a + 1; b < len(drafts) && !merged; b++ {
				shared, ok := compatible(drafts[a].keys, drafts[b].keys)
				one := arranged.joins(entries, drafts[a].members, drafts[b].members)
				if one || ok && shared > 0 && drafts[a].out == drafts[b].out {
					if drafts[b].out == "" {
						drafts[a].out = ""
					}
					drafts[a].keys = mergeKeys(drafts[a].keys, drafts[b].keys)
					drafts[a].members = append(drafts[a].members, drafts[b].members...)
					drafts = slices.Delete(drafts, b, b+1)
					merged = true
				}
			}
		}
	}

	// A key is still the one of what was left when people took records out that
	// carry it too: that they do is no collision.
	owners, left := map[inventory.ScopedKey]int{}, map[inventory.ScopedKey]int{}
	for _, d := range drafts {
		for _, k := range d.keys {
			owners[k]++
			if d.out == "" {
				left[k]++
			}
		}
	}
	clusters := make([]cluster, 0, len(drafts))
	for _, d := range drafts {
		slices.Sort(d.members) // arrival order again
		c := cluster{keys: d.keys, said: said}
		claims := left
		if d.out != "" {
			claims = owners
		}
		for _, i := range d.members {
			c.entries = append(c.entries, entries[i])
		}
		c.canonical = canonicalOf(d.keys, claims, c.entries)
		for _, k := range d.keys {
			if left[k] > 1 && d.out == "" {
				if col, ok := collide(k, d.members, entries, inForce); ok {
					c.shared = append(c.shared, col)
				}
			}
		}
		clusters = append(clusters, c)
	}
	for _, e := range heard {
		// Where several claim the key one of them hears it: it was said once. What
		// people took out hears it where nothing else is left of the key.
		var to *cluster
		k := recurs.qualify(e.echo.To, e)
		if e.echo.Rel == "returns" || e.echo.Rel == "replaces" {
			k = recurs.last(e.echo.To, e)
		}
		for i := range clusters {
			c := &clusters[i]
			if slices.Contains(c.keys, k) && (drafts[i].out == "" || left[k] == 0) && (to == nil || inventory.CompareKeys(c.canonical, to.canonical) < 0) {
				to = c
			}
		}
		if to != nil {
			to.heard = append(to.heard, e)
		}
	}
	return clusters
}

// canonicalOf is the least key that is this cluster's alone. Where every key is
// shared the least record tells the clusters apart.
func canonicalOf(keys []inventory.ScopedKey, owners map[inventory.ScopedKey]int, entries []entry) inventory.ScopedKey {
	for _, k := range keys {
		if owners[k] == 1 {
			return k
		}
	}
	least := entries[0].name()
	for i := range entries {
		least = min(least, entries[i].name())
	}
	return inventory.ScopedKey{Name: inventory.KeyRecord, Value: least}
}

// collisionEvidence is how many records a collision names: enough to look at. A
// number that a faulty sender puts into every sale would otherwise have each of
// a thousand findings name a thousand records, and change with each of them.
const collisionEvidence = 20

// collide says since when key k has been claimed by members and by others.
func collide(k inventory.ScopedKey, members []int, entries []entry, inForce [][]inventory.ScopedKey) (collision, bool) {
	var mine, others time.Time
	c := collision{key: k}
	for i := range entries {
		if !slices.Contains(inForce[i], k) {
			continue
		}
		if slices.Contains(members, i) {
			if mine.IsZero() {
				mine = entries[i].ReceivedAt
			}
		} else {
			if others.IsZero() {
				others = entries[i].ReceivedAt
			}
			if len(c.with) < collisionEvidence {
				c.with = append(c.with, entries[i].ID)
			}
		}
	}
	c.since = mine
	if others.After(mine) {
		c.since = others
	}
	return c, !mine.IsZero() && !others.IsZero()
}

// compatible counts the keys two sets share; ok is false where they hold
// different values of one name.
func compatible(a, b []inventory.ScopedKey) (shared int, ok bool) {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				shared++
			} else if x.Name == y.Name {
				return 0, false
			}
		}
	}
	return shared, true
}

func mergeKeys(a, b []inventory.ScopedKey) []inventory.ScopedKey {
	keys := append(slices.Clone(a), b...)
	slices.SortFunc(keys, inventory.CompareKeys)
	return slices.Compact(keys)
}

// recurring holds, per receipt whose number has come round, the first business
// dates of its uses in order.
type recurring map[inventory.ScopedKey][]time.Time

func recurrences(entries []entry) recurring {
	// The common case, one date per receipt, allocates nothing.
	spread := false
	var first string
	for i := range entries {
		if d := entries[i].Event.BusinessDate; d != "" {
			if first == "" {
				first = d
			} else if d != first {
				spread = true
			}
		}
	}
	if !spread {
		return nil
	}
	dates := map[inventory.ScopedKey][]time.Time{}
	for i := range entries {
		day, err := time.Parse(time.DateOnly, entries[i].Event.BusinessDate)
		if err != nil {
			continue
		}
		for _, k := range entries[i].keys {
			if k.Name == inventory.KeyReceipt {
				dates[k] = append(dates[k], day)
			}
		}
	}
	var found recurring
	for k, days := range dates {
		slices.SortFunc(days, time.Time.Compare)
		starts := days[:1:1]
		for i := 1; i < len(days); i++ {
			if days[i].Sub(days[i-1]) > recurrence {
				starts = append(starts, days[i])
			}
		}
		if len(starts) > 1 {
			if found == nil {
				found = recurring{}
			}
			found[k] = starts
		}
	}
	return found
}

// qualify returns the key in force for an entry: the use whose business date is
// nearest, by the entry's business date or, where it gives none, by when it
// happened.
func (r recurring) qualify(k inventory.ScopedKey, e entry) inventory.ScopedKey {
	starts, ok := r[k]
	if !ok {
		return k
	}
	day, err := time.Parse(time.DateOnly, e.Event.BusinessDate)
	if err != nil {
		day = e.Event.Time
	}
	use := starts[0]
	for _, s := range starts[1:] {
		if day.Sub(s).Abs() < day.Sub(use).Abs() {
			use = s
		}
	}
	return inventory.ScopedKey{Name: k.Name, Value: k.Value + "@" + use.Format(time.DateOnly)}
}

// last returns the key in force for what comes after a use, and may come long
// after it: the last use that had begun by then.
func (r recurring) last(k inventory.ScopedKey, e entry) inventory.ScopedKey {
	starts, ok := r[k]
	if !ok {
		return k
	}
	day, err := time.Parse(time.DateOnly, e.Event.BusinessDate)
	if err != nil {
		day = e.Event.Time
	}
	use := starts[0]
	for _, s := range starts[1:] {
		if !s.After(day) {
			use = s
		}
	}
	return inventory.ScopedKey{Name: k.Name, Value: k.Value + "@" + use.Format(time.DateOnly)}
}

func stitchComponent(rules *Rules, entries []entry, evidence *Evidence, now time.Time) []inventory.Lifecycle {
	root := entries[0].keys[0]
	for i := range entries {
		if k := entries[i].keys[0]; inventory.CompareKeys(k, root) < 0 {
			root = k
		}
	}
	clusters := divide(entries)
	all := make([]inventory.Lifecycle, 0, len(clusters))
	for i := range clusters {
		l := tell(rules, &clusters[i], evidence, now)
		l.Component = root
		all = append(all, l)
	}
	return all
}

// LifecycleID is how a lifecycle with that canonical key is called outside: a
// correlation id by its value, everything else as name:value.
func LifecycleID(k inventory.ScopedKey) string {
	if k.Name == inventory.KeyCorrelationID {
		return k.Value
	}
	return k.String()
}
