package poslog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// basket are the goods of one RetailTransaction.
type basket struct {
	t *transaction
	// void says that the transaction takes another back: what it lists goes the
	// other way.
	void bool

	lines []inventory.Line
	// written are quantity and amount of each line as the till wrote them.
	written []written
	// numbers has the index of each line by its number.
	numbers        map[string]int
	sales, returns int
	reason         string
	// refused says that a line could not be read.
	refused string
}

// written is what tells a line from the one that takes it back.
type written struct{ quantity, amount inventory.Decimal }

// opposes reports whether one of the two has a plus where the other has a minus.
func (w written) opposes(o written) bool {
	return w.quantity.Sign()*o.quantity.Sign() < 0 || w.amount.Sign()*o.amount.Sign() < 0
}

// rung is what a kind of line item does: its sign at the till, and what it does to
// stock where that is not to move it.
type rung struct {
	sign            int
	activity, stock string
}

// goods are the line items that are goods.
var goods = map[string]rung{
	"Sale":   {-1, "sale", ""},
	"Return": {1, "return", ""},
	// Sold here, handed out elsewhere: the delivery moves the stock.
	"SaleForDelivery":   {-1, "sale_for_delivery", "value_only"},
	"SaleForPickup":     {-1, "sale_for_pickup", "value_only"},
	"ReturnForDelivery": {1, "return_for_delivery", "value_only"},
	"ReturnForPickup":   {1, "return_for_pickup", "value_only"},
	// Ordered or put aside: nothing moves yet.
	"CustomerOrderForDelivery": {-1, "customer_order", "none"},
	"CustomerOrderForPickup":   {-1, "customer_order", "none"},
	"Layaway":                  {-1, "layaway", "none"},
	// Wincor's spelling.
	"SaleForPickUp":          {-1, "sale_for_pickup", "value_only"},
	"CustomerOrderForPickUp": {-1, "customer_order", "none"},
	// What was ordered or put aside is handed over.
	"PreviousCustomerOrder": {-1, "sale", ""},
	"PreviousLayaway":       {-1, "sale", ""},
}

// notGoods are the types of items that are no stock: services, money and rights.
var notGoods = map[string]bool{
	"service": true, "alteration": true, "fee": true, "deposit": true, "giftcertificate": true, "giftcard": true, "giftvoucher": true,
	"storedvalue": true, "warranty": true, "extendedwarranty": true, "donation": true, "postage": true, "shipping": true, "delivery": true,
	"phonecard": true, "prepaid": true, "rebategiftcertificate": true, "inpayment": true, "outpayment": true, "downpayment": true,
	"downpaymentclearing": true, "invoicepayment": true, "customerorder": true, "tax": true, "coupon": true, "insurance": true,
	"depositrefund": true, "negativeitem": true, "loyaltycard": true, "lottery": true, "billpayment": true, "nonmerchandise": true, "nonstock": true,
}

func (b *basket) read(retail xmlread.Node) {
	for n := range retail.Children("LineItem") {
		b.item(n)
		if b.t.problem != nil {
			return
		}
	}
	b.collections()
	b.whole()
	for i := range b.lines {
		if l := &b.lines[i]; !l.Void {
			if strings.HasPrefix(l.Activity, "return") {
				b.returns++
			} else {
				b.sales++
			}
		}
	}
	if b.sales+b.returns > 0 {
		return
	}
	// Everything was voided: what it would have been.
	for i := range b.lines {
		if strings.HasPrefix(b.lines[i].Activity, "return") {
			b.returns++
		} else {
			b.sales++
		}
	}
}

// item reads one LineItem.
func (b *basket) item(n xmlread.Node) {
	number := n.Child("SequenceNumber").Text()
	flagged := false
	for _, name := range []string{"VoidFlag", "CancelFlag", "DeleteFlag", "ReversalFlag"} {
		flagged = flag(n.Attr(name)) || flagged
	}
	statistic := flag(n.Attr("StatisticFlag"))
	part := 0
	for c := range n.Children() {
		if c.Name() == "Void" {
			b.voidOf(c, number)
			return
		}
		kind, ok := goods[c.Name()]
		if !ok {
			b.unknown(c)
			continue
		}
		if part++; part > 1 && number != "" {
			// An even exchange in one line item: both of them moved.
			number = fmt.Sprintf("%s.%d", n.Child("SequenceNumber").Text(), part)
		}
		if kind.activity == "sale_for_pickup" && c.Child("InventoryReservationID").Text() != "" {
			// What was reserved is paid and taken along.
			kind = goods["PreviousCustomerOrder"]
		}
		if c.Child("Item").Exists() && !c.Child("Quantity").Exists() {
			b.shipment(c, kind, number)
			continue
		}
		l, w := b.signed(c, kind, number)
		switch {
		case statistic:
			// Written down for the count of voids only: what it voids is not there.
			l.Void, l.ParentLine = true, ""
		case flagged:
			b.voided(&l, c, w)
		}
		b.add(l, w)
		if l.Void {
			b.members(&l)
		} else {
			b.kit(c, kind, len(b.lines)-1)
		}
	}
}

// lookups are line items that name goods and a quantity and move nothing.
var lookups = map[string]bool{
	"ItemNotFound": true, "ItemRestriction": true, "ItemInquiry": true, "PriceInquiry": true, "PriceLookup": true, "PriceCheck": true,
	"StockInquiry": true, "ItemSuggestion": true, "Discount": true, "LoyaltyReward": true, "PriceModification": true, "Coupon": true,
}

// unknown looks after a line item of a kind that is not known: where it names goods
// and how many, they may have moved.
func (b *basket) unknown(n xmlread.Node) {
	if lookups[n.Name()] || b.t.unread != "" || !n.Child("Quantity").Exists() {
		return
	}
	for _, name := range []string{"ItemID", "POSIdentity", "GTIN", "EAN", "UPC", "EPC"} {
		if n.Child(name).Exists() {
			b.t.unread = fmt.Sprintf("The line item %q names goods and is of a kind that is not known: the rest of the receipt was read, but what this moved is not known. Send it as Sale or Return, or map it.", show(n.Name()))
			b.t.unreadAt = n.Path()
			return
		}
	}
}

// signed reads goods with the sign they have at the till.
func (b *basket) signed(n xmlread.Node, kind rung, number string) (inventory.Line, written) {
	l := b.line(n, number)
	l.Activity = kind.activity
	l.Stock = cmp.Or(kind.stock, l.Stock)
	w := written{quantity: l.Quantity}
	w.amount, _ = inventory.ParseDecimal(n.Child("ExtendedAmount").Text())
	switch {
	case kind.sign > 0:
		// Some tills write a return as minus one, some as one.
		l.Quantity = l.Quantity.Abs()
	case b.void:
		l.Quantity = l.Quantity.Abs().Neg()
	default:
		l.Quantity = l.Quantity.Neg()
	}
	if b.void {
		l.Quantity = l.Quantity.Neg()
	}
	return l, w
}

// shipment reads a group of goods that are sent together. What names a line of
// the receipt is that line again, and says from where it goes; the rest are goods
// of their own.
func (b *basket) shipment(n xmlread.Node, kind rung, number string) {
	origin := ""
	for unit := range n.Child("InventoryLocation").Children("BusinessUnit") {
		if origin == "" || strings.Contains(unit.Attr("TypeCode"), "StockOrigin") {
			origin = unit.Text()
		}
	}
	part := 0
	for item := range n.Children("Item") {
		if i, ok := b.numbers[linked(item)]; ok {
			if item.See(); b.lines[i].Stock == "" {
				b.lines[i].LocationFrom = cmp.Or(b.lines[i].LocationFrom, origin)
			}
			continue
		}
		part++
		l, w := b.signed(item, kind, fmt.Sprintf("%s.%d", number, part))
		l.LocationFrom = origin
		b.add(l, w)
	}
	b.order(n)
}

// kit reads the members of a set: they move, and the set does not.
func (b *basket) kit(n xmlread.Node, kind rung, set int) {
	part := 0
	for member := range n.Child("Kit").Children("Member") {
		for c := range member.Children("Sale", "Return") {
			part++
			l, w := b.signed(c, kind, fmt.Sprintf("%s.%d", b.lines[set].Line, part))
			l.ParentLine, l.ComponentOf = b.lines[set].Line, b.lines[set].Item
			b.lines[set].Stock = "none"
			b.add(l, w)
		}
	}
}

// members takes the members of a set back with it.
func (b *basket) members(void *inventory.Line) {
	if void.ParentLine == "" {
		return
	}
	for i := range b.lines {
		if o := &b.lines[i]; !o.Void && o.ParentLine == void.ParentLine && o.ComponentOf != "" {
			l := *o
			l.Line, l.Void = void.Line+strings.TrimPrefix(o.Line, void.ParentLine), true
			b.reverse(&l, i)
			b.add(l, written{})
		}
	}
}

func (b *basket) add(l inventory.Line, w written) {
	if !b.void && !l.Void && l.Activity == "sale" && l.Stock == "" && l.Quantity.Sign() > 0 {
		// A sale of minus one is how some tills write a return.
		l.Activity = "return"
	}
	if l.Line == "" {
		l.Line = strconv.Itoa(len(b.lines) + 1)
	}
	if _, ok := b.numbers[l.Line]; !ok {
		b.numbers[l.Line] = len(b.lines)
	}
	b.lines, b.written = append(b.lines, l), append(b.written, w)
}

// voided reads a line with a VoidFlag. Tills write two things so: the line that
// was voided, which counts for nothing; and a second one that takes the first
// back. The second names the first, or has a sign against it. It keeps the number
// of the line it reverses, and nets with it.
func (b *basket) voided(l *inventory.Line, n xmlread.Node, w written) {
	l.Void, l.ParentLine = true, ""
	if to := linked(n); to != "" && to != l.Line {
		if i, ok := b.numbers[to]; ok {
			b.reverse(l, i)
			return
		}
		b.t.note(format.NotStandard, b.t.path+n.Path(), fmt.Sprintf("The line voids line %s, which is not there: it was left out by the till, and counts for nothing.", show(to)))
		return
	}
	for i := len(b.lines) - 1; i >= 0; i-- {
		o := &b.lines[i]
		if !o.Void && o.Item == l.Item && o.UOM == l.UOM && o.Quantity.Abs() == l.Quantity.Abs() && w.opposes(b.written[i]) && !b.reversed(o.Line) {
			b.reverse(l, i)
			return
		}
	}
}

func (b *basket) reverse(l *inventory.Line, i int) {
	o := &b.lines[i]
	l.ParentLine, l.Stock, l.Ownership, l.Activity = o.Line, o.Stock, o.Ownership, o.Activity
	if l.Quantity = l.Quantity.Abs(); o.Quantity.Sign() > 0 {
		l.Quantity = l.Quantity.Neg()
	}
	if o.Void {
		// The till flagged both of them: then neither counts.
		l.ParentLine = ""
	}
}

func (b *basket) reversed(number string) bool {
	for i := range b.lines {
		if b.lines[i].Void && b.lines[i].ParentLine == number {
			return true
		}
	}
	return false
}

// voidOf reads a line item that is nothing but the voiding of another.
func (b *basket) voidOf(n xmlread.Node, number string) {
	to := linked(n)
	i, ok := b.numbers[to]
	if !ok {
		b.t.note(format.NotStandard, b.t.path+n.Path(), fmt.Sprintf("The line voids line %q, which is not there: it was left out by the till, and counts for nothing.", show(to)))
		return
	}
	if o := &b.lines[i]; !o.Void && !b.reversed(o.Line) {
		l := *o
		l.Line, l.Void = number, true
		b.reverse(&l, i)
		b.add(l, written{})
		b.members(&l)
	}
}

// linked is the number of the line that this one is about.
func linked(n xmlread.Node) string {
	link := n.Child("ItemLink")
	return cmp.Or(link.Text(), first(link, "LineItemSequenceNumber", "SequenceNumber"), first(n, "LineItemSequenceNumber", "VoidedLineItemSequenceNumber"))
}

// whole looks after a post-void whose lines all have the flag: it says again what
// the transaction says already.
func (b *basket) whole() {
	if !b.void || slices.ContainsFunc(b.lines, func(l inventory.Line) bool { return !l.Void || l.ParentLine != "" }) {
		return
	}
	for i := range b.lines {
		b.lines[i].Void = false
	}
}

// collections looks after sets: where a set's parts are lines of their own, the
// parts move and the set does not.
func (b *basket) collections() {
	for i := range b.lines {
		part := &b.lines[i]
		if part.Void || part.ParentLine == "" {
			continue
		}
		if at, ok := b.numbers[part.ParentLine]; ok {
			if set := &b.lines[at]; set.Attributes["ItemType"] == "ItemCollection" || set.Attributes["ItemType"] == "ComboMeal" {
				set.Stock = "none"
				part.ComponentOf = set.Item
			}
		}
	}
}

// line reads what was sold or returned, its quantity as written.
func (b *basket) line(n xmlread.Node, number string) inventory.Line {
	t := b.t
	l := inventory.Line{Line: number, Currency: t.currency}
	itemType := unprefixed(n.Attr("ItemType"))
	if itemType != "" && !strings.EqualFold(itemType, "Stock") {
		l.Attributes = map[string]string{"ItemType": itemType}
		if notGoods[strings.ToLower(itemType)] {
			l.Stock = "none"
		}
	}
	if first(n, "ConcessionSupplierID", "ConcessionID") != "" {
		l.Ownership = "concession"
	}
	t.identify(&l, n)
	b.price(&l, n)
	b.quantity(&l, n)
	if to := linked(n); to != "" && to != number {
		l.ParentLine = to
	}
	b.returned(&l, n)
	return l
}

// returned reads what a return says of its goods and of the original sale.
func (b *basket) returned(l *inventory.Line, n xmlread.Node) {
	reason := n.Child("Reason")
	b.reason = cmp.Or(b.reason, reason.Text(), n.Child("ReasonCode").Text(), n.Child("ReturnReasonCode").Text())
	disposal := n.Child("Disposal")
	method := strings.ToLower(unprefixed(cmp.Or(disposal.Attr("Method"), disposal.Text(), first(n, "DisposalMethod"))))
	switch {
	case method == "":
	case strings.Contains(method, "returntostock"), strings.Contains(method, "restock"), strings.Contains(method, "resal"), strings.Contains(method, "sellable"):
		l.Status = "sellable"
	case strings.Contains(method, "inspect"):
		l.Status = "inspection"
	case strings.Contains(method, "damage"), strings.Contains(method, "destroy"), strings.Contains(method, "dispos"), strings.Contains(method, "scrap"),
		strings.Contains(method, "vendor"), strings.Contains(method, "discard"):
		l.Status = "damaged"
	default:
		b.t.note(format.NotStandard, b.t.path+disposal.Path(), fmt.Sprintf("The disposal %q is not known: what becomes of the goods was left open.", show(method)))
	}
	for c := range n.Children("TransactionLink") {
		link, ok := b.t.link(c)
		switch {
		case !ok:
			b.t.note(format.NotStandard, b.t.path+c.Path(), "The link names no transaction: no original sale is given.")
		case strings.HasPrefix(n.Name(), "Return") || strings.Contains(link.reason, "return") || l.Quantity.Sign() < 0:
			b.t.refer("returns", link)
		default:
			b.t.refer("fulfils", link)
		}
	}
	b.order(n)
}

// order keeps the number of the order that goods belong to.
func (b *basket) order(n xmlread.Node) {
	for _, name := range []string{"SpecialOrderNumber", "CustomerOrderNumber", "InventoryReservationID", "OrderID"} {
		b.t.key("order", n.Child(name).Text())
	}
}
