package gs1

import (
	"fmt"
	"strings"
)

// Kind is what an identifier identifies.
type Kind string

// The kinds of identification keys. Their values are what a Line's ItemScheme or
// an Event's LocationScheme says.
const (
	GTIN  Kind = "gtin"  // trade item
	GLN   Kind = "gln"   // location or party
	SSCC  Kind = "sscc"  // logistic unit
	GRAI  Kind = "grai"  // returnable asset
	GIAI  Kind = "giai"  // individual asset
	GDTI  Kind = "gdti"  // document
	GSRN  Kind = "gsrn"  // service relation
	GSIN  Kind = "gsin"  // shipment
	GINC  Kind = "ginc"  // consignment
	GCN   Kind = "gcn"   // coupon
	GSRNP Kind = "gsrnp" // service relation, provider
)

// ID is what an identifier says, whatever its spelling.
type ID struct {
	Kind Kind
	// Key is the identification key with its check digit, as sent: 14 digits of a
	// GTIN, 13 of a GLN, 18 of an SSCC. A GRAI or GDTI is 13 digits without its
	// serial number. In an EPC URI there is no check digit; there it is computed.
	Key string
	// Lot, Serial, Variant and Extension are the application identifiers 10, 21
	// (and the serial part of GRAI, GDTI and GCN), 22 and 254; empty where not said.
	Lot, Serial, Variant, Extension string
	// Prefix is how many digits of Key are the company prefix; 0 where the spelling
	// does not say. Only EPC URIs do, and only with it can one be written.
	Prefix int
	// Attributes are further application identifiers and query parameters of a
	// Digital Link or element string by their number: 17 is an expiry date. nil
	// where there are none.
	Attributes map[string]string
}

// Valid reports whether the check digit of the key is right. Keys without one
// (GIAI, GINC) are always valid.
func (id ID) Valid() bool {
	switch id.Kind {
	case GIAI, GINC:
		return true
	default:
		return Valid(id.Key)
	}
}

// Parse reads an identifier as EPC URI, Digital Link or element string.
func Parse(s string) (ID, error) {
	switch {
	case strings.HasPrefix(s, "urn:epc:"):
		return ParseEPC(s)
	case strings.HasPrefix(s, "("):
		return ParseElements(s)
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://"):
		return ParseLink(s)
	default:
		return ID{}, fmt.Errorf("%q is neither an EPC URI (urn:epc:…), nor a GS1 Digital Link (https://…), nor an element string ((01)…)", short(s))
	}
}

// key is how an identification key is written with application identifiers.
type key struct {
	kind Kind
	// alpha is its short name in Digital Link 1.1.
	alpha string
	// length is the number of digits, check digit included, or 0 for up to 30
	// characters without one.
	length int
	// serial says that up to so many characters of a serial number follow at once.
	serial int
	// qualifiers may follow it, by application identifier.
	qualifiers []string
}

// keys are the application identifiers that identify something by themselves
// (GS1 Digital Link 1.1, section 4.3).
var keys = map[string]key{
	"00":   {kind: SSCC, alpha: "sscc", length: 18},
	"01":   {kind: GTIN, alpha: "gtin", length: 14, qualifiers: []string{"22", "10", "21", "235"}},
	"253":  {kind: GDTI, alpha: "gdti", length: 13, serial: 17},
	"255":  {kind: GCN, alpha: "gcn", length: 13, serial: 12},
	"401":  {kind: GINC, alpha: "ginc"},
	"402":  {kind: GSIN, alpha: "gsin", length: 17},
	"414":  {kind: GLN, alpha: "gln", length: 13, qualifiers: []string{"254", "7040"}},
	"415":  {kind: GLN, alpha: "payTo", length: 13, qualifiers: []string{"8020"}},
	"417":  {kind: GLN, alpha: "party", length: 13, qualifiers: []string{"7040"}},
	"8003": {kind: GRAI, alpha: "grai", length: 14, serial: 16},
	"8004": {kind: GIAI, alpha: "giai"},
	"8017": {kind: GSRNP, alpha: "gsrnp", length: 18, qualifiers: []string{"8019"}},
	"8018": {kind: GSRN, alpha: "gsrn", length: 18, qualifiers: []string{"8019"}},
}

// alphas are the short names of application identifiers in Digital Link 1.1.
var alphas = func() map[string]string {
	m := map[string]string{
		"cpv": "22", "lot": "10", "ser": "21", "glnx": "254", "srin": "8019", "refno": "8020", "tpx": "235",
		"exp": "17", "expdt": "7003",
	}
	for ai, k := range keys {
		m[k.alpha] = ai
	}
	return m
}()

// read takes the value of the application identifier ai, which names k.
func (k key) read(ai, value string) (ID, error) {
	id := ID{Kind: k.kind, Key: value}
	switch {
	case k.length == 0:
		if value == "" || len(value) > 30 {
			return ID{}, fmt.Errorf("(%s)%s: a %s has 1 to 30 characters", ai, short(value), k.kind)
		}
		return id, nil
	case k.kind == GTIN:
		gtin, ok := GTIN14(value)
		if !ok {
			return ID{}, fmt.Errorf("(%s)%s: a GTIN has 8, 12, 13 or 14 digits", ai, short(value))
		}
		id.Key = gtin
		return id, nil
	case len(value) < k.length || len(value) > k.length+k.serial || !digits(value[:k.length]):
		return ID{}, fmt.Errorf("(%s)%s: a %s has %d digits", ai, short(value), strings.ToUpper(string(k.kind)), k.length)
	}
	id.Key, id.Serial = value[:k.length], value[k.length:]
	if k.kind == GRAI {
		// Written with a leading zero, which is no part of the key.
		if id.Key[0] != '0' {
			return ID{}, fmt.Errorf("(%s)%s: a GRAI is written with a leading 0", ai, short(value))
		}
		id.Key = id.Key[1:]
	}
	return id, nil
}

// set gives id a further application identifier.
func (id *ID) set(ai, value string) {
	at := map[string]*string{"10": &id.Lot, "21": &id.Serial, "235": &id.Serial, "22": &id.Variant, "254": &id.Extension}[ai]
	if at != nil && *at == "" {
		*at = value
		return
	}
	if id.Attributes == nil {
		id.Attributes = map[string]string{}
	}
	id.Attributes[ai] = value
}

// short keeps a message readable, whatever was sent.
func short(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
