package lifecycle

import "github.com/stocktrace/stocktrace/inventory"

// kind is what is said of every finding of a kind.
type kind struct {
	severity inventory.Severity
	// verdict is what a lifecycle is while such a finding is open; empty for what
	// is worth knowing and changes nothing.
	verdict inventory.Verdict
	title   string
	// action says what to do next, as one would say it to a colleague.
	action string
	// risk is what the finding puts in doubt.
	risk risk
}

// risk is what of a transaction's goods a finding puts in doubt (domain rule 27:
// at risk is the net stock error, each unit counted once).
type risk int

const (
	nothing   risk = iota // it came late, or was only not told
	allOfIt               // the whole transaction
	lineError             // the difference of the lines it is about
)

var kinds = map[inventory.Kind]kind{
	inventory.MissingStep: {
		inventory.Critical, inventory.Overdue, "Missing", "Find the message in the system before it; replay it if it is there, ask the owner if it is not.", allOfIt,
	},
	inventory.LateStep: {inventory.Warning, "", "Late", "Nothing to repair. If many are late, look at the hop's queue.", nothing},
	inventory.Stall: {
		inventory.Critical, inventory.Stalled, "Stuck", "Look at the hop's queue or lock; it has not given up, and has not gone on.", allOfIt,
	},
	inventory.StalledReplay: {
		inventory.Critical, inventory.Stalled, "Replay stalled", "Look at the replay queue and its consumer; request the replay again once it runs.", allOfIt,
	},
	inventory.DeadLetter: {
		inventory.Critical, inventory.FailedV, "Dead-lettered", "Repair the cause and replay the message.", allOfIt,
	},
	inventory.RejectedKind: {
		inventory.Warning, inventory.FailedV, "Rejected", "Correct the document at its sender and send it again.", allOfIt,
	},
	inventory.HeldKind: {
		inventory.Warning, inventory.Overdue, "Held", "Release it, or say what keeps it.", allOfIt,
	},
	inventory.DiscardedKind: {
		inventory.Warning, inventory.FailedV, "Discarded by hand", "Ask who discarded it and why; post it by hand or send it again if it was right.", allOfIt,
	},
	inventory.PartialPost: {
		inventory.Warning, inventory.Conflicted, "Posted in part", "Repair the items that were left out and post the rest.", lineError,
	},
	inventory.RunMissed: {
		inventory.Critical, "", "Run missed", "Start the run; what waits for it is not lost.", allOfIt,
	},
	inventory.DuplicateDelivery: {inventory.Info, "", "Submitted twice", "Nothing to do: it was recognised.", nothing},
	inventory.DuplicatePosting: {
		inventory.Critical, inventory.Conflicted, "Posted twice", "Reverse the second document in the ERP.", lineError,
	},
	inventory.DoubleIssue: {
		inventory.Critical, inventory.Conflicted, "Left stock twice", "Reverse one of the two issues: the goods left once.", allOfIt,
	},
	inventory.SuspectDuplicate: {
		inventory.Warning, "", "Perhaps entered twice", "Ask the store whether the two receipts are two sales; never delete one unasked.", nothing,
	},
	inventory.KeyCollision: {
		inventory.Warning, inventory.Conflicted, "One number, two transactions", "Ask the sender which of the two is right, and correct the numbering.", nothing,
	},
	inventory.RetryLoop: {
		inventory.Warning, "", "Tried again and again", "Take the message out of the loop and look at why the hop does not finish it.", nothing,
	},
	inventory.OutOfOrder: {inventory.Info, "", "Out of order", "Nothing to do for the goods. Compare the two systems' clocks.", nothing},
	inventory.StaleOverwrite: {
		inventory.Critical, inventory.Conflicted, "An old count overwrote a newer one", "Send the newest count again; make the receiver compare versions.", lineError,
	},
	inventory.MappingUnknown: {
		inventory.Warning, inventory.FailedV, "No mapping", "Add the missing mapping, then replay.", allOfIt,
	},
	inventory.MappingConflict: {
		inventory.Warning, inventory.Conflicted, "Mapped in two ways", "Decide which translation is right and correct the mapping version that has both.", nothing,
	},
	inventory.UOMMismatch: {
		inventory.Critical, inventory.Conflicted, "Wrong unit", "Correct the unit or its factor at the hop, then reverse and post again.", lineError,
	},
	inventory.QuantityMismatch: {
		inventory.Warning, inventory.Conflicted, "Posted with another quantity", "Compare the lines and correct the posting in the ERP.", lineError,
	},
	inventory.WrongSign: {
		inventory.Critical, inventory.Conflicted, "Posted with the wrong sign", "Reverse the posting and correct the sign in the mapping.", lineError,
	},
	inventory.PriceMismatch: {
		inventory.Warning, inventory.Conflicted, "Valued differently", "Compare the price or cost at the two hops.", nothing,
	},
	inventory.LocationMismatch: {
		inventory.Warning, inventory.Conflicted, "Booked at another place", "Move the posting to the right location, and correct the mapping.", lineError,
	},
	inventory.StatusMismatch: {
		inventory.Warning, inventory.Conflicted, "Booked in another status", "Move the stock to the status it is in, and correct the mapping.", lineError,
	},
	inventory.IdentityDrift: {inventory.Info, "", "An item changed its name", "Compare by the stable number; keep the old name as an alias.", nothing},
	inventory.NotInAssortment: {
		inventory.Warning, inventory.FailedV, "Article not set up at the store", "Set the article up at the store (master data), then replay.", allOfIt,
	},
	inventory.DateShift: {
		inventory.Warning, inventory.Conflicted, "Booked on another day", "Correct the business date, or the zone it was made from.", nothing,
	},
	inventory.ClockSkew: {
		inventory.Info, "", "A clock is wrong", "Set the clock of the device; deadlines run from when we heard.", nothing,
	},
	inventory.PhantomStock: {
		inventory.Critical, inventory.Conflicted, "Stock that is not there yet", "Take the stock back until the goods are received.", allOfIt,
	},
	inventory.TransitNotCleared: {
		inventory.Warning, inventory.Conflicted, "Still in transit", "Clear what was rejected or lost from transit, too.", lineError,
	},
	inventory.ShortReceipt: {
		inventory.Warning, inventory.Conflicted, "Received short", "Count again, then claim or adjust what is missing.", lineError,
	},
	inventory.OverReceipt: {
		inventory.Warning, inventory.Conflicted, "Received too much", "Count again, then return or adjust what is too much.", lineError,
	},
	inventory.UnexpectedReceipt: {
		inventory.Warning, inventory.Conflicted, "Received, but never sent", "Find the delivery it belongs to.", allOfIt,
	},
	inventory.OverRelease: {
		inventory.Critical, inventory.Conflicted, "Released more than reserved", "Correct the reservation: online stock is too high.", lineError,
	},
	inventory.ReservationUnbalanced: {
		inventory.Critical, inventory.Conflicted, "Reservation does not come out even", "Correct the reservation: it holds, or frees, stock for ever.", lineError,
	},
	inventory.Oversold: {
		inventory.Critical, inventory.Conflicted, "Oversold", "Find other stock for the order, or tell the customer.", lineError,
	},
	inventory.NegativeOnHand: {
		inventory.Info, "", "Less than nothing on hand", "Look for a receipt that was not posted.", lineError,
	},
	inventory.UnapprovedAdjustment: {
		inventory.Critical, inventory.Conflicted, "Adjusted without approval", "Ask for the approval, or reverse the adjustment.", allOfIt,
	},
	inventory.SelfApproved: {
		inventory.Critical, inventory.Conflicted, "Approved by who made it", "Have somebody else approve it.", allOfIt,
	},
	inventory.ToleranceExceeded: {
		inventory.Warning, inventory.Conflicted, "Beyond tolerance", "Count again, or have it approved by who may.", allOfIt,
	},
	inventory.OfflineConflict: {
		inventory.Warning, inventory.Conflicted, "Entered offline against the stock", "Compare with what happened meanwhile, and correct it.", allOfIt,
	},
	inventory.RecurringVariance: {
		inventory.Warning, "", "The same item is off again", "Look for the cause at the shelf: theft, a wrong label, a wrong pack.", lineError,
	},
	inventory.ReturnNotPosted: {
		inventory.Critical, inventory.Overdue, "Refunded but not put back on stock", "Post the goods back on stock, or to the status they are in.", allOfIt,
	},
	inventory.AggregationGap: {
		inventory.Critical, inventory.Conflicted, "Left out of the store-day posting", "Post what was left out; the candidates are listed.", lineError,
	},
	inventory.ControlTotalMismatch: {
		inventory.Warning, inventory.Conflicted, "The till counted otherwise", "Ask the store for the receipts that are missing here.", nothing,
	},
	inventory.SnapshotStale: {
		inventory.Warning, inventory.Conflicted, "The snapshot is not the ledger", "Rebuild the snapshot from the ledger.", lineError,
	},
	inventory.SequenceGap: {
		inventory.Warning, inventory.Conflicted, "Receipts missing in the sequence", "Ask the store for the receipts; a register may keep them.", nothing,
	},
	inventory.SourceSilent: {
		inventory.Critical, "", "Source silent", "Check the system and its feed; nothing can be said of what it has not told.", nothing,
	},
	inventory.TelemetryGap: {
		inventory.Info, "", "We lost sight, not the sale", "Nothing to do for the sale. Look at the hop's telemetry.", nothing,
	},
}

// gravest orders the verdicts that open findings make, worst first.
var gravest = []inventory.Verdict{inventory.Conflicted, inventory.Stalled, inventory.FailedV, inventory.Overdue}
