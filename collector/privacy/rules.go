package privacy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Action is what is done with a value.
type Action string

// Actions, the weaker first.
const (
	Keep Action = "keep"
	Hash Action = "hash"
	Drop Action = "drop"
)

// Rules say what is taken out. A nil *Rules takes nothing out. They are safe for
// concurrent use.
type Rules struct {
	secret   *secret
	names    map[string]Action
	unparsed Action // Drop; Hash: by patterns
	patterns []*regexp.Regexp
}

// defaults are the words whose fields are hashed unless the file says otherwise.
// operator includes the one who approved.
var defaults = map[string]Action{
	"operator": Hash, "cashier": Hash, "employee": Hash, "associate": Hash, "approver": Hash,
	"customer": Hash, "consumer": Hash, "loyalty": Hash, "card": Drop, "email": Drop, "phone": Drop,
}

// Load reads a file of rules; key unwraps the secret. Paths in it begin at the
// file.
func Load(file, key string) (*Rules, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Secret   string            `yaml:"secret_file"`
		Names    map[string]Action `yaml:"names"`
		Unparsed string            `yaml:"unparsed"`
		Patterns []string          `yaml:"patterns"`
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	secretFile := cmp.Or(doc.Secret, "privacy.secret")
	if !filepath.IsAbs(secretFile) {
		secretFile = filepath.Join(filepath.Dir(file), secretFile)
	}
	r := &Rules{names: maps.Clone(defaults), unparsed: Drop}
	for word, action := range doc.Names {
		if action != Keep && action != Hash && action != Drop {
			return nil, fmt.Errorf("%s: names: %s: %q is not keep, hash or drop", file, word, action)
		}
		r.names[strings.ToLower(word)] = action
	}
	switch doc.Unparsed {
	case "", "drop":
	case "patterns":
		r.unparsed = Hash
	default:
		return nil, fmt.Errorf("%s: unparsed: %q is not drop or patterns", file, doc.Unparsed)
	}
	for _, p := range append([]string{cardNumber, mailAddress}, doc.Patterns...) {
		compiled, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("%s: patterns: %w", file, err)
		}
		r.patterns = append(r.patterns, compiled)
	}
	r.secret, err = open(secretFile, key)
	return r, err
}

// What is looked for where fields have no names, besides the file's own patterns.
const (
	cardNumber  = `\b[0-9](?:[ -]?[0-9]){12,18}\b`
	mailAddress = `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`
)

// action says what is done with the field of that name, in an object called
// parent. A name is taken apart into words at case, digits and punctuation; a
// word that begins with one of the rules' is meant by it: CustomerID, card_no.
func (r *Rules) action(parent, name string) Action {
	if strings.HasSuffix(parent+"."+name, "approval.by") || strings.HasSuffix(name, "approval.by") {
		return r.names["operator"]
	}
	found := Keep
	for word := range words(name) {
		if things[word] {
			return Keep
		}
		for prefix, action := range r.names {
			if strings.HasPrefix(word, prefix) && stronger(action, found) {
				found = action
			}
		}
	}
	return found
}

// things are words that make a name one of a thing and not of a person: a
// customer order, a card type.
var things = map[string]bool{
	"order": true, "orders": true, "transaction": true, "type": true, "group": true, "count": true, "return": true, "currency": true,
}

func stronger(a, b Action) bool { return a == Drop && b != Drop || a == Hash && b == Keep }

// words yields the words of a name in lower case.
func words(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, runes := 0, []rune(name)
		for i := 1; i <= len(runes); i++ {
			if i < len(runes) {
				a, b := runes[i-1], runes[i]
				joined := unicode.IsLetter(a) && unicode.IsLetter(b) && (!unicode.IsUpper(b) || unicode.IsUpper(a))
				// CARDNumber: the last capital begins the next word.
				if joined && unicode.IsUpper(a) && unicode.IsUpper(b) && i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
					joined = false
				}
				if joined {
					continue
				}
			}
			if word := strings.ToLower(strings.TrimFunc(string(runes[start:i]), func(r rune) bool { return !unicode.IsLetter(r) })); word != "" && !yield(word) {
				return
			}
			start = i
		}
	}
}

// value applies an action to one value.
func (r *Rules) value(action Action, v string) string {
	switch action {
	case Hash:
		return r.secret.hash(v)
	case Drop:
		return ""
	default:
		return v
	}
}

// Dropped stands where bytes were that nobody could read by name.
const Dropped = "[dropped: what cannot be read by the names of its fields is not kept, see docs/collector.md]"

// Unparsed returns what is kept of bytes whose fields have no names: nothing, or
// the bytes with what the patterns find hashed.
func (r *Rules) Unparsed(raw []byte) []byte {
	if r == nil || len(raw) == 0 {
		return raw
	}
	if r.unparsed == Drop {
		return []byte(Dropped)
	}
	for _, p := range r.patterns {
		raw = p.ReplaceAllFunc(raw, func(found []byte) []byte { return []byte(r.secret.hash(string(found))) })
	}
	return raw
}

// Fragment returns what is kept of raw bytes of a media type.
func (r *Rules) Fragment(media string, raw []byte) []byte {
	if r == nil || len(raw) == 0 || string(raw) == Dropped {
		return raw
	}
	var out []byte
	ok := false
	switch first := bytes.TrimLeft(raw, "\ufeff \t\r\n"); {
	case strings.Contains(media, "json") || len(first) > 0 && (first[0] == '{' || first[0] == '['):
		out, ok = r.JSON(raw)
	case strings.Contains(media, "xml") || len(first) > 0 && first[0] == '<':
		out, ok = r.XML(raw)
	}
	if !ok {
		return r.Unparsed(raw)
	}
	return out
}

// ID returns an id for what was taken out of: the id of before is a plain hash
// of it, which could be guessed.
func (r *Rules) ID(id string) string {
	if r == nil {
		return id
	}
	h := r.secret.hash(id)
	return h[len(h)-32:]
}
