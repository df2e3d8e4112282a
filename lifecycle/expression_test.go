package lifecycle

import (
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/inventory"
)

func TestExpressions(t *testing.T) {
	line := func(item, quantity, status string) inventory.Line {
		q, err := inventory.ParseDecimal(quantity)
		if err != nil {
			t.Fatal(err)
		}
		return inventory.Line{Item: item, Quantity: q, Status: status, UOM: "EA"}
	}
	counted := line("A", "0", "")
	counted.Counted, counted.Book = "11", "10"
	event := &inventory.Event{
		Operator: "88", ReasonCode: "damage", Approval: &inventory.Approval{State: "approved", By: "12"},
		Keys:  []inventory.Key{{Name: "order", Value: "o-1"}},
		Lines: []inventory.Line{line("A", "1.5", "sellable"), line("B", "-0.5", "damaged"), counted},
	}
	for _, c := range []struct {
		source string
		want   bool
	}{
		{`event.operator == "88"`, true},
		{`event.operator != event.approved_by`, true},
		{`lines.exists(l, l.status == "damaged")`, true},
		{`lines.all(l, l.quantity > 0)`, false},
		{`sum(lines.map(l, l.quantity)) == decimal("1")`, true},
		{`abs(lines[1].quantity) <= decimal("0.5")`, true},
		{`lines.filter(l, has(l.counted)).all(l, abs(l.counted - l.book) <= l.book * decimal("0.1"))`, true},
		{`-lines[0].quantity < 0`, true},
		{`event.keys["order"].startsWith("o-")`, true},
		{`has(event.posting_date)`, false},
		{`location.region == "north"`, true},
		{`event.entered_offline`, false},
	} {
		x, err := compile(c.source, "event", "anchor", "lines")
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		have, err := x.Ask(inventory.Situation{Event: event, Anchor: event, Location: inventory.Location{Region: "north"}})
		if err != nil || have != c.want {
			t.Errorf("%s is %v, %v; want %v", c.source, have, err, c.want)
		}
	}
}

// TestExpressionErrors: what cannot be asked is refused when it is read, and
// what cannot be told concludes nothing.
func TestExpressionErrors(t *testing.T) {
	for _, c := range []struct{ source, says string }{
		{`event.operater == "88"`, "undefined field 'operater'"},
		{`event.operator > 3`, "no matching overload"},
		{`lines[0].quantity > 0.5`, "no matching overload"},
		{`event.operator`, "a condition is true or false"},
		{`event.operator ==`, "Syntax error"},
		{`line.item == "A"`, `"line" is not known here`},
		{`now() > event.time`, "undeclared reference"},
	} {
		if _, err := compile(c.source, "event", "lines"); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: have %v, want %q", c.source, err, c.says)
		}
	}
	x, err := compile(`anchor.operator == "88"`, "anchor")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Ask(inventory.Situation{}); err == nil {
		t.Error("an anchor nobody heard of was asked, and answered")
	}
}
