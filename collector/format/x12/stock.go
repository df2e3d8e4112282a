package x12

import (
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// stocks are the quantity qualifiers (element 673) of an 846 that say how much of
// something there is, and in which bucket and status.
var stocks = map[string][2]string{
	"17": {"on_hand", ""}, "26": {"on_hand", ""}, "25": {"on_hand", ""}, "36": {"on_hand", ""}, "20": {"on_hand", "damaged"},
	"33": {"available", ""}, "34": {"uncommitted", ""}, "35": {"with_work_in_progress", ""}, "27": {"reserved", ""}, "29": {"projected", ""}, "63": {"on_order", ""},
	"QH": {"on_hand", "on_hold"}, "QC": {"reserved", ""}, "QI": {"in_transit", ""}, "QP": {"on_order", ""},
}

// activities are the codes of element 859 that say how much of something there
// is.
var activities = map[string][2]string{
	"QA": {"available", ""}, "OH": {"on_hand", ""}, "QE": {"ending", ""}, "QB": {"beginning", ""}, "QC": {"reserved", ""}, "QP": {"on_order", ""}, "QI": {"in_transit", ""},
	"QH": {"on_hand", "on_hold"}, "HL": {"on_hand", "on_hold"}, "DG": {"on_hand", "damaged"}, "QO": {"out_of_stock", ""}, "QF": {"in_bond", ""},
}

// flows are those that say what has moved. Only the one called sale is summed
// and moves stock here: net, total and wholesale sales are the same units seen
// otherwise, and receipts, transfers and adjustments are told of by documents of
// their own.
var flows = map[string]string{
	"QS": "sale", "QU": "return", "Q1": "sale_net", "TS": "sale_total", "RE": "sale_retail", "WQ": "sale_wholesale", "MS": "sale_military", "OP": "sale_on_premise",
	"OF": "sale_off_premise", "LS": "sale_lost", "QR": "received", "QT": "adjusted", "QZ": "transferred", "QW": "withdrawn", "Q2": "returned", "Q3": "returned_damaged",
	"RQ": "returned_sellable", "AB": "shipped", "AA": "stolen",
}

// destinations calls do for every place and quantity of an SDQ, and checks them
// against the quantity they divide.
func (r *reading) destinations(place string, s *edi.Segment, do func(p edi.Place, quantity inventory.Decimal)) (sum inventory.Decimal) {
	scheme := schemes[s.Text(2)]
	if scheme == "" {
		scheme = "x12:" + s.Text(2)
	}
	for e := 3; e < s.Len(); e += 2 {
		if s.Text(e) == "" {
			continue
		}
		q := r.Quantity(place, s.Text(e+1))
		do(edi.Place{ID: s.Text(e), Scheme: scheme}, q)
		sum = sum.Add(q)
	}
	return sum
}

// inventoryAdvice reads an 846: how much there is, by place. Its numbers are
// absolute.
func (r *reading) inventoryAdvice() {
	sheet := edi.NewSheet(r.Reading)
	var header []edi.Place
	var dates [2]edi.Said
	number := ""
	var item inventory.Line
	var asOf string
	inLine, ctt := false, -1
	var local edi.Place
	// pending is the quantity whose unit, and places, may follow it.
	var pending struct {
		has  bool
		i    int
		line inventory.Line
		code string
	}
	flush := func() {
		if !pending.has {
			return
		}
		pending.has = false
		kind, known := stocks[pending.code]
		l := pending.line
		l.AsOf = asOf
		at := local
		if at.ID == "" {
			at, _ = edi.Find(header, "WH", "ST", "RL", "SF", "SE", "SU", "VN")
		}
		sheet.Stock(at, pending.i, l, kind, known, "673", pending.code)
	}
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BIA":
			r.Use(i)
			number = s.Text(3)
			dates[1], _ = r.when("BIA", s.Text(4), s.Text(5), "")
		case "N1":
			if inLine {
				flush()
				local = r.party(i, s)
			} else {
				header = append(header, r.party(i, s))
			}
		case "DTM":
			if t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4)); ok {
				switch {
				case inLine && (s.Text(1) == "007" || s.Text(1) == "405" || s.Text(1) == "514"):
					r.Use(i)
					asOf = t.Day
				case !inLine && dates[0].IsZero():
					r.Use(i)
					dates[0] = t
				}
			}
		case "LIN":
			r.Use(i)
			flush()
			inLine, asOf, local = true, "", edi.Place{}
			item = inventory.Line{}
			r.item(&item, r.Loop("LIN"), s, 2)
			edi.Attribute(&item, "line", s.Text(1))
		case "QTY":
			r.Use(i)
			flush()
			if !inLine {
				r.Fail("QTY", "a quantity stands before any item (LIN)")
			}
			pending.has, pending.i, pending.code = true, i, s.Text(1)
			pending.line = edi.Clone(item)
			r.measure(&pending.line, r.In("LIN"), s.Text(2), s.Part(3, 1))
		case "UIT":
			r.Use(i)
			if pending.has && pending.line.UOM == "" {
				r.unit(&pending.line, r.In("LIN"), s.Part(1, 1))
			}
		case "SDQ":
			r.Use(i)
			if pending.has {
				whole := pending
				pending.has = false
				kind, known := stocks[whole.code]
				r.destinations(r.In("LIN"), s, func(p edi.Place, q inventory.Decimal) {
					l := edi.Clone(whole.line)
					l.Quantity, l.AsOf = q, asOf
					sheet.Stock(p, i, l, kind, known, "673", whole.code)
				})
			}
		case "CTT":
			flush()
			ctt = i
		}
	})
	flush()
	if ctt >= 0 {
		r.Use(ctt)
		r.Count("CTT01", r.Body[ctt].Text(1), r.Loops["LIN"], "lines (LIN)")
	}
	end := dates[0]
	if end.IsZero() {
		end = dates[1]
	}
	sheet.Close(number, end, "", end.Day)
}

// productActivity reads an 852: by item, what there is and what moved in a
// period, for one place or divided among many (SDQ). A QTY behind a ZA says more
// of it; one behind the item is a quantity of its own.
func (r *reading) productActivity() {
	sheet := edi.NewSheet(r.Reading)
	var header []edi.Place
	var item inventory.Line
	var from, to, written edi.Said
	ctt := -1
	type activity struct {
		has     bool
		i       int
		code    string
		line    inventory.Line
		divided inventory.Decimal
		said    bool // it says a quantity
		split   bool // and places it is divided among
	}
	var at activity
	put := func(p edi.Place, i int, l inventory.Line, code string) {
		if flow, ok := flows[code]; ok {
			sheet.Flow(p, i, l, flow, code)
			return
		}
		kind, known := activities[code]
		sheet.Stock(p, i, l, kind, known, "859", code)
	}
	flush := func() {
		if !at.has {
			return
		}
		at.has = false
		if at.split {
			if at.said && at.line.Quantity != at.divided {
				r.Contradict("ZA02", at.line.Quantity.String(), fmt.Sprintf("the places of %s (%s) have %s together", r.In("LIN"), at.code, at.divided))
			}
			return
		}
		if !at.said {
			r.Note(format.NotStandard, r.In("LIN"), fmt.Sprintf("Its activity %s says no quantity and no places: it is left out.", at.code))
			return
		}
		p, _ := edi.Find(header, "ST", "RL", "BY", "WH", "MA")
		put(p, at.i, at.line, at.code)
	}
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "XQ":
			r.Use(i)
			from, _ = r.when("XQ", s.Text(2), "", "")
			to, _ = r.when("XQ", s.Text(3), "", "")
		case "N1":
			header = append(header, r.party(i, s))
		case "DTM":
			if t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4)); ok {
				r.Use(i)
				written = t
			}
		case "LIN":
			r.Use(i)
			flush()
			item = inventory.Line{}
			r.item(&item, r.Loop("LIN"), s, 2)
			edi.Attribute(&item, "line", s.Text(1))
		case "ZA":
			r.Use(i)
			flush()
			at = activity{has: true, i: i, code: s.Text(1), line: edi.Clone(item)}
			if r.Loops["LIN"] == 0 {
				r.Fail("ZA", "an activity stands before any item (LIN)")
			}
			if s.Text(2) != "" {
				at.said = true
				r.measure(&at.line, r.In("LIN"), s.Text(2), s.Part(3, 1))
			} else if s.Part(3, 1) != "" {
				r.unit(&at.line, r.In("LIN"), s.Part(3, 1))
			}
			if s.Text(7) != "" {
				edi.Attribute(&at.line, "reference", s.Text(7))
			}
		case "QTY":
			r.Use(i)
			if at.has {
				edi.Attribute(&at.line, "qty_"+s.Text(1), s.Text(2))
				return
			}
			l := edi.Clone(item)
			r.measure(&l, r.In("LIN"), s.Text(2), s.Part(3, 1))
			p, _ := edi.Find(header, "ST", "RL", "BY", "WH", "MA")
			kind, known := stocks[s.Text(1)]
			if s.Text(1) == "32" {
				sheet.Flow(p, i, l, "sale", s.Text(1))
				return
			}
			sheet.Stock(p, i, l, kind, known, "673", s.Text(1))
		case "SDQ":
			r.Use(i)
			if !at.has {
				return
			}
			at.split = true
			sum := r.destinations(r.In("LIN"), s, func(p edi.Place, q inventory.Decimal) {
				l := edi.Clone(at.line)
				if l.UOM == "" {
					r.unit(&l, r.In("LIN"), s.Text(1))
				}
				l.Quantity = q
				put(p, i, l, at.code)
			})
			at.divided = at.divided.Add(sum)
		case "CTT":
			flush()
			ctt = i
		}
	})
	flush()
	if ctt >= 0 {
		r.Use(ctt)
		r.Count("CTT01", r.Body[ctt].Text(1), r.Loops["LIN"], "lines (LIN)")
	}
	day, period, end := edi.Span(from, to)
	if end.IsZero() {
		end = written
	}
	sheet.Close("", end, day, period)
}

// sales are the transfer types (element 521) whose shipped quantity is what was
// sold: from stock, and by ship and debit.
var sales = map[string]bool{"SS": true, "SD": true}

// resale is an 867 being read: quantities wait for the item and the place that
// may stand behind them.
type resale struct {
	r             *reading
	header, local []edi.Place
	sheets        []*edi.Sheet // by the day of the transfer
	days          []edi.Said
	day           edi.Said // of this transfer
	kind          string   // PTD01
	waiting       []resold
}

type resold struct {
	i    int
	line inventory.Line
	code string
}

func (p *resale) place() edi.Place {
	if at, ok := edi.Find(p.local, "ST", "BY", "EN", "MA", "SF"); ok {
		return at
	}
	at, _ := edi.Find(p.header, "ST", "RL", "BY", "DB", "DS", "SU", "SE")
	return at
}

func (p *resale) sheet() *edi.Sheet {
	for n, s := range p.sheets {
		if p.days[n].Day == p.day.Day {
			return s
		}
	}
	s := edi.NewSheet(p.r.Reading)
	p.sheets, p.days = append(p.sheets, s), append(p.days, p.day)
	return s
}

func (p *resale) flush() {
	for _, w := range p.waiting {
		if w.line.Item == "" && len(w.line.Attributes) == 0 {
			p.r.Note(format.NotStandard, "QTY", fmt.Sprintf("The quantity %s (%s) names no item (LIN): it is left out.", w.line.Quantity, w.code))
			continue
		}
		switch w.code {
		case "32":
			p.sheet().Flow(p.place(), w.i, w.line, "sale", w.code)
		case "39":
			activity := "shipped"
			if sales[p.kind] {
				activity = "sale"
			}
			p.sheet().Flow(p.place(), w.i, w.line, activity, w.code)
		case "87":
			p.sheet().Flow(p.place(), w.i, w.line, "received", w.code)
		case "76":
			p.sheet().Flow(p.place(), w.i, w.line, "returned", w.code)
		default:
			kind, known := stocks[w.code]
			p.sheet().Stock(p.place(), w.i, w.line, kind, known, "673", w.code)
		}
	}
	p.waiting = nil
}

// party takes an N1 within a transfer. One behind quantities is theirs, unless
// one stood before them: then it begins the next place.
func (p *resale) party(at edi.Place) {
	if len(p.waiting) > 0 {
		for _, before := range p.local {
			if before.Role == at.Role {
				p.flush()
				p.local = nil
				break
			}
		}
	}
	p.local = append(p.local, at)
}

// transferAndResale reads an 867: what a distributor or a store sold, by place
// (PTD and its N1), day and item.
func (r *reading) transferAndResale() {
	p := &resale{r: r}
	var from, to, written, day edi.Said
	number := ""
	var item inventory.Line
	inTransfer, haveItem, quantityFirst, ctt := false, false, false, -1
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BPT":
			r.Use(i)
			number = s.Text(2)
			written, _ = r.when("BPT", s.Text(3), "", "")
		case "DTM":
			t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4))
			if !ok {
				return
			}
			r.Use(i)
			switch {
			case inTransfer:
				p.day = t
			case s.Text(1) == "090" || s.Text(1) == "007" || s.Text(1) == "150" || s.Text(1) == "193":
				from = t
			case s.Text(1) == "091" || s.Text(1) == "151" || s.Text(1) == "194":
				to = t
			default:
				day = t
			}
		case "PTD":
			r.Use(i)
			p.flush()
			r.Loop("PTD")
			p.kind, p.day, p.local = s.Text(1), edi.Said{}, nil
			inTransfer, haveItem, quantityFirst = true, false, false
		case "N1":
			if inTransfer {
				p.party(r.party(i, s))
			} else {
				p.header = append(p.header, r.party(i, s))
			}
		case "LIN":
			r.Use(i)
			item = inventory.Line{}
			r.item(&item, r.Loop("LIN"), s, 2)
			edi.Attribute(&item, "line", s.Text(1))
			haveItem = true
			for n := range p.waiting {
				if w := &p.waiting[n].line; w.Item == "" {
					l := edi.Clone(item)
					l.Quantity, l.UOM = w.Quantity, w.UOM
					*w = l
				}
			}
		case "QTY":
			r.Use(i)
			q := resold{i: i, code: s.Text(1)}
			// Within a PTD either each item stands before its quantities, or behind.
			if quantityFirst = quantityFirst || !haveItem; !quantityFirst {
				q.line = edi.Clone(item)
			}
			r.measure(&q.line, "QTY", s.Text(2), s.Part(3, 1))
			p.waiting = append(p.waiting, q)
		case "UIT":
			r.Use(i)
			if n := len(p.waiting); n > 0 && p.waiting[n-1].line.UOM == "" {
				r.unit(&p.waiting[n-1].line, "UIT", s.Part(1, 1))
			}
		case "CTT":
			ctt = i
		}
	})
	p.flush()
	if ctt >= 0 {
		r.Use(ctt)
		if said := r.Body[ctt].Text(1); said != fmt.Sprint(r.Loops["PTD"]) {
			r.Count("CTT01", said, r.Loops["LIN"], "lines (LIN)")
		}
	}
	if from.IsZero() && to.IsZero() {
		from = day
	}
	for n, s := range p.sheets {
		businessDay, period, end := edi.Span(from, to)
		if !p.days[n].IsZero() {
			businessDay, period, end = edi.Span(p.days[n], edi.Said{})
		}
		if end.IsZero() {
			end = written
		}
		s.Close(number, end, businessDay, period)
	}
}
