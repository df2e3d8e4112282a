package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Source is a sender and what is declared for it. It is safe for concurrent use.
// The zero value is a sender nothing is declared for: it may say everything.
type Source struct {
	Declaration

	says  []*regexp.Regexp // of SpeaksAs; empty: everything
	rates *rates           // nil: without limit
}

// Declaration is what a file of sources says of one of them.
type Declaration struct {
	Name string `yaml:"name"`
	// SpeaksAs are the CloudEvents sources, or OTLP service names with instance,
	// it may speak as; * stands for any characters. Where none is given they are
	// its name and everything below it (NAME, NAME/*).
	SpeaksAs []string `yaml:"speaks_as"`
	// Systems are the systems it may speak of (data.system); none: all.
	Systems []string `yaml:"systems"`
	// Certificates are subjects (CN) or alternative names (DNS, e-mail, URI) of
	// client certificates that are this source.
	Certificates []string `yaml:"certificates"`
	// EventsPerSecond and BytesPerSecond bound what it may send over time, 0 is
	// without bound. Bytes are those of its events, uncompressed.
	EventsPerSecond float64 `yaml:"events_per_second"`
	BytesPerSecond  float64 `yaml:"bytes_per_second"`

	// What documents without such statements mean (POST /v1/documents, webhooks).
	Format   string `yaml:"format"`
	SentAs   string `yaml:"sent_as"` // CloudEvents source of its documents; empty: Name
	System   string `yaml:"system"`
	Instance string `yaml:"system_instance"`
	Location string `yaml:"location"`
	Zone     string `yaml:"zone"` // IANA name
	// SecretFile holds the secret its webhooks are signed with, one a line; each
	// of them is valid, so that secrets can be rotated.
	SecretFile string `yaml:"webhook_secret_file"`
}

// newSource completes a declaration. Buckets of before are kept where the rates
// are the same, so that reading the file again gives nobody a full one.
func newSource(d Declaration, before *Source) *Source {
	s := &Source{Declaration: d}
	patterns := d.SpeaksAs
	if len(patterns) == 0 {
		patterns = []string{d.Name, d.Name + "/*"}
	}
	for _, p := range patterns {
		s.says = append(s.says, regexp.MustCompile("^"+strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, `.*`)+"$"))
	}
	switch {
	case d.EventsPerSecond <= 0 && d.BytesPerSecond <= 0:
	case before != nil && before.rates != nil &&
		before.EventsPerSecond == d.EventsPerSecond && before.BytesPerSecond == d.BytesPerSecond:
		s.rates = before.rates
	default:
		s.rates = newRates(d.EventsPerSecond, d.BytesPerSecond)
	}
	return s
}

// MaySay returns nil if the source may speak as name of system, and a sentence
// that says why not otherwise. An empty name or system is not judged: such an
// event is incomplete, and rejected for that.
func (s *Source) MaySay(name, system string) error {
	if len(s.says) > 0 && name != "" && !slices.ContainsFunc(s.says, func(r *regexp.Regexp) bool { return r.MatchString(name) }) {
		return fmt.Errorf("speaks as %q, but the sender is %q and may not: send with that source's own token, or extend its speaks_as", name, s.Name)
	}
	if len(s.Systems) > 0 && system != "" && !slices.Contains(s.Systems, system) {
		return fmt.Errorf("speaks of system %q, but the sender is %q and may speak of %s only: extend its systems", system, s.Name, strings.Join(s.Systems, ", "))
	}
	return nil
}

// TooFast says that a source has used up its rate.
type TooFast struct {
	Source string
	After  time.Duration // until it may send again
}

// Error says what to do.
func (e *TooFast) Error() string {
	return fmt.Sprintf("%q sends faster than it may (events_per_second, bytes_per_second)", e.Source)
}

// RetryAfter is how long the source should wait.
func (e *TooFast) RetryAfter() time.Duration { return e.After }

// Take takes what a request holds out of the source's buckets, or returns a
// *TooFast and takes nothing. A request larger than a bucket is let through when
// the bucket is not empty, and the ones behind it wait longer: over time the
// rate holds, and no request is refused for ever.
func (s *Source) Take(now time.Time, events, bytes int) error {
	if s.rates == nil {
		return nil
	}
	if after := s.rates.take(now, events, bytes); after > 0 {
		return &TooFast{s.Name, after}
	}
	return nil
}

// Spend takes it out of the buckets in any case: for what was let in before, such
// as the later parts of a document.
func (s *Source) Spend(now time.Time, events, bytes int) {
	if s.rates != nil {
		s.rates.mu.Lock()
		defer s.rates.mu.Unlock()
		s.rates.spend(now, events, bytes)
	}
}

// Waits returns a *TooFast while the source may send nothing, so that a request
// can be refused before it is read.
func (s *Source) Waits(now time.Time) error { return s.Take(now, 0, 0) }

// rates are the two buckets of a source. A bucket holds what a second may bring.
type rates struct {
	mu      sync.Mutex
	buckets [2]*rate.Limiter // events, bytes; nil: without bound
}

func newRates(perSecond ...float64) *rates {
	r := &rates{}
	for i, n := range perSecond {
		if n > 0 {
			r.buckets[i] = rate.NewLimiter(rate.Limit(n), max(1, int(n)))
		}
	}
	return r
}

func (r *rates) take(now time.Time, amounts ...int) (after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.buckets {
		if b == nil {
			continue
		}
		if has := b.TokensAt(now); has < 1 {
			after = max(after, time.Duration((1-has)/float64(b.Limit())*float64(time.Second)), time.Millisecond)
		}
	}
	if after > 0 {
		return after
	}
	r.spend(now, amounts...)
	return 0
}

func (r *rates) spend(now time.Time, amounts ...int) {
	for i, n := range amounts {
		for b := r.buckets[i]; b != nil && n > 0; n -= b.Burst() {
			b.ReserveN(now, min(n, b.Burst()))
		}
	}
}

// Undeclared is a source of that name that nothing is declared for: it speaks as
// its name.
func Undeclared(name string) *Source { return newSource(Declaration{Name: name}, nil) }
