package cli

import "time"

// The API's answers, as far as the terminal shows them (docs/contract/api.md).

type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

type lifecycle struct {
	CorrelationID string    `json:"correlation_id"`
	Workflow      string    `json:"workflow"`
	State         string    `json:"state"`
	Verdict       string    `json:"verdict"`
	Sentence      string    `json:"sentence"`
	Location      string    `json:"location"`
	Zone          string    `json:"zone"`
	Region        string    `json:"region"`
	Register      string    `json:"register"`
	BusinessDate  string    `json:"business_date"`
	Owner         string    `json:"owner"`
	StartedAt     time.Time `json:"started_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	AllKeys       []key     `json:"all_keys"`
	Steps         []step    `json:"steps"`
	Lines         []line    `json:"lines"`
	Findings      []finding `json:"findings"`
	PostedBy      string    `json:"posted_by"`
}

type key struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type step struct {
	Step       string     `json:"step"`
	System     string     `json:"system"`
	Title      string     `json:"title"`
	Outcome    string     `json:"outcome"`
	OccurredAt *time.Time `json:"occurred_at"`
	ReceivedAt *time.Time `json:"received_at"`
	ExpectedBy *time.Time `json:"expected_by"`
	Expected   *bool      `json:"expected"`
	Attempt    int        `json:"attempt"`
	Note       string     `json:"note"`
	Error      *struct {
		Code    string `json:"code"`
		Field   string `json:"field"`
		Value   string `json:"value"`
		Message string `json:"message"`
	} `json:"error"`
}

type line struct {
	Item       string `json:"item"`
	Location   string `json:"location"`
	Status     string `json:"status"`
	UOM        string `json:"uom"`
	Owed       string `json:"owed"`
	Posted     string `json:"posted"`
	Comparable *bool  `json:"comparable"`
}

type finding struct {
	ID            string     `json:"id"`
	Kind          string     `json:"kind"`
	Cause         string     `json:"cause"`
	State         string     `json:"state"`
	Severity      string     `json:"severity"`
	CorrelationID string     `json:"correlation_id"`
	Group         string     `json:"group"`
	Count         int        `json:"count"`
	Step          string     `json:"step"`
	System        string     `json:"system"`
	Location      string     `json:"location"`
	Owner         string     `json:"owner"`
	OpenedAt      time.Time  `json:"opened_at"`
	ClosedAt      *time.Time `json:"closed_at"`
	Resolution    string     `json:"resolution"`
	Units         []quantity `json:"units"`
	Values        []amount   `json:"values"`
	Title         string     `json:"title"`
	Sentence      string     `json:"sentence"`
	Action        string     `json:"action"`
}

// group is findings of one cause.
type group struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Cause       string     `json:"cause"`
	Severity    string     `json:"severity"`
	Title       string     `json:"title"`
	Sentence    string     `json:"sentence"`
	System      string     `json:"system"`
	Step        string     `json:"step"`
	Value       string     `json:"value"`
	Owner       string     `json:"owner"`
	Count       int        `json:"count"`
	Open        int        `json:"open"`
	Locations   int        `json:"locations"`
	Regions     []string   `json:"regions"`
	Units       []quantity `json:"units"`
	Values      []amount   `json:"values"`
	FirstOpened time.Time  `json:"first_opened_at"`
	LastClosed  *time.Time `json:"last_closed_at"`
}

type quantity struct {
	UOM      string `json:"uom"`
	Quantity string `json:"quantity"`
}

type amount struct {
	Currency string `json:"currency"`
	Basis    string `json:"basis"`
	Amount   string `json:"amount"`
}
