package edi

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	_ "time/tzdata"

	"github.com/stocktrace/stocktrace/collector/format"
)

func segments(t *testing.T, m *Message) string {
	t.Helper()
	var all []string
	for _, s := range m.Body {
		all = append(all, s.Tag)
	}
	return strings.Join(all, " ")
}

func messages(t *testing.T, syntax Syntax, document string) (all []*Message, rest []part) {
	t.Helper()
	var in io.Reader = strings.NewReader(document)
	if len(document) < 1<<20 {
		in = iotest.HalfReader(in)
	}
	if err := parts(t.Context(), in, syntax, func(p part) error {
		if p.message != nil {
			all = append(all, p.message)
		} else {
			rest = append(rest, p)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all, rest
}

// Release characters keep delimiters in text, in tags' elements and components.
func TestEDIFACTSyntax(t *testing.T) {
	for name, c := range map[string]struct{ document, want string }{
		"defaults":            {"UNB+UNOA:1+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'FTX+AAA++a?+b:c?:d?'e??'UNT+3+1'UNZ+1+1'", "a+b|c:d'e?"},
		"as UNA says":         {"UNA;*.! ~UNB*UNOA;1*S*R*261123;1015*1~UNH*1*DESADV;D;96A;UN~FTX*AAA**a!*b;c!;d'e?~UNT*3*1~UNZ*1*1~", "a*b|c;d'e?"},
		"without release":     {"UNA:+.   UNB+UNOA:1+S+R+261123:1015+1 UNH+1+DESADV:D:96A:UN FTX+AAA++a?:b UNT+3+1 UNZ+1+1 ", "a?|b"},
		"line ends":           {"UNB+UNOA:1+S+R+261123:1015+1'\r\nUNH+1+DESADV:D:96A:UN'\r\nFTX+AAA++a:b'\r\nUNT+3+1'\r\nUNZ+1+1'\r\n", "a|b"},
		"Latin-1":             {"UNB+UNOC:3+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'FTX+AAA++M\xfcnchen:b'UNT+3+1'UNZ+1+1'", "München|b"},
		"Latin-2":             {"UNB+UNOD:3+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'FTX+AAA++\xa3\xf3d\xbc:b'UNT+3+1'UNZ+1+1'", "Łódź|b"},
		"UTF-8 in UNOB":       {"UNB+UNOB:1+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'FTX+AAA++München:b'UNT+3+1'UNZ+1+1'", "München|b"},
		"tags with numbers":   {"UNB+UNOA:1+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'FTX:1+AAA++a:b'UNT+3+1'UNZ+1+1'", "a|b"},
		"without UNB":         {"UNH+1+DESADV:D:96A:UN'FTX+AAA++a:b'UNT+3+1'", "a|b"},
		"other marks, no UNA": {"UNB*UNOA:1*S*R*261123:1015*1'UNH*1*DESADV:D:96A:UN'FTX*AAA**a:b'UNT*3*1'UNZ*1*1'", "a|b"},
	} {
		t.Run(name, func(t *testing.T) {
			all, _ := messages(t, EDIFACT, c.document)
			if len(all) != 1 || segments(t, all[0]) != "FTX" {
				t.Fatalf("%d messages", len(all))
			}
			s := &all[0].Body[0]
			a, b, _ := strings.Cut(c.want, "|")
			if got := s.Part(3, 1); got != a {
				t.Errorf("the first component is %q, want %q", got, a)
			}
			if got := s.Part(3, 2); got != b {
				t.Errorf("the second component is %q, want %q", got, b)
			}
			if s.Part(3, 3) != "" || s.Part(9, 1) != "" || s.Part(0, 1) != "" {
				t.Error("there is more than was written")
			}
			if len(all[0].Notes) > 0 {
				t.Errorf("notes: %v", all[0].Notes)
			}
			if !strings.Contains(c.document, string(all[0].Raw)) || !strings.HasPrefix(string(all[0].Raw), "UNH") {
				t.Errorf("raw is %q", all[0].Raw)
			}
		})
	}
}

func TestX12Repetitions(t *testing.T) {
	isa := "ISA*00*          *00*          *ZZ*S              *ZZ*R              *261123*1015*%s*%s*000000001*0*P*>~GS*SH*S*R*20261123*1015*1*X*005010~ST*856*1~REF*a%sb*c-d~SE*3*1~GE*1*1~IEA*1*000000001~"
	document := func(mark, version, used string) string {
		return strings.NewReplacer("%s*%s", mark+"*"+version, "a%sb", "a"+used+"b").Replace(isa)
	}
	for name, c := range map[string]struct{ document, want string }{
		"from 00402 on":    {document("^", "00501", "^"), "a b"},
		"a hyphen":         {document("-", "00406", "-"), "a b"},
		"before, U is a U": {document("U", "00401", "U"), "aUb"},
	} {
		all, _ := messages(t, X12, c.document)
		if len(all) != 1 {
			t.Fatalf("%s: %d messages", name, len(all))
		}
		s := &all[0].Body[0]
		if got := strings.Join(s.Repeated(1), " "); got != c.want {
			t.Errorf("%s: the repetitions are %q, want %q", name, got, c.want)
		}
		// What is not asked for as a repetition is whole: BM numbers have hyphens.
		if s.Text(2) != "c-d" {
			t.Errorf("%s: the text is %q", name, s.Text(2))
		}
	}
}

func TestReadX12(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ date, hours, code, want, notes string }{
		{"20261123", "101530", "GM", "2026-11-23T10:15:30Z", ""},
		{"261123", "1015", "UT", "2026-11-23T10:15:00Z", ""},
		{"990104", "1521", "GM", "1999-01-04T15:21:00Z", ""},
		{"20261123", "10153099", "GM", "2026-11-23T10:15:30.99Z", ""},
		{"20261123", "1015", "", "2026-11-23T09:15:00Z", "zone_assumed"},
		{"20261123", "1015", "LT", "2026-11-23T09:15:00Z", "zone_assumed"},
		{"20261123", "1015", "ET", "2026-11-23T15:15:00Z", "offset_doubtful"},
		{"20261123", "1015", "01", "2026-11-23T09:15:00Z", ""},
		{"20261123", "1015", "20", "2026-11-23T15:15:00Z", "offset_doubtful"}, // M05
		{"20261123", "1015", "QQ", "2026-11-23T09:15:00Z", "not_standard zone_assumed"},
		{"20261123", "", "", "2026-11-22T23:00:00Z", "date_only zone_assumed"},
		{"20261123", "2400", "GM", "2026-11-24T00:00:00Z", "not_standard"},
		{"20261123", "2401", "GM", "2026-11-22T23:00:00Z", "not_standard date_only zone_assumed"},
		{"20261123", "2530", "", "2026-11-22T23:00:00Z", "not_standard date_only zone_assumed"},
		{"20261123", "1060", "", "2026-11-22T23:00:00Z", "not_standard date_only zone_assumed"},
		{"20261123", "10", "", "2026-11-22T23:00:00Z", "not_standard date_only zone_assumed"},
		{"20261231", "235960", "GM", "2027-01-01T00:00:00Z", ""}, // a leap second
		{"20261025", "0230", "", "2026-10-25T00:30:00Z", "zone_assumed time_ambiguous"},
		{"20260329", "0230", "", "2026-03-29T01:30:00Z", "zone_assumed time_nonexistent"},
		{"20261131", "1000", "", "", ""},
		{"20260229", "", "", "", ""},
		{"20261301", "", "", "", ""},
		{"00000000", "", "", "", ""},
		{"2026-1-1", "", "", "", ""},
		{"80261123", "", "", "", ""},
	} {
		check(t, c.date+" "+c.hours+" "+c.code, c.want, c.notes, func() (Moment, error) { return ReadX12(c.date, c.hours, c.code, berlin, "p") })
	}
}

func TestReadEDIFACT(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ value, layout, want, notes string }{
		{"20261123", "102", "2026-11-22T23:00:00Z", "date_only zone_assumed"},
		{"202611231015", "203", "2026-11-23T09:15:00Z", "zone_assumed"},
		{"20261123101530", "204", "2026-11-23T09:15:30Z", "zone_assumed"},
		{"261123", "101", "2026-11-22T23:00:00Z", "date_only zone_assumed"},
		{"2611231015", "201", "2026-11-23T09:15:00Z", "zone_assumed"},
		{"231126", "2", "2026-11-22T23:00:00Z", "date_only zone_assumed"},
		{"202611231015UTC", "303", "2026-11-23T10:15:00Z", ""},
		{"202611231015CET", "303", "2026-11-23T09:15:00Z", ""},
		{"202611231015+0100", "205", "2026-11-23T09:15:00Z", ""},
		{"202611231015EST", "303", "2026-11-23T15:15:00Z", "offset_doubtful"},
		{"20261116-20261122", "718", "2026-11-21T23:00:00Z", "date_only zone_assumed"},
		{"2026111620261122", "718", "2026-11-21T23:00:00Z", "date_only zone_assumed"},
		{"20261123", "", "2026-11-22T23:00:00Z", "not_standard date_only zone_assumed"},
		{"202611232400", "203", "2026-11-23T23:00:00Z", "not_standard zone_assumed"},
		{"202611232515", "203", "2026-11-22T23:00:00Z", "not_standard date_only zone_assumed"},
		{"20261123", "203", "2026-11-22T23:00:00Z", "date_only zone_assumed"},
		{"202611", "610", "", ""},
		{"20261131", "102", "", ""},
		{"2026112", "102", "", ""},
		{"2026112310", "102", "", ""},
		{"heute", "102", "", ""},
		{"20261116", "718", "", ""},
	} {
		check(t, c.value+":"+c.layout, c.want, c.notes, func() (Moment, error) { return ReadEDIFACT(c.value, c.layout, berlin, "p") })
	}
}

func check(t *testing.T, name, want, notes string, read func() (Moment, error)) {
	t.Helper()
	m, err := read()
	if (err != nil) != (want == "") {
		t.Errorf("%s: %v, %v", name, m.Time, err)
		return
	}
	if err != nil {
		return
	}
	if got := m.Time.Format(time.RFC3339Nano); got != want {
		t.Errorf("%s is %s, want %s", name, got, want)
	}
	var codes []string
	for _, n := range m.Notes {
		codes = append(codes, n.Code)
	}
	if got := strings.Join(codes, " "); got != notes {
		t.Errorf("%s: notes %q, want %q", name, got, notes)
	}
}

// A message too large to be held is given up, and the next one is read.
func TestMessageThatIsTooLarge(t *testing.T) {
	line := strings.Repeat("x", 60<<10)
	var b strings.Builder
	b.WriteString("UNB+UNOA:1+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'")
	for b.Len() < MaxMessage+1<<20 {
		b.WriteString("FTX+AAA++" + line + "'")
	}
	b.WriteString("UNT+9+1'UNH+2+DESADV:D:96A:UN'BGM+351+1'UNT+3+2'UNZ+2+1'")
	all, rest := messages(t, EDIFACT, b.String())
	if len(all) != 1 || all[0].Control != "2" {
		t.Fatalf("%d messages", len(all))
	}
	if len(rest) == 0 || rest[0].lost == nil || !strings.Contains(rest[0].lost.problem.Detail, "Split it") {
		t.Errorf("told: %+v", rest)
	}
}

// Many short segments cost more than their bytes.
func TestMessageOfTooManySegments(t *testing.T) {
	document := "UNB+UNOA:1+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'" + strings.Repeat("A'", MaxSegments+1) + "UNT+9+1'UNH+2+DESADV:D:96A:UN'BGM+351+1'UNT+3+2'UNZ+2+1'"
	all, rest := messages(t, EDIFACT, document)
	if len(all) != 1 || all[0].Control != "2" || len(rest) == 0 || rest[0].lost == nil {
		t.Fatalf("%d messages, told: %+v", len(all), rest)
	}
}

// A terminator that never comes ends the interchange, and the next one is read.
func TestSegmentThatDoesNotEnd(t *testing.T) {
	document := "UNB+UNOA:1+S+R+261123:1015+1'UNH+1+DESADV:D:96A:UN'FTX+" + strings.Repeat("y", MaxSegment+10) +
		"\nUNB+UNOA:1+S+R+261123:1015+2'UNH+1+DESADV:D:96A:UN'BGM+351+1'UNT+3+1'UNZ+1+2'"
	all, rest := messages(t, EDIFACT, document)
	if len(all) != 1 || all[0].Interchange.Control != "2" {
		t.Fatalf("%d messages", len(all))
	}
	if len(rest) == 0 || rest[0].lost == nil || !strings.Contains(rest[0].lost.problem.Detail, "terminator") {
		t.Errorf("told: %+v", rest)
	}
}

func TestNothingInIt(t *testing.T) {
	for _, document := range []string{"", "hello", strings.Repeat(" ", 100)} {
		err := parts(t.Context(), strings.NewReader(document), X12, func(part) error { return nil })
		if p := (*format.Problem)(nil); !errors.As(err, &p) || !strings.Contains(p.Detail, "No interchange") {
			t.Errorf("%q: %v", document, err)
		}
	}
}
