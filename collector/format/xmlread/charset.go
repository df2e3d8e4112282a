package xmlread

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charset is the encoding of a document. In all of them but UTF-16 the bytes of
// markup are those of ASCII and occur in no other character, so the document is
// taken apart as it is, and only texts are decoded. UTF-16 is turned into UTF-8 on
// the way in, and a fragment back into what it was.
type charset struct {
	name    string
	decoder *encoding.Decoder // nil for UTF-8
	encoder *encoding.Encoder // of UTF-16
}

// detect finds out the encoding as XML 1.0 does (appendix F): a byte order mark,
// the shape of the first bytes, the declaration, else UTF-8.
func (r *Reader) detect() error {
	r.charset.name = "UTF-8"
	if err := r.need(4); err != nil {
		return err
	}
	switch w := r.view(); {
	case bytes.HasPrefix(w, []byte("\xef\xbb\xbf")):
		r.keep += 3
		return nil
	case bytes.HasPrefix(w, []byte("\xff\xfe")), bytes.HasPrefix(w, []byte("<\x00")):
		return r.utf16("UTF-16LE", unicode.LittleEndian)
	case bytes.HasPrefix(w, []byte("\xfe\xff")), bytes.HasPrefix(w, []byte("\x00<")):
		return r.utf16("UTF-16BE", unicode.BigEndian)
	}
	name := r.declared()
	if name == "" {
		return nil
	}
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return nil
	case "utf-16", "utf-16le", "utf-16be", "ucs-2", "iso-10646-ucs-2":
		// Gateways turn the bytes into UTF-8 and leave the declaration: a document
		// whose first bytes are ASCII is not UTF-16.
		return nil
	case "iso-2022-jp", "utf-7", "hz-gb-2312":
		return r.problem(fmt.Sprintf("the encoding %q is not read here: send the document in UTF-8", show(name)))
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return r.problem(fmt.Sprintf("the encoding %q is not known: send the document in UTF-8", show(name)))
	}
	r.charset = charset{name: name, decoder: enc.NewDecoder()}
	return nil
}

// declared is the encoding that the XML declaration names.
func (r *Reader) declared() string {
	const longest = 1 << 10
	_ = r.need(longest) // what stopped it is told when it is needed
	w := bytes.TrimLeft(r.view(), " \t\r\n")
	w = w[:min(len(w), longest)]
	if !bytes.HasPrefix(w, []byte("<?xml")) {
		return ""
	}
	end := bytes.Index(w, []byte("?>"))
	i := bytes.Index(w, []byte("encoding"))
	if i < 0 || i > end {
		return ""
	}
	value := bytes.TrimLeft(w[i+len("encoding"):max(end, i+len("encoding"))], " \t\r\n=")
	if len(value) < 2 {
		return ""
	}
	n := bytes.IndexByte(value[1:], value[0])
	if n < 0 {
		return ""
	}
	return string(value[1 : 1+n])
}

func (r *Reader) utf16(name string, order unicode.Endianness) error {
	enc := unicode.UTF16(order, unicode.IgnoreBOM)
	start := r.view()
	mark := 0
	if start[0] == 0xff || start[0] == 0xfe {
		mark = 2
	}
	rest := io.MultiReader(bytes.NewReader(bytes.Clone(start[mark:])), &remaining{r.in, r.inErr})
	r.charset = charset{name: name, encoder: enc.NewEncoder()}
	r.in, r.inErr = transform.NewReader(rest, enc.NewDecoder()), nil
	r.buf, r.keep = r.buf[:0], 0
	return nil
}

// remaining goes on where a reader that has already ended or failed did.
type remaining struct {
	io.Reader
	err error
}

func (r *remaining) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.Reader.Read(p)
}

// text decodes a piece of the document.
func (c *charset) text(raw []byte) string {
	if c.decoder == nil {
		return string(raw)
	}
	for _, b := range raw {
		if b >= utf8.RuneSelf {
			text, err := c.decoder.Bytes(raw)
			if err != nil {
				return strings.ToValidUTF8(string(raw), "\uFFFD")
			}
			return string(text)
		}
	}
	return string(raw)
}

// original returns a copy of raw as it stands in the document.
func (c *charset) original(raw []byte) []byte {
	if c.encoder == nil {
		return bytes.Clone(raw)
	}
	c.encoder.Reset()
	out, err := c.encoder.Bytes(raw)
	if err != nil {
		return bytes.Clone(raw)
	}
	return out
}

// whole cuts off a character that is not there whole.
func (c *charset) whole(raw []byte) []byte {
	if c.encoder == nil {
		return raw
	}
	for len(raw) > 0 && !utf8.RuneStart(raw[len(raw)-1]) {
		raw = raw[:len(raw)-1]
	}
	if len(raw) > 0 && raw[len(raw)-1] >= utf8.RuneSelf {
		raw = raw[:len(raw)-1]
	}
	return raw
}

// valid says why the bytes of a fragment are not text in this encoding, or "".
func (c *charset) valid(raw []byte) string {
	for _, b := range raw {
		if b < 0x20 && !blank(b) {
			return fmt.Sprintf("It holds the control character 0x%02X, which XML does not allow: take it out.", b)
		}
	}
	switch {
	case c.decoder != nil:
		return ""
	case !utf8.Valid(raw):
		return "It holds bytes that are not UTF-8, the encoding the document has by its declaration or by default: declare the encoding it is written in."
	case c.encoder != nil && bytes.Contains(raw, []byte("\uFFFD")):
		return "It holds halves of characters, which is no " + c.name + ": write it again, or in UTF-8."
	}
	return ""
}
