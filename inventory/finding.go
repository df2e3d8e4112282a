package inventory

import "time"

// Kind is what is wrong.
type Kind string

// Finding kinds of the contract.
const (
	MissingStep           Kind = "missing_step"
	LateStep              Kind = "late_step"
	Stall                 Kind = "stalled"
	StalledReplay         Kind = "stalled_replay"
	DeadLetter            Kind = "dead_lettered"
	RejectedKind          Kind = "rejected"
	HeldKind              Kind = "held"
	DiscardedKind         Kind = "discarded"
	PartialPost           Kind = "partial_post"
	RunMissed             Kind = "run_missed"
	DuplicateDelivery     Kind = "duplicate_delivery"
	DuplicatePosting      Kind = "duplicate_posting"
	DoubleIssue           Kind = "double_issue"
	SuspectDuplicate      Kind = "suspect_duplicate"
	KeyCollision          Kind = "key_collision"
	RetryLoop             Kind = "retry_loop"
	OutOfOrder            Kind = "out_of_order"
	StaleOverwrite        Kind = "stale_overwrite"
	MappingUnknown        Kind = "mapping_unknown"
	MappingConflict       Kind = "mapping_conflict"
	UOMMismatch           Kind = "uom_mismatch"
	QuantityMismatch      Kind = "quantity_mismatch"
	WrongSign             Kind = "wrong_sign"
	PriceMismatch         Kind = "price_or_value_mismatch"
	LocationMismatch      Kind = "location_mismatch"
	StatusMismatch        Kind = "status_mismatch"
	IdentityDrift         Kind = "identity_drift"
	NotInAssortment       Kind = "not_in_assortment"
	DateShift             Kind = "date_shift"
	ClockSkew             Kind = "clock_skew"
	PhantomStock          Kind = "phantom_stock"
	TransitNotCleared     Kind = "transit_not_cleared"
	ShortReceipt          Kind = "short_receipt"
	OverReceipt           Kind = "over_receipt"
	UnexpectedReceipt     Kind = "unexpected_receipt"
	OverRelease           Kind = "over_release"
	ReservationUnbalanced Kind = "reservation_unbalanced"
	Oversold              Kind = "oversold"
	NegativeOnHand        Kind = "negative_on_hand"
	UnapprovedAdjustment  Kind = "unapproved_adjustment"
	SelfApproved          Kind = "self_approved"
	ToleranceExceeded     Kind = "tolerance_exceeded"
	OfflineConflict       Kind = "offline_conflict"
	RecurringVariance     Kind = "recurring_variance"
	ReturnNotPosted       Kind = "return_not_posted"
	AggregationGap        Kind = "aggregation_gap"
	ControlTotalMismatch  Kind = "control_total_mismatch"
	SnapshotStale         Kind = "snapshot_stale"
	SequenceGap           Kind = "sequence_gap"
	SourceSilent          Kind = "source_silent"
	TelemetryGap          Kind = "telemetry_gap"
)

// Kinds lists every kind of the contract, worst first: of two that apply to one
// lifecycle, the earlier one leads its sentence.
var Kinds = []Kind{
	KeyCollision, DuplicatePosting, DoubleIssue, WrongSign, UOMMismatch, QuantityMismatch, LocationMismatch, StatusMismatch,
	OverRelease, OverReceipt, UnexpectedReceipt, ShortReceipt, TransitNotCleared, ReservationUnbalanced,
	Oversold, NegativeOnHand, PhantomStock, StaleOverwrite, AggregationGap, ControlTotalMismatch, SequenceGap,
	StalledReplay, DeadLetter, RejectedKind, DiscardedKind, HeldKind, Stall, PartialPost,
	MappingUnknown, NotInAssortment, MappingConflict, MissingStep, ReturnNotPosted, RunMissed,
	UnapprovedAdjustment, SelfApproved, ToleranceExceeded, OfflineConflict, RecurringVariance, SnapshotStale,
	PriceMismatch, DateShift, LateStep, RetryLoop, SuspectDuplicate, IdentityDrift, OutOfOrder, ClockSkew,
	SourceSilent, TelemetryGap, DuplicateDelivery,
}

// Cause is why, as far as the evidence says.
type Cause string

// Causes of the contract.
const (
	CauseStoreOffline        Cause = "store_offline"
	CauseRegisterFault       Cause = "register_fault"
	CauseSourceOutage        Cause = "source_outage"
	CauseMappingDefect       Cause = "mapping_defect"
	CauseMasterData          Cause = "master_data_missing"
	CauseDownstreamDelay     Cause = "downstream_delay"
	CauseRunMissed           Cause = "run_missed"
	CausePeriodClosed        Cause = "posting_period_closed"
	CauseERPLock             Cause = "erp_lock"
	CauseAuditHold           Cause = "audit_hold"
	CauseDeficit             Cause = "deficit_of_stock"
	CauseSenderValidation    Cause = "sender_validation"
	CauseIntegrationFault    Cause = "integration_fault"
	CauseQueueStopped        Cause = "queue_stopped"
	CauseCredentials         Cause = "credentials"
	CauseConfiguration       Cause = "configuration_change"
	CauseDuplicateSubmission Cause = "duplicate_submission"
	CauseManualAdjustment    Cause = "manual_adjustment"
	CauseManualDiscard       Cause = "manual_discard"
	CauseTelemetry           Cause = "telemetry"
	CauseUnknown             Cause = "unknown"
)

// Causes lists them in the contract's order.
var Causes = []Cause{
	CauseStoreOffline, CauseRegisterFault, CauseSourceOutage, CauseMappingDefect, CauseMasterData, CauseDownstreamDelay,
	CauseRunMissed, CausePeriodClosed, CauseERPLock, CauseAuditHold, CauseDeficit, CauseSenderValidation,
	CauseIntegrationFault, CauseQueueStopped, CauseCredentials, CauseConfiguration, CauseDuplicateSubmission,
	CauseManualAdjustment, CauseManualDiscard, CauseTelemetry, CauseUnknown,
}

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
	// The others are people's (see ByHand).
	Arrived    Resolution = "arrived"
	Corrected  Resolution = "corrected_manually"
	DiscardedR Resolution = "discarded"
	FalseAlarm Resolution = "false_alarm"
)

// ByHand lists the resolutions a person can give. Source: contract, "Findings
// have a life"; domain rule 25.
var ByHand = []Resolution{Corrected, Accepted, DiscardedR, FalseAlarm, Arrived, ReplayedR, ReversedR}

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
	ClosedBy        string    // record id of the event, or of the person's action, that closed it
	Resolution      Resolution
	ResolutionNote  string // what the person who resolved it wrote

	// What people did about it (see [Action]).
	AcknowledgedBy string
	AcknowledgedAt time.Time // zero unless acknowledged
	Assignee       string
	Ticket         string

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
