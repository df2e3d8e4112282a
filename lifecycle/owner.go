package lifecycle

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// How much one turn of a partition takes in, and how long it waits for more.
const (
	fetchMessages = 256
	fetchWait     = 100 * time.Millisecond
	// coldBatch is how many components are loaded from the store at a time.
	coldBatch = 500
	// refireBatch bounds how many due components one turn looks at again, so that
	// arrivals do not wait for a great many deadlines.
	refireBatch = 5000
)

// owner is one partition in the hands of this process.
type owner struct {
	*Engine
	lease    Lease
	desk     *desk
	cold     coldFilter
	hot      hot
	waiting  map[*component]struct{} // components that wait for evidence
	facts    uint64                  // evidenceDirty when waiting was last looked at
	dirty    []*component
	echoes   []Move // what records taken in say to other partitions
	revision uint64
	position uint64
	progress progressTracker
}

// ownPartition is the life of an owner: read, take in, judge, write, move the
// cursor, report.
//
//	records → moves and announcements → findings → lifecycles → binding rows → cursor
//
// A crash between any two of these repeats the messages since the cursor.
func (e *Engine) ownPartition(ctx context.Context, lease Lease) error {
	o, err := e.newOwner(ctx, lease)
	if err != nil {
		return err
	}
	defer o.desk.reader.Close()
	for ctx.Err() == nil {
		if err := o.desk.attempt(ctx, o.turn); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) newOwner(ctx context.Context, lease Lease) (*owner, error) {
	o := &owner{
		Engine: e, lease: lease, progress: progressTracker{lease: lease}, waiting: map[*component]struct{}{},
		hot: hot{byKey: map[inventory.ScopedKey]*component{}},
	}
	if err := o.start(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

// turn is one round of reading, judging and writing.
func (o *owner) turn(ctx context.Context) error {
	messages, err := o.desk.next(ctx)
	if poison := (*PoisonError)(nil); errors.As(err, &poison) {
		o.position = poison.Position
		return o.desk.setAside(ctx, o.Engine, poison)
	}
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	raw, err := o.take(ctx, messages)
	if err != nil {
		return err
	}
	now := o.watermark()
	o.fire(now)
	if err := o.flush(ctx, raw, now, len(messages) > 0); err != nil {
		return err
	}
	if err := o.Board.Report(ctx, o.progress.advance(ctx, o.Engine, o.desk.reader, o.position)); err != nil {
		return fmt.Errorf("report progress: %w", err)
	}
	return nil
}

// start loads what the store remembers: the cold filter, and every component
// that still expects something.
func (o *owner) start(ctx context.Context) error {
	desk, err := openDesk(ctx, o.Log, o.lease)
	if err != nil {
		return err
	}
	reader := desk.reader
	o.desk, o.position = desk, reader.Cursor()
	if err := o.Store.Known(ctx, o.lease.Partition, o.cold.add); err != nil {
		return errors.Join(fmt.Errorf("load known keys: %w", err), reader.Close())
	}
	var open []inventory.ScopedKey
	err = o.Store.OpenComponents(ctx, o.lease.Partition, func(root inventory.ScopedKey) { open = append(open, root) })
	if err != nil {
		return errors.Join(fmt.Errorf("load open lifecycles: %w", err), reader.Close())
	}
	// What was open is looked at once: rules may have changed, time has passed. Part
	// by part, because all of it may be more than memory holds.
	for part := range slices.Chunk(open, coldBatch) {
		if err := o.lookAgain(ctx, part); err != nil {
			return errors.Join(err, reader.Close())
		}
	}
	return nil
}

// lookAgain judges components anew, by the keys they are stored under.
func (o *owner) lookAgain(ctx context.Context, roots []inventory.ScopedKey) error {
	if err := o.recall(ctx, roots); err != nil {
		return err
	}
	for _, k := range roots {
		if c := o.hot.byKey[k]; c != nil {
			o.touch(c)
		}
	}
	return o.flush(ctx, nil, o.watermark(), false)
}

func (o *owner) home(k inventory.ScopedKey) int { return k.Partition(o.Log.Partitions()) }

func (o *owner) touch(c *component) {
	if !c.dirty {
		c.dirty = true
		o.dirty = append(o.dirty, c)
	}
}

// arrival is a record taken in, here or moved here.
type arrival struct {
	entry entry
	enter bool
	to    inventory.ScopedKey // where a move was sent: it belongs with that key
	echo  inventory.Echo      // or only concerns it
}

// take takes messages in and returns the raw rows to write.
func (o *owner) take(ctx context.Context, messages []Message) ([]inventory.Record, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var arrivals []arrival
	var bindings []Binding
	asked := map[inventory.ScopedKey]bool{}
	for m := range messages {
		msg := &messages[m]
		for i := range msg.Parcel.Records {
			// A copy: one record that stays open must not keep its whole parcel.
			r := msg.Parcel.Records[i]
			r.Partition, r.Position = msg.Partition, msg.Position
			a := arrival{entry: newEntry(&r), enter: true}
			arrivals = append(arrivals, a)
			o.ask(asked, a.entry.keys, r.Event.Action != nil)
			for _, echo := range o.Rules.echoes(&r) {
				if home := o.home(echo.To); home != o.lease.Partition {
					o.echoes = append(o.echoes, Move{Record: *told(&r, echo), To: echo.To, Echo: echo})
					continue
				}
				arrivals = append(arrivals, arrival{entry: entry{Record: &r}, to: echo.To, echo: echo})
				o.ask(asked, []inventory.ScopedKey{echo.To}, false)
			}
		}
		for i := range msg.Parcel.Moves {
			r := msg.Parcel.Moves[i].Record
			a := arrival{to: msg.Parcel.Moves[i].To, echo: msg.Parcel.Moves[i].Echo}
			o.ask(asked, []inventory.ScopedKey{a.to}, true)
			if a.echo.To.IsZero() {
				a.entry = newEntry(&r)
				o.ask(asked, a.entry.keys, r.Event.Action != nil)
			} else {
				a.entry.Record = &r
			}
			arrivals = append(arrivals, a)
		}
		for _, b := range msg.Parcel.Bindings {
			bindings = append(bindings, b)
			o.ask(asked, []inventory.ScopedKey{b.Key, b.Lesser}, true)
		}
		o.position = msg.Position
	}
	if err := o.recall(ctx, slices.Collect(maps.Keys(asked))); err != nil {
		return nil, err
	}
	raw, err := o.newRows(ctx, arrivals)
	if err != nil {
		return nil, err
	}
	for _, b := range bindings {
		c := o.bind([]inventory.ScopedKey{b.Key, b.Lesser})
		c.heard = c.dirty
	}
	for i := range arrivals {
		a := &arrivals[i]
		var c *component
		if a.echo.To.IsZero() {
			keys := a.entry.keys
			if !a.to.IsZero() {
				keys = append(slices.Clone(keys), a.to)
			}
			c = o.bind(keys)
			c.add(a.entry)
		} else {
			c = o.bind([]inventory.ScopedKey{a.to})
			c.hear(a.entry.Record, a.echo)
		}
		c.heard = true
		o.touch(c)
	}
	return raw, nil
}

// ask notes the keys that are not in memory but may be in the store. An orphan's
// own id is in no filter; where others name it, it is looked up.
func (o *owner) ask(asked map[inventory.ScopedKey]bool, keys []inventory.ScopedKey, others bool) {
	for _, k := range keys {
		if o.hot.byKey[k] == nil && (o.cold.has(KeyHash(k)) || others && k.Name == inventory.KeyRecord) {
			asked[k] = true
		}
	}
}

// recall brings cold components back, by the batch.
func (o *owner) recall(ctx context.Context, keys []inventory.ScopedKey) error {
	for chunk := range slices.Chunk(keys, coldBatch) {
		roots, err := o.Store.Roots(ctx, o.lease.Partition, chunk)
		if err != nil {
			return fmt.Errorf("look up roots: %w", err)
		}
		for _, k := range chunk {
			if _, bound := roots[k]; !bound {
				roots[k] = k // an orphan, or a component whose rows came before a crash
			}
		}
		if err := o.load(ctx, roots); err != nil {
			return err
		}
	}
	return nil
}

// load makes the components of the given keys hot, by their stored roots.
//
// A crash may have left live rows under a former root, and records of a
// component that was about to move away: whatever this partition wrote under
// any of the component's keys is found, to be rewritten, moved or buried.
func (o *owner) load(ctx context.Context, roots map[inventory.ScopedKey]inventory.ScopedKey) error {
	var found []*component
	var ask, stored, fallen []inventory.ScopedKey
	join := func(keys ...inventory.ScopedKey) *component {
		for _, k := range keys {
			if o.hot.byKey[k] == nil {
				stored = append(stored, k)
			}
		}
		c, f := o.hot.join(keys)
		fallen = append(fallen, f...)
		return c
	}
	for k, root := range roots {
		if o.hot.byKey[k] != nil && o.hot.byKey[k] == o.hot.byKey[root] {
			continue
		}
		c := join(root, k)
		found = append(found, c)
		ask = append(ask, root, k)
	}
	asked := map[inventory.ScopedKey]bool{}
	for len(ask) > 0 {
		slices.SortFunc(ask, inventory.CompareKeys)
		ask = slices.Compact(ask)
		for _, k := range ask {
			asked[k] = true
		}
		components, err := o.Store.Components(ctx, o.lease.Partition, ask)
		if err != nil {
			return fmt.Errorf("load components: %w", err)
		}
		ask = nil
		for root, s := range components {
			for _, l := range s.Lifecycles {
				c := join(append([]inventory.ScopedKey{root}, l.Identifiers...)...)
				for _, k := range l.Identifiers {
					if !asked[k] {
						ask = append(ask, k)
					}
				}
				c.lifecycles[l.ID] = storedLifecycle{keys: map[inventory.Key]bool{}}
				c.judged = later2(c.judged, l.ComputedAt)
			}
			c := join(root)
			for _, id := range s.Findings {
				c.findings[id] = ""
			}
		}
	}
	// What was stored has been announced, save what only now proved to belong
	// together. What was in memory may still be about to be.
	for _, k := range stored {
		o.hot.byKey[k].announced[k] = true
	}
	for _, k := range fallen {
		c := o.hot.byKey[k]
		delete(c.announced, k)
		o.touch(c)
	}
	for _, c := range found {
		c = o.hot.byKey[c.root]
		c.away = o.home(c.root) != o.lease.Partition
		if c.away && len(c.lifecycles)+len(c.findings) > 0 {
			o.touch(c)
		}
	}
	return o.gather(ctx, found)
}

// gather brings the records of components into memory: of what lives here, or
// lived here until a crash.
func (o *owner) gather(ctx context.Context, components []*component) error {
	var entryKeys []inventory.ScopedKey
	for _, c := range components {
		c = o.hot.byKey[c.root]
		// What rested lived here, also where only echoes of it were known.
		if c.resting || !c.away || len(c.lifecycles) > 0 {
			entryKeys = append(entryKeys, c.keys...)
		}
		c.resting = false
	}
	slices.SortFunc(entryKeys, inventory.CompareKeys)
	records, err := o.Store.Records(ctx, slices.Compact(entryKeys))
	if err != nil {
		return fmt.Errorf("load records: %w", err)
	}
	// A record may carry keys the stored rows of its component do not have yet:
	// written before a crash, bound after it. Those have a past of their own.
	entries := make([]entry, len(records))
	unknown := map[inventory.ScopedKey]bool{}
	for i := range records {
		r := records[i]
		r.Raw = nil
		entries[i] = newEntry(&r)
		o.ask(unknown, entries[i].keys, r.Event.Action != nil)
	}
	if len(unknown) > 0 {
		if err := o.recall(ctx, slices.Collect(maps.Keys(unknown))); err != nil {
			return err
		}
	}
	for _, e := range entries {
		o.bind(e.keys).add(e)
	}
	return o.recallEchoes(ctx, entryKeys)
}

// recallEchoes brings back what other components' records say to components just
// made hot.
func (o *owner) recallEchoes(ctx context.Context, keys []inventory.ScopedKey) error {
	if len(keys) == 0 {
		return nil
	}
	asked := make(map[inventory.ScopedKey]bool, len(keys))
	for _, k := range keys {
		asked[k] = true
	}
	records, err := o.Store.Echoes(ctx, keys)
	if err != nil {
		return fmt.Errorf("load echoes: %w", err)
	}
	for i := range records {
		for _, echo := range o.Rules.echoes(&records[i]) {
			if asked[echo.To] {
				o.hot.byKey[echo.To].hear(&records[i], echo)
			}
		}
	}
	return nil
}

// newRows returns the arrived records that entered here and have no raw row yet.
func (o *owner) newRows(ctx context.Context, arrivals []arrival) ([]inventory.Record, error) {
	entering := 0
	for i := range arrivals {
		if arrivals[i].enter {
			entering++
		}
	}
	return o.unheld(ctx, &o.cold, entering, func(yield func(*inventory.Record)) {
		for i := range arrivals {
			if arrivals[i].enter {
				yield(arrivals[i].entry.Record)
			}
		}
	})
}

// unheld returns the records whose identity the store does not hold, once each,
// of about so many.
func (e *Engine) unheld(ctx context.Context, cold *coldFilter, about int, each func(func(*inventory.Record))) ([]inventory.Record, error) {
	raw := make([]inventory.Record, 0, about)
	var doubtful []inventory.Record
	batch := make(map[inventory.Identity]bool, about)
	each(func(r *inventory.Record) {
		id := r.Identity()
		if batch[id] {
			return
		}
		batch[id] = true
		if cold.has(IdentityHash(id)) {
			doubtful = append(doubtful, *r)
			return
		}
		raw = append(raw, *r)
	})
	if len(doubtful) > 0 {
		held, err := e.Store.Held(ctx, doubtful)
		if err != nil {
			return nil, fmt.Errorf("ask for held rows: %w", err)
		}
		for _, r := range doubtful {
			if !held[r.Identity()] {
				raw = append(raw, r)
			}
		}
	}
	return raw, nil
}

// bind joins keys and notes that whoever has fallen in rank must hear of it.
func (o *owner) bind(keys []inventory.ScopedKey) *component {
	c, fallen := o.hot.join(keys)
	for _, k := range fallen {
		delete(c.announced, k) // its home must hear of the lesser key
	}
	if len(fallen) > 0 || len(c.unbound) > 0 {
		o.touch(c)
	}
	c.away = o.home(c.root) != o.lease.Partition
	return c
}

// fire touches what is due by now and what waited for evidence that has come.
func (o *owner) fire(now time.Time) {
	if now.IsZero() {
		return
	}
	for n := 0; n < refireBatch && len(o.hot.due) > 0 && !o.hot.due[0].due.After(now); n++ {
		o.touch(heap.Pop(&o.hot.due).(*component))
	}
	o.withEvidence(func(ev *Evidence) {
		if o.evidenceDirty == o.facts {
			return
		}
		o.facts = o.evidenceDirty
		for c := range o.waiting {
			if len(c.entries) == 0 && c.book == nil && !c.resting {
				delete(o.waiting, c) // merged into another, or moved away
				continue
			}
			for _, a := range c.awaits {
				// Where the answer is forgotten, judging looks it up.
				if ev.has(a) || len(ev.missed) > 0 {
					o.touch(c)
					break
				}
			}
		}
	})
}

// flush judges what was touched and writes everything, in the order that makes
// a crash harmless.
func (o *owner) flush(ctx context.Context, raw []inventory.Record, now time.Time, moved bool) error {
	if err := o.wake(ctx); err != nil {
		return err
	}
	dirty := o.dirty
	o.dirty = nil
	if len(dirty) == 0 && len(raw) == 0 && !moved {
		return nil
	}
	// Everything is worked out before anything is written: a message that our code
	// fails on leaves nothing behind.
	var bindings []BindingRow
	out := map[int]*Parcel{}
	origin := map[int]time.Time{}
	for i := range o.echoes {
		m := &o.echoes[i]
		m.Record.Raw = nil
		p := parcelTo(out, origin, o.home(m.To), m.Record.ReceivedAt)
		p.Moves = append(p.Moves, *m)
	}
	o.echoes = nil
	for _, c := range dirty {
		c.dirty = false
		if len(c.keys) == 0 {
			continue // merged into another
		}
		bindings = o.bindingRows(bindings, c)
		o.address(out, origin, c)
	}
	rows := make([]Row, 0, len(dirty))
	var findings []FindingRow
	for _, c := range dirty {
		if len(c.keys) == 0 {
			continue
		}
		var err error
		if rows, findings, err = o.judge(ctx, rows, findings, c, now); err != nil {
			return err
		}
	}
	if err := o.Store.WriteRecords(ctx, raw); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	for i := range raw {
		o.cold.add(IdentityHash(raw[i].Identity()))
	}
	for partition, p := range out {
		at, err := o.Log.Publish(ctx, partition, parcelID(o.lease.Partition, partition, p), *p)
		if err != nil {
			return fmt.Errorf("publish to partition %d: %w", partition, err)
		}
		o.progress.sent = append(o.progress.sent, sent{partition, at, origin[partition]})
	}
	if err := o.Store.WriteFindings(ctx, findings); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	// The lifecycle last: what fired by time alone has no message that would come
	// again, but an open lifecycle is looked at again after a crash.
	if err := o.Store.WriteLifecycles(ctx, rows); err != nil {
		return fmt.Errorf("write lifecycles: %w", err)
	}
	// A binding found in the store has been announced, and its component's rows
	// rewritten: until then its keys lead to the components as they were, and the
	// message that joined them comes again.
	if err := o.Store.WriteBindings(ctx, bindings); err != nil {
		return fmt.Errorf("write bindings: %w", err)
	}
	if moved {
		if err := o.desk.reader.Ack(ctx, o.position); err != nil {
			return fmt.Errorf("move the cursor: %w", err)
		}
	}
	o.settle(dirty)
	if len(rows)+len(findings) > 0 {
		o.Changed(len(rows), len(findings))
	}
	return nil
}

// bindingRows appends the rows of keys whose root is new. An orphan's own id
// binds nothing and needs none, until a person merges it.
func (o *owner) bindingRows(rows []BindingRow, c *component) []BindingRow {
	for _, k := range c.unbound {
		o.cold.add(KeyHash(k))
		if k.Name != inventory.KeyRecord || len(c.keys) > 1 {
			rows = append(rows, BindingRow{Partition: o.lease.Partition, Key: k, Root: c.root, Version: o.version()})
		}
	}
	c.unbound = c.unbound[:0]
	return rows
}

// address puts what other partitions must hear into their parcels: the records
// of a component that is not at home here, and for keys whose home is elsewhere
// the lesser key they belong to.
func (o *owner) address(out map[int]*Parcel, origin map[int]time.Time, c *component) {
	received := o.Clock.Now()
	if len(c.entries) > 0 {
		received = c.entries[0].ReceivedAt
	}
	for _, k := range c.keys {
		if k == c.root || c.announced[k] {
			continue
		}
		c.announced[k] = true
		if home := o.home(k); home != o.lease.Partition {
			p := parcelTo(out, origin, home, received)
			p.Bindings = append(p.Bindings, Binding{Key: k, Lesser: c.root, Origin: received})
		}
	}
	if c.away {
		for i := range c.entries {
			r := *c.entries[i].Record
			r.Raw = nil // the raw row is written; a move feeds stitching only
			p := parcelTo(out, origin, o.home(c.root), r.ReceivedAt)
			p.Moves = append(p.Moves, Move{Record: r, To: c.root, Echo: c.entries[i].echo})
		}
	}
}

// parcelTo returns the parcel on its way to a partition, and notes the earliest
// record that has to be processed there.
func parcelTo(out map[int]*Parcel, origin map[int]time.Time, partition int, received time.Time) *Parcel {
	if out[partition] == nil {
		out[partition] = &Parcel{}
	}
	if t, ok := origin[partition]; !ok || received.Before(t) {
		origin[partition] = received
	}
	return out[partition]
}

// judge stitches a component and appends the rows that changed.
func (o *owner) judge(ctx context.Context, rows []Row, findings []FindingRow, c *component, now time.Time) ([]Row, []FindingRow, error) {
	var told []inventory.Lifecycle
	now = later2(now, c.judged)
	c.judged = now
	if !c.away && (len(c.entries) > 0 || c.book != nil) {
		var fault *faultError
		var err error
		if told, fault, err = o.stitched(ctx, c, now); err != nil {
			return nil, nil, err
		}
		if fault != nil {
			o.hot.due.schedule(c, time.Time{})
			c.closed, c.awaits = false, nil
			return rows, append(findings, o.unjudged(c, fault)), nil
		}
	}
	c.heard = false
	live := make(map[string]bool, len(told))
	liveFindings := map[string]bool{}
	c.closed, c.awaits = true, nil
	due := time.Time{}
	for i := range told {
		l := &told[i]
		live[l.ID] = true
		if l.State == inventory.StateOpen {
			c.closed = false
			// Beyond its horizon nobody waits any more.
			for _, a := range l.Awaits {
				c.awaits = append(c.awaits, await{a, l.Location})
			}
		}
		due = sooner(due, l.NextAt)
		before, had := c.lifecycles[l.ID]
		if !had {
			before.keys = map[inventory.Key]bool{}
		}
		if f := fingerprint(l); f != before.fingerprint {
			before.fingerprint = f
			row := Row{Lifecycle: *l, Partition: o.lease.Partition, Position: o.position, Version: o.version()}
			for _, k := range l.Keys {
				if !before.keys[k] {
					before.keys[k] = true
					row.NewKeys = append(row.NewKeys, k)
				}
			}
			rows = append(rows, row)
		}
		c.lifecycles[l.ID] = before
		for j := range l.Findings {
			f := &l.Findings[j]
			liveFindings[f.ID] = true
			if print := findingFingerprint(f); print != c.findings[f.ID] {
				c.findings[f.ID] = print
				findings = append(findings, FindingRow{
					Finding: *f, Partition: o.lease.Partition, Component: c.root, Version: o.version(),
				})
			}
		}
	}
	for id := range c.lifecycles {
		if !live[id] {
			delete(c.lifecycles, id)
			rows = append(rows, Row{
				Lifecycle: inventory.Lifecycle{ID: id, Component: c.root, ComputedAt: now}, Deleted: true,
				Partition: o.lease.Partition, Position: o.position, Version: o.version(),
			})
		}
	}
	for id := range c.findings {
		if !liveFindings[id] {
			delete(c.findings, id)
			findings = append(findings, FindingRow{
				Finding: inventory.Finding{ID: id}, Component: c.root, Deleted: true, Partition: o.lease.Partition, Version: o.version(),
			})
		}
	}
	o.hot.due.schedule(c, due)
	return rows, findings, nil
}

// settle lets go of what needs no memory any more.
func (o *owner) settle(dirty []*component) {
	for _, c := range dirty {
		if len(c.keys) == 0 {
			continue
		}
		if c.away {
			c.entries = nil // they live at their root's home now
		}
		for i := range c.entries {
			c.entries[i].Raw = nil // written; what stitching needs is in the event
		}
		if len(c.awaits) > 0 {
			o.waiting[c] = struct{}{}
		} else {
			delete(o.waiting, c)
		}
		if c.closed {
			o.hot.idle = append(o.hot.idle, c)
		}
		o.hot.weigh(c)
	}
	o.hot.rest(o.Awake)
	for len(o.hot.idle) > o.Hot {
		c := o.hot.idle[0]
		o.hot.idle = o.hot.idle[1:]
		if c.closed && !c.dirty && len(c.awaits) == 0 {
			o.hot.forget(c)
		}
	}
}

// version numbers the rows of this ownership. The epoch fences other owners; the
// count orders this one's writes.
func (o *owner) version() Version {
	o.revision++
	return Version{Epoch: o.lease.Epoch, Revision: o.revision}
}

// parcelID names a parcel by what it moves and binds, so that the log can drop
// an immediate repetition.
func parcelID(from, to int, p *Parcel) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d>%d\n", from, to)
	for i := range p.Moves {
		fmt.Fprintf(h, "m %s %s %s %s %s\n", p.Moves[i].Record.ID, p.Moves[i].Record.Content, p.Moves[i].To, p.Moves[i].Echo.To, p.Moves[i].Echo.Rel)
	}
	for _, b := range p.Bindings {
		fmt.Fprintf(h, "b %s %s\n", b.Key, b.Lesser)
	}
	return "mv-" + hex.EncodeToString(h.Sum(nil)[:16])
}
