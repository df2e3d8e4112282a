package lifecycle

import (
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// Errors are read by their codes, and where a code is only a number by their
// text, as people who know the systems read them (domain rule 5).

// causeWords are what an error's code or text says of its cause, the first that
// applies. Codes are the contract's where it declares them; the others are what
// the systems named in domain.md report.
var causeWords = []struct {
	cause inventory.Cause
	words []string
}{
	{inventory.CauseERPLock, []string{"lock"}},
	{inventory.CausePeriodClosed, []string{"period_closed", "period closed", "posting period"}},
	{inventory.CauseDeficit, []string{"deficit", "insufficient_stock", "insufficient stock"}},
	{inventory.CauseCredentials, []string{"credential", "unauthorized", "forbidden", "certificate", "password"}},
	{inventory.CauseMasterData, []string{"not_in_assortment", "not_listed", "not listed", "master_data", "master data"}},
	{inventory.CauseConfiguration, []string{"customizing", "configuration"}},
	{inventory.CauseAuditHold, []string{"audit", "over/short"}},
	{inventory.CauseQueueStopped, []string{"queue"}},
	{inventory.CauseManualDiscard, []string{"discarded by hand"}},
}

// causeOf is what an error says of its cause, or what is assumed where it says
// nothing.
func causeOf(e *inventory.Error, assumed inventory.Cause) inventory.Cause {
	if e == nil {
		return assumed
	}
	if unmapped(e) {
		return inventory.CauseMappingDefect
	}
	said := strings.ToLower(e.Code + " " + e.Message)
	for _, c := range causeWords {
		for _, word := range c.words {
			if strings.Contains(said, word) {
				return c.cause
			}
		}
	}
	return assumed
}

// locked reports whether an error says that an object was locked: the hop tries
// again by itself, and nothing is wrong until it is due.
func locked(e *inventory.Error) bool {
	return e != nil && causeOf(e, "") == inventory.CauseERPLock
}

// unlisted reports whether an error says that the article is not set up at the
// location: no retry mends that, master data has to.
func unlisted(e *inventory.Error) bool {
	if e == nil {
		return false
	}
	switch e.Code {
	case "not_in_assortment", "item_not_listed":
		return true
	}
	return false
}
