package formattest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Check fails t where f breaks a promise of [format.Format] over the document,
// whatever its bytes are:
//
//   - it does not panic;
//   - every item has a path, and either a problem or an event that the contract
//     accepts and reads back unchanged;
//   - fragments stand in the document exactly so; notes have a known code, a
//     place and a sentence;
//   - two events of one id say the same;
//   - the same bytes give the same items, also one byte at a time;
//   - the error of yield ends it and is returned as it is;
//   - a reader that fails is never taken for the end of the document;
//   - its own errors are a *format.Problem.
func Check(tb testing.TB, f format.Format, document []byte, source format.Source) {
	tb.Helper()
	if source.Name == "" {
		source.Name = "/check"
	}
	defer func() {
		if r := recover(); r != nil {
			tb.Errorf("panics: %v", r)
			panic(r) // with its stack
		}
	}()
	f.Detect(document[:min(len(document), 4<<10)], source)
	items, err := Collect(f, bytes.NewReader(document), source)
	if p := (*format.Problem)(nil); err != nil && (!errors.As(err, &p) || p.Detail == "") {
		tb.Errorf("its error is no *format.Problem with a detail: %v", err)
	}
	want := string(Render(items, err)) // before anything below sorts in place
	contents := map[string]inventory.Hash{}
	for i := range items {
		checkItem(tb, document, &items[i])
		if e := &items[i].Event; items[i].Problem == nil {
			id, content := inventory.RecordID(e.Source, e.ID), e.ContentHash()
			if before, ok := contents[id]; ok && before != content {
				tb.Errorf("%s: the id %q is that of another event", items[i].Path, id)
			}
			contents[id] = content
		}
	}
	for name, reader := range map[string]io.Reader{
		"again":                    bytes.NewReader(document),
		"one byte at a time":       iotest.OneByteReader(bytes.NewReader(document)),
		"with the end in the data": iotest.DataErrReader(bytes.NewReader(document)),
	} {
		if diff := cmp.Diff(want, string(Render(Collect(f, reader, source)))); diff != "" {
			tb.Errorf("read %s, it gives something else:\n%s", name, diff)
		}
	}
	checkEnds(tb, f, document, source, len(items))
}

func checkItem(tb testing.TB, document []byte, item *format.Item) {
	tb.Helper()
	if item.Path == "" {
		tb.Errorf("an item without path: %s", Render([]format.Item{*item}, nil))
	}
	if !bytes.Contains(document, item.Raw) {
		tb.Errorf("%s: its fragment does not stand in the document so", item.Path)
	}
	if len(item.Raw) > 0 && item.RawType == "" {
		tb.Errorf("%s: a fragment without media type", item.Path)
	}
	for _, n := range item.Notes {
		if !slices.Contains(codes, n.Code) || n.Path == "" || !sentence(n.Detail) {
			tb.Errorf("%s: a note without known code, place or sentence: %+v", item.Path, n)
		}
	}
	if item.Problem != nil {
		if !sentence(item.Problem.Detail) {
			tb.Errorf("%s: a problem without sentence: %q", item.Path, item.Problem.Detail)
		}
		return
	}
	event := item.Event
	if event.Type == inventory.TypeWatermark && event.Watermark == nil {
		tb.Errorf("%s: a watermark that says nothing", item.Path)
		return
	}
	record, err := canonical.FromCloudEvent(indent(encode(event, false)), time.Time{})
	if err != nil {
		tb.Errorf("%s: the contract does not accept it: %v\n%s", item.Path, err, CloudEvent(event))
		return
	}
	event.Normalize()
	event.Keys = slices.Compact(event.Keys)
	event.Time = event.Time.Truncate(time.Microsecond)
	if diff := cmp.Diff(event, record.Event, cmp.AllowUnexported(inventory.Decimal{}), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(inventory.Event{}, "TimeAsSent", "Began", "ParentSpanID", "Attributes"),
		cmpopts.IgnoreFields(inventory.Line{}, "Attributes")); diff != "" {
		tb.Errorf("%s: the contract reads it otherwise:\n%s", item.Path, diff)
	}
}

// checkEnds tries every way in which reading can end early.
func checkEnds(tb testing.TB, f format.Format, document []byte, source format.Source, items int) {
	tb.Helper()
	if items > 0 {
		enough, calls := errors.New("enough"), 0
		err := f.Read(context.Background(), bytes.NewReader(document), source, func(format.Item) error {
			calls++
			return enough
		})
		if !errors.Is(err, enough) || calls != 1 {
			tb.Errorf("the first error of yield must end it and be returned: %d calls, %v", calls, err)
		}
	}
	lost := errors.New("connection lost")
	half := io.MultiReader(bytes.NewReader(document[:len(document)/2]), iotest.ErrReader(lost))
	if _, err := Collect(f, half, source); err == nil {
		tb.Error("a reader that fails in the middle is taken for the end of the document")
	}
}

// sentence reports whether s can be said to a person.
func sentence(s string) bool { return len(s) > 10 && utf8.ValidString(s) && s[len(s)-1] == '.' }

var codes = []string{
	format.CheckDigit, format.ZoneAssumed, format.ZoneUnknown, format.TimeAmbiguous, format.TimeNonexistent, format.DateOnly,
	format.OffsetDoubtful, format.Unmapped, format.IDRounded, format.UnitUnknown, format.CountMismatch, format.NotStandard,
}
