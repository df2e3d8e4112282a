package poslog

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Statuses of a RetailTransaction that say it sold nothing, as the contract's.
var unsold = map[string]string{
	"suspended": "suspended", "suspend": "suspended", "parked": "suspended", "onhold": "suspended",
	"suspendedretrieved": "resumed", "suspendeddeleted": "cancelled",
	"cancelled": "cancelled", "canceled": "cancelled", "aborted": "cancelled", "failed": "cancelled", "inprogress": "cancelled",
	"inprocess": "in_process",
}

// retail reads a RetailTransaction: what it sold, or why it sold nothing.
func (t *transaction) retail(retail xmlread.Node) {
	e := &t.event
	retail.Attr("Version")
	status := strings.ToLower(unprefixed(retail.Attr("TransactionStatus")))
	kind := strings.ToLower(unprefixed(cmp.Or(t.root.Attr("TypeCode"), retail.Attr("TypeCode"))))
	t.currency = cmp.Or(t.currency, first(retail, "CurrencyCode"))

	voids := t.links(retail, kind)
	b := basket{t: t, void: voids, numbers: map[string]int{}}
	b.read(retail)
	t.counts(retail)

	e.Workflow, e.Step = "sale", "completed"
	e.Transaction.Kind, e.Transaction.Status = "sale", "completed"
	switch {
	case voids:
		e.Workflow, e.Transaction.Kind = "void", "void"
	case b.returns > 0 && b.sales == 0:
		e.Workflow, e.Transaction.Kind = "return", "return"
	}
	e.Lines, e.ReasonCode = b.lines, cmp.Or(e.ReasonCode, b.reason)

	switch {
	case e.Transaction.Mode == "training":
		t.explain("training", cmp.Or(unsold[status], "completed"))
	case flag(t.root.Attr("CancelFlag")):
		t.explain(e.Transaction.Kind, "cancelled")
	case unsold[status] != "":
		t.explain(e.Transaction.Kind, unsold[status])
	case len(b.lines) == 0 && b.refused == "":
		// Paid with nothing sold: an exchange of tenders, a price check, a receipt
		// printed again. A post-void may have no lines of its own.
		if !voids {
			t.explain(empty(retail), "completed")
		}
	case !voids && (status == "postvoided" || status == "voided" || flag(first(t.root, "PostVoidedFlag"))):
		// The sale itself, told again as one that was taken back.
		e.Outcome, e.Transaction.Status = inventory.Reversed, "voided"
	}
}

// empty names a receipt without goods.
func empty(retail xmlread.Node) string {
	for n := range retail.Children("LineItem") {
		if n.Child("Tender").Exists() {
			return "tender_only"
		}
	}
	return "no_goods"
}

// explain makes the event a control: it explains a number and owes nothing.
func (t *transaction) explain(kind, status string) {
	e := &t.event
	e.Workflow, e.Step = "pos", "control"
	e.Transaction.Kind, e.Transaction.Status = kind, status
	// What was scanned moved no stock, and says so wherever it is read.
	for i := range e.Lines {
		e.Lines[i].Stock = "none"
	}
}

// links reads the links of the transaction as a whole, and reports whether one
// of them takes another transaction back.
func (t *transaction) links(retail xmlread.Node, kind string) (voids bool) {
	posted := flag(t.root.Attr("ReversalFlag")) || flag(retail.Attr("ReversalFlag")) || kind == "postvoid" || kind == "postvoidtransaction" || kind == "voidtransaction" || kind == "void"
	for _, in := range []xmlread.Node{t.root, retail} {
		for n := range in.Children("TransactionLink") {
			l, ok := t.link(n)
			if !ok {
				t.note(format.NotStandard, t.path+n.Path(), "The link names no transaction: it was left out.")
				continue
			}
			switch {
			case strings.Contains(l.reason, "void") || (l.reason == "" && posted):
				voids = true
				t.refer("voids", l)
			case strings.Contains(l.reason, "return") || strings.Contains(l.reason, "exchange") || strings.Contains(l.reason, "refund"):
				t.refer("returns", l)
			case strings.Contains(l.reason, "suspend") || strings.Contains(l.reason, "resum") || strings.Contains(l.reason, "retriev"),
				strings.Contains(l.reason, "replace"), strings.Contains(l.reason, "rebook"):
				t.refer("replaces", l)
			case strings.Contains(l.reason, "order") || strings.Contains(l.reason, "layaway") || strings.Contains(l.reason, "pickup"):
				t.refer("fulfils", l)
			default:
				t.note(format.NotStandard, t.path+n.Path(), fmt.Sprintf("The link's reason %q is not known: kept as a relation of that name.", show(l.reason)))
				t.refer(cmp.Or(strings.Map(plain, l.reason), "relates"), l)
			}
		}
	}
	return voids || posted
}

func plain(r rune) rune {
	if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') || r == '_' {
		return r
	}
	return '_'
}

// counts compares what the transaction says of its lines with the lines it has.
// NCR's TransactionCount counts line items, its ItemCount the goods.
func (t *transaction) counts(retail xmlread.Node) {
	n := retail.Child("TransactionCount")
	said, err := strconv.Atoi(n.Text())
	if err != nil {
		return
	}
	lines := 0
	for range retail.Children("LineItem") {
		lines++
	}
	if said != lines {
		t.note(format.CountMismatch, t.path+n.Path(), fmt.Sprintf("TransactionCount says %d line items, but the transaction has %d: read as they are. Lines may have been lost before this document was written.", said, lines))
	}
}
