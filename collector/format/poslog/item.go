package poslog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// name is one name of an item as a line gives it.
type name struct {
	scheme, value string
	at            xmlread.Node
}

// identify gives the line its item: the GTIN where one was scanned, else the
// retailer's own number; the other names beside it.
func (t *transaction) identify(l *inventory.Line, n xmlread.Node) {
	var names [8]name
	list := names[:0]
	add := func(n xmlread.Node, kind string) {
		if value := n.Text(); value != "" && value != "0" {
			scheme := schemeOf(kind, value)
			if !slices.ContainsFunc(list, func(o name) bool { return o.scheme == scheme && o.value == value }) {
				list = append(list, name{scheme, value, n})
			}
		}
	}
	for c := range n.Children("POSIdentity") {
		c.Child("Qualifier").Text()
		add(c.Child("POSItemID"), cmp.Or(c.Attr("POSIDType"), "pos"))
	}
	for c := range n.Children("ItemID") {
		add(c, cmp.Or(c.Attr("Type"), "sku"))
	}
	for c := range n.Children("GTIN", "EAN", "UPC", "EPC") {
		add(c, c.Name())
	}
	if len(list) == 0 {
		l.Item = first(n, "MerchandiseHierarchy")
		if l.Item != "" {
			// Rung up on a department's key.
			l.ItemScheme = "department"
			return
		}
		t.note(format.NotStandard, t.path+n.Path(), "The line names no item and no department: it can be compared with nothing.")
		return
	}
	best := 0
	for i := range list {
		if rank(list[i].scheme) < rank(list[best].scheme) {
			best = i
		}
	}
	l.Item, l.ItemScheme = list[best].value, list[best].scheme
	for i, other := range list {
		// Also what is the same number: NCR gives both names the same value.
		if i != best && other.value != l.Item && !slices.ContainsFunc(l.ItemIDs, func(k inventory.Key) bool { return k.Name == other.scheme }) {
			l.ItemIDs = append(l.ItemIDs, inventory.Key{Name: other.scheme, Value: other.value})
		}
	}
	t.doubt(l, list[best], list)
}

// doubt says what a person has to know of the item's number.
func (t *transaction) doubt(l *inventory.Line, best name, list []name) {
	switch l.ItemScheme {
	case "gtin":
		if id, err := gs1.Parse(l.Item); err == nil && id.Kind == gs1.GTIN {
			l.Item = id.Key
		}
		gtin, _ := gs1.GTIN14(l.Item)
		if !gs1.Valid(gtin) {
			t.note(format.CheckDigit, t.path+best.at.Path(), fmt.Sprintf("%s is given as a GTIN, but its check digit is wrong: kept as sent.", show(l.Item)))
		}
		l.Item = gtin
	case "plu":
		for _, n := range list {
			if plu, ok := gs1.Local(n.value); ok && len(n.value) >= 12 {
				t.note(format.NotStandard, t.path+n.at.Path(), fmt.Sprintf("%s is %s filled up with zeros, a code of the retailer's own (PLU) and no GTIN: kept as sent, under the scheme plu.", n.value, plu))
				return
			}
		}
	}
}

// rank orders the names of an item by how far they are understood.
func rank(scheme string) int {
	switch scheme {
	case "gtin":
		return 0
	case "sku":
		return 1
	case "plu", "restricted":
		return 2
	default:
		return 3
	}
}

// schemeOf says what kind of name this is, by what the till calls it and by its
// form: a number that is called a GTIN but cannot be one is not.
func schemeOf(kind, value string) string {
	kind = strings.ToLower(unprefixed(kind))
	called := strings.HasPrefix(kind, "ean") || strings.HasPrefix(kind, "gtin") || strings.HasPrefix(kind, "upc") || kind == "isbn" || kind == "barcode" || kind == "epc"
	if _, ok := gs1.Local(value); ok && (called || len(value) >= 12) {
		return "plu"
	}
	gtin, ok := gs1.GTIN14(value)
	switch {
	case ok && gs1.Restricted(gtin) && (called || kind != "sku" && len(value) >= 12 && gs1.Valid(value)):
		// Given out by the company itself, with a price or weight in it perhaps.
		return "restricted"
	case called && ok:
		return "gtin"
	case called:
		if id, err := gs1.Parse(value); err == nil && id.Kind == gs1.GTIN {
			return "gtin"
		}
		return "plu"
	case ok && len(value) >= 12 && gs1.Valid(value) && !gs1.Restricted(gtin):
		// Not called one, but it passes for one: a check digit is right by chance
		// once in ten, and of twelve digits or more nobody numbers his own articles
		// without zeros in front.
		if value[0] != '0' || len(value) == 14 {
			return "gtin"
		}
	case kind == "plu":
		return "plu"
	}
	switch kind {
	case "pos", "positemid", "registrationnumber", "scancode":
		return "pos"
	default:
		return "sku"
	}
}

// price reads what the line says of value.
func (b *basket) price(l *inventory.Line, n xmlread.Node) {
	for _, p := range []string{"ActualSalesUnitPrice", "RegularSalesUnitPrice", "UnitRetailPrice", "UnitListPrice"} {
		c := n.Child(p)
		if v, ok := amount(c); ok && l.UnitValue == "" && c.Attr("Quantity") == "" {
			l.UnitValue = v
			l.Currency = cmp.Or(c.Attr("Currency"), c.Attr("CurrencyCode"), l.Currency)
		}
	}
	if v, ok := amount(n.Child("UnitCostPrice")); ok {
		l.UnitCost = v
	}
	n.Child("ExtendedAmount").Text()
	n.Child("Description").Text()
	if l.UnitValue == "" {
		return
	}
	switch included := cmp.Or(first(n, "TaxIncludedInPriceFlag"), n.Attr("TaxIncludedInPriceFlag")); {
	case included == "":
		l.ValueBasis = "retail"
	case flag(included):
		l.ValueBasis = "retail_gross"
	default:
		l.ValueBasis = "retail_net"
	}
}

func amount(n xmlread.Node) (string, bool) {
	d, err := inventory.ParseDecimal(n.Text())
	if err != nil {
		return "", false
	}
	return d.String(), true
}

// quantity reads how much, and in which unit. A weighed item may have its weight
// as the quantity, or as the Units of a quantity of one.
func (b *basket) quantity(l *inventory.Line, n xmlread.Node) {
	t := b.t
	at := n.Child("Quantity")
	for c := range n.Children("Quantity") {
		// Retalix gives a second one with the weight of what is sold by the piece.
		c.Attr("UnitOfMeasureCode")
		c.Attr("EntryMethod")
		c.Attr("Units")
		c.Text()
	}
	sent := at.Text()
	if sent == "" {
		// One is what a till means when it says nothing.
		sent = "1"
	}
	q, err := inventory.ParseDecimal(strings.ReplaceAll(sent, ",", "."))
	if err != nil {
		b.refused = sent
		t.fail(n.Path(), fmt.Sprintf("The quantity %q is no decimal number: correct it at its source.", show(sent)))
		return
	}
	if strings.Contains(sent, ",") {
		t.note(format.NotStandard, t.path+at.Path(), fmt.Sprintf("%q has a comma where a decimal point belongs: read as %s.", show(sent), q))
	}
	unit := cmp.Or(at.Attr("UnitOfMeasureCode"), at.Attr("UnitOfMeasure"), first(n, "UnitOfMeasureCode", "UnitOfMeasure"))
	l.Quantity, l.UOM = q, unit
	if unit != "" {
		var notes []format.Note
		l.UOM, notes = units.Rec20.Read(unit, t.path+at.Path())
		t.notes = append(t.notes, notes...)
	}
	whole := isWhole(q)
	if unit == "" && !whole {
		t.note(format.UnitUnknown, t.path+at.Path(), fmt.Sprintf("%s is no whole number, and no unit is given: it was weighed or measured in the till's own unit, and can only be compared with what is said without one.", q))
	}
	perhaps, err := inventory.ParseDecimal(at.Attr("Units"))
	if err != nil || perhaps.Abs() == q.Abs() || perhaps == inventory.DecimalOf(1) || perhaps.IsZero() {
		return
	}
	b.units(l, n, q, perhaps)
}

// units settles a quantity whose Units say something else: the weight of one
// line, or pieces per pack. The price decides, where there is one.
func (b *basket) units(l *inventory.Line, n xmlread.Node, q, each inventory.Decimal) {
	product, ok := q.Mul(each)
	dimension, known := units.DimensionOf(l.UOM)
	measured := known && dimension != units.Count && dimension != units.Pack
	path := b.t.path + n.Child("Quantity").Path()
	if measured && q.Abs() == inventory.DecimalOf(1) {
		if l.Quantity = each; q.Sign() < 0 && each.Sign() > 0 {
			l.Quantity = each.Neg()
		}
		return
	}
	paid, errPaid := inventory.ParseDecimal(n.Child("ExtendedAmount").Text())
	price, errPrice := inventory.ParseDecimal(cmp.Or(n.Child("RegularSalesUnitPrice").Text(), n.Child("ActualSalesUnitPrice").Text()))
	if errPaid == nil && errPrice == nil && ok {
		for _, candidate := range []inventory.Decimal{q, each, product} {
			if worth, fits := candidate.Mul(price); fits && worth.Abs().Sub(paid.Abs()).Abs().Cmp(inventory.Milli(10)) <= 0 {
				l.Quantity = candidate
				return
			}
		}
	}
	if measured {
		l.Quantity = each
	}
	b.t.note(format.NotStandard, path, fmt.Sprintf("The quantity is %s with %s units of %s, and the price does not tell which of them counts: read as %s.", q, each, cmp.Or(l.UOM, "no unit"), l.Quantity))
}

func isWhole(d inventory.Decimal) bool { _, nano := d.Parts(); return nano == 0 }
