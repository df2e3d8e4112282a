package formattest_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/inventory"
)

// lines is the smallest format: one sale per line, which is its receipt.
type lines struct {
	// spoil breaks one promise of a format.
	spoil func(*format.Item)
	// deaf ignores what yield says, careless what the reader does.
	deaf, careless bool
}

func (lines) Name() string { return "lines" }

func (lines) Detect(head []byte, _ format.Source) bool {
	return bytes.HasPrefix(head, []byte("lines\n"))
}

func (l lines) Read(_ context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	in := bufio.NewScanner(document)
	for n := 1; in.Scan(); n++ {
		if n == 1 {
			continue
		}
		item := format.Item{Path: fmt.Sprintf("line %d", n), Raw: []byte(in.Text()), RawType: "text/plain"}
		if in.Text() == "?" {
			item.Problem = &format.Problem{Path: item.Path, Detail: "It cannot be read: send a receipt."}
		} else {
			item.Event = inventory.Event{
				ID: in.Text(), Source: source.Name, Type: "inventory.sale.completed", Workflow: "sale", Step: "completed", System: "pos",
				Location: "0123", Time: time.Date(2026, 11, 23, 9, 2, 54, 120e6, time.UTC), TimeAsSent: "2026-11-23T10:02:54.120",
				Keys: []inventory.Key{{Name: "receipt", Value: in.Text()}},
				Lines: []inventory.Line{{
					Line: "1", Item: "4006381333931", ItemIDs: []inventory.Key{{Name: "erp", Value: "10004711"}},
					Quantity: inventory.DecimalOf(-2), UOM: "EA", AsOf: "2026-11-23",
				}},
			}
			item.Notes = []format.Note{{Code: format.ZoneUnknown, Path: item.Path, Detail: "No zone is declared."}}
			item.Ignored = map[string]int{"b": 1, "a": 2}
		}
		if l.spoil != nil {
			l.spoil(&item)
		}
		if err := yield(item); err != nil && !l.deaf {
			return err
		}
	}
	if err := in.Err(); err != nil && !l.careless {
		return &format.Problem{Detail: err.Error()}
	}
	return nil
}

func TestGolden(t *testing.T) { formattest.Golden(t, lines{}) }

// recorder is a test that is allowed to fail.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Error(args ...any)            { r.said = append(r.said, fmt.Sprintln(args...)) }
func (r *recorder) Errorf(form string, a ...any) { r.said = append(r.said, fmt.Sprintf(form, a...)) }

func (r *recorder) complains(substr string) bool {
	return strings.Contains(strings.Join(r.said, "\n"), substr)
}

// Each promise that is broken is told.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	calls := 0
	for name, c := range map[string]struct {
		format lines
		want   string
	}{
		"no path":             {lines{spoil: func(i *format.Item) { i.Path = "" }}, "without path"},
		"no location":         {lines{spoil: func(i *format.Item) { i.Event.Location = "" }}, "does not accept"},
		"no time":             {lines{spoil: func(i *format.Item) { i.Event.Time = time.Time{} }}, "does not accept"},
		"another type":        {lines{spoil: func(i *format.Item) { i.Event.Type = "inventory.return.completed" }}, "does not accept"},
		"no day":              {lines{spoil: func(i *format.Item) { i.Event.BusinessDate = "23.11.2026" }}, "does not accept"},
		"no decimal":          {lines{spoil: func(i *format.Item) { i.Event.Lines[0].Book = "1,5" }}, "does not accept"},
		"an error of no code": {lines{spoil: func(i *format.Item) { i.Event.Error = &inventory.Error{Message: "x"} }}, "does not accept"},
		"nested identity": {lines{spoil: func(i *format.Item) {
			i.Event.Keys = append(i.Event.Keys, inventory.Key{Name: "correlation_id", Value: "c"})
		}}, "reads it otherwise"},
		"another fragment": {lines{spoil: func(i *format.Item) { i.Raw = []byte("<x/>") }}, "does not stand"},
		"no media type":    {lines{spoil: func(i *format.Item) { i.RawType = "" }}, "media type"},
		"an unknown code":  {lines{spoil: func(i *format.Item) { i.Notes = []format.Note{{Code: "x", Path: "y", Detail: "It is so."}} }}, "note"},
		"no sentence":      {lines{spoil: func(i *format.Item) { i.Problem = &format.Problem{Detail: "EOF"} }}, "sentence"},
		"one id for two": {lines{spoil: func(i *format.Item) {
			i.Event.ID = "x"
			i.Event.Register = i.Path
		}}, "another event"},
		"a counter": {lines{spoil: func(i *format.Item) {
			calls++
			i.Event.ID = fmt.Sprint(calls)
		}}, "something else"},
		"deaf":     {lines{deaf: true}, "must end it"},
		"careless": {lines{careless: true}, "taken for the end"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			formattest.Check(r, c.format, []byte("lines\nr-1\nr-2\n"), format.Source{})
			if !r.complains(c.want) {
				t.Errorf("want a complaint with %q, got %q", c.want, r.said)
			}
		})
	}
	r := &recorder{TB: t}
	formattest.Check(r, lines{}, []byte("lines\nr-1\nr-1\n?\n"), format.Source{})
	if len(r.said) > 0 {
		t.Errorf("nothing is broken, and it says %q", r.said)
	}
}

func TestCloudEvent(t *testing.T) {
	got := string(formattest.CloudEvent(inventory.Event{
		ID: "1", Source: "/s", Type: "inventory.x", Time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.FixedZone("", 3600)),
		Workflow: "sale", Keys: []inventory.Key{{Name: "order", Value: "A"}, {Name: "order", Value: "B"}, {Name: "receipt", Value: "<1>"}},
		Lines: []inventory.Line{{UOM: "KGM"}}, Attributes: map[string]string{"b": "2", "a": "1"},
	}))
	want := `{
  "specversion": "1.0",
  "id": "1",
  "source": "/s",
  "type": "inventory.x",
  "time": "2026-11-23T08:00:00Z",
  "data": {
    "workflow": "sale",
    "keys": {
      "order": [
        "A",
        "B"
      ],
      "receipt": "<1>"
    },
    "lines": [
      {
        "quantity": "0",
        "uom": "KGM"
      }
    ],
    "attributes": {
      "a": "1",
      "b": "2"
    }
  }
}
`
	if got != want {
		t.Errorf("got %s", got)
	}
}
