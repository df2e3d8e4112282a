package web

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
)

// The JSON forms of the contract. The domain carries no tags: what is written
// here is a promise to the outside, and changes when that does.

// stamp is an instant in UTC; the zero time is null.
type stamp time.Time

// MarshalJSON implements [json.Marshaler].
func (s stamp) MarshalJSON() ([]byte, error) {
	if time.Time(s).IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + s.String() + `"`), nil
}

// String writes RFC 3339 with what precision there is, empty for the zero time.
func (s stamp) String() string {
	if time.Time(s).IsZero() {
		return ""
	}
	return time.Time(s).UTC().Format(time.RFC3339Nano)
}

type keyJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type quantityJSON struct {
	UOM      string `json:"uom"`
	Quantity string `json:"quantity"`
}

type amountJSON struct {
	Currency string `json:"currency"`
	Basis    string `json:"basis"`
	Amount   string `json:"amount"`
}

type errorJSON struct {
	Code    string `json:"code"`
	Field   string `json:"field"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

type stepJSON struct {
	Step       string     `json:"step"`
	System     string     `json:"system"`
	Title      string     `json:"title"`
	Outcome    string     `json:"outcome"`
	OccurredAt stamp      `json:"occurred_at"`
	ReceivedAt stamp      `json:"received_at"`
	ExpectedBy stamp      `json:"expected_by"`
	Expected   bool       `json:"expected"`
	Attempt    int        `json:"attempt"`
	EventIDs   []string   `json:"event_ids"`
	Error      *errorJSON `json:"error"`
	Owner      string     `json:"owner"`
	Runbook    string     `json:"runbook"`
	Note       string     `json:"note"`
}

type lineJSON struct {
	Item       string            `json:"item"`
	ItemIDs    map[string]string `json:"item_ids"`
	Location   string            `json:"location"`
	Status     string            `json:"status"`
	UOM        string            `json:"uom"`
	Owed       string            `json:"owed"`
	Posted     string            `json:"posted"`
	Comparable bool              `json:"comparable"`
	Postings   int               `json:"postings"`
}

type relatedJSON struct {
	Rel  string            `json:"rel"`
	Keys map[string]string `json:"keys"`
}

type awaitJSON struct {
	System  string `json:"system"`
	Run     string `json:"run,omitempty"`
	Through stamp  `json:"through"`
}

type lifecycleJSON struct {
	CorrelationID string            `json:"correlation_id"`
	Workflow      string            `json:"workflow"`
	State         string            `json:"state"`
	Verdict       string            `json:"verdict"`
	Sentence      string            `json:"sentence"`
	Location      string            `json:"location"`
	Zone          string            `json:"zone"` // of the location; empty where it is not declared
	Region        string            `json:"region"`
	Register      string            `json:"register"`
	BusinessDate  string            `json:"business_date"`
	Posting       string            `json:"posting"`
	Owner         string            `json:"owner"`
	StartedAt     stamp             `json:"started_at"`
	UpdatedAt     stamp             `json:"updated_at"`
	PostedAt      stamp             `json:"posted_at"`
	PostedBy      string            `json:"posted_by"`
	PostingDue    stamp             `json:"posting_due"`
	Keys          map[string]string `json:"keys"`
	AllKeys       []keyJSON         `json:"all_keys"`
	Identifiers   []string          `json:"identifiers"`
	Items         []string          `json:"items"`
	Units         []quantityJSON    `json:"units"`
	Values        []amountJSON      `json:"values"`
	Steps         []stepJSON        `json:"steps"`
	Lines         []lineJSON        `json:"lines"`
	Findings      []findingJSON     `json:"findings"`
	Related       []relatedJSON     `json:"related"`
	RecordIDs     []string          `json:"record_ids"`
	Awaits        []awaitJSON       `json:"awaits"`
	ComputedAt    stamp             `json:"computed_at"`
	RuleVersion   string            `json:"rule_version"`
}

func quantitiesOf(units []inventory.Quantity) []quantityJSON {
	return each(units, func(u inventory.Quantity) quantityJSON { return quantityJSON{u.UOM, u.Quantity.String()} })
}

func amountsOf(values []inventory.Amount) []amountJSON {
	return each(values, func(a inventory.Amount) amountJSON { return amountJSON{a.Currency, a.Basis, a.Amount.String()} })
}

// each maps a slice; none becomes an empty list, never null.
func each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// lifecycleAt adds what is declared of the lifecycle's location.
func (s *Server) lifecycleAt(l *inventory.Lifecycle) lifecycleJSON {
	j := lifecycleOf(l)
	if at, ok := s.Location(l.Location); ok && at.Zone != nil {
		j.Zone = at.Zone.String()
	}
	return j
}

func lifecycleOf(l *inventory.Lifecycle) lifecycleJSON {
	return lifecycleJSON{
		CorrelationID: l.ID, Workflow: l.Workflow, State: string(l.State), Verdict: string(l.Verdict), Sentence: l.Sentence,
		Location: l.Location, Region: l.Region, Register: l.Register, BusinessDate: l.BusinessDate,
		Posting: string(l.Posting), Owner: l.Owner,
		StartedAt: stamp(l.StartedAt), UpdatedAt: stamp(l.UpdatedAt), PostedAt: stamp(l.PostedAt), PostedBy: l.PostedBy,
		PostingDue: stamp(l.PostingDue),
		Keys:       bestKeys(l.Keys), AllKeys: each(l.Keys, func(k inventory.Key) keyJSON { return keyJSON(k) }),
		Identifiers: each(l.Identifiers, inventory.ScopedKey.String), Items: orNone(l.Items),
		Units: quantitiesOf(l.Units), Values: amountsOf(l.Values),
		Steps: each(l.Steps, stepOf), Lines: each(l.Lines, lineOf),
		Findings: each(l.Findings, func(f inventory.Finding) findingJSON { return findingOf(&f, 1) }),
		Related: each(l.Related, func(r inventory.Related) relatedJSON {
			return relatedJSON{Rel: r.Rel, Keys: bestKeys(r.Keys)}
		}),
		RecordIDs:  orNone(l.RecordIDs),
		Awaits:     each(l.Awaits, func(a inventory.Await) awaitJSON { return awaitJSON{a.System, a.Run, stamp(a.Through)} }),
		ComputedAt: stamp(l.ComputedAt), RuleVersion: l.RuleVersion,
	}
}

func stepOf(s inventory.StepState) stepJSON {
	j := stepJSON{
		Step: s.Step, System: s.System, Title: s.Title, Outcome: string(s.Outcome),
		OccurredAt: stamp(s.OccurredAt), ReceivedAt: stamp(s.ReceivedAt), ExpectedBy: stamp(s.ExpectedBy),
		Expected: s.Expected, Attempt: s.Attempt, EventIDs: orNone(s.EventIDs), Owner: s.Owner, Runbook: s.Runbook, Note: s.Note,
	}
	if e := s.Error; e != nil {
		j.Error = &errorJSON{e.Code, e.Field, e.Value, e.Message}
	}
	return j
}

func lineOf(l inventory.LineState) lineJSON {
	return lineJSON{
		Item: l.Item, ItemIDs: bestKeys(l.ItemAt), Location: l.Location, Status: l.Status, UOM: l.UOM,
		Owed: l.Owed.String(), Posted: l.Posted.String(), Comparable: l.Comparable, Postings: l.Postings,
	}
}

var lifecycleColumns = []string{
	"correlation_id", "workflow", "state", "verdict", "sentence", "location", "region", "register", "business_date",
	"owner", "started_at", "updated_at", "posted_at", "posted_by", "posting_due", "keys", "units", "values", "findings",
}

func (l *lifecycleJSON) row() []string {
	kinds := make([]string, 0, len(l.Findings))
	for _, f := range l.Findings {
		kinds = append(kinds, f.Kind)
	}
	return []string{
		l.CorrelationID, l.Workflow, l.State, l.Verdict, l.Sentence, l.Location, l.Region, l.Register, l.BusinessDate,
		l.Owner, l.StartedAt.String(), l.UpdatedAt.String(), l.PostedAt.String(), l.PostedBy, l.PostingDue.String(),
		cellOfKeys(l.Keys), cellOfUnits(l.Units), cellOfValues(l.Values), strings.Join(kinds, " "),
	}
}

func cellOfKeys(keys map[string]string) string {
	parts := make([]string, 0, len(keys))
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		parts = append(parts, name+"="+keys[name])
	}
	return strings.Join(parts, " ")
}

func cellOfUnits(units []quantityJSON) string {
	parts := make([]string, len(units))
	for i, u := range units {
		parts[i] = u.Quantity + " " + u.UOM
	}
	return strings.Join(parts, "; ")
}

func cellOfValues(values []amountJSON) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.Amount + " " + v.Currency
	}
	return strings.Join(parts, "; ")
}

type findingJSON struct {
	ID              string         `json:"id"`
	Kind            string         `json:"kind"`
	Cause           string         `json:"cause"`
	State           string         `json:"state"`
	Severity        string         `json:"severity"`
	CorrelationID   string         `json:"correlation_id"`
	Group           string         `json:"group"`
	Count           int            `json:"count"`
	Step            string         `json:"step"`
	System          string         `json:"system"`
	Location        string         `json:"location"`
	Region          string         `json:"region"`
	Owner           string         `json:"owner"`
	Runbook         string         `json:"runbook"`
	FirstOccurredAt stamp          `json:"first_occurred_at"`
	OpenedAt        stamp          `json:"opened_at"`
	ClosedAt        stamp          `json:"closed_at"`
	ClosedBy        string         `json:"closed_by"`
	Resolution      string         `json:"resolution"`
	ResolutionNote  string         `json:"resolution_note"`
	AcknowledgedBy  string         `json:"acknowledged_by"`
	AcknowledgedAt  stamp          `json:"acknowledged_at"`
	Assignee        string         `json:"assignee"`
	Ticket          string         `json:"ticket"`
	Units           []quantityJSON `json:"units"`
	Values          []amountJSON   `json:"values"`
	Evidence        []string       `json:"evidence"`
	MappingVersion  string         `json:"mapping_version"`
	ErrorCode       string         `json:"error_code"`
	Field           string         `json:"field"`
	Value           string         `json:"value"`
	Title           string         `json:"title"`
	Sentence        string         `json:"sentence"`
	Action          string         `json:"action"`
}

func findingOf(f *inventory.Finding, n int) findingJSON {
	return findingJSON{
		ID: f.ID, Kind: string(f.Kind), Cause: string(f.Cause), State: string(f.State), Severity: string(f.Severity),
		CorrelationID: f.LifecycleID, Group: f.Group, Count: n, Step: stepOnly(f.System, f.Step), System: f.System,
		Location: f.Location, Region: f.Region, Owner: f.Owner, Runbook: f.Runbook,
		FirstOccurredAt: stamp(f.FirstOccurredAt), OpenedAt: stamp(f.OpenedAt), ClosedAt: stamp(f.ClosedAt),
		ClosedBy: f.ClosedBy, Resolution: string(f.Resolution), ResolutionNote: f.ResolutionNote,
		AcknowledgedBy: f.AcknowledgedBy, AcknowledgedAt: stamp(f.AcknowledgedAt), Assignee: f.Assignee, Ticket: f.Ticket,
		Units: quantitiesOf(f.Units), Values: amountsOf(f.Values), Evidence: orNone(f.Evidence),
		MappingVersion: f.MappingVersion, ErrorCode: f.ErrorCode, Field: f.Field, Value: f.Value,
		Title: f.Title, Sentence: f.Sentence, Action: f.Action,
	}
}

var findingColumns = []string{
	"id", "kind", "cause", "state", "severity", "correlation_id", "group", "count", "step", "system", "location", "region",
	"owner", "first_occurred_at", "opened_at", "closed_at", "resolution", "units", "values", "mapping_version", "title", "sentence",
	"acknowledged_by", "acknowledged_at", "assignee", "ticket", "resolution_note",
}

func (f *findingJSON) row() []string {
	return []string{
		f.ID, f.Kind, f.Cause, f.State, f.Severity, f.CorrelationID, f.Group, strconv.Itoa(f.Count), f.Step, f.System, f.Location, f.Region,
		f.Owner, f.FirstOccurredAt.String(), f.OpenedAt.String(), f.ClosedAt.String(), f.Resolution,
		cellOfUnits(f.Units), cellOfValues(f.Values), f.MappingVersion, f.Title, f.Sentence,
		f.AcknowledgedBy, f.AcknowledgedAt.String(), f.Assignee, f.Ticket, f.ResolutionNote,
	}
}

type groupJSON struct {
	ID             string         `json:"id"`
	Kind           string         `json:"kind"`
	Cause          string         `json:"cause"`
	Severity       string         `json:"severity"`
	Title          string         `json:"title"`
	Sentence       string         `json:"sentence"`
	Action         string         `json:"action"`
	System         string         `json:"system"`
	Step           string         `json:"step"`
	ErrorCode      string         `json:"error_code"`
	Field          string         `json:"field"`
	Value          string         `json:"value"`
	MappingVersion string         `json:"mapping_version"`
	Owner          string         `json:"owner"`
	Runbook        string         `json:"runbook"`
	Count          int            `json:"count"`
	Open           int            `json:"open"`
	Acknowledged   int            `json:"acknowledged"`
	Locations      int            `json:"locations"`
	Regions        []string       `json:"regions"`
	Units          []quantityJSON `json:"units"`
	Values         []amountJSON   `json:"values"`
	FirstOccurred  stamp          `json:"first_occurred_at"`
	FirstOpened    stamp          `json:"first_opened_at"`
	LastOpened     stamp          `json:"last_opened_at"`
	LastClosed     stamp          `json:"last_closed_at"`
}

func groupOf(g *Group) groupJSON {
	return groupJSON{
		ID: g.ID, Kind: string(g.Kind), Cause: string(g.Cause), Severity: string(g.Severity), Title: g.Title,
		Sentence: g.Sentence, Action: g.Action, System: g.System, Step: stepOnly(g.System, g.Step), ErrorCode: g.ErrorCode, Field: g.Field,
		Value: g.Value, MappingVersion: g.MappingVersion, Owner: g.Owner, Runbook: g.Runbook, Count: g.Count, Open: g.Open, Acknowledged: g.Acknowledged,
		Locations: g.Locations, Regions: orNone(g.Regions), Units: quantitiesOf(g.Units), Values: amountsOf(g.Values),
		FirstOccurred: stamp(g.FirstOccurredAt), FirstOpened: stamp(g.FirstOpenedAt), LastOpened: stamp(g.LastOpenedAt),
		LastClosed: stamp(g.LastClosedAt),
	}
}

var groupColumns = []string{
	"id", "kind", "cause", "severity", "title", "system", "step", "error_code", "value", "owner", "count", "open",
	"locations", "regions", "units", "values", "first_opened_at", "last_opened_at", "acknowledged",
}

func (g *groupJSON) row() []string {
	return []string{
		g.ID, g.Kind, g.Cause, g.Severity, g.Title, g.System, g.Step, g.ErrorCode, g.Value, g.Owner,
		strconv.Itoa(g.Count), strconv.Itoa(g.Open), strconv.Itoa(g.Locations), strings.Join(g.Regions, "; "),
		cellOfUnits(g.Units), cellOfValues(g.Values), g.FirstOpened.String(), g.LastOpened.String(), strconv.Itoa(g.Acknowledged),
	}
}

type storeDayJSON struct {
	Location     string         `json:"location"`
	Region       string         `json:"region"`
	BusinessDate string         `json:"business_date"`
	Sold         int            `json:"sold"`
	Posted       int            `json:"posted"`
	Late         int            `json:"late"`
	Open         int            `json:"open"`
	Wrong        int            `json:"wrong"`
	Unknown      int            `json:"unknown"`
	NotOwed      int            `json:"not_owed"`
	Units        []quantityJSON `json:"units"`
	LastSaleAt   stamp          `json:"last_sale_at"`
	// Where the day is posted as a whole: its lifecycle, and where that stands.
	Day         string `json:"day"`
	DayVerdict  string `json:"day_verdict"`
	DaySentence string `json:"day_sentence"`
}

func storeDayOf(d *StoreDay) storeDayJSON {
	return storeDayJSON{
		Location: d.Location, Region: d.Region, BusinessDate: d.BusinessDate, Sold: d.Sold, Posted: d.Posted, Late: d.Late,
		Open: d.Open, Wrong: d.Wrong, Unknown: d.Unknown, NotOwed: d.NotOwed, Units: quantitiesOf(d.Units), LastSaleAt: stamp(d.LastSaleAt),
		Day: d.Day, DayVerdict: string(d.DayVerdict), DaySentence: d.DaySentence,
	}
}

var storeDayColumns = []string{
	"location", "region", "business_date", "sold", "posted", "late", "open", "wrong", "unknown", "not_owed", "units", "last_sale_at",
	"day", "day_verdict", "day_sentence",
}

func (d *storeDayJSON) row() []string {
	return []string{
		d.Location, d.Region, d.BusinessDate, strconv.Itoa(d.Sold), strconv.Itoa(d.Posted), strconv.Itoa(d.Late),
		strconv.Itoa(d.Open), strconv.Itoa(d.Wrong), strconv.Itoa(d.Unknown), strconv.Itoa(d.NotOwed),
		cellOfUnits(d.Units), d.LastSaleAt.String(), d.Day, d.DayVerdict, d.DaySentence,
	}
}

type burnJSON struct {
	Window string `json:"window"` // 1h, 3d
	Rate   number `json:"rate"`
	Limit  number `json:"limit"`
	Firing bool   `json:"firing"`
}

type sliceJSON struct {
	Name       string `json:"name"`
	Region     string `json:"region"`
	Good       int64  `json:"good"`
	Bad        int64  `json:"bad"`
	Unknown    int64  `json:"unknown"`
	Pending    int64  `json:"pending"`
	Attainment number `json:"attainment"`
	BudgetLeft number `json:"budget_left"`
	Burn       number `json:"burn"`
	Alert      string `json:"alert"`
}

type dayJSON struct {
	Date string `json:"date"`
	Good int64  `json:"good"`
	Bad  int64  `json:"bad"`
}

type objectiveJSON struct {
	Name       string      `json:"name"`
	Title      string      `json:"title"`
	Sentence   string      `json:"sentence"`
	Owner      string      `json:"owner"`
	Target     number      `json:"target"`
	Window     string      `json:"window"` // 28d
	Good       int64       `json:"good"`
	Bad        int64       `json:"bad"`
	Unknown    int64       `json:"unknown"`
	Pending    int64       `json:"pending"`
	Attainment number      `json:"attainment"`
	BudgetLeft number      `json:"budget_left"`
	Alert      string      `json:"alert"`
	Burns      []burnJSON  `json:"burns"`
	Regions    []sliceJSON `json:"regions"`
	Stores     []sliceJSON `json:"stores"`
	Trend      []dayJSON   `json:"trend"`
}

func sliceOf(s standing) sliceJSON {
	return sliceJSON{
		s.Name, s.Region, s.Good, s.Bad, s.Unknown, s.Pending,
		number(s.Attainment), number(s.BudgetLeft), number(s.Burn), string(s.Alert),
	}
}

func objectiveOf(p *promise) objectiveJSON {
	return objectiveJSON{
		Name: p.Name, Title: p.Title, Sentence: p.Sentence, Owner: p.Owner, Target: number(p.Target),
		Window: span(p.Window), Good: p.Good, Bad: p.Bad, Unknown: p.Unknown, Pending: p.Pending,
		Attainment: number(p.Attainment), BudgetLeft: number(p.BudgetLeft), Alert: string(p.Alert),
		Burns: each(p.Burns, func(b burn) burnJSON {
			return burnJSON{span(b.Window), number(b.Rate), number(b.Limit), b.Firing}
		}),
		Regions: each(p.Regions, sliceOf), Stores: each(p.Stores, sliceOf),
		Trend: each(p.Days, func(d promiseDay) dayJSON { return dayJSON{d.At.Format(time.DateOnly), d.Good, d.Bad} }),
	}
}

var objectiveColumns = []string{"name", "title", "target", "good", "bad", "unknown", "pending", "attainment", "budget_left", "alert"}

func (o *objectiveJSON) row() []string {
	return []string{
		o.Name, o.Title, o.Target.String(), strconv.FormatInt(o.Good, 10), strconv.FormatInt(o.Bad, 10),
		strconv.FormatInt(o.Unknown, 10), strconv.FormatInt(o.Pending, 10), o.Attainment.String(), o.BudgetLeft.String(), o.Alert,
	}
}

// String writes the number, empty where it is unknown.
func (n number) String() string {
	b, _ := n.MarshalJSON()
	if string(b) == "null" {
		return ""
	}
	return string(b)
}

type incidentJSON struct {
	ID       string        `json:"id"`
	State    string        `json:"state"`
	Severity string        `json:"severity"`
	Title    string        `json:"title"`
	Sentence string        `json:"sentence"`
	Action   string        `json:"action"`
	Owner    string        `json:"owner"`
	Runbook  string        `json:"runbook"`
	Group    string        `json:"group"`
	OpenedAt stamp         `json:"opened_at"`
	ClosedAt stamp         `json:"closed_at"`
	Facts    []factJSON    `json:"facts"`
	Examples []exampleJSON `json:"examples"`
}

type factJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type exampleJSON struct {
	Text string `json:"text"`
	URL  string `json:"url"`
	Note string `json:"note"`
}

func incidentOf(m *alerts.Message) incidentJSON {
	return incidentJSON{
		ID: m.IncidentID, State: string(m.State), Severity: string(m.Severity), Title: m.Title, Sentence: m.Lead, Action: m.Action,
		Owner: m.Owner, Runbook: m.Runbook, Group: m.Group, OpenedAt: stamp(m.OpenedAt), ClosedAt: stamp(m.ClosedAt),
		Facts:    each(m.Facts, func(f alerts.Fact) factJSON { return factJSON(f) }),
		Examples: each(m.Examples, func(e alerts.ExampleLink) exampleJSON { return exampleJSON(e) }),
	}
}

var incidentColumns = []string{"id", "state", "severity", "title", "sentence", "owner", "opened_at", "closed_at"}

func (in *incidentJSON) row() []string {
	return []string{in.ID, in.State, in.Severity, in.Title, in.Sentence, in.Owner, in.OpenedAt.String(), in.ClosedAt.String()}
}

type stepMetricJSON struct {
	System       string  `json:"system"`
	Step         string  `json:"step"`
	Passed       int     `json:"passed"`
	Waiting      int     `json:"waiting"`
	Stuck        int     `json:"stuck"`
	P50Seconds   float64 `json:"p50_seconds"`
	P99Seconds   float64 `json:"p99_seconds"`
	LimitSeconds float64 `json:"limit_seconds"`
}

func stepMetricOf(h *Hop) stepMetricJSON {
	return stepMetricJSON{h.System, h.Step, h.Passed, h.Waiting, h.Stuck, h.P50.Seconds(), h.P99.Seconds(), h.Limit.Seconds()}
}

var stepMetricColumns = []string{"system", "step", "passed", "waiting", "stuck", "p50_seconds", "p99_seconds", "limit_seconds"}

func (m *stepMetricJSON) row() []string {
	f := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return []string{
		m.System, m.Step, strconv.Itoa(m.Passed), strconv.Itoa(m.Waiting), strconv.Itoa(m.Stuck),
		f(m.P50Seconds), f(m.P99Seconds), f(m.LimitSeconds),
	}
}

type systemMetricJSON struct {
	System          string  `json:"system"`
	Events          int     `json:"events"`
	Failures        int     `json:"failures"`
	LastAt          stamp   `json:"last_received_at"`
	LagSeconds      float64 `json:"lag_p50_seconds"`
	LagP99Seconds   float64 `json:"lag_p99_seconds"`
	CompleteThrough stamp   `json:"complete_through"`
	Feeds           int     `json:"feeds"`
}

func systemMetricOf(s *Source) systemMetricJSON {
	return systemMetricJSON{s.System, s.Events, s.Failures, stamp(s.LastAt), s.Lag.Seconds(), s.LagP99.Seconds(), stamp(s.CompleteThrough), s.Feeds}
}

var systemMetricColumns = []string{"system", "events", "failures", "last_received_at", "lag_p50_seconds", "lag_p99_seconds", "complete_through", "feeds"}

func (m *systemMetricJSON) row() []string {
	f := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return []string{
		m.System, strconv.Itoa(m.Events), strconv.Itoa(m.Failures), m.LastAt.String(), f(m.LagSeconds), f(m.LagP99Seconds),
		m.CompleteThrough.String(), strconv.Itoa(m.Feeds),
	}
}

type statusJSON struct {
	Now      stamp  `json:"now"`
	Through  stamp  `json:"judged_through"`
	Log      string `json:"log"`
	Detail   string `json:"detail"`
	Backlog  uint64 `json:"backlog"`
	Unowned  int    `json:"unowned_partitions"`
	DiskUsed number `json:"disk_used"`

	QuarantineBytes uint64 `json:"quarantine_bytes"`
	QuarantineMax   uint64 `json:"quarantine_max_bytes"`

	Simulated bool   `json:"simulated"`
	Speed     number `json:"speed"`
	Version   string `json:"version"`
}

func statusOf(s Status, now time.Time, version string) statusJSON {
	return statusJSON{
		Now: stamp(now), Through: stamp(s.Through), Log: orElse(string(s.Log), "ok"), Detail: s.Detail, Backlog: s.Backlog,
		Unowned: s.Unowned, DiskUsed: number(s.DiskUsed), Simulated: s.Simulated, Speed: number(s.Speed), Version: version,
		QuarantineBytes: s.QuarantineBytes, QuarantineMax: s.QuarantineMax,
	}
}

var (
	_ json.Marshaler = stamp{}
	_ json.Marshaler = number(0)
)
