package collector_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// lines is a format of one event a line: its id. A line "bad" is a problem, "end"
// ends what can be read.
type lines struct{}

func (lines) Read(_ context.Context, document io.Reader, from format.Source, yield func(format.Item) error) error {
	s := bufio.NewScanner(document)
	for n := 1; s.Scan(); n++ {
		path := fmt.Sprintf("line %d", n)
		item := format.Item{Path: path, Raw: []byte(s.Text()), RawType: "text/plain"}
		switch s.Text() {
		case "bad":
			item.Problem = &format.Problem{Path: path, Detail: "is bad."}
		case "end":
			return &format.Problem{Path: path, Detail: "ends here."}
		default:
			item.Event = inventory.Event{
				ID: s.Text(), Source: from.Name, Type: "inventory.sale.completed", Time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
				Workflow: "sale", Step: "completed", System: "pos", Location: "0123",
			}
			item.Notes = []format.Note{{Code: format.CheckDigit, Path: path, Detail: "is doubtful."}, {Code: format.CheckDigit, Path: path, Detail: "is odd."}}
		}
		if err := yield(item); err != nil {
			return err
		}
	}
	return s.Err()
}

// desk is a log in memory that may be away.
type desk struct {
	records     []inventory.Record
	quarantined []inventory.Quarantined
	away        error
}

func (d *desk) Publish(_ context.Context, records []inventory.Record) error {
	if d.away == nil {
		d.records = append(d.records, records...)
	}
	return d.away
}

func (d *desk) Quarantine(_ context.Context, entries []inventory.Quarantined) error {
	if d.away == nil {
		d.quarantined = append(d.quarantined, entries...)
	}
	return d.away
}

func TestDocumentsAreStoredPartByPart(t *testing.T) {
	log := &desk{}
	d, err := collector.NewDocuments(collector.Options{Publisher: log})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&text, "r-%d\n", i)
	}
	text.WriteString("bad\nend\nnever read\n")
	from := format.Source{Name: "/pos/1", Document: "sales.txt"}
	var parts []int
	taken, err := d.Take(t.Context(), lines{}, strings.NewReader(text.String()), from, collector.Resume{}, func(s collector.Taken) error {
		if len(log.records)+len(log.quarantined) < s.Items {
			t.Errorf("%d items are called stored, %d are", s.Items, len(log.records)+len(log.quarantined))
		}
		parts = append(parts, s.Items)
		return nil
	})
	if err != nil || taken.Events != 1200 || taken.Quarantined != 2 || taken.Unreadable == nil {
		t.Errorf("%+v %v", taken, err)
	}
	if fmt.Sprint(parts) != "[500 1000 1201]" {
		t.Errorf("stored at %v", parts)
	}
	r := log.records[7]
	if r.ID != "/pos/1 r-7" || r.Transport != canonical.TransportDocuments || string(r.Raw) != "r-7" ||
		r.Event.Attributes["document.name"] != "sales.txt" || r.Event.Attributes["document.path"] != "line 8" ||
		r.Event.Attributes["note.check_digit"] != "line 8 is doubtful.\nline 8 is odd." {
		t.Errorf("%+v", r)
	}
	if q := log.quarantined[0]; q.Pointer != "sales.txt#line 1201" || q.Detail != "is bad." || string(q.Raw) != "bad" || q.Source != "/pos/1" || q.Reason != canonical.Malformed {
		t.Errorf("%+v", q)
	}
	if q := log.quarantined[1]; q.Pointer != "sales.txt#line 1202" || q.Reason != canonical.Unreadable || !strings.HasPrefix(string(q.Raw), "r-0\n") {
		t.Errorf("%s %s %.10s", q.Pointer, q.Reason, q.Raw)
	}

	// Again from where it was: only what follows is stored.
	log.records = nil
	if taken, err = d.Take(t.Context(), lines{}, strings.NewReader(text.String()), from, collector.Resume{Skip: 1000}, nil); err != nil || taken.Events != 200 || len(log.records) != 200 {
		t.Errorf("%+v %v, %d records", taken, err, len(log.records))
	}
	// And what failed before, alone.
	log.records = nil
	resume := collector.Resume{Skip: 1201, Only: map[string]bool{"line 3": true, "line 1201": true}}
	if taken, err = d.Take(t.Context(), lines{}, strings.NewReader(text.String()), from, resume, nil); err != nil || taken.Events != 1 || len(log.records) != 1 || fmt.Sprint(taken.Failed) != "[line 1201]" {
		t.Errorf("%+v %v, %d records", taken, err, len(log.records))
	}
}

func TestDocumentsSayWhatIsNotTheirFault(t *testing.T) {
	log := &desk{away: errors.New("away")}
	d, err := collector.NewDocuments(collector.Options{Publisher: log})
	if err != nil {
		t.Fatal(err)
	}
	stored := func(collector.Taken) error { t.Error("called stored, nothing is"); return nil }
	if _, err := d.Take(t.Context(), lines{}, strings.NewReader("r-1\n"), format.Source{Name: "/x"}, collector.Resume{}, stored); !errors.Is(err, log.away) {
		t.Errorf("%v", err)
	}
	lost := errors.New("lost")
	log.away = nil
	half := io.MultiReader(strings.NewReader("r-1\nr-"), iotest.ErrReader(lost))
	taken, err := d.Take(t.Context(), lines{}, half, format.Source{Name: "/x"}, collector.Resume{}, stored)
	if !errors.Is(err, lost) || taken.Unreadable != nil || len(log.records)+len(log.quarantined) != 0 {
		t.Errorf("%+v %v", taken, err)
	}
}

func TestEventsOfDocumentsObeyTheContract(t *testing.T) {
	good := func() inventory.Event {
		return inventory.Event{
			ID: "1", Source: "/x", Type: "inventory.sale.completed", Time: time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC),
			Workflow: "sale", Step: "completed", System: "pos", Location: "1", Lines: []inventory.Line{{Item: "1"}},
		}
	}
	record, err := canonical.FromItem(format.Item{Path: "p", Event: good()}, format.Source{}, time.Time{})
	if err != nil || record.Event.Time.Nanosecond() != 6000 {
		t.Errorf("%v %v", record.Event.Time, err)
	}
	for want, spoil := range map[string]func(*inventory.Event){
		`p: workflow is required: name the kind of transaction, such as sale`:                                                                                          func(e *inventory.Event) { e.Workflow = "" },
		`p: lines[0].measure must be one of delta, absolute, but is "count"`:                                                                                           func(e *inventory.Event) { e.Lines[0].Measure = "count" },
		`p: business_date must be a day written YYYY-MM-DD, but is "23.11.2026"`:                                                                                       func(e *inventory.Event) { e.BusinessDate = "23.11.2026" },
		`p: lines[0].item has bytes that are not UTF-8: declare the document's encoding in a mapping`:                                                                  func(e *inventory.Event) { e.Lines[0].Item = "\xe4" },
		`p: type is "inventory.sale.completed", but the data speaks of "sale.posted": make both say the same`:                                                          func(e *inventory.Event) { e.Step = "posted" },
		`p: time is required: when it happened, such as 2026-11-23T10:02:54.120+01:00`:                                                                                 func(e *inventory.Event) { e.Time = time.Time{} },
		`p: keys.a b must be a plain name of at most 64 letters, digits and _-. to be searched for as name:value`:                                                      func(e *inventory.Event) { e.Keys = []inventory.Key{{Name: "a b", Value: "1"}} },
		`p: lines[0].unit_value must be a plain decimal such as "-2" or "0.125", but is "1,5": write at most 15 digits before and 9 after the point, without exponent`: func(e *inventory.Event) { e.Lines[0].UnitValue = "1,5" },
	} {
		e := good()
		spoil(&e)
		if _, err := canonical.FromItem(format.Item{Path: "p", Event: e}, format.Source{}, time.Time{}); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	watermark := inventory.Event{
		ID: "w", Source: "/x", Type: inventory.TypeWatermark, Time: time.Unix(1e9, 0),
		Watermark: &inventory.Watermark{System: "erp", CompleteThrough: time.Unix(1e9, 0).UTC(), Records: 7},
	}
	record, err = canonical.FromItem(format.Item{Path: "p", Event: watermark}, format.Source{}, time.Time{})
	if err != nil || *record.Event.Watermark != *watermark.Watermark {
		t.Errorf("%+v %v", record.Event.Watermark, err)
	}
}
