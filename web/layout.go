package web

import (
	"net/url"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// behind is how far verdicts may lag before people are told, in real time: a
// simulated clock runs faster than any pipeline.
const behind = 15 * time.Second

// banner is something about our own pipeline that everyone should know.
type banner struct {
	Tone        tone
	Title, Text string
}

// bannersOf says what is wrong with our own pipeline, worst first: what people
// see may be late, and they must not take silence for peace.
func bannersOf(v *view) []banner {
	var list []banner
	s := v.Status
	switch s.Log {
	case LogFull:
		list = append(list, banner{toneBad, "The log is full.", orElse(s.Detail,
			"Senders are answered 503 and keep their events; nothing is lost, and nothing new arrives until there is room.")})
	case LogFine:
	case LogUnreachable:
		list = append(list, banner{toneBad, "The log cannot be reached.", orElse(s.Detail,
			"Senders are answered 503 and keep their events; nothing is lost, and nothing new arrives until it is back.")})
	}
	if s.Unowned > 0 {
		list = append(list, banner{
			toneBad, many(s.Unowned, "partition", "partitions") + " without an owner.",
			"No engine processes them, so nothing is called missing until one does.",
		})
	}
	if lag := v.lag(); v.late() {
		text := "What has arrived since is not judged yet; nothing is called missing before that."
		if s.Backlog > 0 {
			text = count(int(s.Backlog)) + " messages wait. " + text
		}
		list = append(list, banner{toneWarn, "Verdicts reach to " + clock(s.Through, v.Zone) + ", " + coarse(lag) + " behind.", text})
	}
	if s.Quarantine != "" {
		list = append(list, banner{toneWarn, "What could not be read is about to be lost.", s.Quarantine})
	}
	if s.DiskUsed >= 0.8 {
		list = append(list, banner{
			toneWarn, "The data disk is " + wholePercent(s.DiskUsed) + " full.",
			"Free space, or keep less with --retention.",
		})
	}
	return list
}

// lag is how far verdicts are behind, zero where that is unknown.
func (v *view) lag() time.Duration {
	if v.Status.Through.IsZero() {
		return 0
	}
	return max(0, v.Now.Sub(v.Status.Through))
}

// late reports whether verdicts are so far behind that people should know.
func (v *view) late() bool { return float64(v.lag())/max(1, v.Status.Speed) > float64(behind) }

func freshTone(v *view) tone {
	switch {
	case v.Status.Log != LogFine || v.Status.Unowned > 0:
		return toneBad
	case v.late():
		return toneWarn
	default:
		return toneGood
	}
}

func freshText(v *view) string {
	switch {
	case v.late():
		return coarse(v.lag()) + " behind"
	case v.Status.Simulated && v.Status.Speed > 1:
		return "Simulated " + strconv.FormatFloat(v.Status.Speed, 'f', -1, 64) + times
	case v.Status.Simulated:
		return "Simulated"
	default:
		return "Live"
	}
}

// shortcut is one line of the keyboard help.
type shortcut struct {
	Keys []string
	What string
}

var shortcuts = []shortcut{
	{[]string{"/"}, "Find by any number"},
	{[]string{"g", "t"}, "Tower"},
	{[]string{"g", "f"}, "Findings"},
	{[]string{"g", "d"}, "Store days"},
	{[]string{"g", "s"}, "Sales"},
	{[]string{"g", "h"}, "Sources: what we hear"},
	{[]string{"↓", "↑"}, "Next and previous row, also j and k"},
	{[]string{"Enter"}, "Open the row"},
	{[]string{"r"}, "Show what is new"},
	{[]string{"d"}, "Dark or light"},
	{[]string{"Esc"}, "Leave the box, close this"},
	{[]string{"?"}, "This help"},
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// share100 is a share as a length of 100, kept inside the bar.
func share100(share float64) string {
	if !(share > 0) { // also NaN
		share = 0
	}
	return strconv.FormatFloat(min(share, 1)*100, 'f', 1, 64)
}

// link builds an address, leaving out empty parameters: what is not filtered is
// not in the link one shares.
func link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// tracePath is the page of a lifecycle.
func tracePath(id string) string { return "/trace/" + url.PathEscape(id) }

// recordPath is the page of a record.
func recordPath(id string) string { return "/records/" + url.PathEscape(id) }

// bestKey is the number people know a lifecycle by: its receipt as printed, else
// any identifying key, else its id.
func bestKey(l *inventory.Lifecycle) string { return orElse(printedReceipt(l.Keys), l.ID) }

// printedReceipt is the receipt as the customer has it, empty where there is
// none.
func printedReceipt(keys []inventory.Key) string {
	best, parts := "", 0
	for _, k := range keys {
		if k.Name == inventory.KeyReceipt {
			if n := len(inventory.ReceiptParts(k.Value)); n > parts {
				best, parts = k.Value, n
			}
		}
	}
	return best
}

// bestKeys is the first value per key name, as printed where several hops write
// it differently.
func bestKeys(keys []inventory.Key) map[string]string {
	best := make(map[string]string, len(keys))
	for _, k := range keys {
		have, ok := best[k.Name]
		if !ok || len(inventory.ReceiptParts(k.Value)) > len(inventory.ReceiptParts(have)) {
			best[k.Name] = k.Value
		}
	}
	return best
}
