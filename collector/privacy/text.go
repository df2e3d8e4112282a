package privacy

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// edit replaces text[from:to].
type edit struct {
	from, to int64
	with     string
}

func apply(text []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return text
	}
	slices.SortFunc(edits, func(a, b edit) int { return int(a.from - b.from) })
	out := make([]byte, 0, len(text)+64*len(edits))
	var done int64
	for _, e := range edits {
		out = append(append(out, text[done:e.from]...), e.with...)
		done = e.to
	}
	return append(out, text[done:]...)
}

// JSON takes values out of a JSON text by the names of members, at any depth;
// inside a member that is meant, all of it. Everything else stays as it is, byte
// by byte. ok is false where the text is not JSON.
func (r *Rules) JSON(text []byte) (out []byte, ok bool) {
	if r == nil {
		return text, true
	}
	w := &jsonWalk{rules: r, dec: jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	for {
		if err := w.value("", "", Keep); errors.Is(err, io.EOF) {
			return apply(text, w.edits), true
		} else if err != nil {
			return nil, false
		}
	}
}

type jsonWalk struct {
	rules *Rules
	dec   *jsontext.Decoder
	edits []edit
}

func (w *jsonWalk) value(parent, name string, action Action) error {
	switch w.dec.PeekKind() {
	case '{':
		return w.object(name, action)
	case '[':
		if _, err := w.dec.ReadToken(); err != nil {
			return err
		}
		for k := w.dec.PeekKind(); k != ']' && k != 0; k = w.dec.PeekKind() {
			if err := w.value(parent, name, action); err != nil {
				return err
			}
		}
		_, err := w.dec.ReadToken()
		return err
	default:
		v, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		end := w.dec.InputOffset()
		w.scalar(name, action, v.Clone(), end-int64(len(v)), end)
		return nil
	}
}

// about are the members that say something of the field their object names:
// {"field": "operator", "value": "88"}.
var about = map[string]bool{"from": true, "to": true, "value": true, "message": true}

func (w *jsonWalk) object(parent string, action Action) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	type span struct {
		value    jsontext.Value
		from, to int64
	}
	var beside []span
	field := Keep
	for k := w.dec.PeekKind(); k != '}' && k != 0; k = w.dec.PeekKind() {
		t, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		name := t.String()
		inner := action
		if a := w.rules.action(parent, name); stronger(a, inner) {
			inner = a
		}
		kind := w.dec.PeekKind()
		if inner != Keep || kind == '{' || kind == '[' || !about[name] && name != "field" {
			if err := w.value(parent, name, inner); err != nil {
				return err
			}
			continue
		}
		v, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		end := w.dec.InputOffset()
		if name == "field" {
			field = w.rules.action(parent, text(v))
		} else {
			beside = append(beside, span{v.Clone(), end - int64(len(v)), end})
		}
	}
	for _, s := range beside {
		w.scalar("", field, s.value, s.from, s.to)
	}
	_, err := w.dec.ReadToken()
	return err
}

// text is a scalar as the contract takes it: a number is the text it is written as.
func text(v jsontext.Value) string {
	if v.Kind() == '"' {
		unquoted, err := jsontext.AppendUnquote(nil, v)
		if err == nil {
			return string(unquoted)
		}
	}
	return string(v)
}

func (w *jsonWalk) scalar(name string, action Action, v jsontext.Value, from, to int64) {
	s := text(v)
	replace := func(with string) {
		quoted, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(with, "\uFFFD"))
		if err != nil || with == "" {
			quoted = []byte("null")
		}
		w.edits = append(w.edits, edit{from, to, string(quoted)})
	}
	switch k := v.Kind(); {
	case action == Keep && k == '"' && name == "data_base64":
		// The same document, in other clothes.
		if plain, err := base64.StdEncoding.DecodeString(s); err == nil {
			inner, ok := w.rules.JSON(plain)
			if !ok {
				inner = w.rules.Unparsed(plain)
			}
			if !bytes.Equal(inner, plain) {
				replace(base64.StdEncoding.EncodeToString(inner))
			}
		}
	case action == Keep && k == '"' && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")):
		if inner, ok := w.rules.JSON([]byte(s)); ok && string(inner) != s {
			replace(string(inner))
		}
	case action == Keep || k == 'n' || k == 't' || k == 'f':
	default:
		if with := w.rules.value(action, s); with != s {
			replace(with)
		}
	}
}

// attribute is one attribute of a start tag.
var attribute = regexp.MustCompile(`([^\s"'=<>/]+)\s*=\s*("[^"]*"|'[^']*')`)

// XML takes values out of an XML text by the names of elements and attributes;
// inside an element that is meant, all of it. ok is false where the text is not
// XML in UTF-8.
func (r *Rules) XML(raw []byte) (out []byte, ok bool) {
	if r == nil {
		return raw, true
	}
	d := xml.NewDecoder(bytes.NewReader(raw))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // what is not UTF-8 fails by itself
	var edits []edit
	var open []string
	actions := []Action{Keep}
	for {
		from := d.InputOffset()
		t, err := d.RawToken()
		to := d.InputOffset()
		if errors.Is(err, io.EOF) {
			return apply(raw, edits), len(open) == 0
		}
		if err != nil {
			return nil, false
		}
		action := actions[len(actions)-1]
		switch t := t.(type) {
		case xml.StartElement:
			parent := ""
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			if a := r.action(strings.ToLower(parent), t.Name.Local); stronger(a, action) {
				action = a
			}
			open, actions = append(open, t.Name.Local), append(actions, action)
			if len(open) > 256 {
				return nil, false
			}
			edits = append(edits, r.attributes(raw[from:to], from, t, action)...)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != t.Name.Local {
				return nil, false
			}
			// A self-closing tag ends without bytes of its own.
			open, actions = open[:len(open)-1], actions[:len(actions)-1]
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); action != Keep && s != "" {
				edits = append(edits, edit{from, to, escaped(r.value(action, s))})
			}
		case xml.Comment:
			if action != Keep {
				edits = append(edits, edit{from, to, ""})
			}
		default: // declarations and instructions name nobody
		}
	}
}

func (r *Rules) attributes(tag []byte, at int64, t xml.StartElement, action Action) []edit {
	var edits []edit
	values := make(map[string]string, len(t.Attr))
	for _, a := range t.Attr {
		values[a.Name.Local] = a.Value
	}
	for _, m := range attribute.FindAllSubmatchIndex(tag, -1) {
		name := string(tag[m[2]:m[3]])
		_, local, found := strings.Cut(name, ":")
		if !found {
			local = name
		}
		inner := action
		if a := r.action(strings.ToLower(t.Name.Local), local); stronger(a, inner) {
			inner = a
		}
		if inner == Keep || strings.HasPrefix(name, "xmlns") {
			continue
		}
		edits = append(edits, edit{at + int64(m[4]) + 1, at + int64(m[5]) - 1, escaped(r.value(inner, values[local]))})
	}
	return edits
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder does not fail
	return b.String()
}
