package instant

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/format"
)

func TestRead(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want, codes string }{
		{"2026-11-23T10:02:54.120+01:00", "2026-11-23T09:02:54.12Z", ""},
		{"2026-11-23T10:02:54Z", "2026-11-23T10:02:54Z", ""},
		{"2026-11-23t10:02:54z", "2026-11-23T10:02:54Z", ""},
		{"2026-11-23T10:02:54-0530", "2026-11-23T15:32:54Z", ""},
		{"2026-11-23T10:02:54+01", "2026-11-23T09:02:54Z", ""},
		{"2026-11-23T10:02Z", "2026-11-23T10:02:00Z", ""},
		{"2019-10-29T18:38:45.455006797Z", "2019-10-29T18:38:45.455006797Z", ""},
		{"2019-10-29T18:38:45.4550067971234Z", "2019-10-29T18:38:45.455006797Z", ""},
		{"2019-10-29T18:38:45,5Z", "2019-10-29T18:38:45.5Z", ""},
		{"2026-11-23T24:00:00Z", "2026-11-24T00:00:00Z", ""},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", format.NotStandard},
		{"2019-01-01 00:00:00.000Z", "2019-01-01T00:00:00Z", format.NotStandard},
		{"2026-11-23T10:02:54", "2026-11-23T09:02:54Z", format.ZoneAssumed},
		{"2026-10-25T02:30:00", "2026-10-25T00:30:00Z", format.ZoneAssumed + " " + format.TimeAmbiguous},
	} {
		got, err := Read(c.text, berlin, "/at")
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var codes []string
		for _, n := range got.Notes {
			codes = append(codes, n.Code)
		}
		if s := stamp(got); s != c.want || strings.Join(codes, " ") != c.codes {
			t.Errorf("%s is %s %v, want %s %s", c.text, s, codes, c.want, c.codes)
		}
	}
}

// stamp is the instant as the tests write it.
func stamp(t Time) string { return t.Time.UTC().Format(time.RFC3339Nano) }

func TestReadSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"2016-11-16T25:44:22.837Z":  "2016-11-16T25:44:22.837Z has hour 25, which does not exist: correct it at its source.",
		"2023-02-29T10:00:00Z":      "2023-02-29T10:00:00Z has day 29, which does not exist: correct it at its source.",
		"2023-13-01T10:00:00Z":      "2023-13-01T10:00:00Z has month 13, which does not exist: correct it at its source.",
		"2023-01-01T10:60:00Z":      "2023-01-01T10:60:00Z has minute 60, which does not exist: correct it at its source.",
		"2023-01-01T10:00:61Z":      "2023-01-01T10:00:61Z has second 61, which does not exist: correct it at its source.",
		"2023-01-01T24:00:01Z":      "2023-01-01T24:00:01Z has hour 24, which ends at 24:00:00: correct it at its source.",
		"2023-01-01T10:00:00+25:00": "2023-01-01T10:00:00+25:00 has the offset +25:00, which is nowhere on earth: offsets end at 14:00.",
		"0001-01-01T00:00:00Z":      "0001-01-01T00:00:00Z is before 1970 or after 2262, most often a placeholder for no time: send the time it happened.",
		"9999-12-31T23:59:59Z":      "9999-12-31T23:59:59Z is before 1970 or after 2262, most often a placeholder for no time: send the time it happened.",
		"yesterday":                 "yesterday is no time: write it as 2026-11-23T10:02:54+01:00.",
		"2026-11-23":                "2026-11-23 is no time: write it as 2026-11-23T10:02:54+01:00.",
		"":                          "is empty, and a time such as 2026-11-23T10:02:54+01:00 was expected.",
	} {
		if _, err := Read(text, nil, "/at"); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestReadIsRFC3339: every time that package time writes is read as the same
// instant, with the same offset.
func TestReadIsRFC3339(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(0, 9e9).Draw(t, "seconds")
		nanos := rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")
		offset := rapid.IntRange(-14*60, 14*60).Draw(t, "offset")
		want := time.Unix(seconds, nanos).In(time.FixedZone("", offset*60))
		got, err := Read(want.Format(time.RFC3339Nano), nil, "/at")
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) || got.Format(time.RFC3339Nano) != want.Format(time.RFC3339Nano) || len(got.Notes) > 0 {
			t.Fatalf("%s became %s %v", want.Format(time.RFC3339Nano), got.Time, got.Notes)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("2016-11-16T25:44:22.837Z")
	f.Add("2019-01-01 00:00:00.000Z")
	f.Add("2023-01-01T24:00:00+14:00")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Read(text, nil, "/at")
		if err != nil && !strings.HasSuffix(err.Error(), ".") {
			t.Fatalf("%q: %v is no sentence", text, err)
		}
		if err == nil && (got.Year() < 1969 || got.Year() > 2262) {
			t.Fatalf("%q became %s", text, got.Time)
		}
	})
}
