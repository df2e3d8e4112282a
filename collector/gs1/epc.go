package gs1

import (
	"fmt"
	"net/url"
	"strings"
)

// scheme is how one kind of identifier is written as an EPC URI: the company
// prefix, a reference, and what follows.
type scheme struct {
	kind Kind
	// body is how many digits company prefix and reference have together.
	body int
	// leading says that the first digit of the reference comes first in the key: an
	// indicator or extension digit.
	leading bool
	// tail is the third part: none, or where it belongs.
	tail func(*ID) *string
}

func serial(id *ID) *string    { return &id.Serial }
func lot(id *ID) *string       { return &id.Lot }
func extension(id *ID) *string { return &id.Extension }

// schemes of the EPC Tag Data Standard, section 6.3, for what GS1 keys identify.
// A giai's reference is not digits, a ginc's neither; they have no body.
var schemes = map[string]scheme{
	"sgtin": {GTIN, 13, true, serial},
	"lgtin": {GTIN, 13, true, lot},
	"upui":  {GTIN, 13, true, serial},
	"sscc":  {SSCC, 17, true, nil},
	"sgln":  {GLN, 12, false, extension},
	"pgln":  {GLN, 12, false, nil},
	"grai":  {GRAI, 12, false, serial},
	"gdti":  {GDTI, 12, false, serial},
	"sgcn":  {GCN, 12, false, serial},
	"gsrn":  {GSRN, 17, false, nil},
	"gsrnp": {GSRNP, 17, false, nil},
	"gsin":  {GSIN, 16, false, nil},
	"giai":  {GIAI, 0, false, nil},
	"ginc":  {GINC, 0, false, nil},
}

// ParseEPC reads an EPC URI: of one object (urn:epc:id:…), of a class
// (urn:epc:class:lgtin:…), a pattern whose only wildcard is the serial number
// (urn:epc:idpat:sgtin:….*), or a tag (urn:epc:tag:sgtin-96:…). A pattern for
// more than one key is an error: it names no item.
func ParseEPC(s string) (ID, error) {
	rest, ok := strings.CutPrefix(s, "urn:epc:")
	form, rest, ok2 := strings.Cut(rest, ":")
	name, body, ok3 := strings.Cut(rest, ":")
	if !ok || !ok2 || !ok3 {
		return ID{}, fmt.Errorf("%q is no EPC URI: want urn:epc:id:sgtin:4006381.033393.77 or the like", short(s))
	}
	switch form {
	case "id", "class", "idpat", "pat":
	case "tag":
		// sgtin-96:3.… has the filter value first, which says nothing of the object.
		name, _, _ = strings.Cut(name, "-")
		if _, body, ok = strings.Cut(body, "."); !ok {
			return ID{}, fmt.Errorf("%q has no filter value", short(s))
		}
	default:
		return ID{}, fmt.Errorf("%q is an EPC URI of the unknown form %q", short(s), short(form))
	}
	sch, ok := schemes[name]
	if !ok {
		return ID{}, fmt.Errorf("%q is an EPC URI of the scheme %q, which names no GS1 key known here", short(s), short(name))
	}
	id, err := sch.parse(body)
	if err != nil {
		return ID{}, fmt.Errorf("%q: %w", short(s), err)
	}
	return id, nil
}

func (sch scheme) parse(body string) (ID, error) {
	prefix, rest, ok := strings.Cut(body, ".")
	if !ok {
		return ID{}, fmt.Errorf("it wants a company prefix, a point and a reference")
	}
	if prefix == "*" || rest == "*" || strings.HasPrefix(rest, "*.") {
		return ID{}, fmt.Errorf("it is a pattern for many keys and names none of them")
	}
	if !digits(prefix) || len(prefix) < 6 || len(prefix) > 12 {
		return ID{}, fmt.Errorf("the company prefix %q is not 6 to 12 digits", short(prefix))
	}
	id := ID{Kind: sch.kind, Prefix: len(prefix)}
	if sch.body == 0 {
		text, err := url.PathUnescape(rest)
		if err != nil || text == "" || len(prefix)+len(text) > 30 {
			return ID{}, fmt.Errorf("the reference %q is empty, too long or badly escaped", short(rest))
		}
		id.Key = prefix + text
		return id, nil
	}
	reference := rest
	if sch.tail != nil {
		var tail string
		if reference, tail, ok = strings.Cut(rest, "."); !ok {
			return ID{}, fmt.Errorf("it has two parts and wants three")
		}
		text, err := url.PathUnescape(tail)
		if err != nil || text == "" || len(text) > 28 {
			return ID{}, fmt.Errorf("the last part %q is empty, too long or badly escaped", short(tail))
		}
		// "*" stands for all serial numbers of the key; "0" for no extension of a GLN.
		if tail != "*" && (sch.kind != GLN || text != "0") {
			*sch.tail(&id) = text
		}
	}
	if (reference != "" && !digits(reference)) || len(prefix)+len(reference) != sch.body || (sch.leading && reference == "") {
		return ID{}, fmt.Errorf("company prefix and reference have %d digits together and want %d", len(prefix)+len(reference), sch.body)
	}
	key := prefix + reference
	if sch.leading {
		key = reference[:1] + prefix + reference[1:]
	}
	digit, _ := CheckDigit(key)
	id.Key = key + string(digit)
	return id, nil
}

// EPC writes the identifier as a pure identity EPC URI, or, where it says no
// serial number but the scheme wants one, as a pattern or class. It needs the
// length of the company prefix, which only EPC URIs say.
func (id ID) EPC() (string, error) {
	if id.Prefix < 6 || id.Prefix > 12 {
		return "", fmt.Errorf("the length of the company prefix of %s %s is not known", id.Kind, short(id.Key))
	}
	name := id.schemeName()
	sch, ok := schemes[name]
	if !ok {
		return "", fmt.Errorf("a %s has no EPC URI", id.Kind)
	}
	if sch.body == 0 {
		if len(id.Key) <= id.Prefix {
			return "", fmt.Errorf("%s %q is shorter than its company prefix", id.Kind, short(id.Key))
		}
		return "urn:epc:id:" + name + ":" + id.Key[:id.Prefix] + "." + escape(id.Key[id.Prefix:]), nil
	}
	if len(id.Key) != sch.body+1 || !digits(id.Key) {
		return "", fmt.Errorf("%s %q has not %d digits", id.Kind, short(id.Key), sch.body+1)
	}
	body := id.Key[:sch.body]
	prefix, reference := body[:id.Prefix], body[id.Prefix:]
	if sch.leading {
		prefix, reference = body[1:1+id.Prefix], body[:1]+body[1+id.Prefix:]
	}
	out := name + ":" + prefix + "." + reference
	if sch.tail == nil {
		return "urn:epc:id:" + out, nil
	}
	switch tail := *sch.tail(&id); {
	case tail != "" && name == "lgtin":
		return "urn:epc:class:" + out + "." + escape(tail), nil
	case tail != "":
		return "urn:epc:id:" + out + "." + escape(tail), nil
	case id.Kind == GLN:
		return "urn:epc:id:" + out + ".0", nil
	default:
		return "urn:epc:idpat:" + out + ".*", nil
	}
}

func (id ID) schemeName() string {
	switch {
	case id.Kind == GTIN && id.Serial == "" && id.Lot != "":
		return "lgtin"
	case id.Kind == GTIN:
		return "sgtin"
	case id.Kind == GLN:
		return "sgln"
	case id.Kind == GCN:
		return "sgcn"
	default:
		return string(id.Kind)
	}
}

// escape writes a part of an EPC URI. The standard escapes these characters and
// leaves the others of its set as they are (section 6.3, table A-1); what is
// outside of that set is escaped too.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c <= ' ', c >= 0x7f, strings.IndexByte("\"%&/<>?#\\^`{|}[]", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		case c == '*' && len(s) == 1:
			b.WriteString("%2A") // a serial number, not the wildcard
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
