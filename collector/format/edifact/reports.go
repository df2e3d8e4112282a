package edifact

import (
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// stocks are the kinds of quantity (element 6063) that say how much of something
// there is, and in which bucket and status.
var stocks = map[string][2]string{
	"17": {"on_hand", ""}, "145": {"on_hand", ""}, "152": {"on_hand", ""}, "20": {"on_hand", "damaged"}, "124": {"on_hand", "damaged"}, "215": {"on_hand", "unsaleable"},
	"27": {"on_hand", "on_hold"}, "249": {"on_hand", "displayed"}, "255": {"on_hand", "on_hold"}, "60": {"available", ""}, "57": {"in_transit", ""}, "198": {"in_transit", ""},
	"157": {"beginning", ""}, "158": {"ending", ""}, "170": {"reserved", ""}, "216": {"reserved", ""}, "243": {"reserved", ""}, "244": {"reserved", ""}, "248": {"reserved", ""},
	"83": {"backorder", ""}, "21": {"on_order", ""}, "113": {"on_order", ""}, "256": {"on_order", ""}, "257": {"in_count", ""}, "217": {"out_of_stock", ""},
}

// flows are those that say what has moved. Only sales and what consumers bring
// back are summed: the others are told of by documents of their own, or are the
// same units seen otherwise.
var flows = map[string]string{
	"153": "sale", "210": "return", "212": "sale_net", "25": "sale_retail", "55": "sale_total", "28": "sale_military", "29": "sale_on_premise", "30": "sale_off_premise",
	"41": "sale_unplanned", "56": "sale_wholesale", "61": "returned", "218": "returned_damaged", "48": "received", "12": "shipped", "156": "moved", "191": "adjusted",
	"199": "withdrawn", "64": "scrapped", "51": "recategorised", "250": "discrepancy",
}

// places are the roles of LOC (element 3227) in which it names the place goods
// are at: of delivery, of goods, warehouse, plant, of sale.
var places = map[string]bool{"7": true, "8": true, "14": true, "18": true, "19": true, "20": true, "88": true, "162": true}

// report reads what INVRPT and SLSRPT share: quantities of items by place. A
// place that stands before the items is theirs; one behind a quantity is that
// quantity's alone.
type report struct {
	r      *reading
	sheets []*sheet
	period edi.Said // of the place; none is the message's

	item    inventory.Line
	inLine  bool
	around  edi.Place // the place that stands before the items
	own     edi.Place // the place of the line
	asOf    string
	pending struct {
		has   bool
		i     int
		q     quantity
		place edi.Place
		asOf  string
		to    string // INV: 1 out, 2 in
	}
	otherwise []string // roles of NAD that stand in for a place
}

// sheet are the lines of one period.
type sheet struct {
	*edi.Sheet
	period edi.Said
}

func newReport(r *reading, otherwise ...string) *report {
	return &report{r: r, otherwise: otherwise}
}

// sheet is that of the current period.
func (p *report) sheet() *sheet {
	for _, s := range p.sheets {
		if s.period.AsSent == p.period.AsSent {
			return s
		}
	}
	s := &sheet{edi.NewSheet(p.r.Reading), p.period}
	p.sheets = append(p.sheets, s)
	return s
}

// flush puts the quantity that was waiting for what stands behind it.
func (p *report) flush() {
	w := p.pending
	p.pending.has = false
	if !w.has {
		return
	}
	at := w.place
	for _, other := range []edi.Place{p.own, p.around} {
		if at.ID == "" {
			at = other
		}
	}
	if at.ID == "" {
		at, _ = edi.Find(p.r.parties, p.otherwise...)
	}
	l := edi.Clone(p.item)
	w.q.on(&l)
	if l.AsOf = w.asOf; l.AsOf == "" {
		l.AsOf = p.asOf
	}
	if w.q.kind == "152" {
		l.Ownership = "consignment"
	}
	if flow, ok := flows[w.q.kind]; ok {
		l.AsOf = ""
		switch w.to {
		case "1":
			flow += "_out"
		case "2":
			flow += "_in"
		}
		p.sheet().Flow(at, w.i, l, flow, w.q.kind)
		return
	}
	kind, known := stocks[w.q.kind]
	p.sheet().Stock(at, w.i, l, kind, known, "6063", w.q.kind)
}

func (p *report) segment(i int, s *edi.Segment) {
	r := p.r
	switch s.Tag {
	case "LIN":
		p.flush()
		p.inLine, p.item, p.own, p.asOf = true, inventory.Line{}, edi.Place{}, ""
		r.item(&p.item, i, s)
		edi.Attribute(&p.item, "line", p.item.Line)
	case "PIA":
		if p.inLine {
			r.further(&p.item, i, s)
		}
	case "QTY":
		p.flush()
		if !p.inLine {
			r.Fail("QTY", "a quantity stands before any item (LIN)")
		}
		p.pending.has, p.pending.i, p.pending.q = true, i, r.quantity(r.In("LIN"), i, s)
		p.pending.place, p.pending.asOf, p.pending.to = edi.Place{}, "", ""
	case "INV":
		r.Use(i)
		if p.pending.has {
			p.pending.to = s.Part(1, 1)
		}
	case "LOC":
		at := r.place(i, s)
		switch {
		case !places[at.Role]:
			// Bins and the like say where within the place.
			if p.inLine {
				edi.Attribute(&p.item, "loc_"+at.Role, at.ID)
			}
		case at.Role == "162" || !p.inLine:
			p.flush()
			p.inLine, p.around, p.own, p.period = false, at, edi.Place{}, edi.Said{}
		case p.pending.has:
			p.pending.place = at
		default:
			p.own = at
		}
	case "DTM":
		t, ok := r.when(s)
		if !ok {
			return
		}
		r.Use(i)
		switch {
		case p.pending.has:
			p.pending.asOf = t.Day
		case p.inLine:
			p.asOf = t.Day
		case p.around.ID != "":
			p.period = t
		default:
			r.header(nil, i, s)
		}
	case "CNT":
		p.flush()
		if s.Part(1, 1) == "2" { // CNT+1 adds up quantities of every kind
			r.totals(i, s, inventory.Decimal{}, "")
		}
	case "UNS":
		r.Use(i)
		p.flush()
	default:
		r.header(nil, i, s)
	}
}

// close completes the report's events.
func (p *report) close(dates ...string) {
	p.flush()
	for _, s := range p.sheets {
		end := s.period
		if end.IsZero() {
			end = p.r.first(dates...)
		}
		day, period := end.Day, end.Day
		if end.From != "" && end.From != end.Day {
			day, period = "", end.From+"/"+end.Day
		}
		if end.IsZero() {
			if day, period, end = edi.Span(p.r.first("90"), p.r.first("91")); end.IsZero() {
				end = p.r.first("137")
			}
		}
		s.Close(p.r.number, end, day, period)
	}
}

// inventoryReport reads an INVRPT.
func (r *reading) inventoryReport() {
	p := newReport(r, "WH", "GY", "ST", "DP", "SN", "DS", "DB", "BY", "SU", "SE")
	r.Each(p.segment)
	p.close("366", "179", "354")
}

// salesReport reads an SLSRPT.
func (r *reading) salesReport() {
	p := newReport(r, "SN", "ST", "DP", "SE", "DS", "DB", "BY", "MS")
	r.Each(p.segment)
	p.close("356", "354")
}
