package x12

import (
	"fmt"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

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
			if !known {
				// Among transfers it is one more of them, never what is there.
				p.r.Unmapped("QTY", "673", w.code, "kept as that, and moves no stock")
				p.sheet().Flow(p.place(), w.i, w.line, "673:"+w.code, w.code)
				continue
			}
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
