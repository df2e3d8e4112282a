package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/web"
)

// pulse is how our own pipeline does, felt every two seconds. Pages, /readyz and
// /metrics show the same.
type pulse struct {
	log    *stream.Log
	tables *store.Store
	clock  Clock
	logger *slog.Logger
	warned time.Time // real; when the disk was warned of
	// simulated: what is received comes from a simulated retailer.
	simulated bool

	most     uint64        // bytes the quarantine may hold
	keep     time.Duration // and how long it keeps them
	counted  time.Time     // real; when it was last asked what it holds
	warnedOf time.Time     // real; when it was last warned of what it is about to lose

	mu      sync.Mutex
	state   state
	refused time.Time // real; when the log last refused a message because it is full
}

// state is what one look found.
type state struct {
	logErr    error
	tablesErr error
	streams   []stream.Stats
	backlog   uint64
	full      string // the stream that takes no more, empty while all do
	unowned   []int
	through   time.Time
	disk      float64 // share in use
	warning   string  // what a person should do about the disk
	unread    quarantineUse
}

const (
	pulseEvery = 2 * time.Second
	// ownerSilence is how long a partition's owner may say nothing before the
	// partition counts as unowned: several times what owners take to report.
	ownerSilence = 15 * time.Second
	// fullAt is the share of its cap at which a stream is called full, whoever tried.
	fullAt = 0.995
	// refusedFor is how long the log is called full after it refused a message of
	// ours: as long as senders are asked to wait.
	refusedFor = 30 * time.Second
)

func (p *pulse) run(ctx context.Context) error {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		p.feel(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// feel looks once.
func (p *pulse) feel(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var s state
	s.logErr = p.log.Healthy(ctx)
	if streams, err := p.log.Stats(ctx); err != nil {
		s.logErr = errors.Join(s.logErr, err)
	} else {
		s.streams = streams
	}
	progress := p.log.Board().Progress()
	for i, st := range s.streams {
		if st.MaxBytes > 0 && float64(st.Bytes) >= fullAt*float64(st.MaxBytes) {
			s.full = st.Name
		}
		if st.Partition < 0 {
			continue
		}
		s.backlog += st.Pending
		reported, owned := progress[st.Partition]
		if !owned || p.clock.Now().Sub(reported.Through) > p.silence() && st.Pending > 0 {
			s.unowned = append(s.unowned, st.Partition)
			continue
		}
		if i == 0 || reported.Through.Before(s.through) {
			s.through = reported.Through
		}
	}
	if s.full == "" && time.Since(p.lastRefused()) < refusedFor {
		s.full = "the log"
	}
	if len(s.unowned) > 0 {
		s.through = time.Time{}
	}
	if p.tables == nil {
		// A collector alone has none.
	} else if disks, err := p.tables.Disks(ctx); err != nil {
		s.tablesErr = err
	} else {
		for _, d := range disks {
			s.disk = max(s.disk, d.Used())
			s.warning = cmp.Or(d.Warning(), s.warning)
		}
	}
	s.unread = p.use(ctx)
	if ctx.Err() != nil && s.logErr != nil {
		s.logErr = fmt.Errorf("no answer within 10 s: %w", s.logErr)
	}
	p.mu.Lock()
	before := p.state
	p.state = s
	p.mu.Unlock()
	p.tell(&before, &s)
}

// useEvery is how often it is asked how much the quarantine holds.
const useEvery = 10 * time.Second

// use is how much the quarantine holds, ten seconds ago at most; what was known
// last where that cannot be told.
func (p *pulse) use(ctx context.Context) quarantineUse {
	if p.tables == nil || time.Since(p.counted) < useEvery {
		return p.last().unread
	}
	began := time.Now()
	use, err := p.tables.QuarantineUse(ctx)
	if err != nil {
		return p.last().unread
	}
	p.counted = time.Now().Add(20 * time.Since(began)) // a big one is asked less often
	return quarantineUse{use, p.most, p.keep}
}

// tell logs what changed for the worse or the better, once.
func (p *pulse) tell(before, now *state) {
	if now.warning != "" && (before.warning == "" || time.Since(p.warned) > time.Hour) {
		p.logger.Warn(now.warning)
		p.warned = time.Now()
	}
	if w := now.unread.warning(p.clock.Now()); w != "" && time.Since(p.warnedOf) > time.Hour {
		p.logger.Warn(w)
		p.warnedOf = time.Now()
	}
	for _, part := range []struct {
		name        string
		before, now error
	}{{"log", before.logErr, now.logErr}, {"tables", before.tablesErr, now.tablesErr}} {
		switch {
		case part.before == nil && part.now != nil:
			p.logger.Error("it does not answer", "what", part.name, "error", part.now)
		case part.before != nil && part.now == nil:
			p.logger.Info("it answers again", "what", part.name)
		}
	}
	if before.full != now.full {
		if now.full != "" {
			p.logger.Error("the log is full: senders are asked to come again", "stream", now.full)
		} else {
			p.logger.Info("the log takes messages again")
		}
	}
}

// silence is ownerSilence in the clock's own time.
func (p *pulse) silence() time.Duration {
	if c, ok := p.clock.(*SimulatedClock); ok {
		return time.Duration(float64(ownerSilence) * c.Speed())
	}
	return ownerSilence
}

func (p *pulse) lastRefused() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

func (p *pulse) last() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// status is the pulse as the pages show it. A directory opened for a command
// has none: nothing runs that could be ill.
func (p *pulse) status(context.Context) web.Status {
	if p == nil {
		return web.Status{}
	}
	s := p.last()
	st := web.Status{
		Through: s.through, Backlog: s.backlog, Unowned: len(s.unowned), DiskUsed: s.disk,
		Quarantine: s.unread.warning(p.clock.Now()), QuarantineBytes: s.unread.Bytes, QuarantineMax: s.unread.most,
	}
	switch {
	case errors.Is(s.logErr, stream.ErrFull):
		st.Log, st.Detail = web.LogFull, "JetStream has reached its cap; senders are asked to try again and lose nothing."
	case s.full != "":
		st.Log, st.Detail = web.LogFull, "JetStream has reached its cap ("+s.full+"); senders are asked to try again and lose nothing."
	case s.logErr != nil:
		st.Log, st.Detail = web.LogUnreachable, "JetStream does not store messages; senders are asked to try again and lose nothing."
	}
	st.Simulated, st.Speed = p.simulated, 1
	if c, ok := p.clock.(*SimulatedClock); ok {
		st.Simulated, st.Speed = true, c.Speed()
	}
	return st
}

// problems lists why the instance should get no traffic, empty when it should.
func (p *pulse) problems() []string {
	s := p.last()
	var list []string
	switch {
	case s.logErr != nil:
		list = append(list, "log: "+s.logErr.Error())
	case s.full != "":
		list = append(list, "log: "+s.full+" is full")
	}
	if s.tablesErr != nil {
		list = append(list, "tables: "+s.tablesErr.Error())
	}
	if c, ok := p.clock.(*SimulatedClock); ok && c.Err() != nil {
		list = append(list, "simulated clock: it stands still: "+c.Err().Error())
	}
	return list
}

// ready answers GET /readyz: 200 while events can be stored and questions
// answered, 503 with the reasons otherwise.
func (p *pulse) ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	problems := p.problems()
	if len(problems) == 0 {
		_, _ = w.Write([]byte("ready\n"))
		return
	}
	w.Header().Set("Retry-After", "5")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(strings.Join(problems, "\n") + "\n"))
}
