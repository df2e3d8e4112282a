package x12

import (
	"fmt"

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

// sheet collects the lines of a set by the place they are about.
type sheet struct {
	r     *reading
	plain party // where a line names no place of its own
	// at and sold are the drafts by place: what is there, and what was sold.
	at, sold map[string]*draft
}

func newSheet(r *reading) *sheet {
	return &sheet{r: r, at: map[string]*draft{}, sold: map[string]*draft{}}
}

func (s *sheet) draft(of map[string]*draft, p party, i int, workflow, system string) *draft {
	d := of[p.id]
	if d == nil {
		d = s.r.draft(workflow, "reported", system)
		d.Location, d.LocationScheme = p.id, p.scheme
		d.from, d.partial = i, true
		of[p.id] = d
	}
	d.to = i
	return d
}

// stock adds a line that says how much there is.
func (s *sheet) stock(p party, i int, l inventory.Line, kind [2]string, known bool, list, code string) {
	l.Measure = "absolute"
	if l.Bucket, l.Status = kind[0], kind[1]; !known {
		l.Bucket = list + ":" + code
	}
	attribute(&l, "quantity_qualifier", code)
	d := s.draft(s.at, p, i, "snapshot", "erp")
	l.Line = fmt.Sprint(len(d.Lines) + 1)
	d.Lines = append(d.Lines, l)
}

// flow adds a line that says what moved: sold units leave, returned ones come
// back.
func (s *sheet) flow(p party, i int, l inventory.Line, activity, code string) {
	l.Activity = activity
	attribute(&l, "quantity_qualifier", code)
	switch activity {
	case "sale":
		l.Quantity = l.Quantity.Neg()
	case "return":
	default:
		l.Stock = "none"
	}
	d := s.draft(s.sold, p, i, "posting_batch", "erp")
	l.Line = fmt.Sprint(len(d.Lines) + 1)
	d.Lines = append(d.Lines, l)
}

// close completes the drafts: when, for which day, and what the sold ones cover.
func (s *sheet) close(number string, end said, day, period string) {
	for _, d := range s.r.drafts {
		d.number = number
		if d.number == "" {
			d.number = period
		}
		s.r.happened(d, end)
		if d.Workflow != "posting_batch" {
			for i := range d.Lines {
				if l := &d.Lines[i]; l.AsOf == "" && !end.isZero() {
					l.AsOf = end.day
				}
			}
			continue
		}
		d.BusinessDate = day
		d.Covers = &inventory.Covers{Location: d.Location, BusinessDate: day, MemberKey: inventory.KeyReceipt}
		if day == "" {
			d.Covers.Slice = period
		}
		sums := map[string]inventory.Decimal{}
		var order []string
		for i := range d.Lines {
			if l := &d.Lines[i]; l.Stock == "" {
				if _, ok := sums[l.UOM]; !ok {
					order = append(order, l.UOM)
				}
				sums[l.UOM] = sums[l.UOM].Add(l.Quantity)
			}
		}
		for _, uom := range order {
			d.Covers.Units = append(d.Covers.Units, inventory.Quantity{UOM: uom, Quantity: sums[uom]})
		}
	}
}

// destinations calls do for every place and quantity of an SDQ, and checks them
// against the quantity they divide.
func (r *reading) destinations(place string, s *edi.Segment, do func(p party, quantity inventory.Decimal)) (sum inventory.Decimal) {
	scheme := schemes[s.Text(2)]
	if scheme == "" {
		scheme = "x12:" + s.Text(2)
	}
	for e := 3; e < s.Len(); e += 2 {
		if s.Text(e) == "" {
			continue
		}
		q := r.quantity(place, s.Text(e+1))
		do(party{id: s.Text(e), scheme: scheme}, q)
		sum = sum.Add(q)
	}
	return sum
}

// inventoryAdvice reads an 846: how much there is, by place. Its numbers are
// absolute.
func (r *reading) inventoryAdvice() {
	sheet := newSheet(r)
	var header []party
	var dates [2]said
	number := ""
	var item inventory.Line
	var asOf string
	inLine, ctt := false, -1
	var local party
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
		if at.id == "" {
			at, _ = find(header, "WH", "ST", "RL", "SF", "SE", "SU", "VN")
		}
		sheet.stock(at, pending.i, l, kind, known, "673", pending.code)
	}
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BIA":
			r.use(i)
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
					r.use(i)
					asOf = t.day
				case !inLine && dates[0].isZero():
					r.use(i)
					dates[0] = t
				}
			}
		case "LIN":
			r.use(i)
			flush()
			inLine, asOf, local = true, "", party{}
			item = inventory.Line{}
			r.item(&item, r.place("LIN"), s, 2)
			attribute(&item, "line", s.Text(1))
		case "QTY":
			r.use(i)
			flush()
			if !inLine {
				r.fail("QTY", "a quantity stands before any item (LIN)")
			}
			pending.has, pending.i, pending.code = true, i, s.Text(1)
			pending.line = clone(item)
			r.measure(&pending.line, r.in("LIN"), s.Text(2), s.Part(3, 1))
		case "UIT":
			r.use(i)
			if pending.has && pending.line.UOM == "" {
				r.unit(&pending.line, r.in("LIN"), s.Part(1, 1))
			}
		case "SDQ":
			r.use(i)
			if pending.has {
				whole := pending
				pending.has = false
				kind, known := stocks[whole.code]
				r.destinations(r.in("LIN"), s, func(p party, q inventory.Decimal) {
					l := clone(whole.line)
					l.Quantity, l.AsOf = q, asOf
					sheet.stock(p, i, l, kind, known, "673", whole.code)
				})
			}
		case "CTT":
			flush()
			ctt = i
		}
	})
	flush()
	if ctt >= 0 {
		r.use(ctt)
		r.Count("CTT01", r.Body[ctt].Text(1), r.loops["LIN"], "lines (LIN)")
	}
	end := dates[0]
	if end.isZero() {
		end = dates[1]
	}
	sheet.close(number, end, "", end.day)
}

// in is the place of the current occurrence of a loop.
func (r *reading) in(tag string) string { return fmt.Sprintf("%s[%d]", tag, r.loops[tag]) }

func clone(l inventory.Line) inventory.Line {
	attributes := l.Attributes
	l.Attributes = nil
	for k, v := range attributes {
		attribute(&l, k, v)
	}
	l.ItemIDs = append([]inventory.Key(nil), l.ItemIDs...)
	return l
}

// productActivity reads an 852: by item, what there is and what moved in a
// period, for one place or divided among many (SDQ). A QTY behind a ZA says more
// of it; one behind the item is a quantity of its own.
func (r *reading) productActivity() {
	sheet := newSheet(r)
	var header []party
	var item inventory.Line
	var from, to, written said
	ctt := -1
	type activity struct {
		has     bool
		i       int
		code    string
		line    inventory.Line
		divided inventory.Decimal
		split   bool
	}
	var at activity
	put := func(p party, i int, l inventory.Line, code string) {
		if flow, ok := flows[code]; ok {
			sheet.flow(p, i, l, flow, code)
			return
		}
		kind, known := activities[code]
		sheet.stock(p, i, l, kind, known, "859", code)
	}
	flush := func() {
		if !at.has {
			return
		}
		at.has = false
		if at.split {
			if at.line.Quantity != at.divided && !at.line.Quantity.IsZero() {
				r.Contradict("ZA02", at.line.Quantity.String(), fmt.Sprintf("the places of %s (%s) have %s together", r.in("LIN"), at.code, at.divided))
			}
			return
		}
		p, _ := find(header, "ST", "RL", "BY", "WH", "MA")
		put(p, at.i, at.line, at.code)
	}
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "XQ":
			r.use(i)
			from, _ = r.when("XQ", s.Text(2), "", "")
			to, _ = r.when("XQ", s.Text(3), "", "")
		case "N1":
			header = append(header, r.party(i, s))
		case "DTM":
			if t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4)); ok {
				r.use(i)
				written = t
			}
		case "LIN":
			r.use(i)
			flush()
			item = inventory.Line{}
			r.item(&item, r.place("LIN"), s, 2)
			attribute(&item, "line", s.Text(1))
		case "ZA":
			r.use(i)
			flush()
			at = activity{has: true, i: i, code: s.Text(1), line: clone(item)}
			if r.loops["LIN"] == 0 {
				r.fail("ZA", "an activity stands before any item (LIN)")
			}
			if s.Text(2) != "" {
				r.measure(&at.line, r.in("LIN"), s.Text(2), s.Part(3, 1))
			} else if s.Part(3, 1) != "" {
				r.unit(&at.line, r.in("LIN"), s.Part(3, 1))
			}
			if s.Text(7) != "" {
				attribute(&at.line, "reference", s.Text(7))
			}
		case "QTY":
			r.use(i)
			if at.has {
				attribute(&at.line, "qty_"+s.Text(1), s.Text(2))
				return
			}
			l := clone(item)
			r.measure(&l, r.in("LIN"), s.Text(2), s.Part(3, 1))
			p, _ := find(header, "ST", "RL", "BY", "WH", "MA")
			kind, known := stocks[s.Text(1)]
			if s.Text(1) == "32" {
				sheet.flow(p, i, l, "sale", s.Text(1))
				return
			}
			sheet.stock(p, i, l, kind, known, "673", s.Text(1))
		case "SDQ":
			r.use(i)
			if !at.has {
				return
			}
			at.split = true
			sum := r.destinations(r.in("LIN"), s, func(p party, q inventory.Decimal) {
				l := clone(at.line)
				if l.UOM == "" {
					r.unit(&l, r.in("LIN"), s.Text(1))
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
		r.use(ctt)
		r.Count("CTT01", r.Body[ctt].Text(1), r.loops["LIN"], "lines (LIN)")
	}
	day, period, end := span(from, to)
	if end.isZero() {
		end = written
	}
	sheet.close("", end, day, period)
}

// span is the day of a period that is one, the period in words, and its end.
func span(from, to said) (day, period string, end said) {
	switch {
	case from.isZero() && to.isZero():
		return "", "", end
	case to.isZero() || to.day == from.day:
		return from.day, from.day, from
	case from.isZero():
		return to.day, to.day, to
	}
	return "", from.day + "/" + to.day, to
}

// transferAndResale reads an 867: what a distributor or a store sold, by place
// (PTD and its N1) and item.
func (r *reading) transferAndResale() {
	sheet := newSheet(r)
	var header, local []party
	var from, to, written, day said
	number := ""
	var item inventory.Line
	inTransfer, haveItem, quantityFirst, ctt := false, false, false, -1
	type counted struct {
		i    int
		line inventory.Line
		code string
	}
	// A quantity may stand before its item, or behind it.
	var waiting []counted
	place := func() party {
		if p, ok := find(local, "ST", "BY", "SF", "EN", "MA"); ok {
			return p
		}
		p, _ := find(header, "ST", "RL", "BY", "DB", "DS", "SU", "SE")
		return p
	}
	put := func(c counted) {
		switch c.code {
		case "32":
			sheet.flow(place(), c.i, c.line, "sale", c.code)
		case "39":
			sheet.flow(place(), c.i, c.line, "shipped", c.code)
		case "87":
			sheet.flow(place(), c.i, c.line, "received", c.code)
		case "76":
			sheet.flow(place(), c.i, c.line, "returned", c.code)
		default:
			kind, known := stocks[c.code]
			sheet.stock(place(), c.i, c.line, kind, known, "673", c.code)
		}
	}
	flush := func() {
		for _, c := range waiting {
			put(c)
		}
		waiting = nil
	}
	r.segments(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BPT":
			r.use(i)
			number = s.Text(2)
			written, _ = r.when("BPT", s.Text(3), "", "")
		case "DTM":
			t, ok := r.when("DTM", s.Text(2), s.Text(3), s.Text(4))
			if !ok {
				return
			}
			r.use(i)
			switch s.Text(1) {
			case "090", "007", "150", "193":
				from = t
			case "091", "151", "194":
				to = t
			default:
				day = t
			}
		case "PTD":
			r.use(i)
			flush()
			inTransfer, haveItem, quantityFirst, local = true, false, false, nil
			r.place("PTD")
		case "N1":
			if inTransfer {
				flush()
				local = append(local, r.party(i, s))
			} else {
				header = append(header, r.party(i, s))
			}
		case "LIN":
			r.use(i)
			item = inventory.Line{}
			r.item(&item, r.place("LIN"), s, 2)
			attribute(&item, "line", s.Text(1))
			haveItem = true
			for n := range waiting {
				if w := &waiting[n].line; w.Item == "" {
					l := clone(item)
					l.Quantity, l.UOM = w.Quantity, w.UOM
					*w = l
				}
			}
		case "QTY":
			r.use(i)
			c := counted{i: i, code: s.Text(1)}
			// Within a PTD either each item stands before its quantities, or behind.
			if quantityFirst = quantityFirst || !haveItem; !quantityFirst {
				c.line = clone(item)
			}
			r.measure(&c.line, "QTY", s.Text(2), s.Part(3, 1))
			waiting = append(waiting, c)
		case "UIT":
			r.use(i)
			if n := len(waiting); n > 0 && waiting[n-1].line.UOM == "" {
				r.unit(&waiting[n-1].line, "UIT", s.Part(1, 1))
			}
		case "CTT":
			flush()
			ctt = i
		}
	})
	flush()
	if ctt >= 0 {
		r.use(ctt)
		if said := r.Body[ctt].Text(1); said != fmt.Sprint(r.loops["PTD"]) {
			r.Count("CTT01", said, r.loops["LIN"], "lines (LIN)")
		}
	}
	if from.isZero() && to.isZero() {
		from = day
	}
	businessDay, period, end := span(from, to)
	if end.isZero() {
		end = written
	}
	sheet.close(number, end, businessDay, period)
}
