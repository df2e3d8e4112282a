package x12

import (
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// level is a node of a ship notice's hierarchy: shipment (S), order (O), tare
// (T), pack (P) or item (I).
type level struct {
	up      *level // nil at the top
	id      string
	code    string
	place   string
	order   string
	sscc    string
	parties []edi.Place
	line    inventory.Line
	has     bool // it says a quantity shipped
}

// shipNotice reads an 856. Lines are the levels that say an item and a quantity;
// a level below one that does (the packs of an item) repeats it and is not
// counted again.
func (r *reading) shipNotice() {
	d := r.Draft("receipt", "shipped", "supplier")
	var levels []*level
	byID := map[string]*level{}
	var at *level
	var written, shipped edi.Said
	var header []edi.Place
	ctt := -1
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BSN":
			r.Use(i)
			r.purpose(d, "BSN", s.Text(1))
			d.Number = s.Text(2)
			d.Key(inventory.KeyDelivery, s.Text(2))
			written, _ = r.when("BSN", s.Text(3), s.Text(4), "")
		case "HL":
			r.Use(i)
			at = &level{up: byID[s.Text(2)], id: s.Text(1), code: s.Text(3), place: r.Loop("HL")}
			if byID[at.id] != nil {
				r.Note(format.NotStandard, at.place, fmt.Sprintf("The number %s of this level was used before: levels that name it from here on are below this one.", at.id))
			}
			if parent := s.Text(2); parent != "" && at.up == nil {
				r.Note(format.NotStandard, at.place, fmt.Sprintf("Its parent %s does not stand before it: read as if it had none.", parent))
			}
			byID[at.id] = at
			levels = append(levels, at)
		case "PRF":
			r.Use(i)
			d.Key("order", s.Text(1))
			if at != nil {
				at.order = s.Text(1)
			}
		case "REF":
			r.reference(d, i, s)
		case "DTM":
			if t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4)); ok {
				r.Use(i)
				switch s.Text(1) {
				case "011":
					shipped = t
				case "017", "002", "067":
					d.Say("expected", t.AsSent)
				}
			}
		case "N1":
			if at == nil || at.code == "S" {
				header = append(header, r.party(i, s))
			} else {
				at.parties = append(at.parties, r.party(i, s))
			}
		case "MAN":
			if at != nil {
				if sscc := r.pack(at.place, i, s); sscc != "" {
					at.sscc = sscc
					d.Key("sscc", sscc)
				}
			}
		case "LIN":
			if at == nil {
				return
			}
			r.Use(i)
			if at.line.Item != "" {
				// A level has one item; a second one is read as a level beside it.
				at = &level{up: at.up, id: at.id, code: at.code, place: at.place, order: at.order, sscc: at.sscc, parties: at.parties}
				levels = append(levels, at)
			}
			at.line.Line = s.Text(1)
			r.item(&at.line, at.place, s, 2)
		case "SN1":
			if at == nil {
				return
			}
			r.Use(i)
			if at.has {
				r.Note(format.NotStandard, at.place, fmt.Sprintf("It says a second quantity, %s, for one item: the first one is read, this one is left out.", s.Text(2)))
			} else {
				at.has = true
				r.measure(&at.line, at.place, s.Text(2), s.Part(3, 1))
				at.line.Quantity = at.line.Quantity.Neg()
				edi.Attribute(&at.line, "ordered", s.Text(5))
				if at.line.Line == "" {
					at.line.Line = s.Text(1)
				}
			}
		case "PO4":
			if at != nil && s.Text(1) != "" {
				r.Use(i)
				edi.Attribute(&at.line, "pack", s.Text(1))
			}
		case "CTT":
			ctt = i
		}
	})
	d.Locate(header, "ST", "BY", "OB", "MA", "Z7")
	if d.Location == "" {
		for _, l := range levels {
			if p, ok := edi.Find(l.parties, "ST", "BY", "OB", "Z7"); ok {
				d.Location, d.LocationScheme = p.ID, p.Scheme
				break
			}
		}
	}
	from, _ := edi.Find(header, "SF", "SH", "SU", "VN")
	var sum inventory.Decimal
	for _, l := range levels {
		if !l.has || l.line.Item == "" && l.code != "I" || l.up.find(func(a *level) bool { return a.has && a.line.Item != "" }) != nil {
			continue
		}
		line := l.line
		sum = sum.Add(line.Quantity.Neg())
		if line.Line == "" {
			line.Line = l.id
		}
		line.LocationFrom = from.ID
		if o := l.find(func(a *level) bool { return a.order != "" }); o != nil {
			edi.Attribute(&line, "order", o.order)
		}
		if p := l.find(func(a *level) bool { return a.sscc != "" }); p != nil {
			edi.Attribute(&line, "sscc", p.sscc)
		}
		if o := l.find(func(a *level) bool { _, ok := edi.Find(a.parties, "BY", "Z7", "ST"); return ok }); o != nil {
			if p, _ := edi.Find(o.parties, "Z7", "BY", "ST"); p.ID != d.Location {
				line.LocationTo = p.ID
			}
		}
		d.Lines = append(d.Lines, line)
	}
	if len(d.Lines) == 0 {
		r.Fail("", "no level of it says an item and how many were shipped")
	}
	if ctt >= 0 {
		r.total(ctt, &r.Body[ctt], sum, "levels (HL)", r.Loops["HL"], len(d.Lines))
	}
	if shipped.IsZero() {
		shipped = written
	}
	r.Happened(d, shipped, written)
}

// find returns the nearest level that is so, from l upwards. A parent stands
// before its levels, so there are no circles.
func (l *level) find(so func(*level) bool) *level {
	for ; l != nil; l = l.up {
		if so(l) {
			return l
		}
	}
	return nil
}

// conditions are the codes of element 412, receiving condition. Goods of some are
// there and cannot be sold; others say what is not there, or nothing of stock.
var conditions = map[string]string{
	"01": "damaged", "02": "short", "03": "over", "04": "quality", "05": "incorrect", "06": "container", "07": "good",
	"08": "rejected", "09": "hold", "10": "scrapped", "12": "rejected", "13": "unannounced", "14": "unannounced", "16": "not_received",
}

// apart are the conditions whose goods are a line of their own, and its status.
var apart = map[string]string{
	"damaged": "damaged", "quality": "inspection", "incorrect": "rejected", "rejected": "rejected", "hold": "on_hold", "scrapped": "damaged",
}

// receivingAdvice reads an 861: what was received of a shipment, and what is
// contested. The quantity in question of damaged units stands beside the
// accepted one, unless together they would be more than was shipped; then it is a
// part of it.
func (r *reading) receivingAdvice() {
	d := r.Draft("receipt", "received", "wms")
	var written, received edi.Said
	var parties []edi.Place
	var lines []*receivedLine
	var at *receivedLine
	ctt := -1
	pending := inventory.Line{} // a LIN that stands before its RCD
	hasPending := false
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BRA":
			r.Use(i)
			d.Number = s.Text(1)
			d.Key("receiving_advice", s.Text(1))
			r.purpose(d, "BRA", s.Text(3))
			written, _ = r.when("BRA", s.Text(2), s.Text(5), "")
		case "REF":
			r.reference(d, i, s)
			if s.Text(1) == "SI" || s.Text(1) == "DJ" {
				r.Use(i)
				d.Key(inventory.KeyDelivery, s.Text(2))
			}
		case "PRF":
			r.Use(i)
			d.Key("order", s.Text(1))
			if at != nil {
				edi.Attribute(&at.line, "order", s.Text(1))
			}
		case "DTM":
			if t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4)); ok {
				r.Use(i)
				switch s.Text(1) {
				case "050", "035", "140", "310":
					if received.IsZero() {
						received = t
					}
				}
			}
		case "N1":
			parties = append(parties, r.party(i, s))
		case "RCD":
			r.Use(i)
			at = r.received(s)
			lines = append(lines, at)
			if hasPending {
				at.adopt(&pending)
				hasPending = false
			}
		case "SN1":
			r.Use(i)
			if at != nil {
				at.shipped, at.saysShipped = r.Quantity(at.place, s.Text(2)), true
				edi.Attribute(&at.line, "shipped", s.Text(2))
			}
		case "LIN":
			r.Use(i)
			l := inventory.Line{Line: s.Text(1)}
			r.item(&l, r.Loop("LIN"), s, 2)
			if at != nil && at.line.Item == "" && len(at.line.ItemIDs) == 0 {
				at.adopt(&l)
			} else {
				if hasPending {
					r.Note(format.NotStandard, r.In("LIN"), "No line (RCD) says how many of the item before it were received: that is left out.")
				}
				pending, hasPending = l, true
			}
		case "MAN":
			if sscc := r.pack("MAN", i, s); sscc != "" {
				d.Key("sscc", sscc)
				if at != nil {
					edi.Attribute(&at.line, "sscc", sscc)
				}
			}
		case "CTT":
			ctt = i
		}
	})
	d.Locate(parties, "ST", "BY", "WH", "RL", "MA")
	var sum inventory.Decimal
	for _, l := range lines {
		sum = sum.Add(l.line.Quantity)
		d.Lines = append(d.Lines, r.split(l)...)
	}
	if hasPending {
		r.Note(format.NotStandard, r.In("LIN"), "No line (RCD) says how many of it were received: it is left out.")
	}
	if len(lines) == 0 {
		r.Fail("", "no line of it says how many were received")
	}
	if ctt >= 0 {
		r.total(ctt, &r.Body[ctt], sum, "lines (RCD)", len(lines), r.Loops["LIN"])
	}
	if received.IsZero() {
		received = written
	}
	r.Happened(d, received, written)
}

type receivedLine struct {
	place       string
	line        inventory.Line
	shipped     inventory.Decimal
	saysShipped bool
	returned    inventory.Decimal
	question    []question
}

type question struct {
	quantity  inventory.Decimal
	condition string
}

func (l *receivedLine) adopt(item *inventory.Line) {
	l.line.Item, l.line.ItemScheme, l.line.ItemIDs = item.Item, item.ItemScheme, item.ItemIDs
	if l.line.Line == "" {
		l.line.Line = item.Line
	}
	for k, v := range item.Attributes {
		edi.Attribute(&l.line, k, v)
	}
}

// received reads an RCD.
func (r *reading) received(s *edi.Segment) *receivedLine {
	l := &receivedLine{place: r.Loop("RCD")}
	l.line.Line = s.Text(1)
	if s.Text(2) != "" {
		r.measure(&l.line, l.place, s.Text(2), s.Part(3, 1))
	} else {
		r.unit(&l.line, l.place, s.Part(3, 1))
	}
	if s.Text(4) != "" {
		l.returned = r.Quantity(l.place, s.Text(4))
	}
	for e := 6; e <= s.Len(); e += 3 {
		if s.Text(e) != "" {
			if l.line.UOM == "" {
				r.unit(&l.line, l.place, s.Part(e+1, 1))
			}
			l.question = append(l.question, question{r.Quantity(l.place, s.Text(e)), s.Text(e + 2)})
		}
	}
	return l
}

// split makes lines of what was received, damaged and rejected.
func (r *reading) split(l *receivedLine) []inventory.Line {
	good := l.line
	var rest []inventory.Line
	for _, q := range l.question {
		what, ok := conditions[q.condition]
		switch {
		case q.condition == "":
			what = "in_question"
		case !ok:
			what = "condition_" + q.condition
		}
		edi.Attribute(&good, what, q.quantity.String())
		status, ok := apart[what]
		if !ok {
			continue
		}
		other := l.line
		other.Attributes = nil
		edi.Attribute(&other, "condition", q.condition)
		other.Quantity, other.Status = q.quantity, status
		rest = append(rest, other)
		switch together := good.Quantity.Add(q.quantity); {
		case !l.saysShipped:
			r.Note(format.NotStandard, l.place, fmt.Sprintf("%s units in question (condition %s): read as beside the %s received, not among them.", q.quantity, q.condition, good.Quantity))
		case together.Cmp(l.shipped) > 0:
			good.Quantity = good.Quantity.Sub(q.quantity)
		}
	}
	if !l.returned.IsZero() {
		other := l.line
		other.Attributes = nil
		other.Quantity, other.Status = l.returned, "rejected"
		rest = append(rest, other)
	}
	return append([]inventory.Line{good}, rest...)
}
