package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// tower is a `stocktrace run` with all its roles, in a process of its own.
type tower struct {
	*process
	data, api, grpc string
}

// startTower starts an instance on a fresh data directory and returns when it
// is ready.
func (b *bench) startTower(ctx context.Context) (t *tower, err error) {
	data, err := os.MkdirTemp(b.dir, "tower-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	args := []string{
		"run", "--data-dir", data, "--listen", ports[0], "--otlp-grpc", ports[1], "--otlp-http", ports[2], "--log-level", "warn",
	}
	program, env := b.program, []string(nil)
	if b.profile != "" {
		// The same program within this one, where it can be profiled.
		program, args, env = b.self, append([]string{"child", "stocktrace"}, args...), []string{profileVariable + "=" + b.profile}
	}
	p, err := start("stocktrace", b.root, env, program, args...)
	if err != nil {
		return nil, err
	}
	t = &tower{process: p, data: data, api: "http://" + ports[0], grpc: ports[1]}
	defer func() {
		if err != nil {
			t.kill()
		}
	}()
	return t, eventually(ctx, time.Minute, 100*time.Millisecond, "stocktrace is ready", func() (bool, error) {
		if err := t.alive(); err != nil {
			return false, err
		}
		response, err := http.Get(t.api + "/readyz")
		if err != nil {
			return false, nil
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
}

// discard removes a data directory unless all are kept.
func (b *bench) discard(dir string) {
	if !b.keep {
		_ = os.RemoveAll(dir)
	}
}

// lifecycleAnswer is what the API says of a lifecycle, as far as it is needed.
type lifecycleAnswer struct {
	CorrelationID string `json:"correlation_id"`
	Verdict       string `json:"verdict"`
}

// verdict asks the API for the verdict of any key, "" while it is not known.
func (t *tower) verdict(ctx context.Context, key string) (string, error) {
	var a lifecycleAnswer
	_, err := getJSON(ctx, t.api+"/api/v1/lifecycles/"+url.PathEscape(key), &a)
	return a.Verdict, err
}

// posted is how many sales the store-day list calls posted, and nothing else.
func (t *tower) posted(ctx context.Context) (posted, sold int, err error) {
	cursor := ""
	for {
		var list struct {
			Items []struct {
				Sold, Posted, Wrong, Late int
			}
			Next string
		}
		_, err := getJSON(ctx, t.api+"/api/v1/store-days?limit=1000&cursor="+url.QueryEscape(cursor), &list)
		if err != nil {
			return 0, 0, err
		}
		for _, d := range list.Items {
			sold += d.Sold
			if d.Wrong == 0 && d.Late == 0 {
				posted += d.Posted
			}
		}
		if cursor = list.Next; cursor == "" {
			return posted, sold, nil
		}
	}
}

// run is one round of one contestant.
type run struct {
	events    int
	wall      time.Duration // first request sent → everything visible
	accepted  time.Duration // first request sent → last OK
	processor time.Duration
	peak      int64
	refused   int
	parts     map[string]time.Duration // processor time by process
	tables    map[string]tableUsage
}

func (r run) perSecond() float64  { return float64(r.events) / r.wall.Seconds() }
func (r run) perMillion() float64 { return r.processor.Seconds() / float64(r.events) * 1e6 }

// measureTower sends the workload and waits until the last lifecycle is visible
// as complete.
func (b *bench) measureTower(ctx context.Context, fidelity bool) (r run, err error) {
	t, err := b.startTower(ctx)
	if err != nil {
		return r, err
	}
	defer func() {
		t.kill()
		b.discard(t.data)
	}()
	w := newWorkload(b.seed, b.sales, time.Now())
	requests, _, err := encodeAll(w)
	if err != nil {
		return r, err
	}
	s, err := dial(t.grpc)
	if err != nil {
		return r, err
	}
	defer s.close()
	if err := t.idle(ctx); err != nil {
		return r, err
	}
	before, err := t.used()
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if r.refused, err = s.sendAll(ctx, requests); err != nil {
		return r, errors.Join(err, t.alive())
	}
	r.accepted = time.Since(begun)
	// The last sales first: what is asked costs the child, too, and is not what is
	// measured, so it is asked twice a second. Then everything.
	for sale := max(0, b.sales-8); sale < b.sales; sale++ {
		err := eventually(ctx, 10*time.Minute, 500*time.Millisecond, "the last sales are complete", func() (bool, error) {
			if err := t.alive(); err != nil {
				return false, err
			}
			v, err := t.verdict(ctx, w.correlation(sale))
			return v == "complete", err
		})
		if err != nil {
			return r, err
		}
	}
	var posted, sold int
	err = eventually(ctx, 5*time.Minute, 500*time.Millisecond, "all sales are posted", func() (bool, error) {
		if posted, sold, err = t.posted(ctx); err != nil {
			return false, err
		}
		return posted == b.sales, nil
	})
	if err != nil {
		return r, fmt.Errorf("%w: %d of %d sales posted, %d sold", err, posted, b.sales, sold)
	}
	r.wall = time.Since(begun)
	after, err := t.used()
	if err != nil {
		return r, err
	}
	r.events, r.processor, r.peak = b.sales*eventsPerSale, after.processor-before.processor, after.peak
	if b.keep || b.profile != "" {
		fmt.Fprintln(os.Stderr, t.threads())
	}
	if fidelity {
		if err := t.checkRaw(ctx, w); err != nil {
			return r, err
		}
	}
	if err := t.stop(); err != nil {
		return r, err
	}
	out, err := exec.CommandContext(ctx, b.self, "child", "tables", filepath.Join(t.data, "clickhouse")).Output()
	if err != nil {
		return r, fmt.Errorf("read the tables: %w", stderrOf(err))
	}
	if err := json.Unmarshal(out, &r.tables); err != nil {
		return r, fmt.Errorf("read the tables: %w", err)
	}
	if n := r.tables["events"].Rows; n != uint64(r.events) {
		return r, fmt.Errorf("%d events were acknowledged and %d are in the table", r.events, n)
	}
	return r, nil
}

// idle waits until a process that has just started uses next to nothing.
func (p *process) idle(ctx context.Context) error {
	last, err := p.used()
	if err != nil {
		return err
	}
	return eventually(ctx, time.Minute, time.Second, p.name+" is idle", func() (bool, error) {
		now, err := p.used()
		calm := now.processor-last.processor < 200*time.Millisecond
		last = now
		return calm, err
	})
}

// rawChecks is how many events are asked for as they were received.
const rawChecks = 300

// checkRaw asks for events as they were received and demands every attribute of
// span, scope and resource back, with its type, and everything else a span has.
func (t *tower) checkRaw(ctx context.Context, w workload) error {
	for i := range rawChecks {
		sale, h := int(w.random("check", i)%uint64(w.sales)), i%eventsPerSale
		id := recordID(sale, h)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.api+"/api/v1/events/"+url.PathEscape(id)+"/raw", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the raw form of %s: %s", id, response.Status)
		}
		got, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(body)
		if err != nil {
			return fmt.Errorf("the raw form of %s: %w", id, err)
		}
		b := batcher{w: w}
		b.add(sale, h)
		want := b.take()
		if err := sameSpan(want, got); err != nil {
			return fmt.Errorf("the raw form of %s: %w", id, err)
		}
	}
	return nil
}

func sameSpan(want, got ptrace.Traces) error {
	if n := got.SpanCount(); n != 1 {
		return fmt.Errorf("has %d spans", n)
	}
	wr, gr := want.ResourceSpans().At(0), got.ResourceSpans().At(0)
	ws, gs := wr.ScopeSpans().At(0), gr.ScopeSpans().At(0)
	for _, m := range []struct {
		of        string
		want, got pcommon.Map
	}{
		{"resource", wr.Resource().Attributes(), gr.Resource().Attributes()},
		{"scope", ws.Scope().Attributes(), gs.Scope().Attributes()},
		{"span", ws.Spans().At(0).Attributes(), gs.Spans().At(0).Attributes()},
	} {
		for name, value := range m.want.All() {
			if back, ok := m.got.Get(name); !ok || !value.Equal(back) {
				return fmt.Errorf("attribute %s of the %s is %q and was %q", name, m.of, back.AsString(), value.AsString())
			}
		}
	}
	// And byte by byte, which covers ids, times and names.
	var m ptrace.ProtoMarshaler
	a, err := m.MarshalTraces(want)
	if err != nil {
		return err
	}
	b, err := m.MarshalTraces(got)
	if err != nil {
		return err
	}
	if !slices.Equal(a, b) {
		return errors.New("has all attributes and differs otherwise")
	}
	return nil
}

// freshness is how long verdicts take to be visible.
type freshness struct {
	Samples  int
	P50, P99 time.Duration
	Rate     int // events per second sent meanwhile
	Grain    time.Duration
}

// measureFreshness sends sales at a modest rate and takes, for some of them, the
// time from the OK to their last event until the API calls them complete.
func (b *bench) measureFreshness(ctx context.Context) (f freshness, err error) {
	const (
		every = 100 * time.Millisecond
		grain = 25 * time.Millisecond
	)
	f.Rate, f.Grain = b.rate, grain
	t, err := b.startTower(ctx)
	if err != nil {
		return f, err
	}
	defer func() {
		t.kill()
		b.discard(t.data)
	}()
	s, err := dial(t.grpc)
	if err != nil {
		return f, err
	}
	defer s.close()
	perTick := max(1, b.rate*int(every)/int(time.Second)/eventsPerSale)
	ticks := int(b.watch / every)
	w := newWorkload(b.seed+1, perTick*ticks, time.Now())
	type sample struct {
		took time.Duration
		err  error
	}
	samples := make(chan sample, ticks)
	watched := 0
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range ticks {
		<-tick.C
		first := b.batch(w, i*perTick, perTick, 0, eventsPerSale-1)
		last := b.batch(w, i*perTick, perTick, eventsPerSale-1, eventsPerSale)
		for _, request := range []ptrace.Traces{first, last} {
			encoded, err := encode(request)
			if err != nil {
				return f, err
			}
			if _, err := s.send(ctx, encoded); err != nil {
				return f, errors.Join(err, t.alive())
			}
		}
		// One watched at a time is enough asking.
		if i%3 != 0 || i < ticks/10 {
			continue
		}
		sale, ok := i*perTick, time.Now()
		watched++
		go func() {
			err := eventually(ctx, time.Minute, grain, "a verdict", func() (bool, error) {
				v, err := t.verdict(ctx, w.correlation(sale))
				return v == "complete", err
			})
			samples <- sample{time.Since(ok), err}
		}()
	}
	var all []time.Duration
	for range watched {
		s := <-samples
		if s.err != nil {
			return f, s.err
		}
		all = append(all, s.took)
	}
	f.Samples, f.P50, f.P99 = len(all), quantile(all, 0.5), quantile(all, 0.99)
	return f, t.stop()
}

// batch puts hops from..to of some sales into one request.
func (b *bench) batch(w workload, sale, count, from, to int) ptrace.Traces {
	batch := batcher{w: w}
	for n := sale; n < sale+count; n++ {
		for h := from; h < to; h++ {
			batch.add(n, h)
		}
	}
	return batch.take()
}
