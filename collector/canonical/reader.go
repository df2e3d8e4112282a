package canonical

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stocktrace/stocktrace/inventory"
)

// deepest is how deeply a value may nest. The contract's own depth is 5; what
// is deeper than this was made to exhaust a parser.
const deepest = 64

// reader reads JSON into the contract's types. It checks what JSON libraries
// usually let pass: repeated names, invalid UTF-8, and text after the document.
type reader struct {
	json *jsontext.Decoder
	buf  *bytes.Buffer
	// text is the document. What is read from it refers to it: one string instead
	// of dozens of small ones. bytes is the same for the decoder.
	text  string
	bytes []byte
	// base and member are the JSON pointer of the document within the event, and
	// name the prefix under which its unknown fields are kept.
	base, member, name string
	keeper
}

// keeper is where unknown fields are kept: the event's attributes, or a line's,
// and from which depth of the document on their path counts.
type keeper struct {
	into  *map[string]string
	depth int
}

var readers = sync.Pool{New: func() any {
	buf := new(bytes.Buffer)
	return &reader{buf: buf, json: jsontext.NewDecoder(buf)}
}}

func newReader() *reader { return readers.Get().(*reader) }

// release returns r for reuse.
func (r *reader) release() {
	*r.buf, r.text, r.into = bytes.Buffer{}, "", nil
	if cap(r.bytes) <= 1<<16 {
		readers.Put(r)
	}
}

// read reads one document, which is the given member at the pointer base within
// the event, with value. Its unknown fields go to attributes.
func (r *reader) read(document, base, member, name string, attributes *map[string]string, value func() error) error {
	r.text, r.bytes = document, append(r.bytes[:0], document...)
	*r.buf = *bytes.NewBuffer(r.bytes)
	r.json.Reset(r.buf)
	r.base, r.member, r.name, r.keeper = base, member, name, keeper{into: attributes}
	if err := value(); err != nil {
		return err
	}
	switch _, err := r.json.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return r.syntax(err)
	default:
		return &Error{Unreadable, r.document(), "has more after the end of its JSON document: send one document"}
	}
}

// document is the JSON pointer of the document within the event.
func (r *reader) document() string {
	if r.member == "" {
		return r.base
	}
	return pointer(r.base, r.member)
}

// here places an error at the value read last; nil stays nil.
func (r *reader) here(err error) error {
	if err == nil {
		return nil
	}
	return at(r.document()+string(r.json.StackPointer()), err)
}

func (r *reader) syntax(err error) error { return syntax(r.document(), err) }

// keepIn makes unknown fields of the object read next go into attributes, named
// by their path within that object. keepBack undoes it.
func (r *reader) keepIn(attributes *map[string]string) keeper {
	outer := r.keeper
	r.keeper = keeper{into: attributes, depth: r.json.StackDepth() + 1}
	return outer
}

func (r *reader) keepBack(outer keeper) { r.keeper = outer }

// scalar reads the next value as a scalar.
func (r *reader) scalar() (scalar, error) {
	v, err := r.json.ReadValue()
	if err != nil {
		return scalar{}, r.syntax(err)
	}
	return r.scalarOf(v), nil
}

// scalarOf returns the value read last.
func (r *reader) scalarOf(v jsontext.Value) scalar {
	switch v.Kind() {
	case '"':
		return scalar{str, r.unquote(v)}
	case '0':
		if !bytes.ContainsAny(v, ".eE") {
			return scalar{integer, r.asRead(v)}
		}
		return scalar{number, r.asRead(v)}
	case 't':
		return scalar{boolean, "true"}
	case 'f':
		return scalar{boolean, "false"}
	case 'n':
		return scalar{}
	default:
		return scalar{kind: structured}
	}
}

// asRead returns the value read last as it stands in the document.
func (r *reader) asRead(v jsontext.Value) string {
	end := int(r.json.InputOffset())
	return r.text[end-len(v) : end]
}

// unquote returns the text of the string read last.
func (r *reader) unquote(v jsontext.Value) string {
	if bytes.IndexByte(v, '\\') < 0 {
		s := r.asRead(v)
		return s[1 : len(s)-1]
	}
	return string(unquoted(v))
}

// unquoted returns the text of a string, valid as long as v.
func unquoted(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	// The only error is invalid syntax, which the decoder has excluded.
	b, _ := jsontext.AppendUnquote(nil, v)
	return b
}

// readObject reads the next value, an object, field by field into t. null and
// no object at all mean the same.
func readObject[T any](r *reader, t *T, members fields[T]) error {
	return readMembers(r, func(name []byte) error {
		f, known := members[string(name)]
		switch {
		case !known:
			return r.keepValue()
		case f.json != nil:
			return f.json(r, t)
		}
		s, err := r.scalar()
		if err != nil {
			return err
		}
		return r.here(f.set(t, s))
	})
}

// readMembers calls member with the name of each member of the next value, an
// object or null; member reads the value. The name is valid until then.
func readMembers(r *reader, member func(name []byte) error) error {
	open, err := r.open('{', "an object")
	if err != nil || !open {
		return err
	}
	for {
		switch r.json.PeekKind() {
		case '}':
			_, err := r.json.ReadToken()
			return err
		default:
			v, err := r.json.ReadValue()
			if err != nil {
				return r.syntax(err)
			}
			if err := member(unquoted(v)); err != nil {
				return err
			}
		}
	}
}

// readList appends the elements of the next value, an array or null, to list.
func readList[T any](r *reader, list *[]T, element func(*T) error) error {
	given := len(*list) > 0
	open, err := r.open('[', "a list")
	if err != nil || !open {
		return err
	}
	if given {
		return r.here(contradiction("is given twice"))
	}
	for {
		switch r.json.PeekKind() {
		case ']':
			_, err := r.json.ReadToken()
			return err
		default:
			var zero T
			*list = append(*list, zero)
			if err := element(&(*list)[len(*list)-1]); err != nil {
				return err
			}
		}
	}
}

// open reads the start of an object or array; false where there is null.
func (r *reader) open(start jsontext.Kind, what string) (bool, error) {
	switch got := r.json.PeekKind(); got {
	case start:
		if _, err := r.json.ReadToken(); err != nil {
			return false, r.syntax(err)
		}
		return true, nil
	default:
		v, err := r.json.ReadValue()
		if err != nil {
			return false, r.syntax(err)
		}
		if s := r.scalarOf(v); s.absent() {
			return false, nil
		}
		return false, r.here(errors.New("must be " + what + ", but is " + show(string(v))))
	}
}

// readKeys reads an object of identifiers. One name may have a list of them.
func readKeys(r *reader, keys *[]inventory.Key) error {
	return readMembers(r, func(b []byte) error {
		name := string(b)
		if !keyName(name) {
			if _, err := r.json.ReadValue(); err != nil {
				return r.syntax(err)
			}
			return r.here(errKeyName)
		}
		if r.json.PeekKind() == '[' {
			var values []string
			if err := readList(r, &values, func(v *string) error {
				s, err := r.scalar()
				if err != nil {
					return err
				}
				*v, err = s.asText()
				return r.here(err)
			}); err != nil {
				return err
			}
			for _, v := range values {
				addKey(keys, name, v)
			}
			return nil
		}
		s, err := r.scalar()
		if err != nil {
			return err
		}
		v, err := s.asText()
		addKey(keys, name, v)
		return r.here(err)
	})
}

var errKeyName = errors.New("must be a plain name of at most 64 letters, digits and _-. to be searched for as name:value")

// keepValue reads the next value and keeps it under its path.
func (r *reader) keepValue() error {
	s, err := r.any()
	if err != nil || s.kind == none {
		return err
	}
	keep(r.into, r.path(), s.text)
	return nil
}

// any reads the next value whatever it is; the text of an object or array is
// its JSON.
func (r *reader) any() (scalar, error) {
	v, err := r.json.ReadValue()
	if err != nil {
		return scalar{}, r.syntax(err)
	}
	s := r.scalarOf(v)
	if s.kind == structured {
		if depth(v) > deepest {
			return s, r.here(errDeep)
		}
		compact := v.Clone()
		if err := compact.Compact(); err != nil {
			return s, r.syntax(err)
		}
		s.text = string(compact)
	}
	return s, nil
}

var errDeep = errors.New("nests more than 64 levels deep")

// path names the value read last, as the contract writes paths:
// mappings[0].field.
func (r *reader) path() string {
	var b strings.Builder
	if r.depth == 0 {
		b.WriteString(r.name)
	}
	level := 0
	for token := range r.json.StackPointer().Tokens() {
		level++
		if level < r.depth {
			continue
		}
		if kind, _ := r.json.StackIndex(level); kind == '[' {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}

// depth returns how deeply the brackets of JSON nest. It needs no valid JSON.
func depth(v []byte) int {
	deep, now, quoted := 0, 0, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deep = max(deep, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deep
}
