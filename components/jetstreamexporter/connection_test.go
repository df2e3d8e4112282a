package jetstreamexporter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/stream"
	"github.com/stocktrace/stocktrace/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings() exporter.Settings {
	return exportertest.NewNopSettings(collector.ExporterType)
}

func create(t *testing.T, f exporter.Factory, cfg component.Config) exporter.Traces {
	t.Helper()
	x, err := f.CreateTraces(t.Context(), settings(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return x
}

func configOf(url string) *Config {
	cfg := newConfig().(*Config)
	cfg.Endpoint = url
	return cfg
}

func sale(id string) ptrace.Traces {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetEndTimestamp(1_800_000_000_000_000_000)
	for name, value := range map[string]string{
		"event_id": id, "source": "/pos", "workflow": "sale", "step": "completed", "system": "pos", "key.receipt": id, "location": "0123",
		"lines": `[{"line":"1","item":"4006381333931","quantity":"-1","uom":"EA"}]`,
	} {
		span.Attributes().PutStr("inventory."+name, value)
	}
	return td
}

// While NATS is away the Collector runs and its senders hear that they may try
// again; when it comes, nothing needs to be started again.
func TestNATSComesLater(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := configOf("nats://" + address)
	cfg.MaxBytes = 1 << 29
	x := create(t, NewFactory(), cfg)
	if err := x.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	refused := x.ConsumeTraces(t.Context(), sale("r-1"))
	s, _ := status.FromError(refused)
	if s.Code() != codes.Unavailable || len(s.Details()) != 1 || !strings.Contains(s.Message(), "no connection to NATS yet") {
		t.Fatalf("%v", refused)
	} else if _, ok := s.Details()[0].(*errdetails.RetryInfo); !ok {
		t.Errorf("%v does not say when to try again", refused)
	}

	server, err := stream.StartServer(stream.ServerOptions{Dir: t.TempDir(), Listen: address, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for give := time.After(30 * time.Second); refused != nil; {
		select {
		case <-again.C:
			refused = x.ConsumeTraces(t.Context(), sale("r-1"))
		case <-give:
			t.Fatalf("still refused: %v", refused)
		}
	}
	// Exporters end before the server does.
	if err := x.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// misfit is the configuration of an exporter that wants 8 partitions of a log that
// has 4.
func misfit(t *testing.T) *Config {
	t.Helper()
	url := testenv.NATS(t)
	log, err := stream.Open(t.Context(), stream.Options{URL: url, Partitions: 4, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := configOf(url)
	cfg.Partitions = 8
	return cfg
}

// What does not pass fails the start with a sentence.
func TestAnotherNumberOfPartitions(t *testing.T) {
	err := create(t, NewFactory(), misfit(t)).Start(t.Context(), componenttest.NewNopHost())
	if err == nil || !strings.Contains(err.Error(), "created with 4 partitions and cannot be opened with 8") {
		t.Errorf("%v", err)
	}
}

// The log may come with a layout that is not the exporter's: then the Collector
// is told to end, as it would have at the start.
func TestTheWrongLogComesLater(t *testing.T) {
	c := &connection{config: misfit(t), logger: settings().Logger}
	told := make(reports, 1)
	c.keepOpening(t.Context(), told)
	if event := <-told; event.Status() != componentstatus.StatusFatalError || !strings.Contains(event.Err().Error(), "cannot be opened with 8") {
		t.Errorf("%v %v", event.Status(), event.Err())
	}
}

type reports chan *componentstatus.Event

func (reports) GetExtensions() map[component.ID]component.Component { return nil }
func (r reports) Report(e *componentstatus.Event)                   { r <- e }

// The signals of an exporter share one log. It is open until the last has ended.
func TestSignalsShareTheLog(t *testing.T) {
	f := &factory{connections: map[*Config]*connection{}}
	cfg := configOf(testenv.NATS(t))
	var holders []*holder
	for range 2 {
		o, err := f.connect(settings(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		holders = append(holders, o.Publisher.(*holder))
	}
	if holders[0].connection != holders[1].connection {
		t.Fatal("two connections for one exporter")
	}
	for _, h := range holders {
		if err := h.Start(t.Context(), componenttest.NewNopHost()); err != nil {
			t.Fatal(err)
		}
	}
	log, err := holders[0].opened()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := holders[0].Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if still, err := holders[1].opened(); still != log || err != nil {
		t.Errorf("the first to end closed the log: %v", err)
	}
	if err := holders[1].Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := holders[1].opened(); !errors.Is(err, collector.ErrUnavailable) || len(f.connections) != 0 {
		t.Errorf("%v; %d connections are kept", err, len(f.connections))
	}
	// Another exporter has a log of its own.
	other, err := f.connect(settings(), configOf(cfg.Endpoint))
	if err != nil || other.Publisher.(*holder).connection == holders[0].connection {
		t.Errorf("%v: another exporter shares the connection", err)
	}
}

func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{&net.DNSError{Err: "no such host", Name: "nats"}, true},
		{fmt.Errorf("open log: %w", context.DeadlineExceeded), true},
		{errors.New("it was created with 4 partitions"), false},
	} {
		if got := passing(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
