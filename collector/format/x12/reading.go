package x12

import (
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// reading is one transaction set being read.
type reading struct{ *edi.Reading }

// when reads a date that a segment says; ok is false where there is none.
func (r *reading) when(place, date, hours, code string) (_ edi.Said, ok bool) {
	if date == "" {
		return edi.Said{}, false
	}
	return r.When(place, func(zone *time.Location, path string) (edi.Moment, error) {
		return edi.ReadX12(date, hours, code, zone, path)
	})
}

// schemes are the codes of element 66, identification code qualifier, that
// matter for locations.
var schemes = map[string]string{
	"1": "duns", "9": "duns4", "UL": "gln", "92": "store", "91": "supplier", "21": "hin", "93": "mutual", "ZZ": "mutual", "54": "warehouse", "SN": "store", "TA": "taxpayer", "6": "plant",
}

func (r *reading) party(i int, s *edi.Segment) edi.Place {
	r.Use(i)
	p := edi.Place{Role: s.Text(1), Name: s.Text(2), ID: s.Text(4), Scheme: schemes[s.Text(3)]}
	if p.Scheme == "" && s.Text(3) != "" {
		p.Scheme = "x12:" + s.Text(3)
	}
	if p.Scheme == "gln" && p.ID != "" {
		r.CheckKey(gs1.GLN, p.ID, "N1*"+p.Role)
	}
	if p.ID == "" {
		p.ID, p.Scheme = p.Name, "name"
	}
	return p
}

// references are the qualifiers of element 128 that are keys.
var references = map[string]string{
	"PO": "order", "CO": "customer_order", "OQ": "order", "BM": "shipment", "MB": "shipment", "CN": "carrier_reference", "2I": "carrier_reference",
	"PK": "packing_list", "SI": "supplier_shipment", "IA": "vendor", "DP": "department", "IV": "invoice", "RZ": "rma", "TN": "transaction",
}

// reference files a REF or N9.
func (r *reading) reference(d *edi.Draft, i int, s *edi.Segment) {
	if name, ok := references[s.Text(1)]; ok && s.Text(2) != "" {
		r.Use(i)
		d.Key(name, s.Text(2))
	}
}

// measure sets a line's quantity and unit, and keeps the unit as sent where it
// was another code.
func (r *reading) measure(l *inventory.Line, place, quantity, unit string) {
	l.Quantity = r.Quantity(place, quantity)
	r.unit(l, place, unit)
}

func (r *reading) unit(l *inventory.Line, place, unit string) {
	code, notes := units.X12.Read(unit, r.Path+"/"+place)
	r.Notes = append(r.Notes, notes...)
	if l.UOM = code; code != unit && unit != "" {
		edi.Attribute(l, "uom_sent", unit)
	}
}

// items are the qualifiers of element 235 that identify an item, and the scheme
// each is. Others say more of it (lot, size, colour).
var items = map[string]string{
	"UP": "gtin", "UK": "gtin", "EN": "gtin", "EO": "gtin", "UG": "gtin", "GT": "gtin", "UA": "upc_case", "UI": "upc_155", "UD": "upc_255",
	"SK": "sku", "IN": "buyer", "BP": "buyer", "PI": "buyer", "CB": "buyer", "IB": "isbn", "VP": "vendor", "VN": "vendor", "VA": "vendor",
	"VC": "vendor", "VS": "vendor", "MG": "manufacturer", "MN": "model", "ND": "ndc", "N4": "ndc", "PN": "company", "ZZ": "mutual",
}

// item reads pairs of qualifier and identification from an element on. The item
// is its GTIN where there is one, else what is named first; the other names go
// to ItemIDs.
func (r *reading) item(l *inventory.Line, place string, s *edi.Segment, from int) {
	for e := from; e < s.Len(); e += 2 {
		r.name(l, place, s.Text(e), s.Text(e+1))
	}
}

func (r *reading) name(l *inventory.Line, place, qualifier, id string) {
	scheme, ok := items[qualifier]
	switch {
	case id == "":
		return
	case !ok:
		edi.Attribute(l, "x12:"+qualifier, id)
		return
	case scheme == "gtin":
		r.CheckKey(gs1.GTIN, id, place)
	case scheme == "upc_155" || scheme == "upc_255":
		// A UPC without its check digit, which the others join with.
		if digit, ok := gs1.CheckDigit(id); ok && (len(id) == 11 || len(id) == 12) {
			defer edi.Also(l, "gtin", id+string(digit))
		}
	}
	if l.Item == "" || scheme == "gtin" && l.ItemScheme != "gtin" {
		if l.Item != "" {
			l.ItemIDs = append(l.ItemIDs, inventory.Key{Name: l.ItemScheme, Value: l.Item})
		}
		l.Item, l.ItemScheme = id, scheme
		return
	}
	edi.Also(l, scheme, id)
}

// pack files what MAN says: serial numbers of logistic units.
func (r *reading) pack(place string, i int, s *edi.Segment) (sscc string) {
	for e := 1; e < s.Len(); e += 3 {
		switch s.Text(e) {
		case "GM", "AA":
			sscc = s.Text(e + 1)
			if len(sscc) == 20 && strings.HasPrefix(sscc, "00") {
				sscc = sscc[2:] // application identifier 00
			}
			r.CheckKey(gs1.SSCC, sscc, place)
			r.Use(i)
		}
	}
	return sscc
}

// total checks the CTT of a set: the number of its lines, and their sum where it
// says one.
func (r *reading) total(i int, s *edi.Segment, sum inventory.Decimal, what string, counts ...int) {
	r.Use(i)
	if said := s.Text(1); said != "" {
		for _, n := range counts {
			if said == fmt.Sprint(n) || inventory.Unpad(said) == fmt.Sprint(n) {
				counts = nil
				break
			}
		}
		if len(counts) > 0 {
			r.Count("CTT01", said, counts[0], what)
		}
	}
	if said := s.Text(2); said != "" {
		r.Total("CTT02", said, sum, "the quantities")
	}
}

// purpose reads what a set is to do to an earlier one of the same number
// (element 353).
func (r *reading) purpose(d *edi.Draft, place, code string) {
	switch code {
	case "01":
		d.Outcome = inventory.Reversed
	case "04", "05":
		r.Note(format.NotStandard, place, fmt.Sprintf("Purpose %s changes or replaces an earlier document of this number, which stays counted until it is cancelled.", code))
	}
	d.Say("edi.purpose", code)
}
