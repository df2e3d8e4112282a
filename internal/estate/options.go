package estate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Options says what the retailer is and which instance it reports to. Begin
// with [Defaults].
type Options struct {
	// Server is the base URL of the instance: events go to /v1/events below it.
	Server string
	// OTLPGRPC is host:port of the OTLP gRPC port (prefix https:// for TLS), OTLPHTTP
	// the base URL of the OTLP HTTP port.
	OTLPGRPC string
	OTLPHTTP string
	// Token is the instance's --auth-token, sent as a bearer token on every port;
	// empty sends none.
	Token string

	// Seed makes the retailer: its stores, their sales and what goes wrong.
	Seed uint64
	// Stores is how many stores there are, at least one per region.
	Stores int
	// BatchShare is the share of stores whose sales the ERP books in batches, every
	// two hours, instead of at once.
	BatchShare float64
	// DayShare is the share of stores whose days the ERP posts as a whole, in the
	// night, without naming receipts.
	DayShare float64
	// Dealings is how many other dealings there are for a sale, on average, from 0 to
	// 1: transfers, receipts, counts, orders.
	Dealings float64
	// Baskets are the documents sold, drawn with repetition; none: made up.
	Baskets []*Basket
	// Faults are the rates of what goes wrong.
	Faults Faults
	// Deadlines are what the truth is measured by; they must be the instance's.
	Deadlines Deadlines

	// History is sold before the live part and sent as fast as the ports allow.
	History History
	// Shuffle sends the history in random order instead of in order of time.
	Shuffle bool
	// Rate is how many live sales per second there are on average over a week; the
	// stores' hours shape it. 0 sells nothing live.
	Rate float64
	// Sales ends the live part after that many sales; 0 goes on for ever.
	Sales int
	// Heartbeat is how often an open store's tills say that all is sent. It stays
	// below the five minutes after which a feed may be called silent.
	Heartbeat time.Duration
	// CatchUp bounds what is sold after the fact for time during which the estate
	// did not run: older time is left without sales.
	CatchUp time.Duration

	// Clock is the time the retailer lives in; nil is the machine's.
	Clock Clock
	// State keeps what a restart needs; nil starts anew each time.
	State State
	// Truth receives the truth as NDJSON, see [ReadTruth]; nil writes none.
	Truth io.Writer
	// Acked receives a line {"record_id", "transport"} for every event the instance
	// has acknowledged, each written before the next request; nil writes none.
	Acked io.Writer
	// Progress is called about once a second while running; it must return soon.
	Progress func(Stats)
	// Concurrency is how many requests each system has in flight at most.
	Concurrency int
	// BatchSize is how many events one request carries at most.
	BatchSize int
	Logger    *slog.Logger
}

// Defaults returns the options of an ordinary simulation against an instance on
// this machine.
func Defaults() Options {
	return Options{
		Server: "http://127.0.0.1:8080", OTLPGRPC: "127.0.0.1:4317", OTLPHTTP: "http://127.0.0.1:4318",
		Seed: 1, Stores: 600, BatchShare: 0.1, DayShare: 0.5, Dealings: 0.25, Faults: FaultPresets["default"], Deadlines: ContractDeadlines,
		Rate: 5, Heartbeat: 4 * time.Minute, CatchUp: 15 * time.Minute,
		Concurrency: 4, BatchSize: 500,
	}
}

// History is a past to begin with: Sales sales (other documents besides) spread
// over [From, To) as the stores' hours have it. From 0 sales there is none. To
// must not be in the future; zero is now, and From zero is a day before To.
type History struct {
	Sales    int
	From, To time.Time
}

// Deadlines are the workflow's, from the till's completed on.
type Deadlines struct {
	Accepted, Mapped, Availability time.Duration
	Posted, PostedBatch            time.Duration
	// Replay counts from replay_requested.
	Replay time.Duration
}

// ContractDeadlines are the shipped ones.
var ContractDeadlines = Deadlines{
	Accepted: time.Minute, Mapped: 2 * time.Minute, Availability: 5 * time.Minute,
	Posted: 5 * time.Minute, PostedBatch: 26 * time.Hour, Replay: 5 * time.Minute,
}

// Clock tells the time; a simulation may run it faster.
type Clock interface {
	Now() time.Time
	// After sends once d of this clock has passed.
	After(d time.Duration) <-chan time.Time
}

type machineClock struct{}

func (machineClock) Now() time.Time                         { return time.Now() }
func (machineClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// State keeps one small document over restarts. Save replaces it whole: after a
// crash Load returns the old or the new one. Load returns nil where there is none.
type State interface {
	Load() ([]byte, error)
	Save(state []byte) error
}

// FileState keeps the state in the named file.
type FileState string

// Load reads the file; there is no state where there is no file.
func (f FileState) Load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read estate state: %w", err)
	}
	return b, nil
}

// Save replaces the file.
func (f FileState) Save(state []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".new-*")
	if err != nil {
		return fmt.Errorf("save estate state: %w", err)
	}
	_, err = tmp.Write(state)
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), string(f))
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("save estate state: %w", err)
	}
	return nil
}

func (o *Options) validate() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("estate: "+format, args...))
		}
	}
	refuse(o.Server == "" || o.OTLPGRPC == "" || o.OTLPHTTP == "", "server, OTLP gRPC and OTLP HTTP addresses are all needed")
	refuse(o.Stores < len(regions), "%d stores are too few for %d regions", o.Stores, len(regions))
	refuse(o.Stores > 9999, "%d stores do not fit four-digit numbers", o.Stores)
	refuse(!(o.DayShare >= 0 && o.DayShare <= 1), "the share of stores posting by the day is %v, not a number from 0 to 1", o.DayShare)
	refuse(!(o.Dealings >= 0 && o.Dealings <= 1), "the dealings for a sale are %v, not a number from 0 to 1", o.Dealings)
	refuse(!(o.BatchShare >= 0 && o.BatchShare <= 1), "the share of batch stores is %v, not a number from 0 to 1", o.BatchShare)
	refuse(!(o.Rate >= 0 && o.Rate <= 10_000), "the rate is %v, not a number from 0 to 10000 sales per second", o.Rate)
	refuse(o.Sales < 0 || o.History.Sales < 0, "the number of sales is negative")
	refuse(o.Rate == 0 && o.History.Sales == 0, "nothing to do: neither history nor a rate")
	refuse(o.Heartbeat < time.Minute || o.Heartbeat > time.Hour, "the heartbeat is %s, not between 1m and 1h", o.Heartbeat)
	refuse(o.CatchUp < 0, "the catch-up is negative")
	d := o.Deadlines
	refuse(min(d.Accepted, d.Mapped, d.Availability, d.Posted, d.PostedBatch, d.Replay) < 30*time.Second, "a deadline is shorter than 30 s")
	if len(o.Baskets) > 0 {
		sales := 0
		for _, b := range o.Baskets {
			if b.Workflow == workflowSale {
				sales++
			}
		}
		refuse(sales == 0, "none of the %d baskets is a sale", len(o.Baskets))
	}
	if err := o.Faults.validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
