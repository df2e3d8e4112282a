package inventory

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestReceiptScope(t *testing.T) {
	want := ScopedKey{KeyReceipt, "123/4/778"}
	for _, c := range []struct{ value, location, register string }{
		{"0123-04-000778", "0123", "04"},
		{"123-4-778", "", ""},
		{"778", "0123", "04"},
		{"000778", "123", "4"},
		{"04-000778", "0123", ""},
		{" 0123/04/000778 ", "P100", "9"},
	} {
		k, ok := (Key{KeyReceipt, c.value}).Scope(c.location, c.register)
		if !ok || k != want {
			t.Errorf("%q at %s/%s is %s", c.value, c.location, c.register, k)
		}
	}
	if k, _ := (Key{KeyReceipt, "0123-04-000779"}).Scope("0123", "04"); k == want {
		t.Error("another number is another key")
	}
	for _, name := range []string{KeyTraceID, KeyERPDocument, KeyIDoc, "order", "whatever"} {
		if _, ok := (Key{name, "1"}).Scope("0123", "04"); ok {
			t.Errorf("%s binds", name)
		}
	}
}

// TestKeyOrder: the order of keys decides every home, and where they move.
func TestKeyOrder(t *testing.T) {
	ordered := []ScopedKey{
		{KeyCorrelationID, "a"},
		{KeyCorrelationID, "b"},
		{KeyReceipt, "1/1/1"},
		{KeyDelivery, "1"},
		{KeyTransfer, "1"},
		{KeyRMA, "1"},
		{KeyCount, "1"},
		{KeyRecord, "x"},
	}
	for i := range ordered {
		for j := range ordered {
			if have := CompareKeys(ordered[i], ordered[j]); (have < 0) != (i < j) || (have == 0) != (i == j) {
				t.Errorf("%s against %s: %d", ordered[i], ordered[j], have)
			}
		}
	}
}

// TestStoreHours: the store's clock stands still while it is closed, and days of
// 23 and 25 hours have the hours they have.
func TestStoreHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	l := Location{Zone: berlin}
	for d := range l.Open {
		l.Open[d] = []Span{{From: 8 * 60, To: 20 * 60}}
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		from string
		d    time.Duration
		to   string
	}{
		{"2026-11-23 10:00", time.Hour, "2026-11-23 11:00"},
		{"2026-11-23 19:30", time.Hour, "2026-11-24 08:30"},
		{"2026-11-23 02:00", time.Hour, "2026-11-23 09:00"},
		{"2026-10-24 19:00", 2 * time.Hour, "2026-10-25 09:00"}, // the night has 25 hours
		{"2026-03-28 19:00", 26 * time.Hour, "2026-03-31 09:00"},
	} {
		if have := l.AfterOpen(at(c.from), c.d); !have.Equal(at(c.to)) {
			t.Errorf("%s + %s is %s, want %s", c.from, c.d, have.In(berlin), c.to)
		}
	}
	if !l.IsOpen(at("2026-11-23 08:00")) || l.IsOpen(at("2026-11-23 20:00")) {
		t.Error("open from eight to twenty")
	}
	late := Location{Zone: berlin}
	late.Open[time.Monday] = []Span{{From: 18 * 60, To: 26 * 60}}
	if !late.IsOpen(at("2026-11-24 01:00")) || late.IsOpen(at("2026-11-24 03:00")) {
		t.Error("a span past midnight belongs to the day it began")
	}
}

// The entry key is the least of the identifying keys, however it is found.
func TestEntryKeyIsTheLeast(t *testing.T) {
	names := []string{KeyCorrelationID, KeyReceipt, KeyDelivery, KeyOrder, KeyTransfer}
	values := []string{"", " ", "a", "b", " a", "0007", "0123-04-000778"}
	rapid.Check(t, func(t *rapid.T) {
		r := Record{ID: "r", Event: Event{CorrelationID: rapid.SampledFrom(values).Draw(t, "correlation"), Location: "0123", Register: "04"}}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			r.Event.Keys = append(r.Event.Keys, Key{rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom(values).Draw(t, "value")})
		}
		want := ScopedKey{KeyRecord, "r"}
		if keys := r.Event.Identifiers(); len(keys) > 0 {
			want = keys[0]
		}
		if got := r.EntryKey(); got != want {
			t.Fatalf("enters by %v, its least key is %v", got, want)
		}
	})
}
