package alerts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/alerts/alertstest"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// bubble is the time of a synctest bubble: virtual, and the same for retailer
// and wall.
type bubble struct{}

func (bubble) Now() time.Time                         { return time.Now() }
func (bubble) After(d time.Duration) <-chan time.Time { return time.After(d) }

// place is a receiver that remembers its messages.
type place struct {
	name string

	mu       sync.Mutex
	messages []alerts.Message
	gone     map[int]bool
	finds    int
	err      error // of every call, after it had no effect
}

func (p *place) Name() string { return p.name }

func (p *place) Find(_ context.Context, id string, since time.Time) (alerts.Ref, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finds++
	if p.err != nil {
		return alerts.Ref{}, false, p.err
	}
	if since.IsZero() || since.After(time.Now()) {
		return alerts.Ref{}, false, fmt.Errorf("asked for messages since %v", since)
	}
	for n, m := range p.messages {
		if m.IncidentID == id && !p.gone[n] {
			return alerts.Ref{Place: p.name, ID: fmt.Sprint(n)}, true, nil
		}
	}
	return alerts.Ref{}, false, nil
}

func (p *place) Post(_ context.Context, m alerts.Message) (alerts.Ref, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return alerts.Ref{}, p.err
	}
	p.messages = append(p.messages, m)
	return alerts.Ref{Place: p.name, ID: fmt.Sprint(len(p.messages) - 1)}, nil
}

func (p *place) Update(_ context.Context, ref alerts.Ref, m alerts.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	var n int
	if _, err := fmt.Sscan(ref.ID, &n); err != nil || n >= len(p.messages) || p.gone[n] {
		return alerts.ErrGone
	}
	p.messages[n] = m
	return nil
}

func (p *place) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *place) all() []alerts.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]alerts.Message(nil), p.messages...)
}

// process is a running manager.
type process struct {
	manager *alerts.Manager
	stop    func()
}

func start(t *testing.T, epoch uint64, o alerts.Options) process {
	t.Helper()
	o.Clock, o.Wall = bubble{}, bubble{}
	if o.Rules.MinMembers == 0 {
		o.Rules = alerts.DefaultRules()
	}
	o.PublicURL = "https://tower.example"
	m, err := alerts.NewManager(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, epoch) }()
	return process{m, func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, errCrashed) {
			t.Errorf("the manager ended with: %v", err)
		}
	}}
}

// pass lets time pass and everything that is due in it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestOneLivingMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		slack, hook := &place{name: "slack"}, &place{name: "webhook"}
		p := start(t, 1, alerts.Options{
			Source: &wrong, Objectives: &wrong, Store: alertstest.NewStore(), Receivers: []alerts.Receiver{slack, hook},
		})
		defer p.stop()
		expect := func(state alerts.State, title string) {
			t.Helper()
			for _, place := range []*place{slack, hook} {
				all := place.all()
				if len(all) != 1 || all[0].State != state || all[0].Title != title {
					t.Fatalf("%s has %+v, want one message, %s: %s", place.name, all, state, title)
				}
			}
		}
		pass(time.Minute)
		if n := len(slack.all()); n != 0 {
			t.Fatalf("%d messages about nothing", n)
		}
		wrong.Set(missing(t, 5))
		pass(11 * time.Second)
		expect(alerts.Firing, "Not in ERP: 5 sales")
		wrong.Set(missing(t, 4000))
		pass(11 * time.Second) // numbers are not told more often than every 30 s
		expect(alerts.Firing, "Not in ERP: 5 sales")
		pass(20 * time.Second)
		expect(alerts.Firing, "Not in ERP: 4,000 sales")
		if s := p.manager.Status(); s.Firing != 1 || s.Receivers["slack"].Waiting != 0 {
			t.Errorf("status is %+v", s)
		}
		wrong.Set(nil)
		pass(9 * time.Minute)
		if slack.all()[0].State != alerts.Firing {
			t.Fatal("it ended before it was over for long enough")
		}
		pass(2 * time.Minute)
		expect(alerts.Resolved, "Not in ERP: 4,000 sales")
		if slack.finds != 0 {
			t.Errorf("the channel was searched %d times without need", slack.finds)
		}
	})
}

func TestWhatCannotBeReadIsNotOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		slack := &place{name: "slack"}
		p := start(t, 1, alerts.Options{
			Source: &wrong, Objectives: &wrong, Store: alertstest.NewStore(), Receivers: []alerts.Receiver{slack},
		})
		defer p.stop()
		wrong.Set(missing(t, 50))
		pass(time.Minute)
		wrong.Set(nil)
		wrong.Fail(errors.New("connection refused"))
		pass(time.Hour)
		if m := slack.all(); len(m) != 1 || m[0].State != alerts.Firing {
			t.Fatalf("messages: %+v", m)
		}
		if s := p.manager.Status(); s.Trouble == nil {
			t.Error("the trouble is not said")
		}
		wrong.Fail(nil)
		pass(time.Minute)
		if s := p.manager.Status(); s.Trouble != nil {
			t.Errorf("the trouble is over, but said: %v", s.Trouble)
		}
	})
}

func TestAnOutageDelaysAndNeverLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		store := alertstest.NewStore()
		slack, hook := &place{name: "slack"}, &place{name: "webhook"}
		o := alerts.Options{Source: &wrong, Objectives: &wrong, Store: store, Receivers: []alerts.Receiver{slack, hook}}
		p := start(t, 1, o)
		slack.fail(errors.New("bad gateway"))
		wrong.Set(missing(t, 50))
		pass(24 * time.Hour)
		if n := len(hook.all()); n != 1 {
			t.Fatalf("the webhook, which is well, has %d messages", n)
		}
		if s := p.manager.Status(); s.Receivers["slack"].Waiting != 1 || !strings.Contains(s.Receivers["slack"].LastError, "bad gateway") {
			t.Errorf("status is %+v", s)
		}
		// It opens and ends while Slack is away, across a restart.
		wrong.Set(nil)
		pass(time.Hour)
		p.stop()
		p = start(t, 2, o)
		defer p.stop()
		pass(time.Hour)
		slack.fail(nil)
		pass(5*time.Minute + time.Second)
		if m := slack.all(); len(m) != 1 || m[0].State != alerts.Resolved {
			t.Fatalf("slack has %+v, want one message that it is over", m)
		}
		if m := hook.all(); len(m) != 1 || m[0].State != alerts.Resolved {
			t.Fatalf("the webhook has %+v, want one message that it is over", m)
		}
	})
}

// limited is an error that says when to come back.
type limited time.Duration

func (l limited) Error() string             { return "rate limited" }
func (l limited) RetryAfter() time.Duration { return time.Duration(l) }

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		slack := &place{name: "slack"}
		p := start(t, 1, alerts.Options{
			Source: &wrong, Objectives: &wrong, Store: alertstest.NewStore(), Receivers: []alerts.Receiver{slack},
		})
		defer p.stop()
		slack.fail(limited(17 * time.Minute))
		wrong.Set(missing(t, 50))
		pass(11 * time.Second)
		finds := slack.finds
		slack.fail(nil)
		pass(16 * time.Minute)
		if slack.finds != finds || len(slack.all()) != 0 {
			t.Fatal("it came back too early")
		}
		pass(time.Minute)
		if len(slack.all()) != 1 {
			t.Fatal("it did not come back")
		}
	})
}

func TestNothingIsSentThatIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		store, slack := alertstest.NewStore(), &place{name: "slack"}
		p := start(t, 1, alerts.Options{Source: &wrong, Objectives: &wrong, Store: store, Receivers: []alerts.Receiver{slack}})
		defer p.stop()
		synctest.Wait()
		store.Fail(errors.New("disk full"))
		wrong.Set(missing(t, 50))
		pass(time.Hour)
		if n := len(slack.all()); n != 0 {
			t.Fatalf("%d messages that a crash would forget", n)
		}
		store.Fail(nil)
		pass(6 * time.Minute)
		if n := len(slack.all()); n != 1 {
			t.Fatalf("%d messages, want 1", n)
		}
	})
}

func TestADeletedMessageIsSaidAgainWhileItBurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		slack := &place{name: "slack", gone: map[int]bool{}}
		p := start(t, 1, alerts.Options{
			Source: &wrong, Objectives: &wrong, Store: alertstest.NewStore(), Receivers: []alerts.Receiver{slack},
		})
		defer p.stop()
		wrong.Set(missing(t, 50))
		pass(time.Minute)
		slack.mu.Lock()
		slack.gone[0] = true
		slack.mu.Unlock()
		wrong.Set(missing(t, 60))
		pass(time.Minute)
		if m := slack.all(); len(m) != 2 || m[1].Title != "Not in ERP: 60 sales" {
			t.Fatalf("messages: %+v", m)
		}
		slack.mu.Lock()
		slack.gone[1] = true
		slack.mu.Unlock()
		wrong.Set(nil)
		pass(time.Hour)
		if n := len(slack.all()); n != 2 {
			t.Fatalf("%d messages: what is over needs no new one", n)
		}
		if s := p.manager.Status(); s.Receivers["slack"].Waiting != 0 {
			t.Errorf("status is %+v", s)
		}
	})
}

func TestRoutesAndReceiversAddedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wrong alertstest.Wrong
		store := alertstest.NewStore()
		slack, hook := &place{name: "slack"}, &place{name: "webhook"}
		rules := alerts.DefaultRules()
		rules.Routes = []alerts.Route{{Match: alerts.Match{System: "oms"}, Receivers: []string{"slack"}}}
		p := start(t, 1, alerts.Options{Source: &wrong, Objectives: &wrong, Store: store, Receivers: []alerts.Receiver{slack}})
		wrong.Set(missing(t, 50))
		pass(time.Minute)
		wrong.Set(nil)
		pass(time.Hour)
		p.stop()
		// The webhook comes later: what was over then is none of its business.
		p = start(t, 2, alerts.Options{
			Source: &wrong, Objectives: &wrong, Store: store, Rules: rules, Receivers: []alerts.Receiver{slack, hook},
		})
		defer p.stop()
		oms := alertstest.MissingInERP(t, 70)
		oms.Key.System = "oms"
		wrong.Set([]alerts.Cluster{oms})
		pass(time.Hour)
		if n := len(hook.all()); n != 0 {
			t.Errorf("the webhook has %d messages, want none", n)
		}
		if n := len(slack.all()); n != 2 {
			t.Errorf("slack has %d messages, want 2", n)
		}
		wrong.Set(nil)
		pass(time.Hour)
		if s := p.manager.Status(); s.Firing != 0 || s.Receivers["webhook"].Waiting != 0 {
			t.Errorf("status is %+v", s)
		}
	})
}

func TestNewManagerRefuses(t *testing.T) {
	rules := alerts.DefaultRules()
	rules.Routes = []alerts.Route{{Receivers: []string{"pager"}}}
	_, err := alerts.NewManager(alerts.Options{Rules: rules, Receivers: []alerts.Receiver{&place{name: "slack"}, &place{name: "slack"}}})
	for _, want := range []string{"two alert receivers are called slack", `leads to "pager", which is no receiver`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

var errCrashed = errors.New("the process is dead")

// doomed counts what a process does to the world outside and kills it at one of
// these deeds: before it has an effect, or after, when nobody remembers it.
type doomed struct {
	mu     sync.Mutex
	deeds  int
	at     int
	effect bool
	kill   func()
	dead   bool
}

func (d *doomed) do(deed func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errCrashed
	}
	d.deeds++
	if d.deeds != d.at {
		return deed()
	}
	if d.effect {
		_ = deed()
	}
	d.dead = true
	d.kill()
	return errCrashed
}

type doomedStore struct {
	*doomed
	alerts.Store
}

func (s doomedStore) WriteIncident(ctx context.Context, i alerts.Incident, v lifecycle.Version) error {
	return s.do(func() error { return s.Store.WriteIncident(ctx, i, v) })
}

type doomedPlace struct {
	*doomed
	alerts.Receiver
}

func (p doomedPlace) Post(ctx context.Context, m alerts.Message) (ref alerts.Ref, err error) {
	err = errors.Join(p.do(func() error { ref, err = p.Receiver.Post(ctx, m); return err }))
	return ref, err
}

func (p doomedPlace) Update(ctx context.Context, ref alerts.Ref, m alerts.Message) error {
	return p.do(func() error { return p.Receiver.Update(ctx, ref, m) })
}

// Killed at any deed, before or after it had its effect: the successor carries
// on, and there is one message, which in the end says that it is over.
func TestKilledAnywhereThereIsOneMessage(t *testing.T) {
	for _, effect := range []bool{false, true} {
		for at := 1; ; at++ {
			deeds := 0
			synctest.Test(t, func(t *testing.T) {
				var wrong alertstest.Wrong
				store, slack := alertstest.NewStore(), &place{name: "slack"}
				killed := make(chan struct{})
				fate := &doomed{at: at, effect: effect, kill: sync.OnceFunc(func() { close(killed) })}
				first := start(t, 1, alerts.Options{
					Source: &wrong, Objectives: &wrong, Store: doomedStore{fate, store},
					Receivers: []alerts.Receiver{doomedPlace{fate, slack}},
				})
				stop := sync.OnceFunc(first.stop)
				defer stop()
				takeOver := func() {
					stop()
					second := start(t, 2, alerts.Options{
						Source: &wrong, Objectives: &wrong, Store: store, Receivers: []alerts.Receiver{slack},
					})
					t.Cleanup(second.stop)
					synctest.Wait()
				}
				tookOver := false
				step := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); {
						pass(time.Second)
						select {
						case <-killed:
							if !tookOver {
								tookOver = true
								takeOver()
							}
						default:
						}
					}
				}
				wrong.Set(missing(t, 50))
				step(time.Minute)
				wrong.Set(missing(t, 4000))
				step(time.Minute)
				wrong.Set(nil)
				step(20 * time.Minute)
				m := slack.all()
				if len(m) != 1 || m[0].State != alerts.Resolved || m[0].Title != "Not in ERP: 4,000 sales" && m[0].Title != "Not in ERP: 50 sales" {
					t.Errorf("killed at deed %d (with effect: %v): messages %+v", at, effect, m)
				}
				rows, err := store.Incidents(t.Context(), time.Time{})
				if err != nil || len(rows) != 1 || rows[0].State != alerts.Resolved || rows[0].Deliveries["slack"].Phase != alerts.Posted {
					t.Errorf("killed at deed %d (with effect: %v): stored %+v, %v", at, effect, rows, err)
				}
				fate.mu.Lock()
				deeds = fate.deeds
				fate.mu.Unlock()
			})
			if t.Failed() {
				return
			}
			if at > deeds {
				if deeds < 6 {
					t.Errorf("only %d deeds were seen", deeds)
				}
				break
			}
		}
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
