package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Key names one cause: what findings have in common that one person would
// repair with one act. It is coarser than a finding's group, which also tells
// items and stores apart: a mapping release that breaks 300 items, or a line
// that cuts off 40 stores, is one message with its groups inside.
type Key struct {
	Kind      inventory.Kind
	Cause     inventory.Cause
	System    string
	Step      string // with its system, as findings carry it: "erp posted"
	ErrorCode string
}

// Cluster is the open findings of one key, counted.
type Cluster struct {
	Key      Key
	Severity inventory.Severity
	// Title, Sentence and Action are those of its oldest finding.
	Title, Sentence, Action string
	Owner, Runbook          string
	// Open counts what is affected: lifecycles, or feeds. Recent counts those with
	// a finding opened within the window asked for.
	Open, Recent int
	// FirstOpened and LastOpened bound their opening, on the retailer's clock.
	FirstOpened, LastOpened time.Time
	// Locations counts stores and names the ones with most findings first, a few.
	Locations    int
	LocationsTop []string
	Regions      []string
	Units        []inventory.Quantity // at risk
	Values       []inventory.Amount   // at risk
	RecentValues []inventory.Amount   // of the recent ones
	// Groups counts the finding groups inside; GroupsTop are the largest, a few.
	Groups    int
	GroupsTop []Group
	Examples  []Example
	// Acknowledged counts those affected that somebody looks after. AcknowledgedBy
	// are who said so, Assignees whose they are, each in order of the alphabet;
	// of a cluster that is empty by now, who they were.
	Acknowledged              int
	AcknowledgedBy, Assignees []string
}

// Group is one finding group inside a cluster.
type Group struct {
	ID   string
	What string // the item, the store, the error: what sets it apart; may be empty
	Open int
}

// Example is one of the findings, for people to open.
type Example struct {
	LifecycleID string
	Receipt     string // as printed, empty where it has none
	Workflow    string
	Location    string
	Sentence    string
}

// Burn is a promise whose budget burns.
type Burn struct {
	Objective, Title string
	Owner, Runbook   string
	Severity         inventory.Severity
	Policy           string
	Target           float64
	Window           time.Duration // of the objective
	Long, Short      time.Duration // of the policy
	Rate             float64       // burn rate over the long window, where it is worst
	Threshold        float64
	// Bad of Valid over the long window, everywhere; Unknown stand apart.
	Bad, Valid, Unknown int64
	BudgetLeft          float64 // of the objective's window: 1 untouched, below 0 overspent
	Regions             []string
	Stores              int // with a bad one within the long window
	Causes              []BurnCause
	// Firing is false once it no longer burns.
	Firing bool
}

// BurnCause is a cause with its share of what went wrong.
type BurnCause struct {
	Key   Key
	Title string
	Count int64
}

// State of an incident.
type State string

// Incident states.
const (
	Firing   State = "firing"
	Resolved State = "resolved"
)

// Incident is one thing people are told of, as one message.
type Incident struct {
	// ID is the hash of what it was opened for and when.
	ID       string
	State    State
	Severity inventory.Severity
	OpenedAt time.Time
	// UpdatedAt is when its content last changed, ClosedAt when it was over; zero
	// while firing.
	UpdatedAt, ClosedAt time.Time
	// CalmSince is when nothing held it firing any more; zero while something does.
	CalmSince time.Time
	// Cluster and Burn are what it is about as last seen; at least one is set.
	Cluster *Cluster
	Burn    *Burn
	// Peak is the most that were affected at once.
	Peak int
	// ContinuedBy is the incident that took over, when the same came again after a
	// quiet time.
	ContinuedBy string
	// Deliveries by receiver name.
	Deliveries map[string]Delivery
}

// Phase is where a delivery stands.
type Phase string

// Delivery phases; the zero value means nothing was tried. See the package
// comment for the transitions.
const (
	Intended Phase = "intended"
	Posted   Phase = "posted"
	// Skipped marks an incident that is none of the receiver's business: its route
	// leads elsewhere, or it was over before the receiver was configured.
	Skipped Phase = "skipped"
)

// Delivery is what a receiver has been sent of an incident.
type Delivery struct {
	Phase Phase
	// Ref is how the receiver calls its message; set once posted.
	Ref Ref
	// IntendedAt is when sending was first intended, by the wall clock: the
	// receiver's own time to search from.
	IntendedAt time.Time
	// Content is the hash of what was last delivered, State the incident's then.
	Content     string
	State       State
	DeliveredAt time.Time // wall
	// Attempts counts failures in a row, NextAt is when to try again, by the wall
	// clock, LastError why.
	Attempts  int
	NextAt    time.Time
	LastError string
}

// Ref is a receiver's own name for a message, such as channel and timestamp.
type Ref struct{ Place, ID string }

// incidentID is stable: the same cause opened at the same moment.
func incidentID(lead string, opened time.Time) string {
	sum := sha256.Sum256([]byte(lead + "\x00" + opened.UTC().Format(time.RFC3339Nano)))
	return "i-" + hex.EncodeToString(sum[:10])
}

// String joins the key's parts with slashes.
func (k Key) String() string {
	return strings.Join([]string{string(k.Kind), string(k.Cause), k.System, k.Step, k.ErrorCode}, "/")
}

// clone copies the incident so that deliveries can change apart. Clusters and
// burns are replaced whole, never changed.
func (i *Incident) clone() Incident {
	c := *i
	c.Deliveries = make(map[string]Delivery, len(i.Deliveries))
	for name, d := range i.Deliveries {
		c.Deliveries[name] = d
	}
	return c
}
