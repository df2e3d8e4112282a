package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/stocktrace/stocktrace/lifecycle"
)

// DefaultTTL is how long a lease outlives the last sign of life of its holder.
const DefaultTTL = 3 * time.Second

// aloneTTL is DefaultTTL where no other process can reach the log: nobody waits
// to take over, and a busy machine must not cost a partition its memory.
const aloneTTL = 30 * time.Second

// LeaseOptions configures Leases.
type LeaseOptions struct {
	// Name is what people call this process; host and process id unless set.
	Name string
	// TTL is how long a silent process keeps what it owns; DefaultTTL unless set,
	// or longer where the server is embedded and does not listen. All processes
	// must use the same.
	TTL time.Duration
	// Backoff is the first pause after an owner that failed, doubled up to
	// sixteen times itself; 1 s unless set.
	Backoff time.Duration
}

// Leases shares partitions, and single duties, among the processes on one log.
//
// A process joins by creating a session key and stays by updating it every
// TTL/3. What it owns is written in one key per partition, which also holds the
// epoch; taking one is a compare-and-set that raises the epoch.
//
//	          create                 update each TTL/3
//	(outside) ──────▶ member ───────────────────────────▶ member
//	                    │  ▲                                │
//	 local deadline, or │  └── new session ◀─────┐          │ clean stop:
//	 session key gone   ▼                        │          ▼ own returns, keys released
//	                  lost: every own is cancelled       (outside), session key deleted
//
//	                  take: compare-and-set, epoch + 1
//	free partition ───────────────────────────────────▶ owned
//	      ▲                                               │
//	      ├── release: own has returned ◀─────────────────┤ surplus, stop or failure
//	      └── its session's key is gone ◀─────────────────┘ holder silent for TTL
//
// Nobody's clock is compared with another's. A process holds its leases until
// TTL after it began the last update that succeeded, by its own monotonic clock.
// Another one deletes its session only after it has seen the same revision of it
// for longer than TTL, and by compare-and-set on that revision: either the
// deletion fails, or the holder's deadline has passed and no later update of it
// can succeed. A process that was stopped as a whole notices when it goes on;
// what it writes in that instant is fenced by the epoch.
//
// Partitions are balanced: each session's share differs by one at most, owners
// keep what they have where the shares allow it, and who has too much ends its
// own cleanly before another takes over.
type Leases struct {
	log *Log
	o   LeaseOptions
}

// Leases returns the log's leases for this process.
func (l *Log) Leases(o LeaseOptions) *Leases {
	if o.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		o.Name = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
		if l.alone {
			o.TTL = aloneTTL
		}
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	return &Leases{log: l, o: o}
}

// Run owns this process's share of the partitions, the fact partition included,
// calling own for each in a goroutine of its own. own's context ends when the
// lease must be given up (cause: [ErrLeaseLost], [ErrHandOver] or ctx's own);
// the partition goes to another process when own has returned, or TTL after this
// process fell silent. own returning while its context lives releases the
// partition, and it is tried again after a pause.
//
// Run returns nil once ctx has ended, every own has returned and every partition
// is released.
func (s *Leases) Run(ctx context.Context, own func(ctx context.Context, l lifecycle.Lease) error) error {
	duty := duty{group: "p"}
	for p := range s.log.partitions + 1 {
		duty.keys = append(duty.keys, partitionKey(p))
	}
	duty.own = func(ctx context.Context, slot int, epoch uint64) error {
		return own(ctx, lifecycle.Lease{Partition: slot, Epoch: epoch})
	}
	return s.run(ctx, &duty)
}

// Lead runs lead in one process at a time, whichever has the lease called name
// (lower-case letters and dashes). It behaves as Run does with a single
// partition; epoch grows with every take-over.
func (s *Leases) Lead(ctx context.Context, name string, lead func(ctx context.Context, epoch uint64) error) error {
	duty := duty{group: name, keys: []string{"one." + name}}
	duty.own = func(ctx context.Context, _ int, epoch uint64) error { return lead(ctx, epoch) }
	return s.run(ctx, &duty)
}

// Why an own's context ended, as context.Cause tells.
var (
	// ErrLeaseLost: this process could not prove in time that it is alive, or
	// another one has taken over.
	ErrLeaseLost = errors.New("lease lost")
	// ErrHandOver: another process takes its share.
	ErrHandOver = errors.New("lease handed over")
)

// Owner says who owns a partition.
type Owner struct {
	Partition int
	Epoch     uint64
	Name      string // LeaseOptions.Name of its owner; empty where it has none
}

// Owners returns who owns each partition, the fact partition last. A process
// that died counts for up to TTL.
func (s *Leases) Owners(ctx context.Context) ([]Owner, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	out := make([]Owner, 0, s.log.partitions+1)
	for p := range s.log.partitions + 1 {
		owner := Owner{Partition: p}
		entry, err := s.log.leases.Get(ctx, partitionKey(p))
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound): // never owned
		case err != nil:
			return nil, fmt.Errorf("owner of partition %d: %w", p, err)
		default:
			var d deed
			if err := json.Unmarshal(entry.Value(), &d); err != nil {
				return nil, fmt.Errorf("owner of partition %d: %w", p, err)
			}
			owner.Epoch = d.Epoch
			if d.Owner != "" {
				owner.Name = d.Name
			}
		}
		out = append(out, owner)
	}
	return out, nil
}

func partitionKey(p int) string { return fmt.Sprintf("p.%02d", p) }

// sessionPrefix starts the keys of the sessions of a group.
func sessionPrefix(group string) string { return "session." + group + "." }

// deed is a slot's key: who owns it. It is never deleted, so the epoch in it
// only grows.
type deed struct {
	Epoch uint64 `json:"epoch"`
	Owner string `json:"owner"` // session id; empty when free
	Name  string `json:"name"`  // the process's name, for people
}

// duty is a set of slots shared among sessions: the partitions, or one leader.
type duty struct {
	group string
	keys  []string
	own   func(ctx context.Context, slot int, epoch uint64) error

	failures []int       // in a row, by slot
	pauseTo  []time.Time // not to be taken by this process before
}

// run keeps a session until ctx ends, beginning another whenever one is lost.
func (s *Leases) run(ctx context.Context, d *duty) error {
	d.failures, d.pauseTo = make([]int, len(d.keys)), make([]time.Time, len(d.keys))
	for ctx.Err() == nil {
		err := s.session(ctx, d)
		if ctx.Err() != nil {
			return nil
		}
		s.log.log.Warn("session lost, beginning another", "group", d.group, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(s.o.TTL / 10):
		}
	}
	return nil
}

func (s *Leases) session(ctx context.Context, d *duty) error {
	// What is told to the bucket while winding down needs a context that has not
	// ended.
	calls := context.WithoutCancel(ctx)
	m := &member{
		duty: d, kv: s.log.leases, ttl: s.o.TTL, backoff: s.o.Backoff, name: s.o.Name, id: nuid.Next(),
		log:     s.log.log.With("group", d.group),
		others:  make(map[string]sign),
		slots:   make([]slot, len(d.keys)),
		held:    make(map[int]*holding),
		ended:   make(chan ending, len(d.keys)),
		present: &presence{},
	}
	// The client's goroutines end with the context given to it, so each has one.
	watching, unwatch := context.WithCancel(calls)
	defer unwatch()
	watch, err := m.kv.WatchFiltered(watching, append(slices.Clone(d.keys), sessionPrefix(d.group)+">"))
	if err != nil {
		return fmt.Errorf("watch leases: %w", err)
	}
	defer func() {
		_ = watch.Stop()
		for range watch.Updates() { // the client waits until it has been heard
		}
	}()
	if m.present, err = join(calls, m.kv, sessionPrefix(d.group)+m.id, m.name, m.ttl); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	defer m.present.leave(calls)
	m.forgetEnded(calls)
	return m.run(ctx, watch.Updates())
}

// presence is a session's key, kept alive by a goroutine of its own so that
// nothing else in the process holds it up.
type presence struct {
	kv    jetstream.KeyValue
	key   string
	value []byte
	ttl   time.Duration

	revision uint64             // of the key; the goroutine's until it has ended
	lost     context.Context    // ends when the session is lost
	lose     context.CancelFunc // …
	deadline *time.Timer        // loses the session
	stop     context.CancelFunc // of the goroutine
	stopped  chan struct{}
}

func join(ctx context.Context, kv jetstream.KeyValue, key, name string, ttl time.Duration) (*presence, error) {
	value, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return nil, err
	}
	began := time.Now()
	call, cancel := context.WithTimeout(ctx, ttl)
	defer cancel()
	revision, err := kv.Create(call, key, value)
	if err != nil {
		return nil, err
	}
	p := &presence{kv: kv, key: key, value: value, ttl: ttl, revision: revision, stopped: make(chan struct{})}
	p.lost, p.lose = context.WithCancel(context.Background())
	p.deadline = time.AfterFunc(time.Until(began.Add(ttl)), p.lose)
	renewing, stop := context.WithCancel(ctx)
	p.stop = stop
	go p.renew(renewing, began)
	return p, nil
}

// renew updates the key every TTL/3 until the session is lost or left.
func (p *presence) renew(ctx context.Context, began time.Time) {
	defer close(p.stopped)
	next := began.Add(p.ttl / 3)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.lost.Done():
			return
		case <-time.After(time.Until(next)):
		}
		began = time.Now()
		// One attempt that is lost with its connection must leave time for others.
		call, cancel := context.WithTimeout(ctx, p.ttl/4)
		revision, err := p.kv.Update(call, p.key, p.value, p.revision)
		if conflicted(err) {
			// Deleted by another session, or an update of ours that we thought had
			// failed: the key has no other writers.
			var entry jetstream.KeyValueEntry
			if entry, err = p.kv.Get(call, p.key); errors.Is(err, jetstream.ErrKeyNotFound) {
				cancel()
				p.lose()
				return
			}
			if err == nil {
				p.revision = max(p.revision, entry.Revision())
				err = errors.New("revision was behind")
			}
		} else if err == nil {
			// The timer that has fired, or fires now, has the last word.
			if !p.deadline.Stop() {
				cancel()
				return
			}
			p.revision = revision
			p.deadline.Reset(time.Until(began.Add(p.ttl)))
		}
		cancel()
		if err != nil {
			next = time.Now().Add(p.ttl / 20)
		} else {
			next = began.Add(p.ttl / 3)
		}
	}
}

// leave deletes the key, so that others need not wait for its silence.
func (p *presence) leave(ctx context.Context) {
	p.stop()
	<-p.stopped
	p.deadline.Stop()
	p.lose()
	ctx, cancel := context.WithTimeout(ctx, p.ttl)
	defer cancel()
	// Where this fails the key's silence tells the same, later.
	_ = p.kv.Delete(ctx, p.key, jetstream.LastRevision(p.revision))
}

// member is one session: what it has seen of the others, and what it holds. One
// goroutine runs it.
type member struct {
	*duty
	kv      jetstream.KeyValue
	log     *slog.Logger
	id      string
	name    string
	ttl     time.Duration
	backoff time.Duration
	present *presence

	seenAll bool // everything that was in the bucket at the start
	others  map[string]sign
	slots   []slot
	held    map[int]*holding
	ended   chan ending
}

// sign is the newest sign of life of another session: when this process first
// saw that revision of its key. Revision 0: the session is known from a deed
// only.
type sign struct {
	revision uint64
	seen     time.Time
}

type slot struct {
	deed
	revision uint64 // 0: the key does not exist
}

// holding is a slot this member owns and runs own for.
type holding struct {
	epoch  uint64
	since  time.Time
	cancel context.CancelCauseFunc
	giving bool // its context has been ended
}

type ending struct {
	slot int
	err  error
}

func (m *member) run(ctx context.Context, updates <-chan jetstream.KeyValueEntry) error {
	tick := time.NewTicker(m.ttl / 12)
	defer tick.Stop()
	done, lost := ctx.Done(), m.present.lost.Done()
	var why error
	for {
		select {
		case entry, ok := <-updates:
			switch {
			case !ok:
				updates, why = nil, errors.New("the watch on the leases ended")
			case entry == nil:
				m.seenAll = true
			default:
				m.see(entry)
			}
		case e := <-m.ended:
			m.finish(ctx, e)
		case <-tick.C:
		case <-done:
			done, why = nil, ctx.Err()
		case <-lost:
			lost, why = nil, ErrLeaseLost
		}
		if why != nil {
			for _, h := range m.held {
				m.giveUp(h, ErrLeaseLost)
			}
			if len(m.held) == 0 {
				return why
			}
			continue
		}
		if m.seenAll && ctx.Err() == nil && m.present.lost.Err() == nil {
			m.balance(ctx)
		}
	}
}

// forgetEnded removes the traces of sessions that ended long ago. Whoever joins
// does it; a failure is left to the next.
func (m *member) forgetEnded(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.ttl)
	defer cancel()
	if err := m.kv.PurgeDeletes(ctx, jetstream.DeleteMarkersOlderThan(time.Hour)); err != nil {
		m.log.Debug("forget ended sessions", "error", err)
	}
}

// call returns the context of one request to the bucket. It does not end with
// the caller's: a lease is released because that has ended.
func (m *member) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), m.ttl/3)
}

// see takes in what the bucket says about a session or a slot.
func (m *member) see(entry jetstream.KeyValueEntry) {
	gone := entry.Operation() != jetstream.KeyValuePut
	if id, ok := strings.CutPrefix(entry.Key(), sessionPrefix(m.group)); ok {
		switch {
		case id == m.id && gone:
			m.present.lose()
		case id == m.id:
		case gone:
			delete(m.others, id)
		default:
			if entry.Revision() > m.others[id].revision {
				m.others[id] = sign{entry.Revision(), time.Now()}
			}
		}
		return
	}
	i := slices.Index(m.keys, entry.Key())
	if i < 0 || gone || entry.Revision() <= m.slots[i].revision {
		return
	}
	var d deed
	if err := json.Unmarshal(entry.Value(), &d); err != nil {
		m.log.Error("lease cannot be read", "key", entry.Key(), "error", err)
		return
	}
	m.slots[i] = slot{d, entry.Revision()}
	if _, known := m.others[d.Owner]; !known && d.Owner != "" && d.Owner != m.id {
		m.others[d.Owner] = sign{seen: time.Now()}
	}
	if h := m.held[i]; h != nil && (d.Owner != m.id || d.Epoch != h.epoch) {
		m.giveUp(h, ErrLeaseLost)
	}
}

// refresh asks the bucket for a key itself: what was heard of it is behind.
func (m *member) refresh(ctx context.Context, key string) {
	ctx, cancel := m.call(ctx)
	defer cancel()
	entry, err := m.kv.Get(ctx, key)
	switch {
	case err == nil:
		m.see(entry)
	case errors.Is(err, jetstream.ErrKeyNotFound):
		if id, ok := strings.CutPrefix(key, sessionPrefix(m.group)); ok {
			delete(m.others, id)
		}
	}
}

// balance ends the sessions of the silent, gives away what is too much and
// takes what is free, up to this session's share.
func (m *member) balance(ctx context.Context) {
	now := time.Now()
	for id, s := range m.others {
		// A twentieth more than TTL, for clocks that do not run alike.
		if now.Sub(s.seen) > m.ttl+m.ttl/20 {
			m.evict(ctx, id, s)
		}
	}
	share := m.share()
	mine := 0
	for _, h := range m.held {
		if !h.giving {
			mine++
		}
	}
	for i := len(m.slots) - 1; i >= 0 && mine > share; i-- {
		if h := m.held[i]; h != nil && !h.giving {
			m.giveUp(h, ErrHandOver)
			mine--
		}
	}
	for i := 0; i < len(m.slots) && mine < share; i++ {
		if m.held[i] == nil && m.free(i) && !now.Before(m.pauseTo[i]) && m.take(ctx, i) {
			mine++
		}
	}
}

// free reports whether nobody holds a slot. One in this session's own name that
// it does not hold is one it has failed to release.
func (m *member) free(i int) bool {
	owner := m.slots[i].Owner
	_, other := m.others[owner]
	return owner == "" || owner == m.id || !other
}

// share is how many slots this session should have. Who has more now comes
// first where they do not divide evenly, so that nothing moves needlessly; all
// sessions compute the same from the same keys.
func (m *member) share() int {
	count := map[string]int{m.id: 0}
	for id := range m.others {
		count[id] = 0
	}
	for i := range m.slots {
		if _, ok := count[m.slots[i].Owner]; ok {
			count[m.slots[i].Owner]++
		}
	}
	ids := make([]string, 0, len(count))
	for id := range count {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	share := len(m.slots) / len(ids)
	if slices.Index(ids, m.id) < len(m.slots)%len(ids) {
		share++
	}
	return share
}

// evict deletes the key of a session that has been silent for too long.
func (m *member) evict(ctx context.Context, id string, s sign) {
	key := sessionPrefix(m.group) + id
	if s.revision == 0 {
		// Known from a deed only: it may be alive, and not yet heard of.
		m.refresh(ctx, key)
		if m.others[id].revision == 0 {
			delete(m.others, id)
		}
		return
	}
	call, cancel := m.call(ctx)
	defer cancel()
	err := m.kv.Delete(call, key, jetstream.LastRevision(s.revision))
	switch {
	case err == nil:
		m.log.Info("session ended: it was silent for too long", "session", id)
		delete(m.others, id)
	case conflicted(err):
		m.refresh(ctx, key)
	default:
		m.log.Warn("end silent session", "session", id, "error", err)
	}
}

// take makes a free slot this session's and starts own for it. Every start has
// an epoch of its own.
func (m *member) take(ctx context.Context, i int) bool {
	want := deed{Epoch: m.slots[i].Epoch + 1, Owner: m.id, Name: m.name}
	revision, err := m.write(ctx, i, want)
	switch {
	case conflicted(err):
		m.refresh(ctx, m.keys[i])
		return false
	case err != nil:
		m.log.Warn("take lease", "key", m.keys[i], "error", err)
		return false
	}
	m.slots[i] = slot{want, revision}
	own, cancel := context.WithCancelCause(ctx)
	unlink := context.AfterFunc(m.present.lost, func() { cancel(ErrLeaseLost) }) //nolint:contextcheck // the session's end, beside the caller's
	m.held[i] = &holding{epoch: want.Epoch, since: time.Now(), cancel: cancel}
	m.log.Debug("lease taken", "key", m.keys[i], "epoch", want.Epoch)
	go func() {
		err := m.own(own, i, want.Epoch)
		unlink()
		if own.Err() != nil {
			err = nil // it was told to end, and whatever it says it did
		} else if err == nil {
			err = errors.New("it ended by itself")
		}
		cancel(nil)
		m.ended <- ending{i, err}
	}()
	return true
}

func (m *member) write(ctx context.Context, i int, d deed) (uint64, error) {
	value, err := json.Marshal(d)
	if err != nil {
		return 0, err
	}
	ctx, cancel := m.call(ctx)
	defer cancel()
	if m.slots[i].revision == 0 {
		return m.kv.Create(ctx, m.keys[i], value)
	}
	return m.kv.Update(ctx, m.keys[i], value, m.slots[i].revision)
}

func (m *member) giveUp(h *holding, cause error) {
	h.giving = true
	h.cancel(cause)
}

// finish releases a slot whose own has returned.
func (m *member) finish(ctx context.Context, e ending) {
	h := m.held[e.slot]
	delete(m.held, e.slot)
	if e.err == nil {
		m.failures[e.slot] = 0
	} else {
		if time.Since(h.since) > time.Minute {
			m.failures[e.slot] = 0
		}
		pause := m.backoff << min(m.failures[e.slot], 4)
		m.failures[e.slot]++
		m.pauseTo[e.slot] = time.Now().Add(pause)
		m.log.Error("owner failed, trying again", "key", m.keys[e.slot], "epoch", h.epoch, "pause", pause, "error", e.err)
	}
	s := &m.slots[e.slot]
	if s.Owner != m.id || s.Epoch != h.epoch || m.present.lost.Err() != nil {
		return
	}
	released := deed{Epoch: h.epoch}
	revision, err := m.write(ctx, e.slot, released)
	switch {
	case err == nil:
		*s = slot{released, revision}
	case conflicted(err):
		m.refresh(ctx, m.keys[e.slot])
	default:
		// It is free once this session is gone, and to this session at once.
		m.log.Warn("release lease", "key", m.keys[e.slot], "error", err)
	}
}

// forgetSessions ends every session and frees every slot. Only for a server no
// other process can reach, before anything else uses it.
func (l *Log) forgetSessions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	lister, err := l.leases.ListKeys(ctx)
	if err != nil {
		return err
	}
	var keys []string
	for key := range lister.Keys() {
		keys = append(keys, key)
	}
	for _, key := range keys {
		if strings.HasPrefix(key, "session.") {
			if err := l.leases.Purge(ctx, key); err != nil {
				return err
			}
			continue
		}
		entry, err := l.leases.Get(ctx, key)
		if err != nil {
			return err
		}
		var d deed
		if err := json.Unmarshal(entry.Value(), &d); err != nil {
			return fmt.Errorf("lease %s: %w", key, err)
		}
		if d.Owner == "" {
			continue
		}
		value, err := json.Marshal(deed{Epoch: d.Epoch})
		if err != nil {
			return err
		}
		if _, err := l.leases.Update(ctx, key, value, entry.Revision()); err != nil {
			return err
		}
	}
	return l.leases.PurgeDeletes(ctx, jetstream.DeleteMarkersOlderThan(-1))
}
