package estate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Fault is something that may go wrong with a sale, a store or a feed; or
// something that looks wrong and is not (a near-miss, of which nothing may be
// said).
type Fault string

// Faults. Each is drawn for every sale by itself, so that a sale may carry two;
// one that cannot happen any more (posted twice, but lost before the ERP) has no
// effect and is not in the truth.
const (
	// DuplicateSuppressed: the till sends a sale twice and the middleware
	// recognises it (outcome suppressed).
	DuplicateSuppressed Fault = "duplicate_suppressed"
	// DuplicateSubmitted: the till sends a sale twice, the second time under a new
	// event id.
	DuplicateSubmitted Fault = "duplicate_submitted"
	// PostedTwice: the ERP books it in two documents.
	PostedTwice Fault = "posted_twice"
	// DroppedBeforeMiddleware and the like: the message is lost on its way there.
	DroppedBeforeMiddleware Fault = "dropped_before_middleware"
	DroppedBeforeMapping    Fault = "dropped_before_mapping"
	DroppedBeforeERP        Fault = "dropped_before_erp"
	DroppedBeforeOMS        Fault = "dropped_before_oms"
	// LostTelemetry: a hop did its work but its event is lost; later hops prove it.
	LostTelemetry Fault = "lost_telemetry"
	// DelayedERP: posted shortly before or after its deadline.
	DelayedERP Fault = "delayed_erp"
	// LateMiddleware: accepted or mapped shortly before or after its deadline.
	LateMiddleware Fault = "late_middleware"
	// DeadLetterReplayed: dead-lettered, then replayed, and the replay lands.
	DeadLetterReplayed Fault = "dead_letter_replayed"
	// DeadLetterStalled: dead-lettered, then a replay is requested and never lands.
	DeadLetterStalled Fault = "dead_letter_stalled"
	// QuantitySlip: the ERP books another quantity of one item.
	QuantitySlip Fault = "quantity_slip"
	// MappingGap: items have no ERP article from a time on. Its rate is the share
	// of sales hit.
	MappingGap Fault = "mapping_gap"
	// StoreOffline: a store has no connection for a while and sends a late burst.
	// Its rate is the chance per store and day.
	StoreOffline Fault = "store_offline"
	// SilentFeed: the ERP's or OMS's feed sends nothing for a quarter of an hour or
	// more, watermarks included, and then everything. Its rate is the chance per
	// feed and three hours.
	SilentFeed Fault = "silent_feed"

	// What may go wrong with a dealing besides (see dealing).

	// StepLost: what should happen next never does.
	StepLost Fault = "step_lost"
	// StepLate: it happens after its deadline.
	StepLate Fault = "step_late"
	// StepDeadLettered: it is dead-lettered, and nobody asks for a replay.
	StepDeadLettered Fault = "step_dead_lettered"
	// StepRejected, StepDiscarded, StepHeld, StepStuck: a system refuses it, a person
	// throws it away, it waits for somebody to release it, or for a lock that never
	// goes.
	StepRejected  Fault = "step_rejected"
	StepDiscarded Fault = "step_discarded"
	StepHeld      Fault = "step_held"
	StepStuck     Fault = "step_stuck"
	// NotListed: the article is not set up at the place.
	NotListed Fault = "not_listed"
	// TriedForEver: it succeeds after more attempts than anybody's patience.
	TriedForEver Fault = "tried_for_ever"
	// WrongSign, WrongPlace, WrongStatus: booked the wrong way round, at another
	// place, in another status.
	WrongSign   Fault = "wrong_sign"
	WrongPlace  Fault = "wrong_place"
	WrongStatus Fault = "wrong_status"
	// OtherDay: booked for another business date; OtherValue: at another price.
	OtherDay   Fault = "other_day"
	OtherValue Fault = "other_value"
	// PartlyPosted: the ERP says that it booked a part, and never the rest.
	PartlyPosted Fault = "partly_posted"

	// Near-misses.

	// Retried: an attempt fails and the next succeeds in time.
	Retried Fault = "retried"
	// SplitPosting: two ERP documents that sum to what is owed.
	SplitPosting Fault = "split_posting"
	// CancelledAndReposted: booked, reversed, booked again.
	CancelledAndReposted Fault = "cancelled_and_reposted"
	// SameBasket: the store's next sale has the same lines under its own receipt.
	SameBasket Fault = "same_basket"
	// BothTransports: the till's event arrives as a CloudEvent and over OTLP.
	BothTransports Fault = "both_transports"
)

// AllFaults lists every fault and near-miss of sales, stores and feeds in the order in which they are
// drawn. Append only: the order is part of what a seed means.
var AllFaults = []Fault{
	DuplicateSuppressed, DuplicateSubmitted, PostedTwice,
	DroppedBeforeMiddleware, DroppedBeforeMapping, DroppedBeforeERP, DroppedBeforeOMS,
	LostTelemetry, DelayedERP, LateMiddleware, DeadLetterReplayed, DeadLetterStalled,
	QuantitySlip, MappingGap, StoreOffline, SilentFeed,
	Retried, SplitPosting, CancelledAndReposted, SameBasket, BothTransports,
}

// allFaults are AllFaults and what else may go wrong with dealings.
func allFaults() []Fault {
	all := slices.Clone(AllFaults)
	for _, f := range dealingFaults {
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// Faults holds the rate of each fault, from 0 (never, also when absent) to 1.
type Faults map[Fault]float64

// FaultPresets are the named mixtures of [ParseFaults].
var FaultPresets = map[string]Faults{
	// none: a day on which everything works.
	"none": {},
	// default: a retailer that just about breaks its promise of 99.5 %.
	"default": Faults{
		DuplicateSuppressed: 0.002, DuplicateSubmitted: 0.002, PostedTwice: 0.001,
		DroppedBeforeMiddleware: 0.0005, DroppedBeforeMapping: 0.0005, DroppedBeforeERP: 0.001, DroppedBeforeOMS: 0.001,
		LostTelemetry: 0.002, DelayedERP: 0.003, LateMiddleware: 0.002, DeadLetterReplayed: 0.001, DeadLetterStalled: 0.0005,
		QuantitySlip: 0.001, MappingGap: 0.002, StoreOffline: 0.02, SilentFeed: 0.1,
		Retried: 0.01, SplitPosting: 0.01, CancelledAndReposted: 0.002, SameBasket: 0.005, BothTransports: 0.005,
	}.besides(0.0005),
	// heavy: every fault often enough to meet every other; for tests.
	"heavy": Faults{
		DuplicateSuppressed: 0.02, DuplicateSubmitted: 0.02, PostedTwice: 0.03,
		DroppedBeforeMiddleware: 0.01, DroppedBeforeMapping: 0.01, DroppedBeforeERP: 0.02, DroppedBeforeOMS: 0.02,
		LostTelemetry: 0.03, DelayedERP: 0.04, LateMiddleware: 0.03, DeadLetterReplayed: 0.02, DeadLetterStalled: 0.02,
		QuantitySlip: 0.03, MappingGap: 0.02, StoreOffline: 0.3, SilentFeed: 1,
		Retried: 0.03, SplitPosting: 0.03, CancelledAndReposted: 0.02, SameBasket: 0.02, BothTransports: 0.02,
	}.besides(0.04),
}

// besides adds the faults of dealings that f does not name, at one rate.
func (f Faults) besides(rate float64) Faults {
	for _, name := range dealingFaults {
		if _, ok := f[name]; !ok {
			f[name] = rate
		}
	}
	return f
}

// ParseFaults reads a preset, single rates, or a preset with single rates over
// it: "default", "posted_twice=0.02", "heavy,silent_feed=0".
func ParseFaults(s string) (Faults, error) {
	faults := Faults{}
	for i, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		name, value, single := strings.Cut(part, "=")
		if !single {
			preset, ok := FaultPresets[part]
			if !ok {
				return nil, fmt.Errorf("faults: %q is no preset; there are %s, or name=rate", part,
					strings.Join(slices.Sorted(maps.Keys(FaultPresets)), ", "))
			}
			if i > 0 {
				return nil, fmt.Errorf("faults: the preset %q comes first, single rates after it", part)
			}
			maps.Copy(faults, preset)
			continue
		}
		rate, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("faults: the rate of %s is %q, not a number from 0 to 1", name, value)
		}
		faults[Fault(name)] = rate
	}
	if err := faults.validate(); err != nil {
		return nil, err
	}
	return faults, nil
}

// String writes the rates in the form read by [ParseFaults], in drawing order.
func (f Faults) String() string {
	parts := []string{"none"}
	for _, name := range allFaults() {
		if rate := f[name]; rate != 0 {
			parts = append(parts, string(name)+"="+strconv.FormatFloat(rate, 'g', -1, 64))
		}
	}
	return strings.Join(parts, ",")
}

func (f Faults) validate() error {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(allFaults(), name) {
			return fmt.Errorf("faults: nothing is called %q; there are %s", name, joinFaults(allFaults()))
		}
		// Written so that NaN is refused too.
		if rate := f[name]; !(rate >= 0 && rate <= 1) {
			return fmt.Errorf("faults: the rate of %s is %v, not a number from 0 to 1", name, rate)
		}
	}
	return nil
}

func joinFaults(faults []Fault) string {
	names := make([]string, len(faults))
	for i, f := range faults {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}
