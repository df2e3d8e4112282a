package collector

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/privacy"
)

// Clock tells when something is received.
type Clock interface{ Now() time.Time }

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

// Defaults of [Options].
const (
	DefaultGRPC            = "127.0.0.1:4317"
	DefaultHTTP            = "127.0.0.1:4318"
	DefaultMaxRequestBytes = 16 << 20
	DefaultPublishTimeout  = 15 * time.Second
	// DefaultMemoryLimitPercentage is of the machine's or the container's memory.
	// What the process holds besides the collector counts too.
	DefaultMemoryLimitPercentage = 75
)

// Options configure the collector. Publisher is required; the zero value of
// everything else means its default.
type Options struct {
	Publisher Publisher
	// Clock stamps received_at; the default is the wall clock.
	Clock Clock
	// Logger receives the Collector's own log; the default is slog.Default.
	Logger *slog.Logger
	// Registerer receives the counters; the default is a registry nobody reads.
	Registerer prometheus.Registerer
	// Meter, where given, receives the counters instead of Registerer.
	Meter metric.Meter

	// GRPC and HTTP are the addresses OTLP listens on. Port 0 picks a free one;
	// see [Collector.GRPC] and [Collector.HTTP].
	GRPC, HTTP string
	// AuthToken, if set, is demanded from senders as a bearer token. It makes a
	// Gate where none is given.
	AuthToken string
	// Gate says who may send what, and how much; whoever opened it runs its Watch.
	Gate *access.Gate
	// Documents finds what reads a document; see [DocumentFinder]. Where it is nil
	// documents and webhooks are not taken.
	Documents DocumentFinder
	// Vendors are whose webhooks are taken, by the name in their path.
	Vendors map[string]Vendor
	// PublicURL is what the URLs of webhooks begin with, as vendors were given them;
	// some sign it.
	PublicURL string
	// ZoneOf returns the declared zone of a location, nil where it has none.
	ZoneOf func(location string) *time.Location
	// Privacy takes people out of what is stored; nil takes nothing out.
	Privacy *privacy.Rules
	// TLS, where its files are named, is how the OTLP ports are served.
	TLS TLS
	// MaxRequestBytes bounds one request, as received and after decompression.
	MaxRequestBytes int64
	// MemoryLimitPercentage of the machine's memory in use makes the Collector
	// refuse OTLP requests, to be retried, until memory is free again.
	MemoryLimitPercentage int
	// PublishTimeout bounds how long a sender waits for its answer while the log
	// does not answer.
	PublishTimeout time.Duration

	// ConfigFile replaces the generated configuration by a file in the
	// Collector's own language. GRPC, HTTP, AuthToken, MaxRequestBytes and
	// MemoryLimitPercentage then have no effect on OTLP but through that file,
	// which must name the components itself (see docs/contract/attributes.md).
	ConfigFile string
	// Version is what the Collector says of itself in its log.
	Version string
}

// seals reports whether requests may pass the pipeline sealed: nothing in it but
// our own looks at records.
func (o Options) seals() bool { return o.ConfigFile == "" && o.Privacy == nil }

// TLS names the files of a server: its certificate and key, and the authority
// that client certificates are demanded from. They are read again when they
// change.
type TLS struct{ Cert, Key, ClientCA string }

// counts makes counters where they are to be read.
func (o Options) counts() func(definition) (counter, error) {
	if o.Meter != nil {
		return inMeter(o.Meter)
	}
	return inRegistry(o.Registerer)
}

func (o Options) withDefaults() (Options, error) {
	if o.Publisher == nil {
		return o, errors.New("collector: Options.Publisher is required")
	}
	if o.Gate == nil {
		gate, err := access.Open(access.Options{AuthToken: o.AuthToken})
		if err != nil {
			return o, fmt.Errorf("collector: %w", err)
		}
		o.Gate = gate
	}
	if (o.TLS.Cert == "") != (o.TLS.Key == "") || o.TLS.ClientCA != "" && o.TLS.Cert == "" {
		return o, errors.New("collector: TLS needs a certificate and its key; client certificates need both")
	}
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	o.GRPC = cmp.Or(o.GRPC, DefaultGRPC)
	o.HTTP = cmp.Or(o.HTTP, DefaultHTTP)
	o.MaxRequestBytes = cmp.Or(o.MaxRequestBytes, DefaultMaxRequestBytes)
	o.MemoryLimitPercentage = cmp.Or(o.MemoryLimitPercentage, DefaultMemoryLimitPercentage)
	o.PublishTimeout = cmp.Or(o.PublishTimeout, DefaultPublishTimeout)
	o.Version = cmp.Or(o.Version, "dev")
	return o, nil
}
