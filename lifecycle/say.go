package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stocktrace/stocktrace/inventory"
)

// findings turns lives into findings, worst kind first, then by opening.
func (s *lives) findings(a *assessment, l *inventory.Lifecycle) []inventory.Finding {
	all := make([]inventory.Finding, 0, len(s.all))
	for _, f := range s.all {
		all = append(all, f.finding(a, l))
	}
	slices.SortStableFunc(all, func(x, y inventory.Finding) int {
		i, j := slices.Index(inventory.Kinds, x.Kind), slices.Index(inventory.Kinds, y.Kind)
		if i != j {
			return i - j
		}
		if c := x.OpenedAt.Compare(y.OpenedAt); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return all
}

func (f *life) finding(a *assessment, l *inventory.Lifecycle) inventory.Finding {
	out := inventory.Finding{
		ID: f.id, Kind: f.kind, Cause: f.cause, State: inventory.FindingOpen, Severity: kinds[f.kind].severity,
		LifecycleID: l.ID, Location: l.Location, Region: l.Region, Owner: l.Owner,
		FirstOccurredAt: f.since, OpenedAt: f.opened, ClosedAt: f.closed, Resolution: f.resolution,
		Evidence: f.about, MappingVersion: f.version, Action: kinds[f.kind].action,
	}
	if !f.closed.IsZero() {
		out.State = inventory.FindingClosed
	}
	if f.closedBy != nil {
		out.ClosedBy = f.closedBy.ID
	}
	if f.step >= 0 {
		step := &a.workflow.Steps[f.step]
		out.Step, out.System, out.Owner, out.Runbook = step.String(), step.System, step.Owner, step.Runbook
	}
	if f.run != nil {
		out.Step, out.System = "", f.run.Feed // it is about the run
	}
	if f.err != nil {
		out.ErrorCode, out.Field, out.Value = f.err.Code, f.err.Field, f.err.Value
	}
	if out.FirstOccurredAt.IsZero() {
		out.FirstOccurredAt = f.opened
	}
	out.Units, out.Values = f.atRisk(a, l)
	out.GroupKey = inventory.GroupKey{Kind: out.Kind, Cause: out.Cause, System: out.System, Step: out.Step, Detail: groupDetail(&out)}
	if f.run != nil {
		out.GroupKey = runGroup(f.run, f.since)
	}
	out.Group = groupID(out.GroupKey)
	out.Title = f.title(a)
	out.Sentence = f.sentence(a, l, &out)
	return out
}

// groupDetail is what findings of one cause share besides kind and hop.
func groupDetail(f *inventory.Finding) string {
	switch {
	case f.Kind == inventory.MappingUnknown:
		return strings.Join([]string{f.ErrorCode, f.MappingVersion, f.Value}, " ")
	case f.Cause == inventory.CauseStoreOffline:
		return f.Location
	default:
		return f.ErrorCode
	}
}

func groupID(k inventory.GroupKey) string {
	return "g-" + shortHash(string(k.Kind), string(k.Cause), k.System, k.Step, k.Detail)
}

// atRisk is what the finding puts in doubt: the difference of the lines it is
// about, or the whole sale where nothing was posted. What only came late, or
// was only not told, risks nothing any more.
func (f *life) atRisk(a *assessment, l *inventory.Lifecycle) ([]inventory.Quantity, []inventory.Amount) {
	switch kinds[f.kind].risk {
	case nothing:
		return nil, nil
	case lineError:
		units := map[string]inventory.Decimal{}
		values := map[[2]string]inventory.Decimal{}
		for _, line := range f.lines {
			diff := line.Posted.Sub(line.Owed).Abs()
			if misplacing(f.kind) && line.Posted.Abs().Cmp(line.Owed.Abs()) > 0 {
				continue // where it is instead: each unit counts once
			}
			units[line.UOM] = units[line.UOM].Add(diff)
			if price, currency, basis, ok := priceOf(a, line.Item); ok {
				if v, ok := price.Mul(diff); ok {
					k := [2]string{currency, basis}
					values[k] = values[k].Add(v)
				}
			}
		}
		return quantities(units), amounts(values)
	default:
		return l.Units, l.Values
	}
}

// misplacing reports whether a kind is about goods that are booked, but not
// where they are: its lines come in pairs.
func misplacing(k inventory.Kind) bool {
	return k == inventory.LocationMismatch || k == inventory.StatusMismatch
}

func priceOf(a *assessment, item string) (price inventory.Decimal, currency, basis string, ok bool) {
	if a.anchor == nil {
		return inventory.Decimal{}, "", "", false
	}
	for i := range a.anchor.Event.Lines {
		l := &a.anchor.Event.Lines[i]
		if l.Item != item || l.Currency == "" {
			continue
		}
		p, err := inventory.ParseDecimal(l.UnitValue)
		return p.Abs(), l.Currency, l.ValueBasis, err == nil
	}
	return inventory.Decimal{}, "", "", false
}

func (f *life) title(a *assessment) string {
	switch f.kind {
	case inventory.MissingStep:
		return a.workflow.Steps[f.step].Missing
	case inventory.LateStep:
		return a.workflow.Steps[f.step].Title + ", but late"
	default:
		return kinds[f.kind].title
	}
}

func (f *life) sentence(a *assessment, l *inventory.Lifecycle, out *inventory.Finding) string {
	clock := clockAt(a.location, l.StartedAt)
	step := ""
	if f.step >= 0 {
		step = a.workflow.Steps[f.step].Title
	}
	switch f.kind {
	case inventory.MissingStep, inventory.ReturnNotPosted:
		s := fmt.Sprintf("%s: due %s, nothing came.", out.Title, clock(f.since))
		if f.err != nil {
			s = fmt.Sprintf("%s: due %s; the last attempt failed%s.", out.Title, clock(f.since), because(f.err))
		}
		return s + f.ending(clock)
	case inventory.LateStep:
		ok := a.steps[f.step].ok
		return fmt.Sprintf("%s at %s, %s after it was due.", step, clock(ok.Event.Time), span(ok.Event.Time.Sub(f.since)))
	case inventory.DuplicatePosting:
		if f.say != "" {
			return f.say + "." + f.ending(clock)
		}
		return fmt.Sprintf("Posted twice: ERP is %s.%s", differences(f.lines), f.ending(clock))
	case inventory.QuantityMismatch:
		did, booked := a.words(&f.condition)
		return fmt.Sprintf("%s and %s differ: %s.%s", upperFirst(did), booked, f.sides(did, booked), f.ending(clock))
	case inventory.WrongSign, inventory.UOMMismatch, inventory.PartialPost, inventory.StatusMismatch, inventory.LocationMismatch,
		inventory.TransitNotCleared, inventory.ShortReceipt, inventory.OverReceipt, inventory.UnexpectedReceipt,
		inventory.OverRelease, inventory.ReservationUnbalanced:
		did, booked := a.words(&f.condition)
		return fmt.Sprintf("%s: %s.%s", out.Title, f.sides(did, booked), f.ending(clock))
	case inventory.KeyCollision:
		if f.key.Name == inventory.KeyRecord {
			return "One event id was sent with two different contents; both are kept."
		}
		return fmt.Sprintf("%s %s is used by two different transactions.", strings.ReplaceAll(f.key.Name, "_", " "), f.key.Value)
	case inventory.MappingUnknown:
		return fmt.Sprintf("Stuck before %s since %s%s.%s", quote(step), clock(f.since), because(f.err), f.ending(clock))
	case inventory.NotInAssortment:
		what := "The article"
		if f.err != nil && f.err.Value != "" {
			what = "Article " + f.err.Value
		}
		return fmt.Sprintf("%s is not set up at %s (master data): stuck before %s since %s.%s", what, l.Location, quote(step), clock(f.since), f.ending(clock))
	case inventory.HeldKind:
		return fmt.Sprintf("Held before %s since %s%s.%s", quote(step), clock(f.since), because(f.err), f.ending(clock))
	case inventory.RunMissed:
		return fmt.Sprintf("Waits for the run %s of %s, which was not reported.%s", f.run.Name, clock(f.since), f.ending(clock))
	case inventory.Stall:
		return fmt.Sprintf("Stuck before %s since %s%s.%s", quote(step), clock(f.since), because(f.err), f.ending(clock))
	case inventory.DiscardedKind:
		return fmt.Sprintf("Discarded by hand before %s at %s%s.%s", quote(step), clock(f.since), because(f.err), f.ending(clock))
	case inventory.RetryLoop:
		return fmt.Sprintf("Tried %d times at %s%s.", f.tries, quote(step), because(f.err))
	case inventory.PhantomStock:
		return fmt.Sprintf("%s counts goods that had not arrived at %s.%s", place(f.at.Event.Location), clock(f.since), f.ending(clock))
	case inventory.OutOfOrder:
		return fmt.Sprintf("%s says it happened at %s, before what comes before it.", quote(step), clock(f.since))
	case inventory.ClockSkew:
		return fmt.Sprintf("The clock of %s says %s; we heard at %s.", f.at.Event.Source, f.at.Event.Time.UTC().Format("2006-01-02 15:04"), f.at.ReceivedAt.UTC().Format("2006-01-02 15:04 UTC"))
	case inventory.DateShift:
		e := &f.at.Event
		if e.BusinessDate != "" && e.BusinessDate != l.BusinessDate {
			return fmt.Sprintf("Of business day %s, but %s on %s.%s", l.BusinessDate, lowerFirst(step), e.BusinessDate, f.ending(clock))
		}
		return fmt.Sprintf("Of business day %s, but posted to %s, before it.%s", l.BusinessDate, e.PostingDate, f.ending(clock))
	case inventory.MappingConflict:
		return fmt.Sprintf("%s is mapped to %s at one hop.", f.err.Value, f.err.Message)
	case inventory.IdentityDrift:
		return fmt.Sprintf("%s %s goes by two names: %s.", f.err.Field, f.err.Value, f.err.Message)
	case inventory.PriceMismatch:
		return fmt.Sprintf("%s is worth %s.%s", f.err.Value, f.err.Message, f.ending(clock))
	case inventory.DeadLetter:
		return fmt.Sprintf("Dead-lettered before %s at %s%s.%s", quote(step), clock(f.since), because(f.err), f.ending(clock))
	case inventory.RejectedKind:
		return fmt.Sprintf("Rejected before %s at %s%s.%s", quote(step), clock(f.since), because(f.err), f.ending(clock))
	case inventory.StalledReplay:
		return fmt.Sprintf("A replay was requested and should have landed by %s; it has not.%s", clock(f.since), f.ending(clock))
	case inventory.TelemetryGap:
		return fmt.Sprintf("%q was not reported, but a later step succeeded: the sale went through.", step)
	case inventory.DuplicateDelivery:
		return fmt.Sprintf("The same sale was submitted again at %s and recognised as the same.", clock(f.since))
	default:
		if f.say != "" {
			return upperFirst(strings.TrimSuffix(f.say, ".")) + "." + f.ending(clock)
		}
		return out.Title + "."
	}
}

// takenBack is the reversal of a transaction that is nothing but a posting, where
// nothing was posted after it; nil where there is none.
func (a *assessment) takenBack() *entry {
	i := a.workflow.IndexOf(a.workflow.Anchor)
	back := a.steps[i].reversed
	if back == nil || !a.workflow.Steps[i].Posts || slices.ContainsFunc(a.steps[i].heard, func(e *entry) bool { return succeeded(e.outcome) && before(back, e) }) {
		return nil
	}
	return back
}

// words are what the two sides of a balance booked by a step are called: sold and
// posted.
func (a *assessment) words(c *condition) (did, booked string) {
	did, booked = cmp.Or(c.did, "said"), "booked"
	if c.step >= 0 {
		// “Posted in ERP” is posted; the rest says where.
		booked, _, _ = strings.Cut(lowerFirst(a.workflow.Steps[c.step].Title), " ")
	}
	return did, booked
}

// sides writes both sides of each line, signs dropped where they agree.
func (f *life) sides(did, booked string) string {
	parts := make([]string, 0, len(f.lines))
	for _, l := range f.lines {
		owed, posted := l.Owed, l.Posted
		if owed.Sign() <= 0 && posted.Sign() <= 0 {
			owed, posted = owed.Neg(), posted.Neg()
		}
		part := fmt.Sprintf("%s %s %s, %s %s", l.Item, did, owed, booked, posted)
		switch f.kind {
		case inventory.LocationMismatch:
			part += " at " + l.Location
		case inventory.StatusMismatch:
			part += " as " + strings.ReplaceAll(l.Status, "_", " ")
		default: // the place and status are the same
		}
		parts = append(parts, part)
	}
	return some(parts, 3)
}

// place is a location, as people say it.
func place(id string) string {
	if id == "" {
		return "The destination"
	}
	return "Location " + id
}

// ending says how a closed finding ended.
func (f *life) ending(clock func(time.Time) string) string {
	if f.closed.IsZero() || f.instant {
		return ""
	}
	switch f.resolution {
	case inventory.Recovered:
		return " It came at " + clock(f.closed) + "."
	case inventory.Disproved:
		// Not missing but something worse, which has a finding of its own.
		if f.overdue() && f.closedBy != nil && f.closedBy.step == f.step {
			switch f.closedBy.outcome {
			case inventory.DeadLettered:
				return " Disproved at " + clock(f.closed) + ": it was dead-lettered."
			case inventory.Rejected, inventory.Discarded:
				return " Disproved at " + clock(f.closed) + ": it was rejected."
			case inventory.Failed:
				return " Disproved at " + clock(f.closed) + ": it failed for want of a mapping."
			default: // it had happened
			}
		}
		return " Disproved at " + clock(f.closed) + ": it had happened, we heard late."
	case inventory.ReplayedR:
		return " Replayed; it landed at " + clock(f.closed) + "."
	case inventory.ReversedR:
		return " Reversed at " + clock(f.closed) + "."
	default:
		return ""
	}
}

// sentence says where the lifecycle stands in one sentence: what, since when,
// why.
func sentence(l *inventory.Lifecycle, a *assessment, by byHand) string {
	clock := clockAt(a.location, l.StartedAt)
	anchor := a.workflow.StepOf(a.workflow.Anchor)
	begin := anchor.Missing
	if a.anchor != nil {
		begin = anchor.Title + " " + clock(a.anchor.Event.Time)
	} else if by := a.told(a.workflow.IndexOf(a.workflow.Anchor)); by != nil {
		begin = a.workflow.StepOf(anchor.ToldBy).Title + " " + clock(by.Event.Time)
	}
	says := func(f *inventory.Finding) string {
		if strings.HasPrefix(f.Sentence, begin) {
			return f.Sentence // it begins so itself
		}
		return begin + "; " + lowerFirst(strings.TrimSuffix(f.Sentence, ".")) + "."
	}
	if a.reversal {
		begin = "Reversed " + clock(a.earliest.Event.Time)
		if d := documentOf(&a.earliest.Event); d != "" {
			begin += " (document " + d + ")"
		}
	}
	for i := range l.Findings {
		if f := &l.Findings[i]; f.State == inventory.FindingOpen {
			return says(f)
		}
	}
	for i := range l.Findings {
		if f := &l.Findings[i]; by.findings[f.ID] {
			return says(f)
		}
	}
	last, lastAt := "", time.Time{}
	missing := ""
	var due time.Time
	for i := range a.steps {
		s, step := &a.steps[i], &a.workflow.Steps[i]
		if s.ok != nil && step.StepRef != a.workflow.Anchor && !s.ok.Event.Time.Before(lastAt) {
			last, lastAt = step.Title, s.ok.Event.Time
		}
		if s.expected && !s.done() && missing == "" {
			missing, due = step.Title, s.due
		}
	}
	switch l.Verdict {
	case inventory.Withdrawn:
		if a.reversal {
			return begin + ": nothing more is owed."
		}
		return begin + "; withdrawn before anything was posted: nothing more is owed."
	case inventory.Unconfirmed:
		return fmt.Sprintf("%s; evidence from %s does not reach %s yet: cannot say.", begin, a.awaits[0].System, clock(a.awaits[0].Through))
	case inventory.NotExpected:
		return begin + "; it moves no stock, so no posting is owed."
	case inventory.Open:
		if missing == "" {
			return begin + "; in order so far."
		}
		if due.IsZero() {
			return begin + "; waiting for: " + lowerFirst(missing) + "."
		}
		return fmt.Sprintf("%s; in order so far, next: %s by %s.", begin, lowerFirst(missing), clock(due))
	case inventory.Complete, inventory.CompleteLate:
		s := begin
		if back := a.takenBack(); back != nil {
			return s + "; reversed " + clock(back.Event.Time) + "."
		}
		if !l.PostedAt.IsZero() {
			s += "; in ERP " + clock(l.PostedAt)
			if l.PostedBy != "" {
				s += " (document " + l.PostedBy + ")"
			}
		} else if last != "" {
			s += "; " + lowerFirst(last) + " " + clock(lastAt)
		}
		if l.PostedAt.IsZero() && a.owes && l.Posting == inventory.PostingStoreDay && slices.ContainsFunc(a.workflow.Steps, func(step inventory.Step) bool { return step.Posts }) {
			s += "; posted with the store's day"
		}
		if l.Verdict == inventory.CompleteLate {
			for i := range a.steps {
				if a.steps[i].late {
					s += fmt.Sprintf("; %s %s late", lowerFirst(a.workflow.Steps[i].Title), span(a.steps[i].ok.Event.Time.Sub(a.steps[i].due)))
					break
				}
			}
		}
		return s + "."
	default:
		return begin + "."
	}
}

// clockAt writes times as the location's people read them, with the day where
// it is another than that of the given time: a batch is due tomorrow.
func clockAt(location inventory.Location, today time.Time) func(time.Time) string {
	zone := location.Zone
	if zone == nil {
		zone = time.UTC
	}
	day := today.In(zone).Format(time.DateOnly)
	return func(t time.Time) string {
		t = t.In(zone)
		if t.Format(time.DateOnly) == day {
			return t.Format("15:04")
		}
		return t.Format("2 Jan 15:04")
	}
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Second:
		return "under 1 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		if s := int(d.Seconds()) % 60; s != 0 {
			return fmt.Sprintf("%d min %d s", int(d.Minutes()), s)
		}
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	}
}

func because(e *inventory.Error) string {
	if e == nil {
		return ""
	}
	what := e.Message
	if what == "" {
		what = strings.ReplaceAll(e.Code, "_", " ")
	}
	if e.Value != "" && !strings.Contains(what, e.Value) {
		what += " for " + e.Value
	}
	return ": " + what
}

// differences says by how much the ledger's stock is off: a sale posted twice
// leaves it too low, a return posted twice too high.
func differences(lines []inventory.LineState) string {
	low, high := map[string]inventory.Decimal{}, map[string]inventory.Decimal{}
	for _, l := range lines {
		side, diff := high, l.Posted.Sub(l.Owed)
		if diff.Sign() < 0 {
			side = low
		}
		side[l.UOM] = side[l.UOM].Add(diff)
	}
	var sides []string
	for _, side := range []struct {
		units map[string]inventory.Decimal
		word  string
	}{{low, " too low"}, {high, " too high"}} {
		var parts []string
		for _, q := range quantities(side.units) {
			if q.UOM == "EA" {
				parts = append(parts, q.Quantity.String())
			} else {
				parts = append(parts, q.Quantity.String()+" "+q.UOM)
			}
		}
		if len(parts) > 0 {
			sides = append(sides, some(parts, 3)+side.word)
		}
	}
	return strings.Join(sides, " and ")
}

// some lists the first few and counts the rest.
func some(parts []string, most int) string {
	if len(parts) <= most {
		return strings.Join(parts, ", ")
	}
	return strings.Join(parts[:most], ", ") + fmt.Sprintf(" and %d more", len(parts)-most)
}

func lowerFirst(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	if second, _ := utf8.DecodeRuneInString(s[n:]); unicode.IsUpper(second) {
		return s // an abbreviation
	}
	return strings.ToLower(s[:n]) + s[n:]
}

func upperFirst(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + s[n:]
}

func quote(s string) string { return "“" + s + "”" }

// plural counts things: "1 document", "3 documents".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
