package flat

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// charset is how bytes become text. All but UTF-8 have one byte a character.
type charset struct {
	name string
	to   *[256]rune // nil for UTF-8
	// newline and ret end records.
	newline []byte
	ret     byte
}

// text decodes raw. ok is false where it is not of this encoding.
func (c *charset) text(raw []byte) (string, bool) {
	if c.to == nil {
		return string(raw), utf8.Valid(raw)
	}
	ascii := true
	for _, b := range raw {
		if c.to[b] != rune(b) || b >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return string(raw), true
	}
	var b strings.Builder
	b.Grow(len(raw) + 8)
	ok := true
	for _, x := range raw {
		r := c.to[x]
		ok = ok && r != utf8.RuneError
		b.WriteRune(r)
	}
	return b.String(), ok
}

var charmaps = map[string]*charmap.Charmap{
	"latin-1": charmap.ISO8859_1, "latin-9": charmap.ISO8859_15, "windows-1250": charmap.Windows1250,
	"windows-1252": charmap.Windows1252, "cp850": charmap.CodePage850,
	"ebcdic-037": charmap.CodePage037, "ebcdic-1047": charmap.CodePage1047, "ebcdic-500": charmap.CodePage037,
}

// in500 is where code page 500 differs from 037: seven characters change places
// (IBM's registry of code pages). golang.org/x/text does not have it.
var in500 = map[byte]rune{0x4A: '[', 0x4F: '!', 0x5A: ']', 0x5F: '^', 0xB0: '¢', 0xBA: '¬', 0xBB: '|'}

var charsets = func() map[string]*charset {
	all := map[string]*charset{"utf-8": {name: "utf-8", newline: []byte{'\n'}, ret: '\r'}}
	for name, m := range charmaps {
		c := &charset{name: name, to: new([256]rune), newline: []byte{'\n'}, ret: '\r'}
		for b := range 256 {
			c.to[b] = m.DecodeByte(byte(b))
		}
		if strings.HasPrefix(name, "ebcdic") {
			// Lines end with NEL (0x15) or LF (0x25); files carried over in binary
			// sometimes got an ASCII line feed.
			c.newline, c.ret = []byte{0x15, 0x25, '\n'}, 0x0D
		}
		if name == "ebcdic-500" {
			for b, r := range in500 {
				c.to[b] = r
			}
		}
		all[name] = c
	}
	return all
}()

func charsetOf(name string) (*charset, bool) {
	if name == "" {
		name = "utf-8"
	}
	c, ok := charsets[name]
	return c, ok
}

func encodings() string {
	return strings.Join(slices.Sorted(maps.Keys(charsets)), ", ")
}

// wrongBytes says that a record is not in the encoding of its layout.
func (c *charset) wrongBytes() string {
	return fmt.Sprintf("It is not in the encoding %s that the layout names: give the layout the file's own (often windows-1252).", c.name)
}
