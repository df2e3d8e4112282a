package jsonread

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Names are the names of the outermost object's members as far as head shows
// them, in order; of a list, those of its first element. It is for telling what a
// document is before it is read.
func Names(head []byte) (names []string) {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	d := jsontext.NewDecoder(bytes.NewReader(head), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() == '[' {
		if _, err := d.ReadToken(); err != nil {
			return nil
		}
	}
	if d.PeekKind() != '{' {
		return nil
	}
	for depth := d.StackDepth() + 1; ; {
		token, err := d.ReadToken()
		if err != nil || d.StackDepth() < depth {
			return names
		}
		// Within an object a name follows an even number of names and values.
		if kind, n := d.StackIndex(d.StackDepth()); d.StackDepth() == depth && kind == '{' && n%2 == 1 {
			names = append(names, token.String())
		}
	}
}
