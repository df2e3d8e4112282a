package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"
)

// Options are what a gate is opened with; everything is optional.
type Options struct {
	// AuthToken is the single token that may send everything.
	AuthToken string
	// Sources and Tokens are files; one that is named need not exist yet, unless
	// it is Sources.
	Sources, Tokens string
	// Now is the time tokens expire by; the default is the wall clock. A simulated
	// clock is not asked: secrets live in real time.
	Now    func() time.Time
	Logger *slog.Logger
}

// Gate finds the source of a request. It is safe for concurrent use.
type Gate struct {
	options Options
	files   [2][]byte // as last read; of Watch only, once open
	state   atomic.Pointer[state]
}

// state is what the files say.
type state struct {
	sources map[string]*Source
	order   []string
	certs   map[string]*Source
	tokens  map[[sha256.Size]byte]held
	guarded bool
}

type held struct {
	token  Token
	source *Source
}

// Errors of [Gate.ByToken] and [Gate.ByCertificate]; each is a whole sentence.
var (
	ErrNoToken     = errors.New("send a token in the header: authorization: Bearer <token>; it is made by `stocktrace token new`, or is the one of --auth-token")
	ErrBadToken    = errors.New("the token is not valid here: it is wrong, expired or revoked")
	errUnknownCert = errors.New("the client certificate names no source: list its subject under certificates of one")
)

// Open reads the files. Errors name file and line.
func Open(o Options) (*Gate, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gate{options: o}
	g.state.Store(&state{guarded: o.AuthToken != ""})
	_, err := g.reload()
	return g, err
}

// Watch reads the files again every second until ctx ends. A file that cannot
// be read or understood leaves in force what was read before, and is logged once.
func (g *Gate) Watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		changed, err := g.reload()
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			g.options.Logger.Error("who may send is as it was before: a file cannot be read", "error", err)
		case err == nil && (changed || said != ""):
			said = ""
			g.options.Logger.Info("who may send was read again", "sources", len(g.state.Load().sources), "tokens", len(g.state.Load().tokens))
		}
	}
}

// reload reads the files and, where they changed, puts them in force.
func (g *Gate) reload() (changed bool, err error) {
	var files [2][]byte
	for i, name := range []string{g.options.Sources, g.options.Tokens} {
		if name == "" {
			continue
		}
		files[i], err = os.ReadFile(name)
		if err != nil && (i == 0 || !errors.Is(err, os.ErrNotExist)) {
			return false, err
		}
	}
	before := g.state.Load()
	if before.sources != nil && bytes.Equal(files[0], g.files[0]) && bytes.Equal(files[1], g.files[1]) {
		return false, nil
	}
	declared, err := parseSources(g.options.Sources, files[0])
	if err != nil {
		return false, err
	}
	tokens, err := parseTokens(g.options.Tokens, files[1])
	if err != nil {
		return false, err
	}
	s := &state{
		sources: map[string]*Source{}, certs: map[string]*Source{}, tokens: map[[sha256.Size]byte]held{},
		// A file of tokens closes the door, also when the last one is revoked; and
		// once closed it stays so: a file that vanishes lets nobody in.
		guarded: before.guarded || files[1] != nil,
	}
	add := func(d Declaration) *Source {
		source := newSource(d, before.sources[d.Name])
		s.sources[d.Name] = source
		s.order = append(s.order, d.Name)
		return source
	}
	for _, d := range declared {
		source := add(d)
		for _, name := range d.Certificates {
			s.certs[name], s.guarded = source, true
		}
	}
	for _, t := range tokens {
		source, ok := s.sources[t.Source]
		if !ok {
			source = add(Declaration{Name: t.Source})
		}
		s.tokens[t.Hash] = held{t, source}
	}
	g.files = files
	g.state.Store(s)
	return true, nil
}

// Guarded reports whether senders have to say who they are.
func (g *Gate) Guarded() bool { return g.state.Load().guarded }

// Sources returns the declared sources, in the order of the file, then those
// that only have tokens.
func (g *Gate) Sources() []*Source {
	s := g.state.Load()
	all := make([]*Source, len(s.order))
	for i, name := range s.order {
		all[i] = s.sources[name]
	}
	return all
}

// Named returns the source of that name, nil where there is none.
func (g *Gate) Named(name string) *Source { return g.state.Load().sources[name] }

// anyone is a sender that nothing is declared for.
var anyone = &Source{}

// ByToken finds the source by an authorization header. Where nothing is
// declared, everyone may send.
func (g *Gate) ByToken(authorization string) (*Source, error) {
	s := g.state.Load()
	if !s.guarded {
		return anyone, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
		return nil, ErrNoToken
	}
	hash := sha256.Sum256([]byte(token))
	// Digests are compared, so that the time it takes says nothing about the token,
	// its length included.
	if want := sha256.Sum256([]byte(g.options.AuthToken)); g.options.AuthToken != "" && subtle.ConstantTimeCompare(want[:], hash[:]) == 1 {
		return anyone, nil
	}
	// Looking a digest up in a map leaks nothing of use: who could choose digests
	// could invert SHA-256.
	if found, ok := s.tokens[hash]; ok && found.token.Valid(g.options.Now()) {
		return found.source, nil
	}
	return nil, ErrBadToken
}

// ByCertificate finds the source by a verified client certificate: its common
// name, or one of its DNS names, e-mail addresses or URIs.
func (g *Gate) ByCertificate(c *x509.Certificate) (*Source, error) {
	s := g.state.Load()
	names := append([]string{c.Subject.CommonName}, c.DNSNames...)
	names = append(names, c.EmailAddresses...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	for _, name := range names {
		if source, ok := s.certs[name]; ok && name != "" {
			return source, nil
		}
	}
	return nil, errUnknownCert
}

var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]{0,99}$`)

// CheckName returns an error where name cannot name a source: it stands in files,
// paths and metrics.
func CheckName(name string) error {
	if !sourceName.MatchString(name) {
		return fmt.Errorf("%q does not name a source: use letters, digits and . _ / : -, at most 100", name)
	}
	return nil
}

func parseSources(file string, raw []byte) ([]Declaration, error) {
	var doc struct {
		Sources []Declaration `yaml:"sources"`
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", file, yamlSentence(err))
	}
	names, certs := map[string]bool{}, map[string]string{}
	for _, s := range doc.Sources {
		if err := CheckName(s.Name); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if names[s.Name] {
			return nil, fmt.Errorf("%s: source %s is declared twice", file, s.Name)
		}
		names[s.Name] = true
		for _, c := range s.Certificates {
			if other, taken := certs[c]; taken || c == "" {
				return nil, fmt.Errorf("%s: source %s: the certificate %q is that of %q already, or empty", file, s.Name, c, other)
			}
			certs[c] = s.Name
		}
		if slices.Contains(s.SpeaksAs, "") || s.EventsPerSecond < 0 || s.BytesPerSecond < 0 {
			return nil, fmt.Errorf("%s: source %s: speaks_as has no empty entry, and rates are not negative", file, s.Name)
		}
		if _, err := time.LoadLocation(s.Zone); err != nil {
			return nil, fmt.Errorf("%s: source %s: zone %q is no IANA time zone such as Europe/Paris", file, s.Name, s.Zone)
		}
	}
	return doc.Sources, nil
}

var yamlNoise = regexp.MustCompile(`^yaml: (unmarshal errors:\s*)?| not found in type access\.\w+| in type struct .*$`)

// yamlSentence makes a sentence of what the parser says.
func yamlSentence(err error) string {
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		line := yamlNoise.ReplaceAllString(typed.Errors[0], "")
		if strings.Contains(line, "field ") && line != typed.Errors[0] {
			line += " is unknown"
		}
		return line
	}
	return yamlNoise.ReplaceAllString(err.Error(), "")
}

type contextKey struct{}

// With returns a context of a request from that source.
func With(ctx context.Context, s *Source) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

type admittedKey struct{}

// Admitted returns a context of a request that was let in as a whole: its parts
// are taken out of its source's rate, and none of them is refused for it.
func Admitted(ctx context.Context) context.Context {
	return context.WithValue(ctx, admittedKey{}, true)
}

// IsAdmitted reports whether the request was let in as a whole.
func IsAdmitted(ctx context.Context) bool { return ctx.Value(admittedKey{}) != nil }

// From returns the source of a request; where none was found, one that may say
// everything.
func From(ctx context.Context) *Source {
	if s, ok := ctx.Value(contextKey{}).(*Source); ok {
		return s
	}
	return anyone
}
