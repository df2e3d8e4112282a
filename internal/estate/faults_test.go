package estate

import (
	"maps"
	"strings"
	"testing"
)

func TestParseFaults(t *testing.T) {
	for name, preset := range FaultPresets {
		got, err := ParseFaults(name)
		if err != nil || !maps.Equal(got, preset) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		again, err := ParseFaults(got.String())
		if err != nil || !maps.Equal(again, preset) {
			t.Errorf("%s does not read what it writes: %q, %v", name, got, err)
		}
	}
	got, err := ParseFaults("none, posted_twice=0.5, retried=1")
	if err != nil || !maps.Equal(got, Faults{PostedTwice: 0.5, Retried: 1}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []struct{ in, says string }{
		{"lots", `"lots" is no preset; there are default, heavy, none`},
		{"posted_twice=0.1,heavy", `the preset "heavy" comes first`},
		{"posted_thrice=0.1", `nothing is called "posted_thrice"`},
		{"posted_twice=often", "not a number from 0 to 1"},
		{"posted_twice=1.5", "not a number from 0 to 1"},
		{"posted_twice=NaN", "not a number from 0 to 1"},
	} {
		if _, err := ParseFaults(bad.in); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%q: got %v, want %q", bad.in, err, bad.says)
		}
	}
}
