package gs1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/collector/gs1"
)

func TestCheckDigit(t *testing.T) {
	for body, want := range map[string]byte{
		"629104150021":      '3', // the example of the General Specifications
		"400638133393":      '1',
		"1456781":           '0',
		"0614141123456":     '2',
		"37610425002123456": '9', // an SSCC
		"952123456789":      '9',
		"0":                 '0',
	} {
		if got, ok := gs1.CheckDigit(body); got != want || !ok {
			t.Errorf("%s: %c %v, want %c", body, got, ok, want)
		}
	}
	for _, body := range []string{"", "12a", " 12", "١٢"} {
		if _, ok := gs1.CheckDigit(body); ok {
			t.Errorf("%q has a check digit", body)
		}
	}
}

func TestValid(t *testing.T) {
	for key, want := range map[string]bool{
		"4006381333931": true, "14567810": true, "14567811": false, "4006381333913": false, "04006381333931": true,
		"": false, "0": false, "400638133393X": false,
	} {
		if got := gs1.Valid(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}

func TestGTIN14(t *testing.T) {
	for _, c := range []struct {
		sent, want string
	}{
		{"4006381333931", "04006381333931"},
		{"614141000036", "00614141000036"},
		{"14567810", "00000014567810"},
		{"14006381333938", "14006381333938"}, // the case stays the case
		{"14567811", "00000014567811"},       // a wrong digit is not this function's matter
		{"3283", ""},
		{"400638133393", "00400638133393"},
		{"123456789", ""},
		{"4006381333931 ", ""},
		{"", ""},
	} {
		got, ok := gs1.GTIN14(c.sent)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q %v, want %q", c.sent, got, ok, c.want)
		}
	}
}

func TestRestricted(t *testing.T) {
	for gtin, want := range map[string]bool{
		"02012345000004": true, // 20: in store, a weight in it
		"02912345000005": true,
		"00212345678905": true, // a UPC that begins with 2
		"00412345678903": true,
		"04006381333931": false,
		"03012345678901": false,
		"00000014567810": false, // a GTIN-8
		"00000021234562": true,  // one for the company's own use
		"00000000067591": true,  // a produce code that a till has padded
		"14006381333938": false,
		"4006381333931":  false,
	} {
		if got := gs1.Restricted(gtin); got != want {
			t.Errorf("%s: %v", gtin, got)
		}
	}
	for sent, want := range map[string]string{"00000000067591": "67591", "00000000003283": "3283", "00000014567810": "", "3283": "", "00000000000000": ""} {
		if got, _ := gs1.Local(sent); got != want {
			t.Errorf("%s: %q, want %q", sent, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		sent string
		want gs1.ID
	}{
		// Examples of the Tag Data Standard.
		{"urn:epc:id:sgtin:0614141.112345.400", gs1.ID{Kind: gs1.GTIN, Key: "10614141123459", Serial: "400", Prefix: 7}},
		{"urn:epc:id:sscc:0614141.1234567890", gs1.ID{Kind: gs1.SSCC, Key: "106141412345678908", Prefix: 7}},
		{"urn:epc:id:sgln:0614141.12345.400", gs1.ID{Kind: gs1.GLN, Key: "0614141123452", Extension: "400", Prefix: 7}},
		{"urn:epc:id:sgln:0614141.12345.0", gs1.ID{Kind: gs1.GLN, Key: "0614141123452", Prefix: 7}},
		{"urn:epc:id:sgln:061414112345..0", gs1.ID{Kind: gs1.GLN, Key: "0614141123452", Prefix: 12}},
		{"urn:epc:id:pgln:0614141.12345", gs1.ID{Kind: gs1.GLN, Key: "0614141123452", Prefix: 7}},
		{"urn:epc:id:grai:0614141.12345.400", gs1.ID{Kind: gs1.GRAI, Key: "0614141123452", Serial: "400", Prefix: 7}},
		{"urn:epc:id:giai:0614141.12345%2F400", gs1.ID{Kind: gs1.GIAI, Key: "061414112345/400", Prefix: 7}},
		{"urn:epc:id:gdti:0614141.12345.400", gs1.ID{Kind: gs1.GDTI, Key: "0614141123452", Serial: "400", Prefix: 7}},
		{"urn:epc:class:lgtin:4012345.012345.998877", gs1.ID{Kind: gs1.GTIN, Key: "04012345123456", Lot: "998877", Prefix: 7}},
		{"urn:epc:idpat:sgtin:4012345.012345.*", gs1.ID{Kind: gs1.GTIN, Key: "04012345123456", Prefix: 7}},
		{"urn:epc:tag:sgtin-96:3.0614141.112345.400", gs1.ID{Kind: gs1.GTIN, Key: "10614141123459", Serial: "400", Prefix: 7}},
		{"urn:epc:id:sgtin:0614141.112345.a%2Fb", gs1.ID{Kind: gs1.GTIN, Key: "10614141123459", Serial: "a/b", Prefix: 7}},
		// Digital Links.
		{"https://id.gs1.org/01/09506000134352", gs1.ID{Kind: gs1.GTIN, Key: "09506000134352"}},
		{"https://id.gs1.org/01/9506000134352/10/ABC/21/x%2F1", gs1.ID{Kind: gs1.GTIN, Key: "09506000134352", Lot: "ABC", Serial: "x/1"}},
		{"https://id.gs1.org/gtin/614141123452/ser/400", gs1.ID{Kind: gs1.GTIN, Key: "00614141123452", Serial: "400"}},
		{"http://brand.example/en/shop/01/09506000134352/22/2A?17=271200&linkType=gs1:pip", gs1.ID{Kind: gs1.GTIN, Key: "09506000134352", Variant: "2A", Attributes: map[string]string{"17": "271200"}}},
		{"https://example.com/01/gtin/01/09506000134352", gs1.ID{Kind: gs1.GTIN, Key: "09506000134352"}},
		{"https://id.gs1.org/414/9521321000010/254/dock7", gs1.ID{Kind: gs1.GLN, Key: "9521321000010", Extension: "dock7"}},
		{"https://id.gs1.org/gln/9521321000010", gs1.ID{Kind: gs1.GLN, Key: "9521321000010"}},
		{"https://id.gs1.org/417/9521321000010", gs1.ID{Kind: gs1.GLN, Key: "9521321000010"}},
		{"https://id.gs1.org/00/106141412345678908", gs1.ID{Kind: gs1.SSCC, Key: "106141412345678908"}},
		{"https://id.gs1.org/8003/00614141123452400", gs1.ID{Kind: gs1.GRAI, Key: "0614141123452", Serial: "400"}},
		{"https://id.gs1.org/8004/061414112345ABC", gs1.ID{Kind: gs1.GIAI, Key: "061414112345ABC"}},
		{"https://id.gs1.org/253/4602443000331XYZ", gs1.ID{Kind: gs1.GDTI, Key: "4602443000331", Serial: "XYZ"}},
		// Element strings.
		{"(01)04006381333931(21)77", gs1.ID{Kind: gs1.GTIN, Key: "04006381333931", Serial: "77"}},
		{"(00)106141412345678908", gs1.ID{Kind: gs1.SSCC, Key: "106141412345678908"}},
		{"(414)9521321000010(254)a(b)c", gs1.ID{Kind: gs1.GLN, Key: "9521321000010", Extension: "a(b)c"}},
		{"(01)04006381333931(3103)000420(10)L", gs1.ID{Kind: gs1.GTIN, Key: "04006381333931", Lot: "L", Attributes: map[string]string{"3103": "000420"}}},
	} {
		got, err := gs1.Parse(c.sent)
		if err != nil {
			t.Errorf("%s: %v", c.sent, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.sent, diff)
		}
	}
}

// A wrong check digit is flagged, and the key stays as it was sent.
func TestWrongCheckDigit(t *testing.T) {
	for _, sent := range []string{"https://id.gs1.org/01/09506000134353", "(01)09506000134353"} {
		id, err := gs1.Parse(sent)
		if err != nil || id.Valid() || id.Key != "09506000134353" {
			t.Errorf("%s: %+v %v, valid %v", sent, id, err, id.Valid())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for sent, want := range map[string]string{
		"":                                            "neither",
		"4006381333931":                               "neither",
		"urn:epc:id:sgtin":                            "no EPC URI",
		"urn:epc:raw:96:x1234":                        "unknown form",
		"urn:epc:id:gid:1.2.3":                        "no GS1 key",
		"urn:epc:id:sgtin:0614141":                    "company prefix",
		"urn:epc:id:sgtin:06141.11234567.4":           "6 to 12 digits",
		"urn:epc:id:sgtin:0614141.11234.400":          "12 digits together and want 13",
		"urn:epc:id:sgtin:0614141.112345":             "wants three",
		"urn:epc:id:sgtin:0614141.11234x.1":           "digits together",
		"urn:epc:id:sgtin:0614141.112345.":            "empty",
		"urn:epc:id:sgtin:0614141.112345.%zz":         "badly escaped",
		"urn:epc:idpat:sgtin:0614141.*.*":             "many keys",
		"urn:epc:idpat:sgtin:*.*.*":                   "many keys",
		"urn:epc:tag:sgtin-96:3":                      "filter value",
		"https://id.gs1.org/":                         "no key",
		"https://id.gs1.org/01/":                      "no key",
		"https://id.gs1.org/01/12345":                 "8, 12, 13 or 14 digits",
		"https://id.gs1.org/01/09506000134352/254/1":  "cannot follow",
		"https://id.gs1.org/01/09506000134352/10":     "no value",
		"https://id.gs1.org/00/12":                    "18 digits",
		"https://id.gs1.org/8003/10614141123452":      "leading 0",
		"https://id.gs1.org/01/%zz":                   "no web address",
		"(10)L":                                       "identifies nothing",
		"(01)0400638133393":                           "",
		"(x)1":                                        "no element string",
		"(01":                                         "no element string",
		"https://id.gs1.org/01/09506000134352?17=%zz": "query",
	} {
		id, err := gs1.Parse(sent)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", sent, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want an error with %q", sent, id, err, want)
		}
	}
}

// What is written is read back as it was.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string, most int) string {
			return rapid.StringMatching(`[!-~]{1,`+string(rune('0'+most))+`}`).Draw(t, name)
		}
		id := gs1.ID{
			Kind:   rapid.SampledFrom([]gs1.Kind{gs1.GTIN, gs1.GLN, gs1.SSCC, gs1.GRAI, gs1.GDTI, gs1.GSRN, gs1.GSIN}).Draw(t, "kind"),
			Prefix: rapid.IntRange(6, 12).Draw(t, "prefix"),
		}
		length := map[gs1.Kind]int{gs1.GTIN: 13, gs1.SSCC: 17, gs1.GSRN: 17, gs1.GSIN: 16}[id.Kind]
		if length == 0 {
			length = 12
		}
		body := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), length, length, -1).Draw(t, "body")
		digit, _ := gs1.CheckDigit(body)
		id.Key = body + string(digit)
		if !id.Valid() {
			t.Fatalf("%s: the digit computed is not the one demanded", id.Key)
		}
		switch id.Kind {
		case gs1.GTIN, gs1.GRAI, gs1.GDTI:
			if rapid.Bool().Draw(t, "serialised") {
				id.Serial = text("serial", 9)
			} else if id.Kind == gs1.GTIN && rapid.Bool().Draw(t, "of a lot") {
				id.Lot = text("lot", 9)
			}
		case gs1.GLN:
			// "0" is how an EPC URI says that there is none.
			if e := text("extension", 9); e != "0" {
				id.Extension = e
			}
		}
		epc, err := id.EPC()
		if err != nil {
			t.Fatal(err)
		}
		back, err := gs1.Parse(epc)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(id, back); diff != "" {
			t.Errorf("%s:\n%s", epc, diff)
		}
		link, err := id.Link("https://id.example/x/")
		if err != nil {
			t.Fatal(err)
		}
		if back, err = gs1.Parse(link); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(id, back, cmpopts.IgnoreFields(gs1.ID{}, "Prefix")); diff != "" {
			t.Errorf("%s:\n%s", link, diff)
		}
	})
}

// One wrong digit, and one swap of neighbours that differ by other than five, is
// noticed: what a check digit is for.
func TestCheckDigitNotices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), 7, 17, -1).Draw(t, "body")
		digit, _ := gs1.CheckDigit(body)
		key := []byte(body + string(digit))
		at := rapid.IntRange(0, len(key)-2).Draw(t, "at")
		wrong := append([]byte(nil), key...)
		wrong[at] = '0' + (wrong[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if gs1.Valid(string(wrong)) {
			t.Errorf("%s passes for %s", wrong, key)
		}
		swapped := append([]byte(nil), key...)
		swapped[at], swapped[at+1] = swapped[at+1], swapped[at]
		if d := (int(key[at]) - int(key[at+1]) + 10) % 5; d != 0 && gs1.Valid(string(swapped)) {
			t.Errorf("%s passes for %s", swapped, key)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"urn:epc:id:sgtin:0614141.112345.400", "https://id.gs1.org/01/9506000134352/10/ABC?17=271200", "(01)04006381333931(21)77",
		"urn:epc:id:giai:0614141.%2F", "urn:epc:tag:sscc-96:0.0614141.1234567890",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := gs1.Parse(s)
		if err != nil {
			if id.Key != "" || err.Error() == "" {
				t.Errorf("%q: %+v with %v", s, id, err)
			}
			return
		}
		if id.Kind == "" || id.Key == "" {
			t.Errorf("%q names nothing: %+v", s, id)
		}
		if id.Prefix == 0 {
			return
		}
		epc, err := id.EPC()
		if err != nil {
			t.Fatalf("%q cannot be written again: %v", s, err)
		}
		if back, err := gs1.Parse(epc); err != nil || !cmp.Equal(id, back) {
			t.Errorf("%q is read as %+v, written as %s, and that as %+v, %v", s, id, epc, back, err)
		}
	})
}
