package jsonread

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

func parse(t *testing.T, s string) *Value {
	t.Helper()
	v, err := New(strings.NewReader(s), Limits{}).Value()
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func TestCursorWalksADocument(t *testing.T) {
	document := "\xef\xbb\xbf" + `{"type":"Doc", "skipped":{"deep":[1,[2]]},
		"body" : {"list": [ {"a": 1.50} , {"b":"\u00e4"},3 ]}, "half": [1,2,3]} `
	c := New(iotest.OneByteReader(strings.NewReader(document)), Limits{})
	var got []string
	err := c.Members(func(name string) error {
		switch name {
		case "type":
			v, err := c.Value()
			got = append(got, v.String()+" at "+v.Path())
			return err
		case "body":
			return c.Members(func(string) error {
				return c.Elements(func(i int) error {
					v, err := c.Value()
					got = append(got, fmt.Sprintf("%d %s at %s", i, v.Raw(), v.Path()))
					return err
				})
			})
		}
		return nil // whatever is left unread is skipped
	})
	if err != nil || c.End() != nil {
		t.Fatal(err, c.End())
	}
	want := `Doc at /type|0 {"a": 1.50} at /body/list/0|1 {"b":"\u00e4"} at /body/list/1|2 3 at /body/list/2`
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("walked\n%s, want\n%s", s, want)
	}
}

func TestWhatCannotBeReadSaysWhere(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{``, "is empty: a JSON document was expected."},
		{`{"a":[1,}]}`, `/a: is not JSON at byte 7 (invalid character at start of value): nothing after it can be read. Correct it and send the document again.`},
		{`{"a":[1`, `/a: is JSON that ends too early, at byte 7: send the whole document.`},
		{`{"a":01}`, `is not JSON at byte 6 (invalid character after object value): nothing after it can be read. Correct it and send the document again.`},
		{`{"a":NaN}`, `/a: is not JSON at byte 5 (invalid character at start of value): nothing after it can be read. Correct it and send the document again.`},
		{`[1]`, "is an array, and an object was expected."},
		{`{} {}`, "has more after its end, at byte 4: send one document at a time."},
		{`{}x`, "is not JSON at byte 2"},
	} {
		cursor := New(strings.NewReader(c.document), Limits{})
		err := cursor.Members(func(string) error { return nil })
		if err == nil {
			err = cursor.End()
		}
		var problem *format.Problem
		if !errors.As(err, &problem) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.document, err, c.want)
		}
	}
}

func TestReadingErrorsAreNotTheDocuments(t *testing.T) {
	lost := errors.New("connection lost")
	c := New(io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(lost)), Limits{})
	err := c.Members(func(string) error { return nil })
	var problem *format.Problem
	if !errors.Is(err, lost) || errors.As(err, &problem) {
		t.Errorf("%v, want what the reader said", err)
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("[", 10) + strings.Repeat("]", 10)
	c := New(strings.NewReader(`[`+deep+`,1]`), Limits{Depth: 9})
	var said []string
	err := c.Elements(func(int) error {
		v, err := c.Value()
		said = append(said, fmt.Sprint(string(v.Raw()), " ", err))
		return nil
	})
	if err != nil || len(said) != 2 || said[0] != deep+" /0/0/0/0/0/0/0/0/0/0: nests too deep to be read: send it flatter." || said[1] != "1 <nil>" {
		t.Errorf("%v %v", said, err)
	}

	c = New(strings.NewReader(`["`+strings.Repeat("x", 1<<20)+`",1]`), Limits{Bytes: 1000})
	err = c.Elements(func(int) error { _, err := c.Value(); return err })
	if want := "/0: has more than 1000 bytes in one value: send smaller ones."; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if again := c.Skip(); !errors.Is(again, err) {
		t.Errorf("after it: %v", again)
	}
}

// TestMemoryIsBoundedByTheValue reads a list of 64 MiB.
func TestMemoryIsBoundedByTheValue(t *testing.T) {
	const n = 1 << 16
	one := `{"id":"` + strings.Repeat("x", 1000) + `"},`
	c := New(io.MultiReader(strings.NewReader(`{"skipped":[`), repeat(one, n), strings.NewReader(`0],"list":[`), repeat(one, n), strings.NewReader(`{}]}`)), Limits{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	peak, count := uint64(0), 0
	err := c.Members(func(name string) error {
		if name == "skipped" {
			return c.Skip()
		}
		return c.Elements(func(i int) error {
			count++
			if i%8192 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapAlloc)
			}
			_, err := c.Value()
			return err
		})
	})
	if err != nil || count != n+1 {
		t.Fatal(count, err)
	}
	if peak > before.HeapAlloc+4<<20 {
		t.Errorf("held %d KiB of a document of 128 MiB", (peak-before.HeapAlloc)>>10)
	}
}

func repeat(s string, n int) io.Reader {
	readers := make([]io.Reader, n)
	for i := range readers {
		readers[i] = strings.NewReader(s)
	}
	return io.MultiReader(readers...)
}

func TestValue(t *testing.T) {
	v := parse(t, `{"a/b":{"c~d":[null,{"x":true}]},"n":1.50,"twice":1,"twice":2,"same":0,"same":0,"none":null}`)
	x := v.Get("a/b", "c~d").List()[1].Get("x")
	if x.Path() != "/a~1b/c~0d/1/x" || x.String() != "true" {
		t.Errorf("%s is %s", x.Path(), x)
	}
	if v.Get("n").String() != "1.50" || v.Get("twice").String() != "2" || v.Get("none").Given() || v.Get("nobody", "here").Given() {
		t.Error("a member was read wrongly")
	}
	if v.First("none", "nobody", "n").String() != "1.50" {
		t.Error("the first that is given is n")
	}
	notes := v.Doubts()
	if len(notes) != 2 || notes[0] != (format.Note{Code: format.NotStandard, Path: "/twice", Detail: "is given twice, as 1 and as 2: the last was read."}) ||
		notes[1].Detail != "is given twice with the same value." {
		t.Errorf("doubts: %+v", notes)
	}
	if got := fmt.Sprint(v.Ignored()); got != "map[/same:2 /twice:1]" {
		t.Errorf("ignored %s", got)
	}
	if d := parse(t, "{\"a\":\"\xff\"}").Doubts(); len(d) != 1 || !strings.Contains(d[0].Detail, "not UTF-8") {
		t.Errorf("%+v", d)
	}
	var missing *Value
	if missing.Path()+missing.String()+missing.JSON() != "" || missing.Ignored() != nil || missing.Use() != nil || missing.Doubts() != nil || missing.List() != nil {
		t.Error("a value that is not there says something")
	}
}

func TestIdentifierKeepsWhatIsWritten(t *testing.T) {
	for text, rounded := range map[string]bool{
		"271878346596884000": true, "9007199254740993": true, "9007199254740992": false, "-9007199254740993": true,
		"24826418": false, "1e3": true, "1.0": true, "0": false, `"271878346596884015"`: false,
	} {
		var notes []format.Note
		v := parse(t, `{"id":`+text+`}`).Get("id")
		if got := v.Identifier(&notes); got != strings.Trim(text, `"`) {
			t.Errorf("%s became %s", text, got)
		}
		if (len(notes) == 1 && notes[0].Code == format.IDRounded && notes[0].Path == "/id") != rounded || (len(notes) > 0 && !rounded) {
			t.Errorf("%s: %+v", text, notes)
		}
	}
}

func TestDecimal(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-2.50": "-2.5", "1.5E3": "1500", "15e-1": "1.5", ".5": "0.5", "5.": "5", "+7": "7", " 8 ": "8", "1E+02": "100",
		"123e-4": "0.0123", "0e99": "0", "": "", "e3": "", "1e": "", "1e+": "", "1e--1": "", "1.2.3": "", "1,5": "", "NaN": "", "1e99": "", "1e100": "", "0.12345678901": "", "0x1": "", ".": "", "--1": "",
	} {
		d, err := Decimal(in)
		if (err == nil) != (want != "") || (err == nil && d.String() != want) || (err != nil && !errors.Is(err, inventory.ErrDecimal)) {
			t.Errorf("%q is %s, %v; want %q", in, d, err, want)
		}
	}
}

// TestDecimalIsExact holds it to rational arithmetic.
func TestDecimalIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,6})?([eE][-+]?[0-9]{1,2})?`).Draw(t, "number")
		want, _ := new(big.Rat).SetString(text)
		d, err := Decimal(text)
		if err != nil {
			return // it does not fit; nothing is said rather than something rounded
		}
		if got, _ := new(big.Rat).SetString(d.String()); got.Cmp(want) != 0 {
			t.Fatalf("%s became %s", text, d)
		}
	})
}

// FuzzValue: whatever encoding/json takes, the tree takes, and gives back
// exactly; nothing makes it fail otherwise than by a problem.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}]}`, `[`, `{"a":1,"a":2}`, "\"\xff\"", ` 1e9 `, `{"a":tru`, `[[[[]]]]`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		c := New(strings.NewReader(string(document)), Limits{Bytes: 1 << 16, Depth: 20})
		v, err := c.Value()
		if err != nil {
			var problem *format.Problem
			if !errors.As(err, &problem) || problem.Detail == "" {
				t.Fatalf("%v is no problem a person can read", err)
			}
			return
		}
		if !strings.Contains(string(document), string(v.Raw())) || !json.Valid(v.Raw()) {
			t.Fatalf("%q is not as it stands", v.Raw())
		}
		v.Doubts()
		v.Ignored()
		var walk func(v *Value)
		walk = func(v *Value) {
			var inner any
			plain := json.NewDecoder(bytes.NewReader(v.Raw()))
			plain.UseNumber()
			if err := plain.Decode(&inner); err != nil {
				t.Fatalf("%s: fragment %q: %v", v.Path(), v.Raw(), err)
			}
			if s, text := inner.(string); text && s != v.String() {
				t.Fatalf("%q is not %q", v.String(), s)
			}
			for _, m := range v.Members {
				walk(m.Value)
			}
			for _, e := range v.Elements {
				walk(e)
			}
		}
		walk(v)
	})
}
