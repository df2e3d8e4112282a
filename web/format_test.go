package web

import (
	"math"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

func mustDecimal(t *testing.T, s string) inventory.Decimal {
	t.Helper()
	d, err := inventory.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFormat(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 50, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	eur := func(s string) []inventory.Amount {
		return []inventory.Amount{{Currency: "EUR", Basis: "retail_gross", Amount: mustDecimal(t, s)}}
	}
	for _, c := range []struct{ name, got, want string }{
		{"count", count(1234567), "1,234,567"},
		{"count small", count(999), "999"},
		{"count thousand", count(1000), "1,000"},
		{"count negative", count(-12480), "−12,480"},
		{"one", many(1, "store", "stores"), "1\u00a0store"},
		{"many", many(1200, "store", "stores"), "1,200\u00a0stores"},
		{"decimal", decimal(mustDecimal(t, "-12345.678")), "−12,345.678"},
		{"signed", signed(mustDecimal(t, "2")), "+2"},
		{"signed zero", signed(mustDecimal(t, "0")), "0"},
		{"quantities", quantities([]inventory.Quantity{{UOM: "EA", Quantity: mustDecimal(t, "31")}, {UOM: "KGM", Quantity: mustDecimal(t, "1.25")}}), "31\u00a0EA + 1.25\u00a0KGM"},
		{"no quantities", quantities(nil), "–"},
		{"sold", sold([]inventory.Quantity{{UOM: "EA", Quantity: mustDecimal(t, "-2")}}), "2\u00a0EA"},
		{"money", money(eur("1204.5")), "1,204.50\u00a0EUR"},
		{"money whole", money(eur("12")), "12.00\u00a0EUR"},
		{"money of weighed goods", money(eur("437.46909")), "437.47\u00a0EUR"},
		{"money carried over", money(eur("-0.999")), "−1.00\u00a0EUR"},
		{"percent is cut, not rounded", percent(0.99999), "99.99\u00a0%"},
		{"percent of a promise met exactly", percent(0.995), "99.50\u00a0%"},
		{"all", percent(1), "100.00\u00a0%"},
		{"overdrawn", wholePercent(-0.25), "−25\u00a0%"},
		{"no data", percent(math.NaN()), "–"},
		{"target", targetPercent(0.995), "99.5\u00a0%"},
		{"rate", rate(14.4), "14×"},
		{"rate small", rate(0.44), "0.4×"},
		{"ms", duration(850 * time.Millisecond), "850\u00a0ms"},
		{"tenths", duration(1500 * time.Millisecond), "1.5\u00a0s"},
		{"seconds", duration(12 * time.Second), "12\u00a0s"},
		{"minutes", duration(130 * time.Second), "2\u00a0min 10\u00a0s"},
		{"whole minutes", duration(5 * time.Minute), "5\u00a0min"},
		{"hours", duration(192 * time.Minute), "3\u00a0h 12\u00a0min"},
		{"days", duration(52 * time.Hour), "2\u00a0d 4\u00a0h"},
		{"ago", ago(now, now.Add(-47*time.Minute-8*time.Second)), "47\u00a0min ago"},
		{"seconds ago", ago(now, now.Add(-5800*time.Millisecond)), "5\u00a0s ago"},
		{"now", ago(now, now.Add(-time.Second)), "just now"},
		{"ahead", ago(now, now.Add(3*time.Minute)), "in 3\u00a0min"},
		{"never", ago(now, time.Time{}), "never"},
		{"clock in the store's zone", clock(now, berlin), "10:50:00"},
		{"moment", moment(now, berlin), "23 Nov 2026, 10:50:00 CET"},
		{"yesterday", shortMoment(now, now.Add(-24*time.Hour), berlin), "22 Nov 10:50"},
		{"day", day("2026-11-23"), "Mon 23 Nov 2026"},
		{"a date that is none", day("23.11."), "23.11."},
		{"no date", day(""), "no business date given"},
		{"words", words("missing_step"), "Missing step"},
		{"hop", hopName("erp", "posted"), "ERP posted"},
		{"hop of another system", hopName("store_app", "availability_updated"), "Store app availability updated"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}
