package inventory

import (
	"cmp"
	"slices"
	"time"
)

// TypeWatermark is the CloudEvents type of a feed watermark: not a business
// event but a fact about a feed (see [Watermark]).
const TypeWatermark = "inventory.feed.watermark"

// Outcome is how a hop says its step ended.
type Outcome string

// Outcomes of the contract.
const (
	OK              Outcome = "ok"
	Failed          Outcome = "failed"
	Retrying        Outcome = "retrying"
	Rejected        Outcome = "rejected"
	Held            Outcome = "held"
	Partial         Outcome = "partial"
	Suppressed      Outcome = "suppressed"
	DeadLettered    Outcome = "dead_lettered"
	ReplayRequested Outcome = "replay_requested"
	Replayed        Outcome = "replayed"
	Reversed        Outcome = "reversed"
	Discarded       Outcome = "discarded"
	Pending         Outcome = "pending"
)

// Outcomes lists every outcome, in the contract's order.
var Outcomes = []Outcome{
	OK, Failed, Retrying, Rejected, Held, Partial, Suppressed, DeadLettered,
	ReplayRequested, Replayed, Reversed, Discarded, Pending,
}

// Event is one thing one system said about one business transaction at one
// hop. It is immutable once recorded. Fields left empty by the sender stay
// empty: nothing is derived into them (a business date is data, not a guess).
type Event struct {
	// ID, Source and Type are the CloudEvents attributes. For OTLP, Source is
	// the resource's service name and instance, ID the inventory.event_id or the
	// trace and span id.
	ID, Source, Type string
	// Time is the instant it happened at the hop (UTC); TimeAsSent keeps wall
	// time and offset as the sender wrote them. Began is a span's start, zero
	// for everything else.
	Time       time.Time
	TimeAsSent string
	Began      time.Time

	CorrelationID string
	TraceID       string // 32 lower-case hex digits or empty
	SpanID        string // 16 lower-case hex digits or empty
	ParentSpanID  string

	Workflow, Step         string
	System, SystemInstance string
	Outcome                Outcome // empty as sent means ok
	Attempt                int     // from 1; 0 as sent means 1

	Location, LocationScheme string
	Register                 string
	BusinessDate             string // YYYY-MM-DD as data; empty means not given
	PostingDate              string
	StoreDay                 string
	Operator, Device         string

	Keys           []Key // sorted by name, then value; without correlation and trace id
	Transaction    Transaction
	MappingVersion string
	Mappings       []Mapping
	Error          *Error
	Refs           []Ref
	Covers         *Covers
	Totals         *Totals
	ReasonCode     string
	Approval       *Approval
	EnteredOffline bool
	Lines          []Line

	// Watermark is set on events of type TypeWatermark only.
	Watermark *Watermark
	// Reading is set on events of type TypeReading only.
	Reading *Reading
	// Action is set on events of type TypeAction only.
	Action *Action

	// Attributes keeps every field and attribute that has no place above, by
	// its path as sent; values are text, structured ones JSON.
	Attributes map[string]string
}

// Transaction says what kind of till transaction an event belongs to.
type Transaction struct {
	Kind, Mode, Status    string
	Sequence, SequenceMax string
	FiscalSequence        string
}

// Mapping is one translation a hop made, as it reported it.
type Mapping struct {
	Field, From, To, Rule, Version string
}

// Error is what a hop reports with failed, rejected and dead_lettered. Only
// Code is required.
type Error struct {
	Code, Field, Value, Message string
}

// Ref relates an event to another transaction (rel: fulfils, returns, reverses,
// replaces, voids, counts).
type Ref struct {
	Rel  string
	Keys []Key
	Line string
}

// Covers is what a posting for many transactions stands for. It is membership,
// never identity: it binds nothing.
type Covers struct {
	Location, BusinessDate, Slice string
	MemberKey                     string
	Members                       []string
	MemberCount                   int
	Units                         []Quantity
	Part, Parts                   int
}

// Totals are a closing's control totals for one register.
type Totals struct {
	Register                string
	Transactions            int
	First, Last             string
	SalesUnits, SalesAmount string
	Currency                string
}

// Approval is who let an adjustment or count pass, and by which policy.
type Approval struct {
	State, By, At, Role, Policy string
}

// Quantity is an amount in one unit of measure; units are never added across
// units of measure.
type Quantity struct {
	UOM      string
	Quantity Decimal
}

// Amount is money in one currency and value basis; never added across either.
type Amount struct {
	Currency, Basis string
	Amount          Decimal
}

// Line is one item in an event.
type Line struct {
	Line             string
	Item, ItemScheme string
	ItemIDs          []Key // the item's names in other systems: scheme → id
	Quantity         Decimal
	UOM              string
	Measure          string // delta (default) or absolute
	Bucket           string
	Status           string
	StatusFrom       string
	StatusTo         string
	LocationFrom     string
	LocationTo       string
	Activity         string
	ParentLine       string
	ComponentOf      string
	Void             bool
	Stock            string // moves (default), none or value_only
	Ownership        string // own (default), concession, consignment, …
	AsOf             string
	Counted, Book    string
	UnitValue        string
	UnitCost         string
	ValueBasis       string
	Currency         string
	// Attributes keeps the line's unknown fields.
	Attributes map[string]string
}

// MovesStock reports whether the line moves stock the retailer owns. Services,
// gift cards, deposits, postage, concession and consignment do not: they owe no
// goods posting.
func (l Line) MovesStock() bool {
	if l.Stock != "" && l.Stock != "moves" {
		return false
	}
	return l.Ownership == "" || l.Ownership == "own"
}

// Identifiers returns the event's identifying keys in their scopes, least
// first. It is empty for an orphan. A person's action has the keys of what it is
// about.
func (e *Event) Identifiers() []ScopedKey {
	if a := e.Action; a != nil {
		keys := []ScopedKey{a.About}
		if !a.With.IsZero() {
			keys = append(keys, a.With)
		}
		return sortKeys(keys)
	}
	keys := make([]ScopedKey, 0, len(e.Keys)+1)
	if k, ok := (Key{KeyCorrelationID, e.CorrelationID}).Scope(e.Location, e.Register); ok {
		keys = append(keys, k)
	}
	for _, key := range e.Keys {
		if k, ok := key.Scope(e.Location, e.Register); ok {
			keys = append(keys, k)
		}
	}
	return sortKeys(keys)
}

// correlation returns the event's correlation id where that is certainly its
// first identifying key: no other name ranks before it, and most events have one.
func (e *Event) correlation() (_ ScopedKey, ok bool) {
	if e.CorrelationID == "" || e.Action != nil {
		return ScopedKey{}, false
	}
	for i := range e.Keys {
		if e.Keys[i].Name == KeyCorrelationID {
			return ScopedKey{}, false
		}
	}
	return Key{KeyCorrelationID, e.CorrelationID}.Scope(e.Location, e.Register)
}

// AllKeys returns every key the event carries, correlation and trace id
// included, as sent.
func (e *Event) AllKeys() []Key {
	keys := make([]Key, 0, len(e.Keys)+2)
	if e.CorrelationID != "" {
		keys = append(keys, Key{KeyCorrelationID, e.CorrelationID})
	}
	keys = append(keys, e.Keys...)
	if e.TraceID != "" {
		keys = append(keys, Key{KeyTraceID, e.TraceID})
	}
	return keys
}

// KeyValue returns the value of the first key of that name, as sent.
func (e *Event) KeyValue(name string) string {
	if name == KeyCorrelationID {
		return e.CorrelationID
	}
	if name == KeyTraceID {
		return e.TraceID
	}
	for _, k := range e.Keys {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// EffectiveOutcome is the outcome with the contract's default (ok).
func (e *Event) EffectiveOutcome() Outcome {
	if e.Outcome == "" {
		return OK
	}
	return e.Outcome
}

// EffectiveAttempt is the attempt with the contract's default (1).
func (e *Event) EffectiveAttempt() int { return max(1, e.Attempt) }

// Normalize sorts what has no order of its own (keys, item ids), so that equal
// events have equal content whatever order their sender wrote them in. Decoders
// call it once; everything after relies on it.
func (e *Event) Normalize() {
	sortNamed(e.Keys)
	for i := range e.Lines {
		sortNamed(e.Lines[i].ItemIDs)
	}
	for i := range e.Refs {
		sortNamed(e.Refs[i].Keys)
	}
	if e.Covers != nil {
		slices.SortFunc(e.Covers.Units, func(a, b Quantity) int { return cmp.Compare(a.UOM, b.UOM) })
	}
}

func sortNamed(keys []Key) {
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
}
