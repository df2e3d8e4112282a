package access

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var today = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// issue adds a token to the file and returns its secret.
func issue(t *testing.T, file, source string, now, expires, retire time.Time) string {
	t.Helper()
	list, err := ReadTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	secret, stored := NewToken(source, now, expires)
	if list, err = list.Add(stored, now, retire); err != nil {
		t.Fatal(err)
	}
	if err := list.Write(file); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestRotationLosesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	now := today
	first := issue(t, file, "pos", today, time.Time{}, time.Time{})
	g, err := Open(Options{Tokens: file, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	second := issue(t, file, "pos", today, time.Time{}, today.Add(time.Hour))
	if _, err := g.reload(); err != nil {
		t.Fatal(err)
	}
	valid := func(secret string) bool {
		s, err := g.ByToken("Bearer " + secret)
		return err == nil && s.Name == "pos"
	}
	if !valid(first) || !valid(second) {
		t.Error("both tokens of a rotation are valid until the old one ends")
	}
	list, _ := ReadTokens(file)
	if _, third := NewToken("pos", today, time.Time{}); true {
		if _, err := list.Add(third, today, time.Time{}); err == nil {
			t.Error("a third valid token was added")
		}
		if _, err := list.Add(third, today.Add(2*time.Hour), time.Time{}); err != nil {
			t.Errorf("an expired token counts: %v", err)
		}
	}
	now = today.Add(time.Hour)
	if valid(first) || !valid(second) {
		t.Error("the old token ends when it was said to, and the new one does not")
	}
	raw, _ := os.ReadFile(file)
	if strings.Contains(string(raw), first) || strings.Contains(string(raw), second) {
		t.Error("a token stands in the file in clear")
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("the file may be read by others: %v", info.Mode())
	}
}

// A revoked token is refused within five seconds without anybody telling the
// process, and the last one revoked, or the file gone, opens the door to nobody.
func TestRevoked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	secret := issue(t, file, "pos", time.Now(), time.Time{}, time.Time{})
	g, err := Open(Options{Tokens: file})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Watch(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	list, _ := ReadTokens(file)
	kept, n := list.Revoke("pos")
	if n != 1 {
		t.Fatalf("%d tokens revoked", n)
	}
	begun := time.Now()
	if err := kept.Write(file); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if _, err := g.ByToken("Bearer " + secret); errors.Is(err, ErrBadToken) {
			break
		}
		if time.Since(begun) > 5*time.Second {
			t.Fatal("a revoked token is still valid after 5 s")
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := g.reload(); err != nil || !g.Guarded() {
		t.Errorf("a file that vanished opened the door: %v", err)
	}
	if _, err := g.ByToken(""); !errors.Is(err, ErrNoToken) {
		t.Errorf("without a token: %v", err)
	}
}

func TestScope(t *testing.T) {
	file := write(t, "sources.yaml", `
sources:
  - name: pos-fr
    speaks_as: [/pos/store/*, "urn:fr"]
    systems: [pos]
    certificates: [pos.fr.example, "spiffe://shop/pos"]
  - name: wms
`)
	tokens := filepath.Join(t.TempDir(), "tokens")
	secret := issue(t, tokens, "pos-fr", today, time.Time{}, time.Time{})
	g, err := Open(Options{Sources: file, Tokens: tokens, AuthToken: "master"})
	if err != nil {
		t.Fatal(err)
	}
	pos, err := g.ByToken("bearer " + secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source       *Source
		name, system string
		may          bool
	}{
		{pos, "/pos/store/0123/register/04", "pos", true},
		{pos, "urn:fr", "pos", true},
		{pos, "urn:fr2", "pos", false},
		{pos, "x/pos/store/1", "pos", false},
		{pos, "/pos/store/1", "erp", false},
		{pos, "", "", true},
		{g.Named("wms"), "wms", "wms", true},
		{g.Named("wms"), "wms/4", "wms", true},
		{g.Named("wms"), "wms2", "wms", false},
	} {
		if err := c.source.MaySay(c.name, c.system); (err == nil) != c.may {
			t.Errorf("%s as %q of %q: %v", c.source.Name, c.name, c.system, err)
		}
	}
	master, err := g.ByToken("Bearer master")
	if err != nil || master.MaySay("anything", "erp") != nil {
		t.Errorf("the single token may not say everything: %v", err)
	}
	for _, wrong := range []string{"Bearer ", "Basic master", "Bearer master2", "Bearer mast", ""} {
		if _, err := g.ByToken(wrong); err == nil {
			t.Errorf("%q was let in", wrong)
		}
	}
	spiffe, _ := url.Parse("spiffe://shop/pos")
	for _, c := range []*x509.Certificate{
		{Subject: pkix.Name{CommonName: "pos.fr.example"}},
		{DNSNames: []string{"other", "pos.fr.example"}},
		{URIs: []*url.URL{spiffe}},
	} {
		if s, err := g.ByCertificate(c); err != nil || s.Name != "pos-fr" {
			t.Errorf("%v: %v", c.Subject, err)
		}
	}
	if _, err := g.ByCertificate(&x509.Certificate{Subject: pkix.Name{CommonName: "pos.de.example"}}); err == nil {
		t.Error("a certificate that names no source was let in")
	}
}

func TestNothingDeclaredIsOpen(t *testing.T) {
	g, err := Open(Options{Tokens: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := g.ByToken(""); err != nil || s.MaySay("x", "y") != nil || s.Take(today, 1e6, 1e9) != nil {
		t.Errorf("an instance without declarations refuses: %v", err)
	}
}

// What a mistake in a file does: it is named, and what was in force stays.
func TestFilesWithMistakes(t *testing.T) {
	for content, want := range map[string]string{
		"sources:\n  - name: a\n    speak_as: [x]\n":                                         "line 3: field speak_as is unknown",
		"sources:\n  - name: a\n  - name: a\n":                                               "declared twice",
		"sources:\n  - name: a b\n":                                                          `"a b" does not name a source`,
		"sources:\n  - name: a\n    certificates: [c]\n  - name: b\n    certificates: [c]\n": `that of "a" already`,
		"sources:\n  - name: a\n    zone: Mars/One\n":                                        "IANA",
		"sources: [": "line 1",
	} {
		if _, err := Open(Options{Sources: write(t, "sources.yaml", content)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	for _, line := range []string{"a b c", "id src zz 2026-11-23T10:00:00Z -", "id src " + strings.Repeat("0", 64) + " 2026-11-23T10:00:00Z soon"} {
		if _, err := parseTokens("tokens", []byte(line)); err == nil || !strings.HasPrefix(err.Error(), "tokens:1: ") {
			t.Errorf("%q: %v", line, err)
		}
	}
	file := filepath.Join(t.TempDir(), "tokens")
	secret := issue(t, file, "pos", today, time.Time{}, time.Time{})
	g, err := Open(Options{Tokens: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := g.reload(); err == nil {
		t.Error("a broken file was read")
	}
	if _, err := g.ByToken("Bearer " + secret); err != nil {
		t.Errorf("a broken file locked senders out: %v", err)
	}
}

// Over any run of requests a source gets at most its rate, one bucket and one
// request more; and a request is never refused for ever.
func TestRateHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.Float64Range(1, 1000).Draw(t, "rate")
		s := newSource(Declaration{Name: "pos", EventsPerSecond: perSecond}, nil)
		now, taken, largest := today, 0, 0
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond)
			n := rapid.IntRange(1, 3000).Draw(t, "events")
			err := s.Take(now, n, 0)
			if err != nil {
				var fast *TooFast
				if !errors.As(err, &fast) || fast.After <= 0 {
					t.Fatalf("refused without a time: %v", err)
				}
				if now = now.Add(fast.After + time.Microsecond); s.Take(now, n, 0) != nil {
					t.Fatalf("refused again after the time it was told")
				}
			}
			taken, largest = taken+n, max(largest, n)
		}
		if most := perSecond*now.Sub(today).Seconds() + perSecond + float64(largest) + 1; float64(taken) > most {
			t.Fatalf("%d events in %v at %v/s", taken, now.Sub(today), perSecond)
		}
	})
}

func TestRateOutlivesReading(t *testing.T) {
	file := write(t, "sources.yaml", "sources: [{name: pos, events_per_second: 10}, {name: wms, bytes_per_second: 100}]\n")
	g, err := Open(Options{Sources: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Named("pos").Take(today, 30, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("sources: [{name: pos, events_per_second: 10, systems: [pos]}, {name: wms}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := g.reload(); !changed || err != nil {
		t.Fatalf("not read again: %v", err)
	}
	if g.Named("pos").Waits(today) == nil {
		t.Error("reading the file gave a new bucket")
	}
	if g.Named("wms").Waits(today) != nil {
		t.Error("one source waits for another")
	}
}

func FuzzFiles(f *testing.F) {
	_, token := NewToken("pos", today, today.Add(time.Hour))
	file := filepath.Join(f.TempDir(), "tokens")
	_ = Tokens{token}.Write(file)
	seed, _ := os.ReadFile(file)
	f.Add(seed)
	f.Add([]byte("sources: [{name: pos, speaks_as: ['/x/*']}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if list, err := parseTokens("tokens", raw); err == nil {
			file := filepath.Join(t.TempDir(), "tokens")
			if err := list.Write(file); err != nil {
				t.Fatal(err)
			}
			again, err := ReadTokens(file)
			if err != nil || len(again) != len(list) {
				t.Fatalf("written and read: %d tokens became %d, %v", len(list), len(again), err)
			}
		}
		if list, err := parseSources("sources", raw); err == nil {
			for _, d := range list {
				newSource(d, nil)
			}
		}
	})
}
