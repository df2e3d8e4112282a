package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/internal/estate"
)

// Role is a part of the data's way that one process takes.
type Role string

// Roles. A process takes all of them unless told otherwise.
const (
	RoleCollector Role = "collector" // events in: OTLP, CloudEvents → JetStream
	RoleEngine    Role = "engine"    // JetStream → verdicts in ClickHouse, objectives, alerts
	RoleWeb       Role = "web"       // pages and the JSON API
)

// Roles lists every role, in the order the data takes.
var Roles = []Role{RoleCollector, RoleEngine, RoleWeb}

// Settings is everything that can be set. [Load] fills it; the zero value is
// not usable.
type Settings struct {
	// DataDir holds everything an instance keeps: JetStream, ClickHouse, the
	// simulated clock. Its absolute path.
	DataDir string

	Listen   string // pages, API, events, health: host:port
	OTLPGRPC string // host:port
	OTLPHTTP string // host:port

	NATSURL       string // empty: embedded
	ClickHouseDSN string // empty: embedded
	LibCHDB       string // path of libchdb.so; empty: looked for
	Roles         []Role
	Partitions    int // 0: the log's own

	Locations       string // file; empty: none declared
	Packs           string
	Workflows       string // file or folder; empty: those that come with stocktrace
	Objectives      string // file or folder; empty: those that come with stocktrace
	Mappings        string // file or folder; empty: none
	CollectorConfig string // file; empty: the built-in Collector configuration

	DropFolders string        // file; empty: none are watched
	DropEvery   time.Duration // how often they are looked at
	DropSettle  time.Duration // how long a file must rest

	AuthToken  string
	Sources    string // file; empty: none declared
	Tokens     string // file; empty: "tokens" in the data directory
	Privacy    string // file; empty: nobody is taken out
	PrivacyKey string
	TLSCert    string // files of the OTLP ports; empty: no TLS
	TLSKey     string
	ClientCA   string
	// ViewToken lets who gives it look, and not act.
	ViewToken string
	PublicURL string // without trailing slash; what links in messages start with

	SlackToken   string
	SlackChannel string
	WebhookURL   string

	Retention time.Duration
	// QuarantineSize is how many bytes, as received, the quarantine may hold.
	QuarantineSize int64
	LogSize        int64 // bytes the log may hold; 0: as the disk allows, or as it has been given

	LogLevel  string // debug, info, warn or error
	LogFormat string // text or json

	// Simulate runs the simulated retailer beside the instance.
	Simulate bool
	// Speed is how many seconds pass on the instance's clock in one real second.
	Speed      float64
	Simulation Simulation

	// Server is the running instance that commands talk to; Output is text or
	// json.
	Server string
	Output string

	given map[string]origin // of settings not left at their default
}

// Simulation says what the simulated retailer does.
type Simulation struct {
	Stores  int
	Rate    float64 // sales per second of simulated time, averaged over a week
	Seed    uint64
	Faults  estate.Faults
	Baskets string // file of real baskets; empty: generated ones
	Truth   string // file the truth is written to, NDJSON
	Acked   string // file of acknowledged record ids, NDJSON
	History int    // sales of the past to send first
	Shuffle bool
	Sales   int // stop after so many; 0: never
}

// Embedded reports whether the instance keeps anything in its data directory.
func (s *Settings) Embedded() bool {
	return s.NATSURL == "" || s.ClickHouseDSN == "" && s.tables() || s.Simulate
}

// tables reports whether the process reads or writes tables at all.
func (s *Settings) tables() bool { return s.Has(RoleEngine) || s.Has(RoleWeb) }

// Has reports whether the process takes the role.
func (s *Settings) Has(r Role) bool { return slices.Contains(s.Roles, r) }

// Given reports whether the setting was given in a file, a variable or a flag,
// and where ("stocktrace.yaml:3", "STOCKTRACE_SPEED", "--speed").
func (s *Settings) Given(name string) (where string, ok bool) {
	o, ok := s.given[name]
	if !ok {
		return "", false
	}
	return o.String(), true
}

// Setting describes one setting: the same name is its key in stocktrace.yaml,
// its flag (--name) and, in upper case with underscores, its variable
// (STOCKTRACE_NAME).
type Setting struct {
	Name    string
	Default string
	Usage   string
	Kind    Kind
	// Placeholder is what the value is called in help: ADDRESS, FILE, …
	Placeholder string
	// Group is the heading it stands under in help.
	Group string
	// Secret values are never printed.
	Secret bool

	set func(s *Settings, value string) error
}

// Kind says which values a setting takes.
type Kind int

// Kinds of settings.
const (
	Text   Kind = iota
	Switch      // true or false; a flag without a value means true
	Path        // relative to the working directory, or to the file it is given in
)

// Variable is the setting's environment variable.
func (s *Setting) Variable() string {
	return "STOCKTRACE_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Groups of settings, as help shows them.
const (
	GroupInstance  = "Instance"
	GroupListen    = "Addresses"
	GroupRetailer  = "Your retailer"
	GroupDocuments = "Documents"
	GroupAlerts    = "Alerts"
	GroupSimulate  = "Simulated retailer"
	GroupOutside   = "External NATS and ClickHouse"
	GroupClient    = "Talking to an instance"
)

// All returns every setting, in the order help shows them. The slice is the
// caller's.
func All() []Setting { return slices.Clone(settings) }

var settings = []Setting{
	{
		Name: "data-dir", Default: "data", Kind: Path, Placeholder: "DIR", Group: GroupInstance,
		Usage: "where everything is kept: the log, the tables, the simulated clock",
		set: func(s *Settings, v string) error {
			if v == "" {
				return errors.New("is empty; name a directory")
			}
			s.DataDir = v
			return nil
		},
	},
	{
		Name: "retention", Default: "90d", Placeholder: "DAYS", Group: GroupInstance,
		Usage: "how long events, lifecycles and findings are kept",
		set: func(s *Settings, v string) (err error) {
			s.Retention, err = parseDays(v)
			return err
		},
	},
	{
		Name: "quarantine-size", Default: "4GiB", Placeholder: "SIZE", Group: GroupInstance,
		Usage: "how much the quarantine may hold, as received, before its oldest entries go; warned of at four fifths",
		set: func(s *Settings, v string) (err error) {
			if s.QuarantineSize, err = parseSize(v); err == nil && v == "" {
				err = errors.New("is empty; give a size of 16MiB or more, like 4GiB")
			}
			return err
		},
	},
	{
		Name: "log-size", Placeholder: "SIZE", Group: GroupInstance,
		Usage: "how much the log may hold before senders are asked to come again (default: 16GiB; embedded, at most three quarters of what the disk has left; elsewhere, what it has been given)",
		set: func(s *Settings, v string) (err error) {
			s.LogSize, err = parseSize(v)
			return err
		},
	},
	{
		Name: "log-level", Default: "info", Placeholder: "LEVEL", Group: GroupInstance,
		Usage: "debug, info, warn or error",
		set:   oneOf(func(s *Settings) *string { return &s.LogLevel }, "debug", "info", "warn", "error"),
	},
	{
		Name: "log-format", Default: "text", Placeholder: "FORMAT", Group: GroupInstance,
		Usage: "text or json",
		set:   oneOf(func(s *Settings) *string { return &s.LogFormat }, "text", "json"),
	},

	{
		Name: "listen", Default: "127.0.0.1:8080", Placeholder: "ADDRESS", Group: GroupListen,
		Usage: "pages, API and CloudEvents (POST /v1/events); not loopback needs --auth-token",
		set:   address(func(s *Settings) *string { return &s.Listen }),
	},
	{
		Name: "otlp-grpc", Default: "127.0.0.1:4317", Placeholder: "ADDRESS", Group: GroupListen,
		Usage: "OTLP over gRPC",
		set:   address(func(s *Settings) *string { return &s.OTLPGRPC }),
	},
	{
		Name: "otlp-http", Default: "127.0.0.1:4318", Placeholder: "ADDRESS", Group: GroupListen,
		Usage: "OTLP over HTTP",
		set:   address(func(s *Settings) *string { return &s.OTLPHTTP }),
	},
	{
		Name: "auth-token", Placeholder: "TOKEN", Group: GroupListen, Secret: true,
		Usage: "who may send and read; needed for an address that other machines can reach",
		set:   text(func(s *Settings) *string { return &s.AuthToken }),
	},
	{
		Name: "view-token", Placeholder: "TOKEN", Group: GroupListen, Secret: true,
		Usage: "who may look at pages and API and do nothing there; needs --auth-token",
		set:   text(func(s *Settings) *string { return &s.ViewToken }),
	},
	{
		Name: "sources", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "who may send as whom, and how much (YAML, see docs/collector.md); read again when it changes",
		set:   text(func(s *Settings) *string { return &s.Sources }),
	},
	{
		Name: "tokens", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "the sources' tokens, hashed, as `stocktrace token` writes them; read again when it changes (default: tokens in the data directory)",
		set:   text(func(s *Settings) *string { return &s.Tokens }),
	},
	{
		Name: "privacy", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "take people out of what is stored (YAML, see docs/collector.md): operators, customers, cards become keyed hashes or go",
		set:   text(func(s *Settings) *string { return &s.Privacy }),
	},
	{
		Name: "privacy-key", Placeholder: "KEY", Group: GroupListen, Secret: true,
		Usage: "unwraps the secret of these hashes; `stocktrace privacy init` makes it",
		set:   text(func(s *Settings) *string { return &s.PrivacyKey }),
	},
	{
		Name: "tls-cert", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "serve the OTLP ports with TLS: the certificate, PEM",
		set:   text(func(s *Settings) *string { return &s.TLSCert }),
	},
	{
		Name: "tls-key", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "and its key, PEM",
		set:   text(func(s *Settings) *string { return &s.TLSKey }),
	},
	{
		Name: "tls-client-ca", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "demand client certificates of this authority on the OTLP ports, PEM",
		set:   text(func(s *Settings) *string { return &s.ClientCA }),
	},
	{
		Name: "public-url", Placeholder: "URL", Group: GroupListen,
		Usage: "how people reach the pages; links in messages start with it (default: the listen address)",
		set: func(s *Settings, v string) (err error) {
			s.PublicURL, err = parseURL(v)
			return err
		},
	},
	{
		Name: "collector-config", Kind: Path, Placeholder: "FILE", Group: GroupListen,
		Usage: "an OpenTelemetry Collector configuration of your own instead of the built-in one",
		set:   text(func(s *Settings) *string { return &s.CollectorConfig }),
	},

	{
		Name: "locations", Kind: Path, Placeholder: "FILE", Group: GroupRetailer,
		Usage: "stores with region, zone, opening hours and owner (YAML); without it every location is always open, in UTC",
		set:   text(func(s *Settings) *string { return &s.Locations }),
	},

	{
		Name: "workflows", Kind: Path, Placeholder: "FILE", Group: GroupRetailer,
		Usage: "workflows of your own (YAML file, or folder of them); one named like a built-in one replaces it",
		set:   text(func(s *Settings) *string { return &s.Workflows }),
	},
	{
		Name: "packs", Kind: Path, Placeholder: "FILE", Group: GroupRetailer,
		Usage: "how many pieces the packs of items hold (YAML); without a factor a pack is never compared with pieces",
		set:   text(func(s *Settings) *string { return &s.Packs }),
	},
	{
		Name: "objectives", Kind: Path, Placeholder: "FILE", Group: GroupRetailer,
		Usage: "objectives of your own (OpenSLO file, or folder of them) instead of the built-in one",
		set:   text(func(s *Settings) *string { return &s.Objectives }),
	},

	{
		Name: "mappings", Kind: Path, Placeholder: "FILE", Group: GroupDocuments,
		Usage: "how documents of your systems become events, where the formats do not say (YAML file, or folder of them); read again when they change",
		set:   text(func(s *Settings) *string { return &s.Mappings }),
	},
	{
		Name: "drop-folders", Kind: Path, Placeholder: "FILE", Group: GroupDocuments,
		Usage: "folders that documents are taken from, and whose they are (YAML)",
		set:   text(func(s *Settings) *string { return &s.DropFolders }),
	},
	{
		Name: "drop-every", Default: "5s", Placeholder: "TIME", Group: GroupDocuments,
		Usage: "how often drop folders are looked at",
		set:   duration(func(s *Settings) *time.Duration { return &s.DropEvery }, 100*time.Millisecond, time.Hour),
	},
	{
		Name: "drop-settle", Default: "10s", Placeholder: "TIME", Group: GroupDocuments,
		Usage: "how long a dropped file must not have changed before it is taken, where its folder has no markers",
		set:   duration(func(s *Settings) *time.Duration { return &s.DropSettle }, 100*time.Millisecond, 24*time.Hour),
	},

	{
		Name: "slack-token", Placeholder: "TOKEN", Group: GroupAlerts, Secret: true,
		Usage: "a bot token with chat:write, and channels:history to find its own messages again",
		set:   text(func(s *Settings) *string { return &s.SlackToken }),
	},
	{
		Name: "slack-channel", Placeholder: "CHANNEL", Group: GroupAlerts,
		Usage: "the channel's id (C…)",
		set:   text(func(s *Settings) *string { return &s.SlackChannel }),
	},
	{
		Name: "webhook-url", Placeholder: "URL", Group: GroupAlerts,
		Usage: "receives the same incidents in Alertmanager's form",
		set: func(s *Settings, v string) (err error) {
			s.WebhookURL, err = parseURL(v)
			return err
		},
	},

	{
		Name: "simulate", Default: "false", Kind: Switch, Group: GroupSimulate,
		Usage: "sell in a simulated retailer, through this instance's own ports",
		set:   boolean(func(s *Settings) *bool { return &s.Simulate }),
	},
	{
		Name: "speed", Default: "1", Placeholder: "FACTOR", Group: GroupSimulate,
		Usage: "simulated seconds per second; the clock is kept in the data directory",
		set: func(s *Settings, v string) (err error) {
			if s.Speed, err = number(v); err != nil {
				return err
			}
			if s.Speed < 1 || s.Speed > 3600 {
				return fmt.Errorf("%q is not between 1 and 3600", v)
			}
			return nil
		},
	},
	{
		Name: "stores", Default: "600", Placeholder: "N", Group: GroupSimulate,
		Usage: "how many stores it has",
		set:   integer(func(s *Settings) *int { return &s.Simulation.Stores }, 1, 9999),
	},
	{
		Name: "rate", Default: "5", Placeholder: "SALES", Group: GroupSimulate,
		Usage: "sales per simulated second, on average over a week",
		set: func(s *Settings, v string) (err error) {
			if s.Simulation.Rate, err = number(v); err != nil {
				return err
			}
			if s.Simulation.Rate <= 0 || s.Simulation.Rate > 100_000 {
				return fmt.Errorf("%q is not a rate between 0 and 100000", v)
			}
			return nil
		},
	},
	{
		Name: "seed", Default: "1", Placeholder: "N", Group: GroupSimulate,
		Usage: "the same seed sells the same",
		set: func(s *Settings, v string) (err error) {
			s.Simulation.Seed, err = strconv.ParseUint(v, 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not a whole number from 0 on", v)
			}
			return nil
		},
	},
	{
		Name: "faults", Default: "default", Placeholder: "PRESET", Group: GroupSimulate,
		Usage: "what goes wrong: default, none or heavy, and single rates over it: none,posted_twice=0.02",
		set: func(s *Settings, v string) (err error) {
			if s.Simulation.Faults, err = estate.ParseFaults(v); err != nil {
				return errors.New(strings.TrimPrefix(err.Error(), "faults: "))
			}
			return nil
		},
	},
	{
		Name: "baskets", Kind: Path, Placeholder: "FILE", Group: GroupSimulate,
		Usage: "sell these baskets (the UCI Online Retail columns, .csv or .csv.gz) instead of made-up ones",
		set:   text(func(s *Settings) *string { return &s.Simulation.Baskets }),
	},
	{
		Name: "truth", Kind: Path, Placeholder: "FILE", Group: GroupSimulate,
		Usage: "write what really happened to every sale (NDJSON)",
		set:   text(func(s *Settings) *string { return &s.Simulation.Truth }),
	},
	{
		Name: "acked", Kind: Path, Placeholder: "FILE", Group: GroupSimulate,
		Usage: "write the record id of every acknowledged event (NDJSON)",
		set:   text(func(s *Settings) *string { return &s.Simulation.Acked }),
	},
	{
		Name: "history", Default: "0", Placeholder: "SALES", Group: GroupSimulate,
		Usage: "first send so many sales of the past hours, as fast as they are taken",
		set:   integer(func(s *Settings) *int { return &s.Simulation.History }, 0, 100_000_000),
	},
	{
		Name: "shuffle", Default: "false", Kind: Switch, Group: GroupSimulate,
		Usage: "send the history in random order",
		set:   boolean(func(s *Settings) *bool { return &s.Simulation.Shuffle }),
	},
	{
		Name: "sales", Default: "0", Placeholder: "N", Group: GroupSimulate,
		Usage: "stop selling after so many live sales, and end when all they owe is sent; 0 goes on until stopped",
		set:   integer(func(s *Settings) *int { return &s.Simulation.Sales }, 0, 100_000_000),
	},

	{
		Name: "role", Default: "collector,engine,web", Placeholder: "ROLES", Group: GroupOutside,
		Usage: "which parts this process takes; fewer than all need --nats-url and --clickhouse-dsn",
		set:   roles,
	},
	{
		Name: "nats-url", Placeholder: "URL", Group: GroupOutside, Secret: true,
		Usage: "a NATS server or cluster with JetStream, instead of the embedded one",
		set:   text(func(s *Settings) *string { return &s.NATSURL }),
	},
	{
		Name: "clickhouse-dsn", Placeholder: "DSN", Group: GroupOutside, Secret: true,
		Usage: "a ClickHouse server or cluster, instead of the embedded engine, by its HTTP interface: http://user@host:8123/stocktrace",
		set:   text(func(s *Settings) *string { return &s.ClickHouseDSN }),
	},
	{
		Name: "partitions", Placeholder: "N", Group: GroupOutside,
		Usage: "partitions of a new log (default: 8); one that exists keeps its own and refuses another number",
		set: func(s *Settings, v string) error {
			if v == "" {
				s.Partitions = 0
				return nil
			}
			return integer(func(s *Settings) *int { return &s.Partitions }, 1, 256)(s, v)
		},
	},
	{
		Name: "libchdb", Kind: Path, Placeholder: "FILE", Group: GroupOutside,
		Usage: "the embedded ClickHouse library, where it is not found beside the program or in node_modules",
		set:   text(func(s *Settings) *string { return &s.LibCHDB }),
	},

	{
		Name: "server", Default: "http://127.0.0.1:8080", Placeholder: "URL", Group: GroupClient,
		Usage: "the running instance to talk to",
		set: func(s *Settings, v string) (err error) {
			s.Server, err = parseURL(v)
			return err
		},
	},
	{
		Name: "output", Default: "text", Placeholder: "FORMAT", Group: GroupClient,
		Usage: "text, or json for programs",
		set:   oneOf(func(s *Settings) *string { return &s.Output }, "text", "json"),
	},
}

// Lookup returns the setting of that name, nil where there is none.
func Lookup(name string) *Setting {
	for i := range settings {
		if settings[i].Name == name {
			return &settings[i]
		}
	}
	return nil
}

func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		*field(s) = strings.TrimSpace(v)
		return nil
	}
}

func oneOf(field func(*Settings) *string, values ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("%q is not %s", v, orList(values))
		}
		*field(s) = v
		return nil
	}
}

func boolean(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is not true or false", v)
		}
		*field(s) = b
		return nil
	}
}

func integer(field func(*Settings) *int, least, most int) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is not a whole number between %d and %d", v, least, most)
		}
		*field(s) = n
		return nil
	}
}

func duration(field func(*Settings) *time.Duration, least, most time.Duration) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return fmt.Errorf("%q is not a time between %s and %s, like 10s or 5m", v, least, most)
		}
		*field(s) = d
		return nil
	}
}

func number(v string) (float64, error) {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f != f {
		return 0, fmt.Errorf("%q is not a number", v)
	}
	return f, nil
}

func address(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		host, port, err := net.SplitHostPort(v)
		if err != nil {
			return fmt.Errorf("%q is not an address like 127.0.0.1:8080", v)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("%q has no port between 0 and 65535", v)
		} else {
			port = strconv.FormatUint(n, 10)
		}
		*field(s) = net.JoinHostPort(host, port)
		return nil
	}
}

func roles(s *Settings, v string) error {
	s.Roles = nil
	for part := range strings.SplitSeq(v, ",") {
		r := Role(strings.TrimSpace(part))
		if !slices.Contains(Roles, r) {
			return fmt.Errorf("%q is not %s", string(r), orList([]string{
				string(RoleCollector), string(RoleEngine), string(RoleWeb),
			}))
		}
		if !s.Has(r) {
			s.Roles = append(s.Roles, r)
		}
	}
	return nil
}

// parseDays reads "90d", or a Go duration of at least an hour.
func parseDays(v string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 1 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(v); err == nil && d >= time.Hour {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a number of days like 90d", v)
}

// ParseSpan reads a time from now: "90d", or a Go duration.
func ParseSpan(v string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(v); err == nil && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a span of time like 90d or 12h", v)
}

// parseSize reads "512MiB", "16GiB" or "2TiB".
func parseSize(v string) (int64, error) {
	if v == "" {
		return 0, nil
	}
	for i, unit := range []string{"MiB", "GiB", "TiB"} {
		digits, ok := strings.CutSuffix(v, unit)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32); err == nil && n >= 1 {
			if size := n << (20 + 10*i); size >= 16<<20 && size>>(20+10*i) == n {
				return size, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a size of 16MiB or more, like 16GiB", v)
}

func parseURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("%q is not a URL like https://stocktrace.example.com", v)
	}
	return strings.TrimRight(v, "/"), nil
}

func orList(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1]
}

// Loopback reports whether only this machine can reach the address.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Validate checks, for an instance, what no setting can know alone. Every
// sentence names what is wrong and the flag that mends it.
func (s *Settings) Validate() error {
	var errs []error
	if s.AuthToken == "" {
		for _, l := range s.listeners() {
			if !Loopback(l.address) {
				errs = append(errs, fmt.Errorf("%s: %s can be reached from other machines: set --auth-token, or listen on 127.0.0.1",
					s.where(l.setting), l.address))
			}
		}
	}
	if s.ViewToken != "" && (s.AuthToken == "" || s.ViewToken == s.AuthToken) {
		errs = append(errs, fmt.Errorf("%s: set an --auth-token too, another one: who has it may act", s.where("view-token")))
	}
	if len(s.Roles) < len(Roles) {
		if s.NATSURL == "" {
			errs = append(errs, fmt.Errorf("%s: a process that takes only some roles shares its log with others: set --nats-url", s.where("role")))
		}
		if s.ClickHouseDSN == "" && s.tables() {
			errs = append(errs, fmt.Errorf("%s: a process that takes only some roles shares its tables with others: set --clickhouse-dsn", s.where("role")))
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") || s.ClientCA != "" && s.TLSCert == "" {
		errs = append(errs, errors.New("--tls-cert, --tls-key: a certificate and its key go together, and client certificates need both"))
	}
	if (s.SlackToken == "") != (s.SlackChannel == "") {
		given, missing := "slack-token", "slack-channel"
		if s.SlackToken == "" {
			given, missing = missing, given
		}
		errs = append(errs, fmt.Errorf("%s: set --%s too", s.where(given), missing))
	}
	if s.DropFolders != "" && !s.Has(RoleCollector) {
		errs = append(errs, fmt.Errorf("%s: only the collector takes documents: add collector to --role, or leave it out", s.where("drop-folders")))
	}
	if s.Speed != 1 && !s.Simulate {
		errs = append(errs, fmt.Errorf("%s: only a simulated retailer can live faster: set --simulate too", s.where("speed")))
	}
	if s.Simulate && len(s.Roles) < len(Roles) {
		errs = append(errs, fmt.Errorf("%s: a simulated retailer needs every role; start `stocktrace simulate` beside the collector instead",
			s.where("simulate")))
	}
	return errors.Join(errs...)
}

func (s *Settings) where(name string) string {
	if w, ok := s.Given(name); ok {
		return w
	}
	return "--" + name
}

type listener struct{ setting, address, purpose string }

// listeners lists the addresses the process's roles listen on.
func (s *Settings) listeners() []listener {
	ls := []listener{{"listen", s.Listen, "pages, API and events"}}
	if s.Has(RoleCollector) {
		ls = append(ls,
			listener{"otlp-grpc", s.OTLPGRPC, "OTLP over gRPC"},
			listener{"otlp-http", s.OTLPHTTP, "OTLP over HTTP"})
	}
	return ls
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
