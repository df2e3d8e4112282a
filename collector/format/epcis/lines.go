package epcis

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// readItems reads what the event is about: lines for goods, keys for logistic
// units.
func (e *event) readItems() {
	m := e.meaning.stock
	if e.kind == "TransformationEvent" {
		e.instances("inputEPCList", out, "input")
		e.classes(e.get("inputQuantityList").all("quantityElement"), out, "input")
		e.instances("outputEPCList", in, "output")
		e.classes(e.get("outputQuantityList").all("quantityElement"), in, "output")
		return
	}
	if parent := e.value("parentID"); parent != "" {
		e.keep("parentID", parent)
		e.parent(parent)
	}
	e.instances("epcList", m, "")
	e.classes(e.get("quantityList").all("quantityElement"), m, "")
	e.instances("childEPCs", m, "")
	e.classes(e.get("childQuantityList").all("quantityElement"), m, "")
	if e.kind == "QuantityEvent" {
		e.classes([]*node{e.node}, m, "")
	}
	if e.units > 0 && len(e.out.Lines) > 0 && m != none {
		e.note(format.NotStandard, e.path, fmt.Sprintf("names logistic units (%d SSCC) beside items: what is in them is not said here, so the lines are not all that moved.", e.units))
	}
}

func (e *event) parent(uri string) {
	if id, err := gs1.Parse(uri); err == nil {
		e.key(string(id.Kind), id.Key+id.Serial)
		return
	} else if strings.HasPrefix(uri, "urn:epc:") {
		e.note(format.NotStandard, e.at("parentID"), err.Error()+": kept as sent.")
	}
	e.key("parent", uri)
}

// instances reads a list of single objects: one line for all of one item and
// lot, with the objects as an attribute.
func (e *event) instances(list string, m movement, activity string) {
	type class struct{ item, lot string }
	type group struct {
		line inventory.Line
		uris []string
	}
	var order []*group
	groups := map[class]*group{}
	seen := map[string]bool{}
	for _, n := range e.get(list).all("epc") {
		uri := strings.TrimSpace(n.text)
		switch {
		case uri == "":
			continue
		case seen[uri]:
			e.note(format.NotStandard, n.path, show(uri)+" is one object and is listed twice: counted once.")
			continue
		}
		seen[uri] = true
		item, scheme, id := e.item(uri, n.path)
		if scheme == string(gs1.SSCC) {
			// What is in it is not said here.
			e.key(scheme, item)
			e.units++
			continue
		}
		g := groups[class{item, id.Lot}]
		if g == nil {
			g = &group{line: inventory.Line{Item: item, ItemScheme: scheme, UOM: "EA", Activity: activity}}
			if id.Lot != "" {
				g.line.Attributes = map[string]string{"lot": id.Lot}
			}
			groups[class{item, id.Lot}] = g
			order = append(order, g)
		}
		g.uris = append(g.uris, uri)
	}
	for _, g := range order {
		if g.line.Attributes == nil {
			g.line.Attributes = map[string]string{}
		}
		g.line.Attributes["epcs"] = strings.Join(g.uris, " ")
		e.line(g.line, inventory.DecimalOf(int64(len(g.uris))), m)
	}
}

// classes reads quantities of items without serial number.
func (e *event) classes(elements []*node, m movement, activity string) {
	for _, n := range elements {
		uri := n.value("epcClass")
		if uri == "" {
			e.note(format.NotStandard, n.path, "a quantity without epcClass says of no item that it moved: not read as a line.")
			continue
		}
		item, scheme, id := e.item(uri, n.at("epcClass"))
		line := inventory.Line{Item: item, ItemScheme: scheme, Activity: activity, UOM: "EA"}
		if id.Lot != "" {
			line.Attributes = map[string]string{"lot": id.Lot}
		}
		if uom := n.value("uom"); uom != "" {
			var notes []format.Note
			line.UOM, notes = units.Rec20.Read(uom, n.at("uom"))
			e.notes = append(e.notes, notes...)
		}
		sent := n.value("quantity")
		if sent == "" {
			e.note(format.NotStandard, n.path, "says no quantity, which means that it is not known: the line counts nothing.")
			e.line(line, inventory.Decimal{}, none)
			continue
		}
		quantity, err := jsonread.Decimal(sent)
		if err != nil {
			e.fail(n.at("quantity"), show(sent)+" is no quantity that can be kept exactly: write at most 15 digits before and 9 after the point.")
			return
		}
		if quantity.Sign() < 0 {
			e.note(format.NotStandard, n.path, "a quantity below zero is nothing that EPCIS has: "+show(sent)+" is read as going the other way.")
		}
		e.line(line, quantity, m)
	}
}

// line adds a line, with the sign and measure of its movement.
func (e *event) line(l inventory.Line, quantity inventory.Decimal, m movement) {
	l.Line = strconv.Itoa(len(e.out.Lines) + 1)
	l.Quantity = quantity
	l.Activity = cmp.Or(l.Activity, e.activity())
	l.LocationFrom, l.LocationTo = e.from, e.to
	l.Status = statuses[e.disposition]
	if l.ItemScheme != "gtin" && l.ItemScheme != "uri" && l.ItemScheme != "epc" {
		m = none // a crate, a document: nothing that is sold
	}
	switch m {
	case out:
		l.Quantity = quantity.Neg()
		if e.meaning.workflow == "adjustment" {
			l.Status, l.StatusTo = "", statuses[e.disposition]
		}
		if e.meaning.workflow == "reservation" {
			l.Bucket = "reserved"
		}
	case absolute:
		l.Measure, l.Counted, l.AsOf = "absolute", quantity.String(), e.out.TimeAsSent
	case none:
		l.Stock = "none"
	case in: // as it was sent
	}
	e.out.Lines = append(e.out.Lines, l)
}

func (e *event) activity() string {
	step, _ := word(e.value("bizStep"), "bizstep", "BizStep")
	return name(step)
}

// item reads an object's or class's URI: the GTIN of a trade item, the key of
// what else GS1 identifies, or the URI itself.
func (e *event) item(uri, path string) (item, scheme string, id gs1.ID) {
	id, err := gs1.Parse(uri)
	switch {
	case err == nil:
		if !id.Valid() {
			e.note(format.CheckDigit, path, fmt.Sprintf("%s has a %s whose check digit is wrong: kept as sent.", show(uri), strings.ToUpper(string(id.Kind))))
		}
		if id.Kind == gs1.GTIN || id.Kind == gs1.SSCC {
			return id.Key, string(id.Kind), id
		}
		return id.Key + id.Serial, string(id.Kind), id
	case strings.HasPrefix(uri, "urn:epc:"):
		e.note(format.NotStandard, path, err.Error()+": kept as sent.")
	case !strings.Contains(uri, ":"):
		e.note(format.NotStandard, path, show(uri)+" is no URI, and so says not of whom or what it is the number: kept as sent.")
		return uri, "epc", gs1.ID{}
	}
	return uri, "uri", gs1.ID{}
}
