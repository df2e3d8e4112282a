package xmlread

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is what stands at the position.
type kind int

const (
	atEnd   kind = iota // the document has ended
	atText              // character data
	atOpen              // <name
	atClose             // </name
	atOther             // a comment, an instruction, CDATA or a document type
)

func (r *Reader) peek() (kind, error) {
	if err := r.need(1); err != nil {
		return atEnd, err
	}
	w := r.view()[r.pos:]
	if len(w) == 0 {
		return atEnd, nil
	}
	if w[0] != '<' {
		return atText, nil
	}
	if err := r.need(2); err != nil {
		return atEnd, err
	}
	if w = r.view()[r.pos:]; len(w) < 2 {
		return atEnd, r.problem("the document ends within a tag: it was cut off. Send it again, whole")
	}
	switch c := w[1]; {
	case c == '/':
		return atClose, nil
	case c == '!', c == '?':
		return atOther, nil
	case nameStart(c):
		return atOpen, nil
	default:
		return atEnd, r.problem("a \"<\" begins no tag: in text it has to be written &lt;. Nothing behind this place can be read")
	}
}

// passText moves to the next "<", or to the end of the document.
func (r *Reader) passText(discard bool) error {
	i, err := r.find("<", r.pos, discard)
	if err != nil {
		return err
	}
	if i < 0 {
		i = len(r.view())
	}
	r.pos = i
	return nil
}

// passOutside passes text between the elements that were entered, where only
// blanks should be, and beyond the outermost, where nothing else may.
func (r *Reader) passOutside() error {
	if len(r.open) > 0 {
		return r.passText(true)
	}
	for {
		w := r.view()[r.pos:]
		if rest := bytes.TrimLeft(w, " \t\r\n"); len(rest) > 0 {
			r.pos += len(w) - len(rest)
			if rest[0] == '<' {
				return nil
			}
			return r.problem(fmt.Sprintf("text stands outside of all elements, beginning with %q: the document is no XML, or not only", show(string(rest))))
		}
		r.keep, r.pos = r.keep+r.pos+len(w), 0
		if ok, err := r.more(); err != nil || !ok {
			return err
		}
	}
}

// otherOutside passes what begins with "<!" or "<?" between the elements that
// were entered. A document type stands before the outermost, CDATA never does.
func (r *Reader) otherOutside() error {
	if len(r.open) > 0 {
		return r.passOther(true)
	}
	if err := r.need(9); err != nil {
		return err
	}
	switch w := r.view()[r.pos:]; {
	case bytes.HasPrefix(w, []byte("<![CDATA[")):
		return r.problem("CDATA stands outside of all elements: the document is no XML, or not only")
	case bytes.HasPrefix(w, []byte("<!DOCTYPE")):
		return r.doctype()
	}
	return r.passOther(true)
}

// passOther moves behind a comment, an instruction or CDATA.
func (r *Reader) passOther(discard bool) error {
	if err := r.need(9); err != nil {
		return err
	}
	w := r.view()[r.pos:]
	begin, end := "<?", "?>"
	switch {
	case bytes.HasPrefix(w, []byte("<!--")):
		begin, end = "<!--", "-->"
	case bytes.HasPrefix(w, []byte("<![CDATA[")):
		begin, end = "<![CDATA[", "]]>"
	case bytes.HasPrefix(w, []byte("<!")):
		return r.problem(fmt.Sprintf("%q is no markup that a document may have here", show(string(w[:min(len(w), 9)]))))
	}
	i, err := r.find(end, r.pos+len(begin), discard)
	if err != nil {
		return err
	}
	if i < 0 {
		return r.problem("the document ends within " + begin + ": it was cut off. Send it again, whole")
	}
	r.pos = i + len(end)
	return nil
}

// doctype passes over a document type that only names one. What it names is
// never fetched, and one with declarations of its own is refused: entities can
// make a small document a huge one, or read files.
func (r *Reader) doctype() error {
	i, err := r.find(">", r.pos, false)
	if err != nil {
		return r.full(err)
	}
	if i < 0 {
		return r.problem("the document ends within its DOCTYPE: it was cut off. Send it again, whole")
	}
	if bytes.IndexByte(r.view()[r.pos:i], '[') >= 0 {
		return r.problem("the document has a DOCTYPE with declarations of its own, through which a document can grow without bound or read files: it was refused. Send it without")
	}
	r.pos = i + 1
	return nil
}

// endTag reads </name> at the position and returns where it ends.
func (r *Reader) endTag() (name []byte, end int, err error) {
	i, err := r.find(">", r.pos+2, false)
	if err != nil {
		return nil, 0, err
	}
	if i < 0 {
		return nil, 0, r.problem("the document ends within a tag: it was cut off. Send it again, whole")
	}
	return bytes.TrimRight(r.view()[r.pos+2:i], " \t\r\n"), i + 1, nil
}

// tag reads the start tag at the position into the last node of the tree, which
// it completes where the element is empty, and returns where the tag ends.
func (r *Reader) tag() (end int, err error) {
	for {
		if end = r.tree.tag(r.view(), r.pos); end > 0 {
			return end, nil
		}
		if end < 0 {
			return 0, r.problem("a \"<\" stands within a tag: nothing behind this place can be read")
		}
		ok, err := r.more()
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, r.problem("the document ends within a tag: it was cut off. Send it again, whole")
		}
	}
}

// tag is the pure part of [Reader.tag]: w is the window and start where "<" is.
// It returns 0 where the tag has no end in w, and -1 where it cannot have one.
func (t *tree) tag(w []byte, start int) int {
	last := int32(len(t.nodes) - 1)
	attributes := len(t.attrs)
	wrong := ""
	i := start + 1
	for i < len(w) && !blank(w[i]) && w[i] != '>' && w[i] != '/' && w[i] != '<' {
		i++
	}
	name := w[start+1 : i]
	for {
		for i < len(w) && blank(w[i]) {
			i++
		}
		if i >= len(w) {
			t.attrs = t.attrs[:attributes]
			return 0
		}
		switch w[i] {
		case '<':
			return -1
		case '>', '/':
			empty := w[i] == '/'
			if empty {
				if i++; i >= len(w) {
					t.attrs = t.attrs[:attributes]
					return 0
				}
				if w[i] != '>' {
					wrong = "a \"/\" stands within a tag"
					continue
				}
			}
			n := &t.nodes[last]
			t.name(last, name)
			n.start, n.attrs = int32(start), [2]int32{int32(attributes), int32(len(t.attrs))}
			n.inner = [2]int32{int32(i + 1), int32(i + 1)}
			if empty {
				n.end = int32(i + 1)
			}
			if wrong != "" {
				t.spoil(wrong + ", in <" + show(string(name)) + ">")
			}
			return i + 1
		}
		nameAt := i
		for i < len(w) && !delimiter(w[i]) {
			i++
		}
		nameEnd := i
		for i < len(w) && blank(w[i]) {
			i++
		}
		switch {
		case i >= len(w):
		case w[i] != '=' || nameEnd == nameAt:
			wrong = "an attribute has no value, or a value no attribute"
			if w[i] == '=' {
				i++
			}
			if i < len(w) && w[i] != '"' && w[i] != '\'' {
				continue
			}
		default:
			for i++; i < len(w) && blank(w[i]); i++ {
			}
			if i < len(w) && w[i] != '"' && w[i] != '\'' {
				wrong = "an attribute's value has no quotes"
				for i < len(w) && !delimiter(w[i]) {
					i++
				}
				continue
			}
		}
		if i >= len(w) {
			t.attrs = t.attrs[:attributes]
			return 0
		}
		n := bytes.IndexByte(w[i+1:], w[i])
		if n < 0 {
			t.attrs = t.attrs[:attributes]
			return 0
		}
		value := w[i+1 : i+1+n]
		if bytes.IndexByte(value, '<') >= 0 {
			wrong = "an attribute's value holds a \"<\""
		}
		if bytes.IndexByte(value, '&') >= 0 {
			t.check(value)
		}
		t.attrs = append(t.attrs, attr{name: [2]int32{int32(nameAt), int32(nameEnd)}, value: [2]int32{int32(i + 1), int32(i + 1 + n)}})
		i += n + 2
	}
}

// check spoils the fragment where a reference in text is none of the five that
// every document has, nor a character's number.
func (t *tree) check(text []byte) {
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			return
		}
		text = text[i:]
		_, n := reference(text)
		if n == 0 {
			t.spoil(fmt.Sprintf("%q is no character reference: write &amp; for a plain \"&\"", show(string(text[:min(len(text), 12)]))))
			return
		}
		text = text[n:]
	}
}

// reference reads &name; or &#n; and returns how long it is, 0 where it is none.
func reference(b []byte) (rune, int) {
	end := bytes.IndexByte(b[:min(len(b), 16)], ';')
	if end < 2 {
		return 0, 0
	}
	switch name := string(b[1:end]); {
	case name == "amp":
		return '&', end + 1
	case name == "lt":
		return '<', end + 1
	case name == "gt":
		return '>', end + 1
	case name == "quot":
		return '"', end + 1
	case name == "apos":
		return '\'', end + 1
	case name[0] == '#':
		if c, ok := character(name[1:]); ok {
			return c, end + 1
		}
	}
	return 0, 0
}

// character reads the number of a character that XML 1.0 allows.
func character(s string) (rune, bool) {
	base := rune(10)
	if rest, ok := strings.CutPrefix(s, "x"); ok {
		s, base = rest, 16
	}
	var c rune
	for i := range len(s) {
		d := rune(99)
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			d = rune(b - '0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			d = rune(b|0x20-'a') + 10
		}
		if c = c*base + d; d >= base || c > utf8.MaxRune {
			return 0, false
		}
	}
	return c, s != "" && allowed(c)
}

// allowed is production 2 of XML 1.0.
func allowed(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000 && c <= utf8.MaxRune
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// delimiter ends a name within a tag.
func delimiter(c byte) bool {
	switch c {
	case ' ', '\n', '\t', '\r', '=', '>', '/', '<', '"', '\'':
		return true
	default:
		return false
	}
}

// nameStart is as lenient as a document in another encoding needs: whatever is
// not ASCII may begin a name.
func nameStart(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == ':' || c >= 0x80
}

// show keeps a message readable, whatever the document holds.
func show(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-0x20) + s[1:]
	}
	return s
}
