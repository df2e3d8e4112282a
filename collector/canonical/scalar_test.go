package canonical

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is a date is what the library reads as one.
func TestIsDate(t *testing.T) {
	text := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("%04d-%02d-%02d", rapid.IntRange(0, 9999).Draw(t, "y"), rapid.IntRange(0, 13).Draw(t, "m"), rapid.IntRange(0, 32).Draw(t, "d"))
		}),
		rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("%04d-02-29", rapid.SampledFrom([]int{0, 4, 100, 1900, 2000, 2024, 2026, 2100, 2400}).Draw(t, "leap"))
		}),
		rapid.StringMatching(`[0-9:/]{4}-[0-9:/]{2}-[0-9:/]{2}`), rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		_, err := time.Parse(time.DateOnly, s)
		if got := isDate(s); got != (err == nil) {
			t.Fatalf("%q: %v, time says %v", s, got, err)
		}
	})
}
