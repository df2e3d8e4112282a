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

// advice is an 846 being read: quantities wait for the unit, the day and the
// place that may stand behind them.
type advice struct {
	r      *reading
	sheet  *edi.Sheet
	header []edi.Place
	// local are the places of this item before its quantities, behind those that
	// came after some.
	local, behind []edi.Place
	asOf          string
	waiting       []counted
	// whole is what the item says before its first place, sums what its places have.
	whole []counted
	sums  map[string]inventory.Decimal
}

type counted struct {
	i    int
	line inventory.Line
	code string
}

// places are the roles of an item's own parties that say where it is; a
// manufacturer or supplier does not.
var places = []string{"WH", "ST", "RL", "SF", "LW", "SN", "BT", "Z7"}

func (a *advice) party(p edi.Place) {
	if _, ok := edi.Find([]edi.Place{p}, places...); !ok {
		return
	}
	if len(a.waiting) > 0 {
		a.behind = append(a.behind, p)
	} else {
		a.local = append(a.local, p)
	}
}

// quantity begins a quantity. Places between two of them are the second one's.
func (a *advice) quantity(q counted) {
	if len(a.behind) > 0 {
		if len(a.local) == 0 {
			a.whole, a.waiting = append(a.whole, a.waiting...), nil
		}
		a.put(edi.Find(a.local, places...))
		a.local, a.behind = a.behind, nil
	}
	a.waiting = append(a.waiting, q)
}

// item ends an item. What it said before its first place is the sum of its places
// where it is that, else it is said of the place of the whole set.
func (a *advice) item() {
	at, ok := edi.Find(a.local, places...)
	if !ok {
		at, ok = edi.Find(a.behind, places...)
	}
	a.put(at, ok)
	for _, q := range a.whole {
		if sum, placed := a.sums[q.code]; placed && sum == q.line.Quantity {
			a.r.Note(format.NotStandard, a.r.In("LIN"), fmt.Sprintf("Its quantity %s (%s) is what its places have together: it is not counted beside them.", sum, q.code))
			continue
		}
		a.waiting = append(a.waiting, q)
	}
	a.put(edi.Place{}, false)
	a.asOf, a.local, a.behind, a.whole, a.sums = "", nil, nil, nil, map[string]inventory.Decimal{}
}

// put files the quantities that wait, at the place or at that of the whole set.
func (a *advice) put(at edi.Place, said bool) {
	if !said {
		at, _ = edi.Find(a.header, "WH", "ST", "RL", "SF", "SE", "SU", "VN")
	}
	for _, q := range a.waiting {
		if said {
			a.sums[q.code] = a.sums[q.code].Add(q.line.Quantity)
		}
		kind, known := stocks[q.code]
		q.line.AsOf = a.asOf
		a.sheet.Stock(at, q.i, q.line, kind, known, "673", q.code)
	}
	a.waiting = nil
}

// inventoryAdvice reads an 846: how much there is, by place. Its numbers are
// absolute.
func (r *reading) inventoryAdvice() {
	a := &advice{r: r, sheet: edi.NewSheet(r.Reading), sums: map[string]inventory.Decimal{}}
	var dates [2]edi.Said
	number := ""
	var item inventory.Line
	inLine, ctt := false, -1
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BIA":
			r.Use(i)
			number = s.Text(3)
			dates[1], _ = r.when("BIA", s.Text(4), s.Text(5), "")
		case "N1":
			if inLine {
				a.party(r.party(i, s))
			} else {
				a.header = append(a.header, r.party(i, s))
			}
		case "DTM":
			if t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4)); ok {
				switch {
				case inLine && (s.Text(1) == "007" || s.Text(1) == "405" || s.Text(1) == "514"):
					r.Use(i)
					a.asOf = t.Day
				case !inLine && dates[0].IsZero():
					r.Use(i)
					dates[0] = t
				}
			}
		case "LIN":
			r.Use(i)
			a.item()
			inLine = true
			item = inventory.Line{}
			r.item(&item, r.Loop("LIN"), s, 2)
			edi.Attribute(&item, "line", s.Text(1))
		case "QTY":
			r.Use(i)
			if !inLine {
				r.Fail("QTY", "a quantity stands before any item (LIN)")
			}
			q := counted{i, edi.Clone(item), s.Text(1)}
			r.measure(&q.line, r.In("LIN"), s.Text(2), s.Part(3, 1))
			a.quantity(q)
		case "UIT":
			r.Use(i)
			if n := len(a.waiting); n > 0 && a.waiting[n-1].line.UOM == "" {
				r.unit(&a.waiting[n-1].line, r.In("LIN"), s.Part(1, 1))
			}
		case "SDQ":
			r.Use(i)
			if n := len(a.waiting); n > 0 {
				whole := a.waiting[n-1]
				a.waiting = a.waiting[:n-1]
				kind, known := stocks[whole.code]
				r.destinations(r.In("LIN"), s, func(p edi.Place, q inventory.Decimal) {
					l := edi.Clone(whole.line)
					l.Quantity, l.AsOf = q, a.asOf
					a.sheet.Stock(p, i, l, kind, known, "673", whole.code)
				})
			}
		case "CTT":
			a.item()
			ctt = i
		}
	})
	a.item()
	if ctt >= 0 {
		r.Use(ctt)
		r.Count("CTT01", r.Body[ctt].Text(1), r.Loops["LIN"], "lines (LIN)")
	}
	end := dates[0]
	if end.IsZero() {
		end = dates[1]
	}
	a.sheet.Close(number, end, "", end.Day)
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
