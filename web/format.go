package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// Typography: thin spaces keep a number and its unit together.
const (
	nbsp  = "\u00a0"
	dash  = "–"
	minus = "−"
	times = "×"
)

// count writes a whole number with its thousands apart: 12,480.
func count(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = minus, s[1:]
	}
	return sign + group(s)
}

func group(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	var b strings.Builder
	lead := len(digits) % 3
	b.WriteString(digits[:lead])
	for i := lead; i < len(digits); i += 3 {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(digits[i : i+3])
	}
	return b.String()
}

// many writes a count with its noun: 1 store, 3 stores.
func many(n int, one, several string) string {
	if n == 1 {
		return "1" + nbsp + one
	}
	return count(n) + nbsp + several
}

// decimal writes a quantity exactly, thousands apart, with a real minus sign.
func decimal(d inventory.Decimal) string {
	whole, fraction, pointed := strings.Cut(d.Abs().String(), ".")
	s := group(whole)
	if pointed {
		s += "." + fraction
	}
	if d.Sign() < 0 {
		s = minus + s
	}
	return s
}

// signed is decimal with a plus sign where it is positive: for differences.
func signed(d inventory.Decimal) string {
	if d.Sign() > 0 {
		return "+" + decimal(d)
	}
	return decimal(d)
}

// quantities joins amounts of different units; they are never added up.
func quantities(units []inventory.Quantity) string {
	parts := make([]string, 0, len(units))
	for _, u := range units {
		if !u.Quantity.IsZero() {
			parts = append(parts, decimal(u.Quantity)+nbsp+u.UOM)
		}
	}
	if len(parts) == 0 {
		return dash
	}
	return strings.Join(parts, " + ")
}

// sold is quantities as people speak of them: sold two, not minus two.
func sold(units []inventory.Quantity) string {
	turned := make([]inventory.Quantity, len(units))
	for i, u := range units {
		turned[i] = inventory.Quantity{UOM: u.UOM, Quantity: u.Quantity.Abs()}
	}
	return quantities(turned)
}

// money joins amounts of different currencies; they are never added up. It is
// rounded to cents, as money is paid; the API has it exactly.
func money(values []inventory.Amount) string {
	parts := make([]string, 0, len(values))
	for _, v := range values {
		if v.Amount.IsZero() {
			continue
		}
		s := decimal(cents(v.Amount))
		if i := strings.IndexByte(s, '.'); i < 0 {
			s += ".00"
		} else if len(s)-i == 2 {
			s += "0"
		}
		parts = append(parts, s+nbsp+v.Currency)
	}
	if len(parts) == 0 {
		return dash
	}
	return strings.Join(parts, " + ")
}

// cents rounds half away from zero at the second place.
func cents(d inventory.Decimal) inventory.Decimal {
	whole, nano := d.Abs().Parts()
	const cent = 10_000_000
	rounded := inventory.DecimalFromParts(whole, (nano+cent/2)/cent*cent)
	if d.Sign() < 0 {
		return rounded.Neg()
	}
	return rounded
}

// percent writes a share with two places, cut off and never rounded up: a
// promise kept 99.996 % of the time is not kept always.
func percent(share float64) string {
	if math.IsNaN(share) {
		return dash
	}
	cut := math.Floor(share*10000+1e-9) / 100
	return minused(strconv.FormatFloat(cut, 'f', 2, 64)) + nbsp + "%"
}

// wholePercent writes a share without places.
func wholePercent(share float64) string {
	if math.IsNaN(share) {
		return dash
	}
	return minused(strconv.FormatFloat(math.Floor(share*100+1e-9), 'f', 0, 64)) + nbsp + "%"
}

// targetPercent writes a promised share with the places it needs: 99.5 %.
func targetPercent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e6)/1e4, 'f', -1, 64) + nbsp + "%"
}

// rate writes a burn rate: 0.4×, 14×.
func rate(r float64) string {
	switch {
	case math.IsNaN(r):
		return dash
	case r >= 9.95:
		return strconv.FormatFloat(r, 'f', 0, 64) + times
	default:
		return strconv.FormatFloat(r, 'f', 1, 64) + times
	}
}

func minused(s string) string {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return minus + rest
	}
	return s
}

// duration writes a span with the two units that matter: 850 ms, 12 s,
// 2 min 10 s, 3 h 12 min, 2 d 4 h.
func duration(d time.Duration) string {
	if d < 0 {
		return minus + duration(-d)
	}
	two := func(a int64, ua string, b int64, ub string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s%s", a, nbsp, ua)
		}
		return fmt.Sprintf("%d%s%s %d%s%s", a, nbsp, ua, b, nbsp, ub)
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d%sms", d.Milliseconds(), nbsp)
	case d < 10*time.Second:
		return strings.TrimSuffix(strconv.FormatFloat(math.Floor(d.Seconds()*10)/10, 'f', 1, 64), ".0") + nbsp + "s"
	case d < time.Minute:
		return fmt.Sprintf("%d%ss", int64(d.Seconds()), nbsp)
	case d < time.Hour:
		s := int64(d.Seconds())
		return two(s/60, "min", s%60, "s")
	case d < 24*time.Hour:
		m := int64(d.Minutes())
		return two(m/60, "h", m%60, "min")
	default:
		h := int64(d.Hours())
		return two(h/24, "d", h%24, "h")
	}
}

// coarse is duration with its first unit only, for running text: 47 min.
func coarse(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d%ss", int64(d.Seconds()), nbsp)
	}
	s := duration(d)
	if first, _, ok := strings.Cut(s, " "); ok {
		return first
	}
	return s
}

// ago says how long before now t was: just now, 47 min ago, in 3 min.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d > -2*time.Second && d < 2*time.Second:
		return "just now"
	case d < 0:
		return "in " + coarse(-d)
	default:
		return coarse(d) + " ago"
	}
}

// clock writes a wall time.
func clock(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return dash
	}
	return t.In(zone).Format("15:04:05")
}

// moment writes date, wall time and zone.
func moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return dash
	}
	return t.In(zone).Format("2 Jan 2006, 15:04:05 MST")
}

// shortMoment writes the wall time, and the date where it is not today's.
func shortMoment(now, t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return dash
	}
	t, now = t.In(zone), now.In(zone)
	switch {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	default:
		return t.Format("2 Jan 2006")
	}
}

// day writes a business date, which is data: what is no date is shown as sent.
func day(date string) string {
	if date == "" {
		return "no business date given"
	}
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("Mon 2 Jan 2006")
}

// shortDay is day without this year's year.
func shortDay(now time.Time, date string) string {
	if date == "" {
		return "not given"
	}
	return strings.TrimSuffix(day(date), now.Format(" 2006"))
}

// businessDay says which business date a sale belongs to.
func businessDay(date string) string {
	if date == "" {
		return day(date)
	}
	return "business date " + day(date)
}

// words turns a name of the contract into words: missing_step → Missing step.
func words(name string) string {
	if name == "" {
		return ""
	}
	s := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

// systemName writes a system as people do.
func systemName(system string) string {
	switch system {
	case "pos", "oms", "wms", "erp":
		return strings.ToUpper(system)
	case "":
		return dash
	default:
		return words(system)
	}
}

// hopName writes system and step as people do: ERP posted.
func hopName(system, step string) string {
	step = stepOnly(system, step)
	if step == "" {
		return systemName(system)
	}
	return systemName(system) + " " + strings.ReplaceAll(step, "_", " ")
}

// tone is how serious something looks; the style sheet knows its colours.
type tone string

const (
	toneGood   tone = "good"
	toneWarn   tone = "warn"
	toneBad    tone = "bad"
	toneBusy   tone = "busy"
	toneUnsure tone = "unsure"
	toneMute   tone = "mute"
)

// verdictLabel is what people call a verdict.
func verdictLabel(v inventory.Verdict) string {
	switch v {
	case inventory.Conflicted:
		return "Conflict"
	case inventory.FailedV:
		return "Failed"
	case inventory.Open:
		return "Under way"
	case inventory.NotExpected:
		return "Nothing owed"
	case inventory.CompleteLate:
		return "Complete, late"
	case inventory.Unclassified:
		return "Not classified"
	default:
		return words(string(v))
	}
}

func verdictTone(v inventory.Verdict) tone {
	switch v {
	case inventory.Conflicted, inventory.Stalled, inventory.FailedV, inventory.Overdue:
		return toneBad
	case inventory.CompleteLate:
		return toneWarn
	case inventory.Complete:
		return toneGood
	case inventory.Open:
		return toneBusy
	case inventory.Unconfirmed:
		return toneUnsure
	default:
		return toneMute
	}
}

func severityTone(s inventory.Severity) tone {
	switch s {
	case inventory.Critical:
		return toneBad
	case inventory.Warning:
		return toneWarn
	default:
		return toneBusy
	}
}

// keyLabel is what people call a key.
func keyLabel(name string) string {
	switch name {
	case inventory.KeyCorrelationID:
		return "Correlation id"
	case inventory.KeyTraceID:
		return "Trace id"
	case inventory.KeyERPDocument:
		return "ERP document"
	case inventory.KeyIDoc:
		return "IDoc"
	case inventory.KeyRMA:
		return "RMA"
	case inventory.KeyRecord:
		return "Record"
	default:
		return words(name)
	}
}

// fixed writes a length in a drawing.
func fixed(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
