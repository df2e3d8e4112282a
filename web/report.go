package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/slo"
)

// reportJSON is an objective over one calendar month, for those who answer for
// it.
type reportJSON struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Sentence string `json:"sentence"`
	Owner    string `json:"owner"`
	Target   number `json:"target"`
	Month    string `json:"month"` // 2026-11
	From     stamp  `json:"from"`
	To       stamp  `json:"to"`
	AsOf     stamp  `json:"as_of"` // to, or now in a month that is not over
	monthJSON
	Before monthJSON `json:"before"`
	// Changes since the month before: 0.001 more were kept, 0.2 more budget left.
	AttainmentChange number            `json:"attainment_change"`
	BudgetChange     number            `json:"budget_change"`
	Causes           []reportCauseJSON `json:"causes"`
	AtRisk           riskJSON          `json:"at_risk"`
	StillOpen        riskJSON          `json:"still_open"`
	Regions          []sliceJSON       `json:"regions"`
}

// monthJSON is how a month stands; null is what cannot be said.
type monthJSON struct {
	Good       int64  `json:"good"`
	Bad        int64  `json:"bad"`
	Unknown    int64  `json:"unknown"`
	Pending    int64  `json:"pending"`
	Attainment number `json:"attainment"`
	BudgetLeft number `json:"budget_left"`
}

type reportCauseJSON struct {
	Kind      string `json:"kind"`
	Cause     string `json:"cause"`
	System    string `json:"system"`
	Step      string `json:"step"`
	ErrorCode string `json:"error_code"`
	Title     string `json:"title"`
	Owner     string `json:"owner"`
	Count     int64  `json:"count"` // of broken promises it is found on
}

type riskJSON struct {
	Units  []quantityJSON `json:"units"`
	Values []amountJSON   `json:"values"`
}

// monthLayout is how a month is written.
const monthLayout = "2006-01"

// apiReport says what became of an objective in a month; this one where none is
// asked for.
func (s *Server) apiReport(r *http.Request) (any, error) {
	first := s.Clock.Now().In(s.Zone)
	if text := r.URL.Query().Get("month"); text != "" {
		var err error
		if first, err = time.ParseInLocation(monthLayout, text, s.Zone); err != nil {
			return nil, &badQuery{"month", "a month is written 2026-11."}
		}
	}
	first = time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, s.Zone)
	report, err := s.Report(r.Context(), r.PathValue("name"), first)
	if errors.Is(err, slo.ErrUnknown) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	body := reportOf(&report)
	return &list{
		body: body, name: "report-" + body.Name + "-" + body.Month, columns: reportColumns,
		rows: func(yield func([]string)) {
			for _, row := range body.rows() {
				yield(row)
			}
		},
	}, nil
}

func reportOf(r *slo.Report) *reportJSON {
	o := r.Objective
	total, before := standingOf(&r.Total), standingOf(&r.Before)
	month := func(s standing) monthJSON {
		return monthJSON{s.Good, s.Bad, s.Unknown, s.Pending, number(s.Attainment), number(s.BudgetLeft)}
	}
	return &reportJSON{
		Name: o.Name, Title: orElse(o.Title, words(o.Name)), Sentence: promiseSentence(o), Owner: o.Owner, Target: number(o.Target),
		Month: r.From.Format(monthLayout), From: stamp(r.From), To: stamp(r.To), AsOf: stamp(r.AsOf),
		monthJSON: month(total), Before: month(before),
		// Where one month cannot be said, neither can a change.
		AttainmentChange: number(total.Attainment - before.Attainment), BudgetChange: number(total.BudgetLeft - before.BudgetLeft),
		Causes: each(r.Causes, func(c slo.Cause) reportCauseJSON {
			return reportCauseJSON{
				string(c.Kind), string(c.Cause), c.System, stepOnly(c.System, c.Step), c.ErrorCode, c.Title, c.Owner, c.Lifecycles,
			}
		}),
		AtRisk: riskOf(r.AtRisk), StillOpen: riskOf(r.Open),
		Regions: each(r.Regions, func(st slo.Standing) sliceJSON { return sliceOf(standingOf(&st)) }),
	}
}

func riskOf(r slo.Risk) riskJSON { return riskJSON{quantitiesOf(r.Units), amountsOf(r.Values)} }

var reportColumns = []string{"objective", "month", "section", "name", "measure", "value"}

// rows writes the report one figure a row, which a spreadsheet can filter and
// pivot whatever the objective is divided by.
func (j *reportJSON) rows() (rows [][]string) {
	figure := func(section, name, measure, value string) {
		rows = append(rows, []string{j.Name, j.Month, section, name, measure, value})
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	month := func(section, name string, m monthJSON) {
		figure(section, name, "good", count(m.Good))
		figure(section, name, "bad", count(m.Bad))
		figure(section, name, "unknown", count(m.Unknown))
		figure(section, name, "pending", count(m.Pending))
		figure(section, name, "attainment", m.Attainment.String())
		figure(section, name, "budget_left", m.BudgetLeft.String())
	}
	figure("month", "", "target", j.Target.String())
	month("month", "", j.monthJSON)
	month("before", "", j.Before)
	figure("change", "", "attainment", j.AttainmentChange.String())
	figure("change", "", "budget_left", j.BudgetChange.String())
	for _, c := range j.Causes {
		figure("cause", orElse(c.Title, c.Kind), c.System+" "+c.Step, count(c.Count))
	}
	for _, part := range []struct {
		section string
		risk    riskJSON
	}{{"at_risk", j.AtRisk}, {"still_open", j.StillOpen}} {
		for _, u := range part.risk.Units {
			figure(part.section, "units", u.UOM, u.Quantity)
		}
		for _, v := range part.risk.Values {
			figure(part.section, "values", v.Currency+" "+v.Basis, v.Amount)
		}
	}
	for _, g := range j.Regions {
		month("region", g.Name, monthJSON{g.Good, g.Bad, g.Unknown, g.Pending, g.Attainment, g.BudgetLeft})
	}
	return rows
}
