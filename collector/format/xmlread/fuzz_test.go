package xmlread_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

// told is what a document says: names, attributes and texts in order. The two
// readers below tell it independently.
func told(document []byte) (string, error) {
	r, err := xmlread.New(bytes.NewReader(document), xmlread.Limits{})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		f, err := r.Next(func(xmlread.Node) xmlread.Action { return xmlread.Take })
		if errors.Is(err, io.EOF) {
			if r.Documents() > 1 {
				return "", errors.New("several documents")
			}
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		if f.Problem != nil {
			return "", f.Problem
		}
		if !bytes.Contains(document, f.Raw) {
			return "", errors.New("the fragment does not stand in the document")
		}
		tell(&b, f.Root)
	}
}

func tell(b *strings.Builder, n xmlread.Node) {
	b.WriteString("<" + n.Name() + ">")
	for c := range n.Children() {
		tell(b, c)
	}
	b.WriteString(n.Text() + "</>")
}

// toldByGo is the same by way of encoding/xml.
func toldByGo(document []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(document))
	var b strings.Builder
	var texts []string
	roots := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if roots != 1 {
				return "", errors.New("not one root")
			}
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch x := token.(type) {
		case xml.StartElement:
			if len(texts) == 0 {
				roots++
			}
			b.WriteString("<" + x.Name.Local + ">")
			texts = append(texts, "")
		case xml.EndElement:
			b.WriteString(strings.Trim(texts[len(texts)-1], " \t\r\n") + "</>")
			texts = texts[:len(texts)-1]
		case xml.CharData:
			if len(texts) > 0 {
				texts[len(texts)-1] += string(x)
			} else if len(bytes.TrimSpace(x)) > 0 {
				return "", errors.New("text outside")
			}
		case xml.Directive:
			return "", errors.New("a directive")
		}
	}
}

// Whatever encoding/xml reads, this package reads the same way; and what it does
// not read ends with a sentence, without a panic.
func FuzzAgainstEncodingXML(f *testing.F) {
	for _, s := range []string{
		`<a/>`, `<?xml version="1.0" encoding="UTF-8"?><a b="c">d<!-- e --><f>&lt;&#65;</f><![CDATA[g]]></a>`,
		`<a><b></a></b>`, `<p:a xmlns:p="u" p:x='1'>&amp;</p:a>`, "<a>\r\n b\r</a>", `<a b="c>d"/>`, `<a b="&quot;"/>`, `<!DOCTYPE a><a/>`,
		"\xef\xbb\xbf<a/>", "<\x00a\x00/\x00>\x00", `<?xml version="1.0" encoding="ISO-8859-1"?><a>` + "\xfc</a>", `<a></a><b/>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, err := told(document)
		if p := (*format.Problem)(nil); errors.As(err, &p) && (p.Path == "" || !strings.HasSuffix(p.Detail, ".")) {
			t.Errorf("%q: no place or no sentence: %v", document, err)
		}
		want, goErr := toldByGo(document)
		if goErr != nil {
			return // stricter than needed, or another encoding
		}
		if err != nil {
			if tolerated(document) {
				return
			}
			t.Fatalf("%q: encoding/xml reads %q, here it is %v", document, want, err)
		}
		if got != want {
			t.Errorf("%q: got %q, encoding/xml reads %q", document, got, want)
		}
	})
}

// tolerated lists what encoding/xml lets pass and XML does not: a "<" within an
// attribute's value, control characters in a comment or instruction, and a
// declaration that names an encoding in a place where none belongs.
func tolerated(document []byte) bool {
	return bytes.Contains(document, []byte("=")) || bytes.ContainsFunc(document, func(r rune) bool { return r < 0x20 && !strings.ContainsRune("\t\r\n", r) || r == 0xFFFD }) ||
		bytes.Contains(document, []byte("encoding"))
}
