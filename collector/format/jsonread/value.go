package jsonread

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stocktrace/stocktrace/collector/format"
)

// Kind is what a value is.
type Kind byte

// Kinds. Missing is the kind of a nil *Value: a member that is not there.
const (
	Missing Kind = 0
	Null    Kind = 'n'
	Bool    Kind = 't'
	Text    Kind = '"'
	Number  Kind = '0'
	Object  Kind = '{'
	Array   Kind = '['
)

// Value is one JSON value that is held. A nil Value is one that is not there;
// all methods may be called on it.
type Value struct {
	Kind Kind
	// Members of an object, in order. A name given twice stands twice.
	Members []Member
	// Elements of an array.
	Elements []*Value

	text   string // what a text says; a number as written; true or false
	raw    []byte
	root   string // the path of a value without parent
	parent *Value
	name   string // in the parent: the member's name
	index  int    // in the parent: the element's index
	asked  bool
}

// Member is a named value of an object.
type Member struct {
	Name  string
	Value *Value
}

// Parse returns the tree of one value that stands at path, or a *[format.Problem]
// and a value that has nothing but its bytes. It keeps raw; the caller must not
// change it any more. depth bounds the nesting; 0 means that of DefaultLimits.
func Parse(raw []byte, path string, depth int) (*Value, error) {
	if depth <= 0 {
		depth = DefaultLimits.Depth
	}
	p := parser{
		raw: raw, left: depth,
		json: jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
	v := &Value{root: path}
	if err := p.read(v); err != nil {
		if _, ours := err.(*format.Problem); !ours { //nolint:errorlint // made below, never wrapped
			err = &format.Problem{Path: path + string(p.json.StackPointer()), Detail: "is not JSON: " + strings.TrimPrefix(err.Error(), "jsontext: ") + "."}
		}
		return &Value{raw: raw, root: path}, err
	}
	if rest := bytes.TrimSpace(raw[p.json.InputOffset():]); len(rest) > 0 {
		return &Value{raw: raw, root: path}, &format.Problem{Path: path, Detail: "has more after its end."}
	}
	return v, nil
}

type parser struct {
	json *jsontext.Decoder
	raw  []byte
	left int // levels that may still be opened
}

func (p *parser) read(v *Value) error {
	start := p.next()
	token, err := p.json.ReadToken()
	if err != nil {
		return err
	}
	switch k := token.Kind(); k {
	case '{', '[':
		if p.left == 0 {
			return &format.Problem{Path: v.Path(), Detail: "nests too deep to be read: send it flatter."}
		}
		p.left--
		v.Kind = Kind(k)
		for p.json.PeekKind() != closing(k) {
			child := &Value{parent: v, index: len(v.Elements)}
			if k == '{' {
				name, err := p.json.ReadToken()
				if err != nil {
					return err
				}
				child.name = name.String()
				v.Members = append(v.Members, Member{child.name, child})
			} else {
				v.Elements = append(v.Elements, child)
			}
			if err := p.read(child); err != nil {
				return err
			}
		}
		if _, err := p.json.ReadToken(); err != nil {
			return err
		}
		p.left++
	case 'f':
		v.Kind, v.text = Bool, "false"
	case 'n':
		v.Kind = Null
	default:
		v.Kind, v.text = Kind(k), token.String()
	}
	v.raw = p.raw[start:p.json.InputOffset()]
	return nil
}

// next is where the next value begins, behind white space, comma and colon.
func (p *parser) next() int {
	p.json.PeekKind()
	i := int(p.json.InputOffset())
	for i < len(p.raw) && strings.IndexByte(" \t\r\n,:", p.raw[i]) >= 0 {
		i++
	}
	return i
}

func closing(k jsontext.Kind) jsontext.Kind {
	if k == '{' {
		return '}'
	}
	return ']'
}

// Path is where the value stands in the document, as a JSON pointer.
func (v *Value) Path() string {
	switch {
	case v == nil:
		return ""
	case v.parent == nil:
		return v.root
	case v.parent.Kind == Array:
		return v.parent.Path() + "/" + strconv.Itoa(v.index)
	}
	return v.parent.Path() + "/" + escape(v.name)
}

func escape(name string) string {
	if strings.ContainsAny(name, "~/") {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
	}
	return name
}

// Raw is the value exactly as it stands in the document. It must not be changed.
func (v *Value) Raw() []byte {
	if v == nil {
		return nil
	}
	return v.raw
}

// Given reports whether the value is there and not null.
func (v *Value) Given() bool { return v != nil && v.Kind != Null && v.Kind != Missing }

// Get returns the member that is reached by the names, one below the other, or
// nil. Of a name given twice the last counts, as with most readers; Doubts says
// so.
func (v *Value) Get(names ...string) *Value {
	for _, name := range names {
		if v == nil {
			return nil
		}
		var found *Value
		for i := range v.Members {
			if v.Members[i].Name == name {
				found = v.Members[i].Value
			}
		}
		if found != nil {
			found.asked = true
		}
		v = found
	}
	return v
}

// First returns the first of the members that is given, or nil.
func (v *Value) First(names ...string) *Value {
	for _, name := range names {
		if m := v.Get(name); m.Given() {
			return m
		}
	}
	return nil
}

// Fields are the members of an object in order, none of everything else.
func (v *Value) Fields() []Member {
	if v == nil {
		return nil
	}
	return v.Members
}

// Is reports whether the value is there and of that kind.
func (v *Value) Is(kind Kind) bool { return v != nil && v.Kind == kind }

// List returns the elements of an array; a value that is none is a list of one,
// as JSON-LD has it, and one that is not given an empty list.
func (v *Value) List() []*Value {
	switch {
	case !v.Given():
		return nil
	case v.Kind != Array:
		return []*Value{v}
	}
	for _, e := range v.Elements {
		e.asked = true
	}
	return v.Elements
}

// String is what a text says, a number as it is written, or true or false; it is
// empty for everything else.
func (v *Value) String() string {
	if v == nil || v.Kind == Object || v.Kind == Array {
		return ""
	}
	return v.text
}

// JSON is the text of a scalar, and everything else as it stands.
func (v *Value) JSON() string {
	if v == nil {
		return ""
	}
	if v.Kind == Object || v.Kind == Array {
		return string(v.raw)
	}
	return v.text
}

// Doubts are the notes on the form of the value and everything in it: names
// given twice, and bytes that are no UTF-8.
func (v *Value) Doubts() []format.Note {
	var notes []format.Note
	v.doubts(&notes)
	if v != nil && !utf8.Valid(v.raw) {
		notes = append(notes, format.Note{
			Code: format.NotStandard, Path: v.Path(),
			Detail: "has bytes that are not UTF-8: each was read as U+FFFD.",
		})
	}
	return notes
}

func (v *Value) doubts(notes *[]format.Note) {
	if v == nil {
		return
	}
	var seen map[string]*Value
	if len(v.Members) > 1 {
		seen = make(map[string]*Value, len(v.Members))
	}
	for _, m := range v.Members {
		if before := seen[m.Name]; before != nil {
			detail := fmt.Sprintf("is given twice, as %s and as %s: the last was read.", shorten(before.raw), shorten(m.Value.raw))
			if bytes.Equal(before.raw, m.Value.raw) {
				detail = "is given twice with the same value."
			}
			*notes = append(*notes, format.Note{Code: format.NotStandard, Path: m.Value.Path(), Detail: detail})
		}
		if seen != nil {
			seen[m.Name] = m.Value
		}
		m.Value.doubts(notes)
	}
	for _, e := range v.Elements {
		e.doubts(notes)
	}
}

func shorten(raw []byte) string {
	if len(raw) > 40 {
		return strings.ToValidUTF8(string(raw[:40]), "\uFFFD") + "…"
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

// Ignored counts the scalars in the value that nobody asked for, by their path
// from the value, without indexes.
func (v *Value) Ignored() map[string]int {
	counts := map[string]int{}
	if v != nil {
		v.ignored("", counts)
	}
	if len(counts) == 0 {
		return nil
	}
	return counts
}

func (v *Value) ignored(path string, counts map[string]int) {
	switch v.Kind {
	case Object:
		for _, m := range v.Members {
			m.Value.ignored(path+"/"+escape(m.Name), counts)
		}
	case Array:
		for _, e := range v.Elements {
			e.ignored(path, counts)
		}
	case Null, Missing:
	default:
		if !v.asked {
			counts[path]++
		}
	}
}

// Use marks the value and everything in it as read.
func (v *Value) Use() *Value {
	if v == nil {
		return nil
	}
	v.asked = true
	for _, m := range v.Members {
		m.Value.Use()
	}
	for _, e := range v.Elements {
		e.Use()
	}
	return v
}

// Unasked calls each with every member of the object that nobody asked for and
// that is not null, in order.
func (v *Value) Unasked(each func(name string, value *Value)) {
	if v == nil {
		return
	}
	for _, m := range v.Members {
		if !m.Value.asked && m.Value.Kind != Null {
			each(m.Name, m.Value)
		}
	}
}
