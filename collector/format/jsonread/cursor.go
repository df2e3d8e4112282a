package jsonread

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stocktrace/stocktrace/collector/format"
)

// Limits bound what a document may make the reader hold.
type Limits struct {
	// Bytes is the most that one value that is held, or one string or number that
	// is skipped, may have.
	Bytes int
	// Depth is the deepest nesting of a value that is held, itself included.
	Depth int
}

// DefaultLimits are those of a reader that is given none: one event of 16 MiB,
// nested 64 levels deep, as the collector allows elsewhere.
var DefaultLimits = Limits{Bytes: 16 << 20, Depth: 64}

// Cursor reads one JSON document from its beginning to its end.
//
// After an error of the document's syntax the rest of it cannot be read: every
// further call returns the same error, a *[format.Problem].
type Cursor struct {
	json   *jsontext.Decoder
	source *allowance
	limits Limits
	path   string // of the value that is read next, or was read last
	broken error
}

// New returns a cursor at the beginning of the document. A byte order mark is
// passed over.
func New(document io.Reader, limits Limits) *Cursor {
	if limits.Bytes <= 0 {
		limits.Bytes = DefaultLimits.Bytes
	}
	if limits.Depth <= 0 {
		limits.Depth = DefaultLimits.Depth
	}
	buffered := bufio.NewReader(document)
	if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(3)
	}
	source := &allowance{from: buffered, most: limits.Bytes}
	return &Cursor{
		// Names given twice and bytes that are no UTF-8 condemn nothing here: the tree
		// notes them where they stand.
		json:   jsontext.NewDecoder(source, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		source: source, limits: limits,
	}
}

// Kind tells what comes next without reading it: one of { [ " 0 t f n as in
// [jsontext.Kind], or 0 where nothing can be read.
func (c *Cursor) Kind() jsontext.Kind {
	c.source.left = c.source.most
	return c.json.PeekKind()
}

// Path is where the value stands that a callback is about, as a JSON pointer; it
// is empty for the whole document.
func (c *Cursor) Path() string { return c.path }

// Members reads an object and calls each with the name of every member. The
// callback reads the member's value, once; what it leaves is skipped. It stops at
// the first error of the callback and returns it.
func (c *Cursor) Members(each func(name string) error) error {
	if err := c.open('{', "an object"); err != nil {
		return err
	}
	depth := c.json.StackDepth()
	for c.Kind() != '}' {
		token, err := c.token()
		if err != nil {
			return err
		}
		name := token.String()
		if err := c.one(depth, "/"+escape(name), func() error { return each(name) }); err != nil {
			return err
		}
	}
	_, err := c.token()
	return err
}

// Elements reads an array and calls each with the index of every element, from
// 0. Otherwise it is as Members.
func (c *Cursor) Elements(each func(index int) error) error {
	if err := c.open('[', "an array"); err != nil {
		return err
	}
	depth := c.json.StackDepth()
	for i := 0; c.Kind() != ']'; i++ {
		if err := c.one(depth, "/"+strconv.Itoa(i), func() error { return each(i) }); err != nil {
			return err
		}
	}
	_, err := c.token()
	return err
}

func (c *Cursor) open(kind jsontext.Kind, what string) error {
	if got := c.Kind(); got != kind && got != 0 {
		return &format.Problem{Path: c.Path(), Detail: "is " + kindName(got) + ", and " + what + " was expected."}
	}
	_, err := c.token()
	return err
}

// one calls back for one value, and reads the value if the callback did not.
func (c *Cursor) one(depth int, step string, each func() error) error {
	outer := c.path
	c.path += step
	defer func() { c.path = outer }()
	_, before := c.json.StackIndex(depth)
	if err := each(); err != nil {
		return err
	}
	if c.broken != nil {
		return c.broken
	}
	if _, after := c.json.StackIndex(depth); after == before {
		return c.Skip()
	}
	return nil
}

// Skip reads over the next value without holding it.
func (c *Cursor) Skip() error {
	depth := c.json.StackDepth()
	for {
		if _, err := c.token(); err != nil {
			return err
		}
		if c.json.StackDepth() <= depth {
			return nil
		}
	}
}

// Value reads the next value and holds it; it stays as it is when the cursor
// moves on. Where it returns an error and Broken is nil, the error concerns this
// value alone, whose bytes are returned nonetheless, and the cursor stands behind
// it.
func (c *Cursor) Value() (*Value, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	c.source.left = c.source.most
	raw, err := c.json.ReadValue()
	if err != nil {
		return nil, c.fail(err)
	}
	path := c.path
	if len(raw) > c.limits.Bytes {
		return &Value{raw: bytes.Clone(raw[:c.limits.Bytes]), root: path}, c.tooLarge(path)
	}
	return Parse(bytes.Clone(raw), path, c.limits.Depth)
}

// End reports whether nothing but white space comes any more; something else is
// a *[format.Problem].
func (c *Cursor) End() error {
	if c.broken != nil {
		return c.broken
	}
	c.source.left = c.source.most
	_, err := c.json.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return c.fail(err)
	}
	return &format.Problem{Detail: fmt.Sprintf("has more after its end, at byte %d: send one document at a time.", c.json.InputOffset())}
}

// Broken is the error after which nothing more can be read, or nil.
func (c *Cursor) Broken() error { return c.broken }

func (c *Cursor) token() (jsontext.Token, error) {
	if c.broken != nil {
		return jsontext.Token{}, c.broken
	}
	c.source.left = c.source.most
	token, err := c.json.ReadToken()
	if err != nil {
		return token, c.fail(err)
	}
	return token, nil
}

var quoted = regexp.MustCompile("(?s) (?:'.*'|`.*`|\".*\")")

// fail says in words what broke the document.
func (c *Cursor) fail(err error) error {
	path := c.path
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errTooLarge):
		c.broken = c.tooLarge(path)
	case errors.As(err, &syntax):
		// The pointer of the error itself depends on how the document was buffered.
		at := "byte " + strconv.FormatInt(syntax.ByteOffset, 10)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			c.broken = &format.Problem{Path: path, Detail: "is JSON that ends too early, at " + at + ": send the whole document."}
			break
		}
		// Nor does what it quotes of the document stay the same.
		why, _, _ := strings.Cut(strings.TrimPrefix(syntax.Err.Error(), "jsontext: "), " (expecting ")
		why = quoted.ReplaceAllString(why, "")
		c.broken = &format.Problem{Path: path, Detail: "is not JSON at " + at + " (" + why + "): nothing after it can be read. Correct it and send the document again."}
	case errors.Is(err, io.EOF):
		c.broken = &format.Problem{Path: path, Detail: "is empty: a JSON document was expected."}
	default:
		// Reading itself failed: not the document's fault.
		c.broken = err
	}
	return c.broken
}

func (c *Cursor) tooLarge(path string) error {
	return &format.Problem{Path: path, Detail: fmt.Sprintf("has more than %d bytes in one value: send smaller ones.", c.limits.Bytes)}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	default:
		return "no JSON"
	}
}

var errTooLarge = errors.New("too large")

// allowance hands out so many bytes a call of the cursor, so that a decoder that
// has to hold a whole value cannot be made to hold more.
type allowance struct {
	from       io.Reader
	most, left int
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, errTooLarge
	}
	// One buffer more than allowed may be read ahead.
	n, err := a.from.Read(p)
	a.left -= n
	return n, err
}
