package xmlread_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
)

// take takes the elements of one name, wherever they are.
func take(name string) func(xmlread.Node) xmlread.Action {
	return func(tag xmlread.Node) xmlread.Action {
		switch tag.Name() {
		case name:
			return xmlread.Take
		case "Skip":
			return xmlread.Skip
		default:
			return xmlread.Enter
		}
	}
}

// read lists the fragments T of a document: path, text of a, raw or problem.
func read(document io.Reader, limits xmlread.Limits) (said []string, err error) {
	r, err := xmlread.New(document, limits)
	for err == nil {
		var f xmlread.Fragment
		if f, err = r.Next(take("T")); err != nil {
			break
		}
		if f.Problem != nil {
			said = append(said, "problem "+f.Problem.Error())
			continue
		}
		said = append(said, fmt.Sprintf("%s a=%q x=%q raw=%q", f.Path, f.Root.Child("a").Text(), f.Root.Attr("x"), f.Raw))
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return said, err
}

func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		want     []string
		err      string
	}{
		"two of them": {
			`<?xml version="1.0"?><L><T x="1"><a>A</a></T><!-- <T/> --><T x='2'/></L>`,
			[]string{`/L/T[1] a="A" x="1" raw="<T x=\"1\"><a>A</a></T>"`, `/L/T[2] a="" x="2" raw="<T x='2'/>"`},
			"",
		},
		"prefixes": {
			`<p:L xmlns:p="u"><p:T p:x="1"><q:a xmlns:q="v"> A </q:a></p:T></p:L>`,
			[]string{`/L/T[1] a="A" x="1" raw="<p:T p:x=\"1\"><q:a xmlns:q=\"v\"> A </q:a></p:T>"`},
			"",
		},
		"text in pieces": {
			"<L><T><a>1&lt;<b>no</b><![CDATA[<&]]>\r\n2<!-- x --><?p i?>&#x33;&#52;</a></T></L>",
			[]string{"/L/T[1] a=\"1<<&\\n234\" x=\"\" raw=\"<T><a>1&lt;<b>no</b><![CDATA[<&]]>\\r\\n2<!-- x --><?p i?>&#x33;&#52;</a></T>\""},
			"",
		},
		"greater signs and quotes in values": {
			`<L><T x="a>b'&quot;"><a>1>0</a></T></L>`,
			[]string{`/L/T[1] a="1>0" x="a>b'\"" raw="<T x=\"a>b'&quot;\"><a>1>0</a></T>"`},
			"",
		},
		"the outermost": {`<T><a>A</a></T>`, []string{`/T a="A" x="" raw="<T><a>A</a></T>"`}, ""},
		"deeper, and skipped": {
			`<L><Skip><T/><![CDATA[<T>]]></Skip><M><T/></M><M><T/></M></L>`,
			[]string{`/L/M[1]/T[1] a="" x="" raw="<T/>"`, `/L/M[2]/T[1] a="" x="" raw="<T/>"`},
			"",
		},
		"the outermost skipped": {`<Skip><![CDATA[x]]></Skip>`, nil, ""},
		"a document type that only names one": {
			"<!DOCTYPE L SYSTEM \"http://127.0.0.1/l.dtd\">\n<L><T/></L>\n", []string{`/L/T[1] a="" x="" raw="<T/>"`}, "",
		},
		"several documents in one": {
			"<?xml version='1.0'?><L><T/></L>\n<?xml version='1.0'?><L><T/></L>",
			[]string{`/L/T[1] a="" x="" raw="<T/>"`, `/L[2]/T[1] a="" x="" raw="<T/>"`},
			"",
		},
		"an unknown entity spoils one": {
			`<L><T><a>Salt & Pepper</a></T><T><a>&nbsp;</a></T><T/></L>`,
			[]string{
				`problem /L/T[1]: "& Pepper" is no character reference: write &amp; for a plain "&".`,
				`problem /L/T[2]: "&nbsp;" is no character reference: write &amp; for a plain "&".`,
				`/L/T[3] a="" x="" raw="<T/>"`,
			},
			"",
		},
		"attributes that are none": {
			`<L><T x=1/><T x/><T / x="1"/><T x="a<b"/><T x="2"/></L>`,
			[]string{
				`problem /L/T[1]`, `problem /L/T[2]`, `problem /L/T[3]`, `problem /L/T[4]`, `/L/T[5] a="" x="2" raw="<T x=\"2\"/>"`,
			},
			"",
		},
		"bytes that are not UTF-8": {
			"<L><T><a>M\xfcller</a></T><T/></L>",
			[]string{"problem /L/T[1]: It holds bytes that are not UTF-8", `/L/T[2] a="" x="" raw="<T/>"`},
			"",
		},
		"a control character":       {"<L><T><a>\x01</a></T><T/></L>", []string{"problem /L/T[1]: It holds the control character 0x01", `/L/T[2]`}, ""},
		"no such character":         {"<L><T><a>&#0;</a></T></L>", []string{"problem /L/T[1]"}, ""},
		"empty":                     {"", nil, "/: The document has no element"},
		"blanks":                    {" \n ", nil, "/: The document has no element"},
		"no XML":                    {"ISA*00*", nil, `/: Text stands outside of all elements, beginning with "ISA*00*"`},
		"something behind it":       {"<L><T/></L> and so on", []string{`/L/T[1]`}, "/: Text stands outside"},
		"cut off in a tag":          {"<L><T/><T", []string{`/L/T[1]`}, "/L: The document ends within a tag"},
		"cut off in a value":        {`<L><T/><T x="`, []string{`/L/T[1]`}, "/L: The document ends within a tag"},
		"cut off in one":            {"<L><T/><T><a>", []string{`/L/T[1]`}, "/L/T[2]: The document ends within this element"},
		"cut off between":           {"<L><T/>", []string{`/L/T[1]`}, "/L: The document ends within this element"},
		"cut off in a comment":      {"<L><T/><!-- ", []string{`/L/T[1]`}, "/L: The document ends within <!--"},
		"cut off in a skipped":      {"<L><T/><Skip><a>", []string{`/L/T[1]`}, "/L/Skip[1]: The document ends within this element"},
		"tags that cross":           {"<L><T/><T><a></T></a></L>", []string{`/L/T[1]`}, "/L/T[2]: </T> stands where the element <a>"},
		"tags that cross outside":   {"<L><T/></M>", []string{`/L/T[1]`}, "/L: </M> stands where the element <L>"},
		"tags that cross, skipped":  {"<L><Skip><a></b></Skip></L>", nil, "/L/Skip[1]: </b> stands where the element <a>"},
		"an end of nothing":         {"</L>", nil, "/: </L> closes an element that was never opened"},
		"a plain less-than":         {"<L><T/><T><a>1 < 2</a></T></L>", []string{`/L/T[1]`}, `/L: A "<" begins no tag`},
		"a tag in a tag":            {"<L><T/><T <a>", []string{`/L/T[1]`}, `/L: A "<" stands within a tag`},
		"entities that multiply":    {`<!DOCTYPE L [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><L><T>&b;</T></L>`, nil, "/: The document has a DOCTYPE with declarations"},
		"an external entity":        {`<!DOCTYPE L [<!ENTITY a SYSTEM "file:///etc/passwd">]><L><T>&a;</T></L>`, nil, "/: The document has a DOCTYPE with declarations"},
		"a declaration in one":      {`<L><T><!ENTITY a "x"></T></L>`, nil, `/L: "<!ENTITY " is no markup`},
		"an unknown encoding":       {`<?xml version="1.0" encoding="EBCDIC-CP-BE"?><L/>`, nil, `/: The encoding "EBCDIC-CP-BE" is not known`},
		"an encoding with escapes":  {`<?xml version="1.0" encoding="ISO-2022-JP"?><L/>`, nil, `/: The encoding "ISO-2022-JP" is not read`},
		"a declaration left behind": {`<?xml version="1.0" encoding="utf-16"?><L><T/></L>`, []string{`/L/T[1]`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{
				"whole": strings.NewReader(c.document), "bytewise": iotest.OneByteReader(strings.NewReader(c.document)),
			} {
				got, err := read(in, xmlread.Limits{})
				if len(got) != len(c.want) {
					t.Fatalf("%s: got %q, want %q", how, got, c.want)
				}
				for i := range got {
					if !strings.HasPrefix(got[i], c.want[i]) {
						t.Errorf("%s: got  %s\nwant %s", how, got[i], c.want[i])
					}
				}
				var p *format.Problem
				if c.err == "" && err != nil || c.err != "" && (!errors.As(err, &p) || !strings.HasPrefix(p.Error(), c.err) || !strings.HasSuffix(p.Detail, ".")) {
					t.Errorf("%s: error %v, want %q", how, err, c.err)
				}
			}
		})
	}
}

// One text in every encoding: it is read alike, and the fragment is what was sent.
func TestEncodings(t *testing.T) {
	for _, c := range []struct{ name, declared, text string }{
		{"utf-8", "UTF-8", "Müller & Söhne 12 €"},
		{"utf-8", "", "Müller"},
		{"iso-8859-1", "ISO-8859-1", "Müller"},
		{"windows-1252", "windows-1252", "Müller 12 €"},
		{"iso-8859-15", "iso-8859-15", "Müller 12 €"},
		{"windows-1251", "windows-1251", "Молоко"},
		{"shift_jis", "Shift_JIS", "ソース表"}, // whose bytes hold "\" and "["
		{"gb18030", "GB18030", "牛奶"},
		{"utf-16le", "UTF-16", "Müller 牛奶 𝄞"},
		{"utf-16be", "utf-16", "Müller 牛奶 𝄞"},
	} {
		enc, err := htmlindex.Get(c.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, mark := range []string{"", "\uFEFF"} {
			if mark != "" && !strings.HasPrefix(c.name, "utf-") {
				continue
			}
			text := `<L><T x="` + c.text + `"><a>` + c.text + `</a></T></L>`
			text = strings.ReplaceAll(text, " & ", " &amp; ")
			if c.declared != "" {
				text = `<?xml version="1.0" encoding="` + c.declared + `"?>` + text
			}
			encoder := enc.NewEncoder()
			switch c.name {
			case "utf-16le":
				encoder = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder()
			case "utf-16be":
				encoder = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder()
			}
			document, err := encoder.Bytes([]byte(mark + text))
			if err != nil {
				t.Fatal(err)
			}
			r, err := xmlread.New(iotest.OneByteReader(bytes.NewReader(document)), xmlread.Limits{})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			f, err := r.Next(take("T"))
			if err != nil || f.Problem != nil {
				t.Errorf("%s: %v %v", c.name, err, f.Problem)
				continue
			}
			if a, x := f.Root.Child("a").Text(), f.Root.Attr("x"); a != c.text || x != c.text {
				t.Errorf("%s: read as %q and %q", c.name, a, x)
			}
			if !bytes.Contains(document, f.Raw) || len(f.Raw) < len(document)/2-80 {
				t.Errorf("%s: the fragment is not what was sent: %q", c.name, f.Raw)
			}
		}
	}
	half := []byte("<\x00L\x00>\x00<\x00T\x00>\x00\x00\xd8<\x00/\x00T\x00>\x00<\x00/\x00L\x00>\x00")
	if got, err := read(bytes.NewReader(half), xmlread.Limits{}); err != nil || len(got) != 1 || !strings.HasPrefix(got[0], "problem /L/T[1]: It holds halves") {
		t.Errorf("half a character: %q %v", got, err)
	}
}

// What is too large is passed over, whatever is large in it, and what comes
// behind it is read.
func TestTooLarge(t *testing.T) {
	big := strings.Repeat("x", 30<<10)
	for name, inner := range map[string]string{
		"text":     "<a>" + big + "</a>",
		"elements": strings.Repeat("<a>x</a>", 4<<10),
		"nested":   "<b><b>" + strings.Repeat("<a>x</a>", 4<<10) + "</b></b>",
		"comment":  "<!--" + big + "-->",
		"CDATA":    "<![CDATA[" + big + "]]>",
		"a value":  `<a x="` + big + `"/>`,
	} {
		document := "<L><T><a>1</a></T><T>" + inner + "</T><T><a>3</a></T></L>"
		got, err := read(iotest.HalfReader(strings.NewReader(document)), xmlread.Limits{Fragment: 10 << 10})
		if err != nil || len(got) != 3 || !strings.HasPrefix(got[1], "problem /L/T[2]: The element is larger than the 10240 bytes") || !strings.HasPrefix(got[2], `/L/T[3] a="3"`) {
			t.Errorf("%s: %.200q %v", name, got, err)
		}
	}
	// Its beginning is kept, in the encoding it came in.
	r, err := xmlread.New(strings.NewReader("<L><T>"+strings.Repeat("ü", 100<<10)+"</T></L>"), xmlread.Limits{Fragment: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := r.Next(take("T")); err != nil || f.Problem == nil || !bytes.HasPrefix(f.Raw, []byte("<T>ü")) {
		t.Errorf("%v %v, kept %d bytes", err, f.Problem, len(f.Raw))
	}
	// A token larger than all the room there is.
	huge := strings.Repeat("y", 5<<20)
	for name, inner := range map[string]string{"text": huge, "comment": "<!--" + huge + "-->"} {
		document := "<L><T>" + inner + "</T><T><a>2</a></T></L>"
		got, err := read(strings.NewReader(document), xmlread.Limits{Fragment: 10 << 10})
		if err != nil || len(got) != 2 || !strings.HasPrefix(got[1], `/L/T[2] a="2"`) {
			t.Errorf("huge %s: %.200q %v", name, got, err)
		}
	}
	if _, err := read(strings.NewReader(`<L><M x="`+huge+`"/></L>`), xmlread.Limits{}); err == nil || !strings.Contains(err.Error(), "refused") && !strings.Contains(err.Error(), "larger") {
		// A tag of 5 MiB fits into the room for a fragment; that is no harm.
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := read(strings.NewReader(`<L><M x="`+huge+`"/></L>`), xmlread.Limits{Fragment: 1 << 10}); err == nil || !strings.Contains(err.Error(), "A tag is larger") {
		t.Errorf("a huge tag: %v", err)
	}
}

func TestTooDeep(t *testing.T) {
	for name, document := range map[string]string{
		"entered": strings.Repeat("<L>", 200), "taken": "<T>" + strings.Repeat("<L>", 200), "skipped": "<Skip>" + strings.Repeat("<L>", 200),
	} {
		if _, err := read(strings.NewReader(document), xmlread.Limits{}); err == nil || !strings.Contains(err.Error(), "more than 128 levels") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A failing source is no end of the document, and its error is told.
func TestReaderFails(t *testing.T) {
	in := io.MultiReader(strings.NewReader("<L><T/>"), iotest.ErrReader(errors.New("connection lost")))
	got, err := read(in, xmlread.Limits{})
	if len(got) != 1 || err == nil || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("%q %v", got, err)
	}
	if _, err := read(noProgress{}, xmlread.Limits{}); err == nil {
		t.Error("a reader that gives nothing for ever is read for ever")
	}
}

type noProgress struct{}

func (noProgress) Read([]byte) (int, error) { return 0, nil }

func TestNodes(t *testing.T) {
	r, err := xmlread.New(strings.NewReader(
		`<L><T x="1" y="2" xmlns:q="u"><a>1</a><b><c>2</c><c z="3">4</c></b><a>5</a><d/></T></L>`), xmlread.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Next(take("T"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Unread(), (map[string]int{"/L/T/@x": 1, "/L/T/@y": 1, "/L/T/a": 2, "/L/T/b/c": 2, "/L/T/b/c/@z": 1}); !maps.Equal(got, want) {
		t.Errorf("unread %v, want %v", got, want)
	}
	var paths []string
	for a := range f.Root.Children("a", "b") {
		paths = append(paths, a.Path())
	}
	for c := range f.Root.Child("b").Children() {
		paths = append(paths, c.Path()+"="+c.Text())
	}
	if want := []string{"/a[1]", "/b", "/a[2]", "/b/c[1]=2", "/b/c[2]=4"}; !slices.Equal(paths, want) {
		t.Errorf("paths %q, want %q", paths, want)
	}
	f.Root.Attr("x")
	f.Root.Child("a").See()
	if got, want := f.Unread(), (map[string]int{"/L/T/@y": 1, "/L/T/a": 1, "/L/T/b/c/@z": 1}); !maps.Equal(got, want) {
		t.Errorf("unread %v, want %v", got, want)
	}
	f.Root.See()
	if got := f.Unread(); got != nil {
		t.Errorf("unread %v", got)
	}
	none := f.Root.At("b", "x", "y")
	if none.Exists() || none.Text() != "" || none.Attr("z") != "" || none.Path() != "" || none.Name() != "" || none.Child("c").Exists() {
		t.Error("an element that is not there says something")
	}
	for range none.Children() {
		t.Error("an element that is not there has children")
	}
}

// A document of 64 MiB costs no more memory than its largest fragment.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MiB")
	}
	const size = 64 << 20
	unit := "<T x=\"1\"><a>" + strings.Repeat("x", 4<<10) + "</a></T><Skip>" + strings.Repeat("<b>y</b>", 100) + "</Skip>\n"
	in := io.MultiReader(strings.NewReader("<L>"), &repeated{unit, size / len(unit) * len(unit)}, strings.NewReader("</L>"))
	r, err := xmlread.New(in, xmlread.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	n := 0
	for ; ; n++ {
		_, err := r.Next(take("T"))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n%1000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
	if n != size/len(unit) {
		t.Errorf("%d fragments, want %d", n, size/len(unit))
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// Nor does one that never gives two elements the same name.
func TestMemoryIsBoundedByNames(t *testing.T) {
	in, out := io.Pipe()
	const fragments = 200_000
	go func() {
		w := bufio.NewWriter(out)
		_, _ = w.WriteString("<L>")
		for i := range fragments {
			_, _ = fmt.Fprintf(w, `<T><n%d a%d="1">x</n%d></T>`, i, i, i)
		}
		_, _ = w.WriteString("</L>")
		_ = w.Flush()
		_ = out.Close()
	}()
	r, err := xmlread.New(in, xmlread.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for ; err == nil; n++ {
		var f xmlread.Fragment
		if f, err = r.Next(take("T")); err == nil && len(f.Unread()) != 2 {
			t.Fatalf("%s: unread %v", f.Path, f.Unread())
		}
	}
	if !errors.Is(err, io.EOF) || n != fragments+1 {
		t.Fatal(n, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&now)
	if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(r)
}

// repeated reads a text again and again, left bytes in all.
type repeated struct {
	text string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	at := (len(r.text) - r.left%len(r.text)) % len(r.text)
	n := copy(p[:min(len(p), r.left)], r.text[at:])
	r.left -= n
	return n, nil
}
