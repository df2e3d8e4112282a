package inventory

import "time"

// Kind is what is wrong.
type Kind string

// Finding kinds this build can raise. The contract lists more; they come with
// their rules.
const (
	MissingStep       Kind = "missing_step"
	LateStep          Kind = "late_step"
	DuplicateDelivery Kind = "duplicate_delivery"
	DuplicatePosting  Kind = "duplicate_posting"
	KeyCollision      Kind = "key_collision"
	QuantityMismatch  Kind = "quantity_mismatch"
	MappingUnknown    Kind = "mapping_unknown"
	DeadLetter        Kind = "dead_lettered"
	RejectedKind      Kind = "rejected"
	StalledReplay     Kind = "stalled_replay"
	SourceSilent      Kind = "source_silent"
	TelemetryGap      Kind = "telemetry_gap"
)

// Kinds lists every kind this build can raise, worst first: of two that apply
// to one lifecycle, the earlier one leads its sentence.
var Kinds = []Kind{
	KeyCollision, DuplicatePosting, QuantityMismatch, StalledReplay, DeadLetter, RejectedKind,
	MappingUnknown, MissingStep, LateStep, SourceSilent, TelemetryGap, DuplicateDelivery,
}

// Cause is why, as far as the evidence says.
type Cause string

// Causes of the contract that this build assigns.
const (
	CauseStoreOffline        Cause = "store_offline"
	CauseSourceOutage        Cause = "source_outage"
	CauseMappingDefect       Cause = "mapping_defect"
	CauseDownstreamDelay     Cause = "downstream_delay"
	CauseSenderValidation    Cause = "sender_validation"
	CauseIntegrationFault    Cause = "integration_fault"
	CauseQueueStopped        Cause = "queue_stopped"
	CauseDuplicateSubmission Cause = "duplicate_submission"
	CauseTelemetry           Cause = "telemetry"
	CauseUnknown             Cause = "unknown"
)

// Severity orders findings for people: critical pages, warning asks, info tells.
type Severity string

// Severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// FindingState is open or closed.
type FindingState string

// Finding states.
const (
	FindingOpen   FindingState = "open"
	FindingClosed FindingState = "closed"
)

// Resolution is how a finding ended.
type Resolution string

// Resolutions of the contract. A disproved finding is not listed unless asked
// for with state=any.
const (
	Recovered Resolution = "recovered"
	Disproved Resolution = "disproved"
	ReplayedR Resolution = "replayed"
	ReversedR Resolution = "reversed"
	Accepted  Resolution = "accepted"
)

// Finding is something wrong with a lifecycle or a feed.
type Finding struct {
	// ID does not change by merge, restart or a second engine: it is made of the
	// kind, the step and the record the finding is about.
	ID       string
	Kind     Kind
	Cause    Cause
	State    FindingState
	Severity Severity
	// LifecycleID is the lifecycle's id; empty for a finding about a feed.
	LifecycleID string
	// Group is the id shared by all findings of one cause (see GroupKey).
	Group    string
	GroupKey GroupKey
	Step     string
	System   string
	Location string
	Region   string
	Owner    string
	Runbook  string

	FirstOccurredAt time.Time // when it happened, or was due, at the hop
	OpenedAt        time.Time // computed from first received times
	ClosedAt        time.Time // zero while open
	ClosedBy        string    // record id of the event that closed it
	Resolution      Resolution

	Units    []Quantity // at risk: |net stock error|, per unit of measure
	Values   []Amount   // at risk, per currency and basis
	Evidence []string   // record ids
	// MappingVersion, ErrorCode, Field and Value describe a mapping defect or a
	// hop's error.
	MappingVersion, ErrorCode, Field, Value string

	Title    string // "Not in ERP"
	Sentence string // what, since when, why
	Action   string // what to do next
}

// GroupKey is what findings of one cause have in common.
type GroupKey struct {
	Kind   Kind
	Cause  Cause
	System string
	Step   string
	// Detail tells apart what kind and hop do not: an error code with field and
	// value, a store for a store outage.
	Detail string
}
