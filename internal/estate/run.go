package estate

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

const (
	heartbeatTick = 15 * time.Second // in which some of the stores have their turn
	saveEvery     = 5 * time.Second  // real time
	progressEvery = time.Second      // real time
	// drainMost is how far away a deadline may be for the end to wait for it.
	drainMost = 2 * time.Hour
	// snapshotSlots is how often the schedule's cursor is kept for restarts.
	snapshotSlots = 6
	// fullBatch is how many messages wait for a feed at most before it gets them.
	fullBatch = 4000
)

// appointment is something to do at a time: a message to send, or (message nil)
// one of the recurring duties.
type appointment struct {
	at      time.Time
	duty    duty
	message *message
}

// duty orders what is due at the same time: sales are drawn before their
// messages are sent, and feeds say they are complete after.
type duty int

const (
	drawSales duty = iota
	sendMessage
	sayHeartbeats
	sayComplete
)

// agenda is a heap of appointments, the next one first.
type agenda []appointment

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a agenda) Less(i, j int) bool {
	if c := a[i].at.Compare(a[j].at); c != 0 {
		return c < 0
	}
	if a[i].duty != a[j].duty || a[i].message == nil {
		return a[i].duty < a[j].duty
	}
	return a[i].message.seq < a[j].message.seq
}

// Push and Pop are for package heap.
func (a *agenda) Push(x any) { *a = append(*a, x.(appointment)) }

// Pop removes the last element.
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	(*a)[len(*a)-1] = appointment{}
	*a = (*a)[:len(*a)-1]
	return last
}

// Run sends the history and then lives on until the sales asked for are sold
// and everything about them is sent and acknowledged, watermarks up to then
// included (nil, or an error where the instance refused events), or until ctx
// ends (its error). Deadlines more than two hours away are not waited for: what
// they decide is compared as open.
//
// What was acknowledged and what is still to be sent is in the state every few
// seconds and at the end. After a crash the next Run sends again what may not
// have arrived, under the same ids.
func (e *Estate) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	stopWatch := make(chan struct{})
	go func() {
		defer close(watched)
		e.watch(stopWatch)
	}()

	var all exports
	feedsDone := make(chan struct{}, feedCount)
	for id := range all {
		f := &feed{
			client: e.client, concurrency: e.opts.Concurrency, batchSize: e.opts.BatchSize,
			done: e.ledger.done, queue: make(chan parcel, 2),
		}
		all[id] = f
		go func() {
			if err := f.run(ctx); err != nil {
				cancel(err)
			}
			feedsDone <- struct{}{}
		}()
	}
	e.outlet = &all
	err := e.trade(ctx)
	for _, f := range all {
		close(f.queue)
	}
	for range all {
		<-feedsDone
	}
	// A feed that gave up says why; everybody else only noticed.
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err == nil {
		now := e.opts.Clock.Now().UTC().Truncate(time.Millisecond)
		if err = e.client.say(ctx, e.farewell(now)); err == nil {
			e.leave()
			e.truth.write(line{End: &now})
			e.phase("done")
			err = e.client.refusal()
		}
	}
	err = errors.Join(err, e.save())
	close(stopWatch)
	<-watched
	return errors.Join(err, e.client.close())
}

// trade sells and sends until everything is handed to the feeds.
func (e *Estate) trade(ctx context.Context) error {
	if err := e.save(); err != nil { // before anything goes out under this start
		return err
	}
	if e.resumed != nil && e.sent {
		// While it was stopped, no feed said anything.
		e.truth.write(line{Silence: &SilenceTruth{From: e.resumed.Now, Until: e.opts.Clock.Now().UTC().Add(5 * time.Minute)}})
	}
	if !e.sent && e.opts.History.Sales > 0 {
		if err := e.sendHistory(ctx); err != nil {
			return err
		}
	}
	e.sent = true
	e.phase("live")
	now := e.opts.Clock.Now().UTC()
	e.appoint(e.schedule.cursor.Slot.start(), drawSales)
	e.appoint(ceil(now, heartbeatTick), sayHeartbeats)
	e.appoint(ceil(now, markEvery).Add(markLag), sayComplete)

	saved := time.Now()
	for {
		now := e.opts.Clock.Now().UTC()
		for len(e.agenda) > 0 && !e.agenda[0].at.After(now) {
			if err := e.keep(ctx, heap.Pop(&e.agenda).(appointment), now); err != nil {
				return err
			}
		}
		if err := e.flush(ctx); err != nil {
			return err
		}
		if e.schedule.ended() {
			e.phase("draining")
			if e.unsent == 0 && !now.Before(e.final) {
				return nil
			}
		}
		if time.Since(saved) > saveEvery {
			if err := e.save(); err != nil {
				return err
			}
			saved = time.Now()
		}
		next := e.agenda[0].at
		if e.schedule.ended() && e.unsent == 0 && e.final.Before(next) {
			next = e.final
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.opts.Clock.After(next.Sub(e.opts.Clock.Now())):
		}
	}
}

func (e *Estate) appoint(at time.Time, d duty) {
	heap.Push(&e.agenda, appointment{at: at, duty: d})
}

// await puts a message that is still to be sent on the agenda.
func (e *Estate) await(m *message) {
	heap.Push(&e.agenda, appointment{at: m.send, duty: sendMessage, message: m})
	if !m.distant() {
		e.unsent++
	}
}

// keep does what is due.
func (e *Estate) keep(ctx context.Context, a appointment, now time.Time) error {
	switch a.duty {
	case drawSales:
		for _, m := range e.draw() {
			if e.resumed != nil && e.sent && (m.send.Before(e.resumed.SentThrough) || !m.send.After(e.live)) {
				e.ledger.done([]*message{m}) // acknowledged by an earlier run
				continue
			}
			e.await(m)
		}
		if !e.schedule.ended() {
			e.appoint(e.schedule.cursor.Slot.start(), drawSales)
		}
	case sendMessage:
		if !a.message.distant() {
			e.unsent--
		}
		f := a.message.feed
		e.batch[f].messages = append(e.batch[f].messages, a.message)
		if len(e.batch[f].messages) >= fullBatch {
			return e.flush(ctx)
		}
	case sayHeartbeats:
		next := a.at.Add(heartbeatTick)
		e.appoint(next, sayHeartbeats)
		if now.Before(a.at.Add(e.opts.Heartbeat)) { // older ones have nothing to say any more
			e.heartbeats(a.at)
		}
	case sayComplete:
		next := a.at.Add(markEvery)
		e.appoint(next, sayComplete)
		if next.After(now) { // behind, the newest says it all
			e.complete(a.at)
		}
	}
	return nil
}

// draw draws the sales of the next slot and works out their messages.
func (e *Estate) draw() []*message {
	if c := &e.schedule.cursor; c.Slot%snapshotSlots == 0 {
		e.ledger.snapshot(c.clone())
	}
	var all []*message
	slot := e.schedule.cursor.Slot
	take := func(truth SaleTruth, messages []*message) {
		e.truth.write(line{Sale: &truth})
		if truth.FinalAt.Sub(truth.StartedAt) <= drainMost {
			e.final = later(e.final, truth.FinalAt)
		}
		for _, m := range messages {
			m.seq = e.planned
			e.planned++
		}
		e.ledger.planned(slot, len(messages))
		all = append(all, messages...)

		e.mu.Lock()
		e.stats.Sales++
		e.stats.Events += int64(len(messages))
		for _, f := range truth.Faults {
			e.stats.Faults[f]++
		}
		e.mu.Unlock()
	}
	for _, s := range e.schedule.next() {
		with := e.dealings(s)
		if s.basket.Workflow == workflowAdjustment {
			with = e.adjust(s)
		} else {
			messages, faults := travel(&e.opts, e.episodes, e.schedule, s)
			take(judge(&e.opts, e.live, s, messages, faults), messages)
		}
		var told []SaleTruth
		last := e.live
		for _, d := range with {
			messages := d.messages()
			truth := d.judge(messages)
			last = later(last, truth.FinalAt)
			take(truth, messages)
			told = append(told, d.books...)
		}
		for _, t := range told {
			t.StartedAt, t.FinalAt = s.at, last.Add(tellsLate)
			e.truth.write(line{Sale: &t})
			e.final = later(e.final, t.FinalAt)
		}
	}
	days, truths := e.schedule.post(slot, false)
	for i := range truths {
		e.truth.write(line{Day: &truths[i]})
	}
	for _, m := range days {
		m.seq = e.planned
		e.planned++
	}
	e.ledger.planned(slot, len(days))
	e.mu.Lock()
	e.stats.Events += int64(len(days))
	e.mu.Unlock()
	return append(all, days...)
}

// leave writes the truth about the days that the ERP has not taken up.
func (e *Estate) leave() {
	_, truths := e.schedule.post(e.schedule.cursor.Slot, true)
	for i := range truths {
		truths[i].Verdict, truths[i].Findings = inventory.Open, nil
		e.truth.write(line{Day: &truths[i]})
	}
}

// flush hands what is due to the feeds. It waits while a feed is behind.
func (e *Estate) flush(ctx context.Context) error {
	// All are noted before any is given away: a stop in between loses none.
	for f := range e.batch {
		e.ledger.handed(e.batch[f].messages)
	}
	for f := range e.batch {
		p := e.batch[f]
		if len(p.messages) == 0 && len(p.marks) == 0 {
			continue
		}
		if err := e.outlet.give(ctx, feedID(f), p); err != nil {
			return err
		}
		e.batch[f] = parcel{}
	}
	return nil
}

// heartbeats lets the stores whose turn it is say that all is sent, and those
// that have just opened or closed.
func (e *Estate) heartbeats(at time.Time) {
	turns := int64(e.opts.Heartbeat / heartbeatTick)
	turn := at.Unix() / int64(heartbeatTick.Seconds()) % turns
	through := at.Add(-maxTillLag)
	for i := range e.schedule.groups {
		g := &e.schedule.groups[i]
		was, is := g.stores[0].IsOpen(at.Add(-heartbeatTick)), g.stores[0].IsOpen(at)
		if !was && !is {
			continue
		}
		for _, s := range g.stores {
			if was == is && int64(s.index)%turns != turn {
				continue
			}
			m := mark{feed: feedPOS, location: s.ID, through: through, said: at}
			if w, off := e.offline(s, at); off {
				e.unheard(m, w, 30*time.Minute)
				continue
			}
			e.batch[feedPOS].marks = append(e.batch[feedPOS].marks, m)
		}
	}
}

// offline reports whether the store cannot say anything: it has no connection,
// or has not got rid of its burst yet.
func (e *Estate) offline(s *store, at time.Time) (window, bool) {
	if w, ok := e.episodes.outage(s, at); ok {
		return w, true
	}
	return e.episodes.outage(s, at.Add(-outageBurst-maxTillLag))
}

// complete lets the systems say how far they have sent.
func (e *Estate) complete(at time.Time) {
	for _, f := range central {
		m := mark{feed: f, through: at.Add(-markLag), said: at}
		// At its last instant too: what was held back goes out then.
		for _, t := range []time.Time{at, at.Add(-time.Millisecond)} {
			if w, silent := e.episodes.silence(f, t); silent {
				e.unheard(m, w, 10*time.Minute)
				m.feed = feedCount
				break
			}
		}
		if m.feed == f {
			e.batch[f].marks = append(e.batch[f].marks, m)
		}
	}
}

// unheard writes a silence to the truth, once. It must be noticed where the feed
// has been heard for a while before.
func (e *Estate) unheard(m mark, w window, heard time.Duration) {
	key := mark{feed: m.feed, location: m.location, through: w.From}
	if e.silent[key] {
		return
	}
	e.silent[key] = true
	e.truth.write(line{Silence: &SilenceTruth{
		System: m.feed.String(), Location: m.location, From: w.From, Until: w.To,
		Required: !w.From.Before(e.live.Add(heard)),
	}})
}

// sendHistory sends everything that was sent before the live part as fast as it
// is taken, in order of occurrence or shuffled, and returns when it is
// acknowledged. What was sold before and is sent later stays on the agenda.
func (e *Estate) sendHistory(ctx context.Context) error {
	e.phase("history")
	var (
		past  agenda
		loose []*message
		alive time.Time
	)
	hand := func(m *message) error {
		e.batch[m.feed].messages = append(e.batch[m.feed].messages, m)
		// Meanwhile the feeds say that they live, and that they are not complete:
		// nothing of what is still to come is missing.
		if now := e.opts.Clock.Now().UTC(); now.Sub(alive) >= markEvery {
			alive = now
			for _, f := range central {
				e.batch[f].marks = append(e.batch[f].marks, mark{feed: f, through: e.start, said: now})
			}
			return e.flush(ctx)
		}
		if len(e.batch[m.feed].messages) >= e.opts.BatchSize {
			return e.flush(ctx)
		}
		return nil
	}
	send := func(until time.Time) error {
		for len(past) > 0 && past[0].at.Before(until) {
			if err := hand(heap.Pop(&past).(appointment).message); err != nil {
				return err
			}
		}
		return nil
	}
	for e.schedule.cursor.Slot.start().Before(e.live) {
		for _, m := range e.draw() {
			switch {
			case m.send.After(e.live):
				e.await(m)
			case e.opts.Shuffle:
				loose = append(loose, m)
			default:
				heap.Push(&past, appointment{at: m.at, duty: sendMessage, message: m})
			}
		}
		if err := send(e.schedule.cursor.Slot.start()); err != nil {
			return err
		}
	}
	d := roll(e.episodes.seed, "shuffle")
	d.Shuffle(len(loose), func(i, j int) { loose[i], loose[j] = loose[j], loose[i] })
	for _, m := range loose {
		if err := hand(m); err != nil {
			return err
		}
	}
	if err := send(e.live.Add(time.Hour)); err != nil {
		return err
	}
	if err := e.flush(ctx); err != nil {
		return err
	}
	return e.outlet.settle(ctx)
}

// farewell lets every feed say that it is complete, now that it is.
func (e *Estate) farewell(now time.Time) []mark {
	var marks []mark
	for _, f := range central {
		marks = append(marks, mark{feed: f, through: now, said: now})
	}
	for _, s := range e.stores {
		if _, off := e.offline(s, now); !off {
			marks = append(marks, mark{feed: feedPOS, location: s.ID, through: now, said: now})
		}
	}
	return marks
}

func (e *Estate) phase(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.Phase = name
}

// watch reports progress until stop is closed, and once more then.
func (e *Estate) watch(stop <-chan struct{}) {
	if e.opts.Progress == nil {
		return
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			e.opts.Progress(e.Stats())
		case <-stop:
			e.opts.Progress(e.Stats())
			return
		}
	}
}
