package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// DefaultPartitions is how many partitions a new log has unless told otherwise.
const DefaultPartitions = 8

// MaxPartitions is how many partitions a log may have.
const MaxPartitions = 256

const (
	// callTimeout bounds one request to JetStream where the caller sets no bound.
	callTimeout = 5 * time.Second
	// ackTimeout bounds how long a publish waits to hear that it is on disk.
	ackTimeout = 10 * time.Second
)

// Options configures a Log.
type Options struct {
	// Server is the embedded server; URL an external one's ("nats://host:4222",
	// several separated by commas). One of the two.
	Server *Server
	URL    string
	// Connect are further options of the connection to an external server, such as
	// credentials.
	Connect []nats.Option
	// Partitions is fixed when the log is created; opening it with another
	// number is an error. 0 takes the log's own, or DefaultPartitions.
	Partitions int
	// MaxBytes caps the streams together, in bytes: 9/10 for the partitions in
	// equal parts, the rest for facts and quarantine. 0 takes the embedded
	// server's cap, and for an external one 16 GiB at creation and afterwards
	// whatever the streams have.
	MaxBytes int64
	// Replicas is how many servers of an external cluster keep each stream: 1
	// (default), 3 or 5. Set at creation; later changes are the operator's.
	Replicas int
	// Clock stamps what Facts has caught up with; nil is the real one.
	Clock lifecycle.Clock
	// Logger gets what no caller can be told; nil drops it.
	Logger *slog.Logger
}

// Log is the durable, partitioned log on JetStream. It implements
// [lifecycle.Log]; all methods may be called from several goroutines.
type Log struct {
	partitions int
	clock      lifecycle.Clock
	log        *slog.Logger
	alone      bool // no other process can reach the log

	// Bulk and control travel on connections of their own, so that a lease is
	// not lost behind eight megabytes of records.
	data, control *nats.Conn
	js            jetstream.JetStream // on data
	ctl           jetstream.JetStream // on control

	cursors, leases, failures jetstream.KeyValue

	limit   int // messages are split above this many bytes
	payload int // the server's own bound

	board *Board
	probe probe
}

// Open connects to the log, creating it where there is none. A log that was
// created with another partition count or another order of keys is refused:
// both decide where everything lives.
func Open(ctx context.Context, o Options) (_ *Log, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open log: %w", err)
		}
	}()
	switch {
	case (o.Server == nil) == (o.URL == ""):
		return nil, errors.New("need either an embedded server or the URL of an external one")
	case o.Partitions < 0 || o.Partitions > MaxPartitions:
		return nil, fmt.Errorf("%d partitions: need 1 to %d", o.Partitions, MaxPartitions)
	}
	l := &Log{clock: o.Clock, log: o.Logger}
	if l.clock == nil {
		l.clock = realClock{}
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			l.disconnect()
		}
	}()
	if l.data, err = l.connect(o, "data"); err != nil {
		return nil, err
	}
	if l.control, err = l.connect(o, "control"); err != nil {
		return nil, err
	}
	l.payload = int(l.data.MaxPayload())
	// A quarter is left to headers and to what compression cannot shrink; four
	// megabytes keep one slow message from holding up a partition.
	l.limit = min(4<<20, l.payload/4*3)
	if l.js, err = jetstream.New(l.data, jetstream.WithDefaultTimeout(callTimeout),
		jetstream.WithPublishAsyncTimeout(ackTimeout), jetstream.WithPublishAsyncMaxPending(16<<10)); err != nil {
		return nil, err
	}
	if l.ctl, err = jetstream.New(l.control, jetstream.WithDefaultTimeout(callTimeout)); err != nil {
		return nil, err
	}
	if err := l.agree(ctx, o); err != nil {
		return nil, err
	}
	if err := l.create(ctx, o); err != nil {
		return nil, err
	}
	l.alone = o.Server != nil && !o.Server.listen
	if l.alone && !o.Server.opened.Swap(true) {
		// Nobody else can hold a lease on a server only this process reaches.
		if err := l.forgetSessions(ctx); err != nil {
			return nil, fmt.Errorf("end former sessions: %w", err)
		}
	}
	if l.board, err = newBoard(l); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Log) connect(o Options, what string) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("stocktrace " + what),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		// A password that is rotated on the server first must not end the connection
		// for ever; NATS gives up after two refusals otherwise.
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectJitter(100*time.Millisecond, 250*time.Millisecond),
		// Nothing is queued for a server that is away: senders are told at once.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(callTimeout),
		// A server that is there and reads nothing would hold every publish, and
		// what asks for one, for the library's minute.
		nats.FlusherTimeout(callTimeout),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			if s != nil {
				l.log.Warn("nats subscription", "subject", s.Subject, "error", err)
				return
			}
			l.log.Warn("nats connection", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				l.log.Warn("connection to nats lost, reconnecting", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { l.log.Info("connection to nats restored", "connection", what) }),
	}
	if o.Server != nil {
		options = append(options, o.Server.option())
	}
	conn, err := nats.Connect(o.URL, append(options, o.Connect...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats at %s: %w", withoutSecrets(o.URL), plain(err))
	}
	return conn, nil
}

// withoutSecrets is the servers' addresses as they may stand in an error and in a
// log: what stands before an @ is a token, or a name with its password.
func withoutSecrets(urls string) string {
	list := strings.Split(urls, ",")
	for i, u := range list {
		u = strings.TrimSpace(u)
		scheme, rest, found := strings.Cut(u, "://")
		if !found {
			scheme, rest = "nats", u
		}
		// A password may hold an @ or a slash that was not escaped.
		list[i] = scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
	}
	return strings.Join(list, ",")
}

// plain is an error without the address it quotes: one that cannot be read as a
// URL is quoted whole, its password with it.
func plain(err error) error {
	if _, quoted := errors.AsType[*url.Error](err); quoted {
		return errors.New("the address is no URL: a password's special characters are written as %40 for @, %2F for /, %3A for a colon")
	}
	return err
}

// Close ends the log's subscriptions and connections; an embedded server is
// closed by who started it. Readers, leases and publishes must have ended. It
// may be called twice.
func (l *Log) Close() error {
	l.board.close()
	l.disconnect()
	return nil
}

func (l *Log) disconnect() {
	for _, conn := range []*nats.Conn{l.data, l.control} {
		if conn != nil {
			conn.Close()
		}
	}
}

// Partitions returns the number of partitions without the fact partition, whose
// number it is.
func (l *Log) Partitions() int { return l.partitions }

var _ lifecycle.Log = (*Log)(nil)

// Board returns where owners publish their progress.
func (l *Log) Board() *Board { return l.board }

// layout is what was decided when the log was created.
type layout struct {
	Partitions int    `json:"partitions"`
	Keys       string `json:"keys"` // inventory.RankVersion
}

const layoutKey = "layout"

// agree compares the log's layout with this build's, or decides it.
func (l *Log) agree(ctx context.Context, o Options) error {
	meta, err := l.bucket(ctx, o, jetstream.KeyValueConfig{
		Bucket: "stocktrace-meta", Description: "stocktrace: how the log is laid out, fixed at creation",
	})
	if err != nil {
		return err
	}
	want := layout{Partitions: o.Partitions, Keys: inventory.RankVersion}
	if want.Partitions == 0 {
		want.Partitions = DefaultPartitions
	}
	value, err := json.Marshal(want)
	if err != nil {
		return err
	}
	_, err = meta.Create(ctx, layoutKey, value)
	if err == nil {
		l.partitions = want.Partitions
		return nil
	}
	if !conflicted(err) {
		return fmt.Errorf("write layout: %w", err)
	}
	entry, err := meta.Get(ctx, layoutKey)
	if err != nil {
		return fmt.Errorf("read layout: %w", err)
	}
	var have layout
	if err := json.Unmarshal(entry.Value(), &have); err != nil {
		return fmt.Errorf("read layout: %w", err)
	}
	switch {
	case o.Partitions != 0 && have.Partitions != o.Partitions:
		return fmt.Errorf("it was created with %d partitions and cannot be opened with %d: start with --partitions %d, or with an empty data directory",
			have.Partitions, o.Partitions, have.Partitions)
	case have.Keys != want.Keys:
		return fmt.Errorf("it was created with key order %q and this stocktrace uses %q: start the version that created it, or use an empty data directory",
			have.Keys, want.Keys)
	}
	l.partitions = have.Partitions
	return nil
}

// create makes sure that every stream and bucket exists. Existing ones keep
// what an operator has set, except for the cap, where one was asked for.
func (l *Log) create(ctx context.Context, o Options) error {
	maxBytes, given := o.MaxBytes, o.MaxBytes != 0
	if !given && o.Server != nil {
		maxBytes, given = o.Server.maxBytes, true
	}
	if maxBytes == 0 {
		maxBytes = 16 << 30
	}
	each := maxBytes / 10 * 9 / int64(l.partitions)
	for i := range l.partitions + 3 {
		config := jetstream.StreamConfig{
			Name: streamName(i, l.partitions), Subjects: []string{subject(i, l.partitions)},
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
			MaxBytes: each, Duplicates: 2 * time.Minute, Replicas: o.Replicas,
			Metadata: map[string]string{"app": "stocktrace"},
		}
		switch i {
		case l.partitions:
			config.Description = "stocktrace: feed watermarks"
			config.MaxBytes = maxBytes / 20
		case l.quarantine():
			config.Description = "stocktrace: what could not be read, with its bytes"
			config.MaxBytes = maxBytes / 20
		case l.quarantine() + 1:
			config.Description = "stocktrace: proves that messages can be stored"
			config.MaxBytes, config.MaxMsgs, config.Discard, config.Duplicates = -1, 1, jetstream.DiscardOld, 0
		default:
			config.Description = "stocktrace: records of partition " + strconv.Itoa(i)
		}
		if err := l.createStream(ctx, config, given); err != nil {
			if apiCode(err) == codeStorageResources {
				return fmt.Errorf("stream %s: the server's JetStream may store less than the %d bytes the log is to hold: "+
					"raise its max_file_store, or lower the log's cap: %w", config.Name, maxBytes, err)
			}
			return fmt.Errorf("stream %s: %w", config.Name, err)
		}
	}
	var err error
	for _, b := range []struct {
		kv     *jetstream.KeyValue
		config jetstream.KeyValueConfig
	}{
		{&l.cursors, jetstream.KeyValueConfig{Bucket: "stocktrace-cursors", Description: "stocktrace: how far each partition is acknowledged"}},
		{&l.leases, jetstream.KeyValueConfig{Bucket: "stocktrace-leases", Description: "stocktrace: sessions, and who owns which partition"}},
		{&l.failures, jetstream.KeyValueConfig{Bucket: "stocktrace-failures", Description: "stocktrace: how often a message has failed", TTL: 30 * 24 * time.Hour}},
	} {
		if *b.kv, err = l.bucket(ctx, o, b.config); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) createStream(ctx context.Context, config jetstream.StreamConfig, capGiven bool) error {
	s, err := l.ctl.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		// Another process may be creating it too: equal configurations agree.
		_, err = l.ctl.CreateStream(ctx, config)
		return err
	}
	if err != nil {
		return err
	}
	have := s.CachedInfo().Config
	if !capGiven || have.MaxBytes == config.MaxBytes {
		return nil
	}
	have.MaxBytes = config.MaxBytes
	_, err = l.ctl.UpdateStream(ctx, have)
	return err
}

func (l *Log) bucket(ctx context.Context, o Options, config jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	kv, err := l.ctl.KeyValue(ctx, config.Bucket)
	if err == nil {
		return kv, nil
	}
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("bucket %s: %w", config.Bucket, err)
	}
	config.Replicas = o.Replicas
	if kv, err = l.ctl.CreateKeyValue(ctx, config); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", config.Bucket, err)
	}
	return kv, nil
}

// The streams behind the partitions have numbers too: the facts the one after
// the last partition, then the quarantine, then the probe.

func (l *Log) quarantine() int { return l.partitions + 1 }

func streamName(i, partitions int) string {
	switch i {
	case partitions:
		return "stocktrace-facts"
	case partitions + 1:
		return "stocktrace-quarantine"
	case partitions + 2:
		return "stocktrace-probe"
	default:
		return fmt.Sprintf("stocktrace-p-%02d", i)
	}
}

func subject(i, partitions int) string {
	switch i {
	case partitions:
		return "st.facts"
	case partitions + 1:
		return "st.quarantine"
	case partitions + 2:
		return "st.probe"
	default:
		return fmt.Sprintf("st.p.%02d", i)
	}
}

func (l *Log) stream(i int) string  { return streamName(i, l.partitions) }
func (l *Log) subject(i int) string { return subject(i, l.partitions) }

// check refuses the number of a partition that is none.
func (l *Log) check(partition int) error {
	if partition < 0 || partition > l.partitions {
		return fmt.Errorf("partition %d: the log has 0 to %d", partition, l.partitions)
	}
	return nil
}

// bounded gives a call that has no deadline one.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTimeout)
}

type realClock struct{}

func (realClock) Now() time.Time                         { return time.Now() }
func (realClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
