package edi

import (
	"fmt"

	"github.com/stocktrace/stocktrace/inventory"
)

// Sheet collects the lines of a report by the place they are about: what there
// is becomes a snapshot, what moved a posting for all that was sold.
type Sheet struct {
	r *Reading
	// at and sold are the drafts by place: what is there, and what was sold.
	at, sold map[string]*Draft
	drafts   []*Draft
}

// NewSheet begins a report.
func NewSheet(r *Reading) *Sheet {
	return &Sheet{r: r, at: map[string]*Draft{}, sold: map[string]*Draft{}}
}

func (s *Sheet) draft(of map[string]*Draft, p Place, i int, workflow, system string) *Draft {
	d := of[p.ID]
	if d == nil {
		d = s.r.Draft(workflow, "reported", system)
		d.Location, d.LocationScheme = p.ID, p.Scheme
		d.From, d.Partial = i, true
		of[p.ID] = d
		s.drafts = append(s.drafts, d)
	}
	d.To = i
	return d
}

// Stock adds a line that says how much there is.
func (s *Sheet) Stock(p Place, i int, l inventory.Line, kind [2]string, known bool, list, code string) {
	l.Measure = "absolute"
	if l.Bucket, l.Status = kind[0], kind[1]; !known {
		l.Bucket = list + ":" + code
		s.r.Unmapped("", list, code, "kept in a bucket of its own")
	}
	Attribute(&l, "quantity_qualifier", code)
	d := s.draft(s.at, p, i, "snapshot", "erp")
	l.Line = fmt.Sprint(len(d.Lines) + 1)
	d.Lines = append(d.Lines, l)
}

// Flow adds a line that says what moved: sold units leave, returned ones come
// back.
func (s *Sheet) Flow(p Place, i int, l inventory.Line, activity, code string) {
	l.Activity = activity
	Attribute(&l, "quantity_qualifier", code)
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

// Close completes the drafts: when, for which day, and what the sold ones cover.
func (s *Sheet) Close(number string, end Said, day, period string) {
	for _, d := range s.drafts {
		d.Number = number
		if d.Number == "" {
			d.Number = period
		}
		s.r.Happened(d, end)
		if d.Workflow != "posting_batch" {
			for i := range d.Lines {
				if l := &d.Lines[i]; l.AsOf == "" && !end.IsZero() {
					l.AsOf = end.Day
				}
			}
			continue
		}
		d.BusinessDate = day
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
		if len(order) == 0 {
			continue // nothing was sold: it stands for no receipts
		}
		d.Covers = &inventory.Covers{Location: d.Location, BusinessDate: day, MemberKey: inventory.KeyReceipt}
		if day == "" {
			d.Covers.Slice = period
		}
		for _, uom := range order {
			d.Covers.Units = append(d.Covers.Units, inventory.Quantity{UOM: uom, Quantity: sums[uom]})
		}
	}
}

// Span is the day of a period that is one, the period in words, and its end.
func Span(from, to Said) (day, period string, end Said) {
	switch {
	case from.IsZero() && to.IsZero():
		return "", "", end
	case to.IsZero() || to.Day == from.Day:
		return from.Day, from.Day, from
	case from.IsZero():
		return to.Day, to.Day, to
	}
	return "", from.Day + "/" + to.Day, to
}
