package access

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Token is a stored token: everything but the secret.
type Token struct {
	ID      string // public: names the token in lists, and to revoke it
	Source  string
	Hash    [sha256.Size]byte // of the whole token as sent
	Created time.Time
	Expires time.Time // zero: never
}

// Valid reports whether the token is accepted at now.
func (t *Token) Valid(now time.Time) bool { return t.Expires.IsZero() || now.Before(t.Expires) }

// mostValid is how many tokens of a source may be valid at one time: the one in
// use and the one that replaces it.
const mostValid = 2

// NewToken makes a token for the source: its secret form, told once, and what is
// stored of it.
func NewToken(source string, now, expires time.Time) (secret string, stored Token) {
	var id [4]byte
	var key [32]byte
	_, _ = rand.Read(id[:]) // it does not fail
	_, _ = rand.Read(key[:])
	stored = Token{ID: hex.EncodeToString(id[:]), Source: source, Created: now.UTC().Truncate(time.Second)}
	if !expires.IsZero() {
		stored.Expires = expires.UTC().Truncate(time.Second)
	}
	secret = "st_" + stored.ID + "_" + base64.RawURLEncoding.EncodeToString(key[:])
	stored.Hash = sha256.Sum256([]byte(secret))
	return secret, stored
}

// Tokens is the content of a file of tokens, one a line:
//
//	ID SOURCE SHA256-IN-HEX CREATED EXPIRES
//
// EXPIRES is - where the token does not. Lines that begin with # are comments.
type Tokens []Token

// ReadTokens reads a file of tokens. A file that does not exist holds none.
func ReadTokens(file string) (Tokens, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return parseTokens(file, raw)
}

func parseTokens(file string, raw []byte) (Tokens, error) {
	var list Tokens
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := parseToken(line)
		if err == nil && seen[t.ID] {
			err = fmt.Errorf("the id %s is there twice", t.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		seen[t.ID] = true
		list = append(list, t)
	}
	return list, lines.Err()
}

func parseToken(line string) (t Token, err error) {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return t, errors.New("a line is ID SOURCE SHA256 CREATED EXPIRES; `stocktrace token new` writes it")
	}
	t.ID, t.Source = fields[0], fields[1]
	hash, err := hex.DecodeString(fields[2])
	if err != nil || len(hash) != len(t.Hash) {
		return t, errors.New("the third field is no SHA-256 in hex")
	}
	copy(t.Hash[:], hash)
	if t.Created, err = time.Parse(time.RFC3339, fields[3]); err != nil {
		return t, errors.New("the fourth field is no time like 2026-11-23T10:00:00Z")
	}
	if fields[4] == "-" {
		return t, nil
	}
	if t.Expires, err = time.Parse(time.RFC3339, fields[4]); err != nil {
		return t, errors.New("the fifth field is neither a time like 2026-11-23T10:00:00Z nor -")
	}
	return t, nil
}

// Add adds a token. With retire, the source's other tokens end at that instant,
// unless they end before. A third valid token is refused.
func (ts Tokens) Add(t Token, now, retire time.Time) (Tokens, error) {
	valid := 0
	for i := range ts {
		if ts[i].Source != t.Source || !ts[i].Valid(now) {
			continue
		}
		valid++
		if !retire.IsZero() && (ts[i].Expires.IsZero() || ts[i].Expires.After(retire)) {
			ts[i].Expires = retire.UTC().Truncate(time.Second)
		}
	}
	if valid >= mostValid {
		return ts, fmt.Errorf("%s has %d valid tokens: revoke the one no longer in use (`stocktrace token list`)", t.Source, valid)
	}
	return append(ts, t), nil
}

// Revoke removes the token of that id, or every token of that source. It
// returns how many were removed.
func (ts Tokens) Revoke(idOrSource string) (kept Tokens, revoked int) {
	for _, t := range ts {
		if t.ID == idOrSource || t.Source == idOrSource {
			revoked++
			continue
		}
		kept = append(kept, t)
	}
	return kept, revoked
}

// Write replaces the file, readable by its owner only, in one step: who reads it
// meanwhile sees the old one or the new one.
func (ts Tokens) Write(file string) error {
	var b bytes.Buffer
	b.WriteString("# Tokens of stocktrace's sources, hashed: ID SOURCE SHA256 CREATED EXPIRES.\n# Written by `stocktrace token`; a running instance reads it every second.\n")
	for _, t := range ts {
		expires := "-"
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "%s %s %x %s %s\n", t.ID, t.Source, t.Hash, t.Created.Format(time.RFC3339), expires)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".tokens-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	_, err = tmp.Write(b.Bytes())
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write tokens: %w", err)
	}
	return nil
}
