package poslog

import (
	"cmp"
	"strconv"
	"strings"
	"unicode"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// ends are the control transactions with which a register or store ends its day.
var ends = map[string]bool{
	"BusinessEOD": true, "WorkstationEOD": true, "RegisterEOD": true, "StoreEOD": true, "TillEOD": true, "StoreEODSummary": true,
	"StoreClose": true, "WorkstationClose": true, "RegisterClose": true, "TillClose": true, "SessionSettle": true, "StoreSettle": true,
}

// replaced are those with which a register begins to count anew.
var replaced = map[string]bool{"WorkstationReplaced": true, "TillReplaced": true, "RegisterReplaced": true}

// said is read of any transaction and decides nothing.
var said = map[string]bool{
	"RetailStoreID": true, "BusinessUnit": true, "WorkstationID": true, "TillID": true, "SequenceNumber": true, "BusinessDayDate": true,
	"BeginDateTime": true, "EndDateTime": true, "OperatorID": true, "CurrencyCode": true, "ReceiptNumber": true, "ReceiptDateTime": true,
	"TransactionID": true, "ReceiptImage": true, "TransactionLink": true, "ReasonCode": true,
}

// control reads a transaction that sells nothing.
func (t *transaction) control() {
	e := &t.event
	e.Workflow, e.Step = "pos", "control"
	e.Transaction.Status = "completed"
	if flag(t.root.Attr("CancelFlag")) {
		e.Transaction.Status = "cancelled"
	}
	var holder, action xmlread.Node
	for c := range t.root.Children() {
		if strings.HasSuffix(c.Name(), "Transaction") {
			holder = c
			break
		}
	}
	for c := range holder.Children() {
		if !said[c.Name()] && c.Name() != "Version" && c.Name() != "ForcedSignOffFlag" {
			action = c
			break
		}
	}
	if !holder.Exists() {
		t.note(format.NotStandard, t.path, "The transaction says nothing but its number: it explains that, and nothing else.")
	}
	holder.Attr("Version")
	e.ReasonCode = first(holder, "ReasonCode")
	e.Transaction.Kind = cmp.Or(snake(action.Name()), snake(unprefixed(t.root.Attr("TypeCode"))), snake(strings.TrimSuffix(holder.Name(), "Transaction")), "unknown")
	if holder.Name() != "ControlTransaction" && holder.Name() != "TenderControlTransaction" && goodsIn(holder) {
		e.Transaction.Kind = snake(strings.TrimSuffix(holder.Name(), "Transaction"))
		t.unread, t.unreadAt = holder.Name()+" has goods in it, and is not read here: its number is explained, but what it moved is not known. Send it as an event, or map it.", holder.Path()
	}
	switch {
	case e.Transaction.Mode == "training":
		e.Transaction.Kind = "training"
	case replaced[action.Name()]:
		e.Transaction.Kind = "till_replaced"
	case ends[action.Name()] && e.Transaction.Status != "cancelled":
		t.closed(holder, action)
	case holder.Name() == "TenderControlTransaction" && action.Name() == "TillSettle":
		// The till's own count, whoever closes the day.
		t.totals(action)
	}
}

// goodsIn reports whether something below n names goods, or how many: documents of
// inventory control write UnitCount.
func goodsIn(n xmlread.Node) bool {
	for _, name := range []string{"Quantity", "UnitCount", "ItemID", "POSIdentity"} {
		if _, ok := find(n, name); ok {
			return true
		}
	}
	return false
}

// closed reads the end of a register's or store's day, with what the till says
// of itself.
func (t *transaction) closed(holder, action xmlread.Node) {
	e := &t.event
	e.Workflow, e.Step = "store_day", "closed"
	t.totals(action)
	if e.Totals == nil {
		t.totals(holder)
	}
	if e.BusinessDate != "" {
		e.StoreDay = e.Location + "/" + e.BusinessDate
	}
}

// totals reads the counts a till gives of itself; none leaves them out.
func (t *transaction) totals(n xmlread.Node) {
	text := func(names ...string) string {
		for _, name := range names {
			if c, ok := find(n, name); ok {
				if s := c.Text(); s != "" {
					return s
				}
			}
		}
		return ""
	}
	totals := inventory.Totals{
		Register: t.event.Register, Currency: t.currency,
		First: text("OpenTransactionSequenceNumber", "FirstTransactionSequenceNumber", "BeginSequenceNumber"),
		Last:  text("CloseTransactionSequenceNumber", "LastTransactionSequenceNumber", "EndSequenceNumber"),
	}
	count, err := strconv.Atoi(text("TransactionCount", "CustomerCount", "ReceiptCount"))
	if err == nil && count >= 0 && count < 1<<31 {
		totals.Transactions = count
	}
	if d, err := inventory.ParseDecimal(text("ItemCount", "UnitCount", "SalesUnitCount")); err == nil {
		totals.SalesUnits = d.String()
	}
	for _, name := range []string{"TotalNetSalesAmount", "NetSalesAmount", "TotalSalesAmount", "SalesAmount", "GrossPositiveAmount"} {
		if c, ok := find(n, name); ok && totals.SalesAmount == "" {
			if v, ok := amount(c); ok {
				totals.SalesAmount = v
				totals.Currency = cmp.Or(c.Attr("Currency"), c.Attr("CurrencyCode"), totals.Currency)
			}
		}
	}
	if totals.Transactions > 0 || totals.First != "" || totals.Last != "" || totals.SalesUnits != "" || totals.SalesAmount != "" {
		t.event.Totals = &totals
	}
}

// find is the first element of that name below n, in the document's order.
func find(n xmlread.Node, name string) (xmlread.Node, bool) {
	for c := range n.Children() {
		if c.Name() == name {
			return c, true
		}
		if found, ok := find(c, name); ok {
			return found, true
		}
	}
	return xmlread.Node{}, false
}

// snake writes OperatorSignOn as operator_sign_on.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || (i+1 < len(runes) && unicode.IsLower(runes[i+1]))) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Map(plain, b.String())
}
