package edifact

import (
	"fmt"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// reading is one message being read, with what all messages begin with.
type reading struct {
	*edi.Reading
	number, function string
	parties          []edi.Place
	dates            map[string]edi.Said // by qualifier
}

// header files a segment of a message's heading; false where it is none of
// those that all messages share.
func (r *reading) header(d *edi.Draft, i int, s *edi.Segment) bool {
	switch s.Tag {
	case "BGM":
		r.Use(i)
		r.number, r.function = s.Part(2, 1), s.Part(3, 1)
		switch {
		case d == nil:
		case r.function == "1" || r.function == "39":
			d.Outcome = inventory.Reversed
		case r.function == "4" || r.function == "5" || r.function == "36":
			r.Note(format.NotStandard, "BGM", fmt.Sprintf("Function %s changes or replaces an earlier document of this number, which stays counted until it is cancelled.", r.function))
		}
		if d != nil {
			d.Number = r.number
			d.Say("edi.function", r.function)
		}
	case "DTM":
		if t, ok := r.when(s); ok {
			r.Use(i)
			if r.dates == nil {
				r.dates = map[string]edi.Said{}
			}
			r.dates[s.Part(1, 1)] = t
		}
	case "NAD":
		r.parties = append(r.parties, r.party(i, s))
	default:
		return false
	}
	return true
}

// when reads a DTM; ok is false where there is no date, which is noted.
func (r *reading) when(s *edi.Segment) (_ edi.Said, ok bool) {
	qualifier, value, layout := s.Part(1, 1), s.Part(1, 2), s.Part(1, 3)
	if value == "" {
		return edi.Said{}, false
	}
	return r.When("DTM+"+qualifier, func(zone *time.Location, path string) (edi.Moment, error) {
		return edi.ReadEDIFACT(value, layout, zone, path)
	})
}

// first is the first of the dates that is said.
func (r *reading) first(qualifiers ...string) edi.Said {
	for _, q := range qualifiers {
		if t, ok := r.dates[q]; ok {
			return t
		}
	}
	return edi.Said{}
}

// schemes are the codes of element 3055, who keeps a list, that matter for
// locations.
var schemes = map[string]string{"9": "gln", "92": "store", "91": "supplier", "31B": "san", "16": "duns", "5": "iso", "ZZZ": "mutual"}

// party reads a NAD.
func (r *reading) party(i int, s *edi.Segment) edi.Place {
	r.Use(i)
	p := edi.Place{Role: s.Part(1, 1), ID: s.Part(2, 1), Scheme: scheme(s.Part(2, 3)), Name: s.Part(4, 1)}
	if list, ok := schemes[s.Part(3, 1)]; ok && p.ID != "" && p.Scheme == "" && p.Name == "" {
		p.Scheme = list
		r.Note(format.NotStandard, "NAD+"+p.Role, fmt.Sprintf("%q, who keeps the list of %q, stands where a name does: read as that.", s.Part(3, 1), p.ID))
	} else if p.Name == "" {
		p.Name = s.Part(3, 1)
	}
	if p.Scheme == "gln" && p.ID != "" {
		r.CheckKey(gs1.GLN, p.ID, "NAD+"+p.Role)
	}
	if p.ID == "" {
		p.ID, p.Scheme = p.Name, "name"
	}
	return p
}

// place reads a LOC.
func (r *reading) place(i int, s *edi.Segment) edi.Place {
	r.Use(i)
	p := edi.Place{Role: s.Part(1, 1), ID: s.Part(2, 1), Scheme: scheme(s.Part(2, 3)), Name: s.Part(2, 4)}
	if p.Scheme == "gln" && p.ID != "" {
		r.CheckKey(gs1.GLN, p.ID, "LOC+"+p.Role)
	}
	if p.ID == "" {
		p.ID, p.Scheme = p.Name, "name"
	}
	return p
}

func scheme(agency string) string {
	if s, ok := schemes[agency]; ok || agency == "" {
		return s
	}
	return "edifact:" + agency
}

// references are the qualifiers of element 1153 that are keys. A despatch advice
// and its delivery note are the same delivery.
var references = map[string]string{
	"ON": "order", "OP": "order", "CO": "order", "UO": "customer_order", "VN": "supplier_order", "CR": "customer_reference",
	"AAK": inventory.KeyDelivery, "DQ": inventory.KeyDelivery, "AAU": inventory.KeyDelivery,
	"AAJ": "delivery_order", "PK": "packing_list", "SRN": "shipment", "SI": "shipment", "UCN": "consignment", "CU": "consignment", "AAS": "transport_document",
	"BM": "bill_of_lading", "AAM": "waybill", "CMR": "waybill", "CN": "carrier_reference", "IV": "invoice", "ALO": "receiving_advice", "ALQ": "rma", "API": "inventory_report",
}

// reference files an RFF.
func (r *reading) reference(d *edi.Draft, i int, s *edi.Segment) (name, value string) {
	name, ok := references[s.Part(1, 1)]
	if value = s.Part(1, 2); !ok || value == "" {
		return "", ""
	}
	r.Use(i)
	d.Key(name, value)
	return name, value
}

// items are the codes of element 7143 that identify an item, and the scheme each
// is. Others say more of it (batch, size, colour).
var items = map[string]string{
	"EN": "gtin", "UP": "gtin", "SRV": "gtin", "AI": "upc_155", "AH": "upc_155", "IB": "isbn", "IS": "issn", "IN": "buyer", "BP": "buyer",
	"SA": "supplier", "VN": "supplier", "VP": "supplier", "SS": "supplier", "VS": "supplier", "MF": "manufacturer", "MN": "model", "SK": "sku", "ZZZ": "mutual",
}

// item reads LIN: its number, and the item's where it says one.
func (r *reading) item(l *inventory.Line, i int, s *edi.Segment) (place string) {
	r.Use(i)
	place = r.Loop("LIN")
	l.Line = s.Part(1, 1)
	if id := s.Part(3, 1); id != "" {
		kind := s.Part(3, 2)
		if kind == "" {
			kind = "EN" // LIN's own number is the GTIN, unless it says otherwise
		}
		if _, ok := items[kind]; ok {
			r.name(l, place, kind, id)
		} else {
			l.Item, l.ItemScheme = id, "edifact:"+kind // whatever it is, LIN names the item
		}
	}
	if s.Part(4, 1) == "1" {
		l.ParentLine = s.Part(4, 2)
	}
	return place
}

// further reads PIA. PIA+5 identifies the item where LIN does not; a number
// without a type is a GTIN where it can be one.
func (r *reading) further(l *inventory.Line, i int, s *edi.Segment) {
	r.Use(i)
	for e := 2; e <= s.Len(); e++ {
		id, kind := s.Part(e, 1), s.Part(e, 2)
		if kind == "" {
			kind = "ZZ"
			if _, ok := gs1.GTIN14(id); ok {
				kind = "EN"
			}
		}
		r.name(l, r.In("LIN"), kind, id)
	}
}

func (r *reading) name(l *inventory.Line, place, kind, id string) {
	scheme, ok := items[kind]
	switch {
	case id == "":
		return
	case kind == "ZZ" && l.Item == "":
		scheme = "mutual" // no type is said, and nothing else names the item yet
	case !ok:
		edi.Attribute(l, "edifact:"+kind, id)
		return
	case scheme == "gtin":
		r.CheckKey(gs1.GTIN, id, place)
	}
	if l.Item == "" || scheme == "gtin" && l.ItemScheme != "gtin" {
		if l.Item != "" {
			edi.Also(l, l.ItemScheme, l.Item)
		}
		l.Item, l.ItemScheme = id, scheme
		return
	}
	edi.Also(l, scheme, id)
}

// quantity reads a QTY.
func (r *reading) quantity(place string, i int, s *edi.Segment) quantity {
	r.Use(i)
	q := quantity{kind: s.Part(1, 1), amount: r.Quantity(place, s.Part(1, 2)), sent: s.Part(1, 3)}
	code, notes := units.Rec20.Read(q.sent, r.Path+"/"+place)
	r.Notes = append(r.Notes, notes...)
	q.unit = code
	return q
}

type quantity struct {
	kind       string
	amount     inventory.Decimal
	unit, sent string
}

// on puts the quantity on a line.
func (q quantity) on(l *inventory.Line) {
	l.Quantity, l.UOM = q.amount, q.unit
	if q.sent != q.unit {
		edi.Attribute(l, "uom_sent", q.sent)
	}
}

// totals checks CNT: 2 is the number of lines, 1 the sum of their quantities.
func (r *reading) totals(i int, s *edi.Segment, sum inventory.Decimal, what string) {
	switch s.Part(1, 1) {
	case "2":
		r.Use(i)
		r.Count("CNT+2", s.Part(1, 2), r.Loops["LIN"], "lines (LIN)")
	case "1":
		r.Use(i)
		r.Total("CNT+1", s.Part(1, 2), sum, what)
	}
}

// gin reads the serial numbers of logistic units of a GIN.
func (r *reading) gin(i int, s *edi.Segment, place string) (all []string) {
	if q := s.Part(1, 1); q != "BJ" && q != "AW" {
		return nil
	}
	r.Use(i)
	for e := 2; e <= s.Len(); e++ {
		from, to := s.Part(e, 1), s.Part(e, 2)
		if from == "" {
			continue
		}
		r.CheckKey(gs1.SSCC, from, place)
		all = append(all, from)
		if to != "" && to != from {
			// A range names units of which only its ends are said.
			r.CheckKey(gs1.SSCC, to, place)
			r.Note(format.NotStandard, place, fmt.Sprintf("A range of serial numbers from %s to %s: only the two are kept.", from, to))
			all = append(all, to)
		}
	}
	return all
}
