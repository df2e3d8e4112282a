package inventory

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSearchKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value, location, register string
		want                            []string
	}{
		{"receipt", "0123-04-000778", "0123", "04", []string{"123/4/778", "4/778", "778", "123/778"}},
		{"receipt", "000778", "0123", "04", []string{"123/4/778", "4/778", "778", "123/778"}},
		{"receipt", "04-000778", "0123", "04", []string{"123/4/778", "4/778", "778", "123/778"}},
		{"receipt", "0123-04-000778", "1000", "", []string{"123/4/778", "4/778", "778", "123/778"}},
		{"receipt", "0123-04-2026-11-23-000778", "0123", "04", []string{"123/4/2026/11/23/778", "123/4/778", "4/778", "778", "123/778"}},
		{"receipt", "000778", "DE-0123", "04", []string{"de/123/4/778", "123/4/778", "4/778", "778", "de/778"}},
		{"receipt", "778", "", "", []string{"778"}},
		{"correlation_id", "C-7F3A", "0123", "04", []string{"c/7f3a"}},
		{"erp_document", "0004900012345", "0123", "", []string{"4900012345"}},
		{"delivery", "DLV-0800012345", "0123", "", []string{"dlv/800012345", "800012345"}},
		{"receipt", " ", "0123", "04", nil},
	} {
		if got := SearchKeys(c.name, c.value, c.location, c.register); !slices.Equal(got, c.want) {
			t.Errorf("SearchKeys(%q, %q, %q, %q) = %q, want %q", c.name, c.value, c.location, c.register, got, c.want)
		}
	}
}

// What a person reads off a receipt, a ticket or a page finds it.
func TestSearchQueryFindsReceipt(t *testing.T) {
	t.Parallel()
	indexed := SearchKeys("receipt", "0123-04-000778", "0123", "04")
	for _, typed := range []string{
		"0123-04-000778", "123-4-778", "123/4/778", "0123 04 000778", "0123.04.000778", " 0123–04–000778 ",
		"04-000778", "4/778", "000778", "778", "#778", "0123-000778",
		"0123-04-2026-11-23-000778", "0123-04-20261123-000778", "23.11.2026 0123-04-000778",
		"receipt:123/4/778", "receipt 0123-04-000778", "Store 0123, till 04, receipt 000778", "receipt: 0123-04-000778",
	} {
		if !slices.ContainsFunc(SearchQuery(typed), func(f string) bool { return slices.Contains(indexed, f) }) {
			t.Errorf("%q asks for %q, which is none of %q", typed, SearchQuery(typed), indexed)
		}
	}
	for _, typed := range []string{"0124-04-000778", "123-4-779", "7780", "0123", ""} {
		if slices.ContainsFunc(SearchQuery(typed), func(f string) bool { return slices.Contains(indexed, f) }) {
			t.Errorf("%q must not find %q", typed, indexed)
		}
	}
}

// Whatever a system sends as a key, typing the same finds it.
func TestSearchQueryFindsEveryKeyAsSent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"receipt", "correlation_id", "erp_document", "order", "batch"}).Draw(t, "name")
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9A-Za-z]{1,6}([-/. ][0-9A-Za-z]{1,6}){0,4}`)).Draw(t, "value")
		location := rapid.StringMatching(`[0-9A-Z]{0,4}`).Draw(t, "location")
		register := rapid.StringMatching(`[0-9]{0,3}`).Draw(t, "register")
		indexed := SearchKeys(name, value, location, register)
		if len(indexed) == 0 {
			if plain(value) != "" {
				t.Fatalf("%q is indexed under nothing", value)
			}
			return
		}
		if !slices.ContainsFunc(SearchQuery(value), func(f string) bool { return slices.Contains(indexed, f) }) {
			t.Fatalf("%q asks for %q, which is none of %q", value, SearchQuery(value), indexed)
		}
	})
}
