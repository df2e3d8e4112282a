package app_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What comes in above the size drives out the oldest, and the pages and metrics
// have said so before.
func TestQuarantineIsHeldToItsSize(t *testing.T) {
	i := start(t, t.TempDir(), map[string]string{"quarantine-size": "16MiB"})
	const mib = 1 << 20
	send := func(n int) {
		t.Helper()
		body := strings.Repeat(strconv.Itoa(n), 3*mib+mib/2)
		if status, answer := i.do(http.MethodPost, "/v1/documents?source=tills", "text/plain", body); status != http.StatusBadRequest {
			t.Fatalf("a document that nobody reads: %d %s", status, answer)
		}
	}
	holds := func(text string) bool {
		_, answer := i.do(http.MethodGet, "/api/v1/quarantine/counts", "", "")
		return strings.Contains(answer, text)
	}
	wait := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !is(); <-time.After(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				_, answer := i.do(http.MethodGet, "/api/v1/quarantine/counts", "", "")
				t.Fatalf("not seen: %s: %s", what, answer)
			}
		}
	}
	for n := range 4 {
		send(n)
	}
	wait("four entries, which fit", func() bool { return holds(`"count":4,"different":4,"bytes":14680064`) })
	wait("the warning", func() bool {
		_, page := i.do(http.MethodGet, "/sources", "", "")
		return strings.Contains(page, "The quarantine holds 14 of 16 MiB; above that its oldest entries go, of which 4 wait.")
	})
	_, metrics := i.do(http.MethodGet, "/metrics", "", "")
	for _, want := range []string{"stocktrace_quarantine_entries 4", "stocktrace_quarantine_waiting_entries 4", "stocktrace_quarantine_bytes 1.4680064e+07", "stocktrace_quarantine_max_bytes 1.6777216e+07"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	send(4)
	wait("one more, and the oldest gone", func() bool { return holds(`"count":4,"different":4,"bytes":14680064`) })
	wait("that it is the oldest", func() bool {
		_, list := i.do(http.MethodGet, "/api/v1/quarantine", "", "")
		// base64 of "000" and of "444"
		return !strings.Contains(list, `"raw":"MDAw`) && strings.Contains(list, `"raw":"NDQ0`)
	})
}
