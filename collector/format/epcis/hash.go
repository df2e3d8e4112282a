package epcis

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/gs1"
)

// hashID is the EPCIS Event Hash ID of an event (CBV 2.0, 8.9): a hash of what
// it says in one canonical order and spelling, so that one event has one id in
// XML and JSON, with URNs and with Digital Links. The error says why it cannot be
// told; a wrong id would be worse than none.
//
// Sources come before destinations, as the standard has it. The reference
// implementation (github.com/RalphTro/epcis-event-hash-generator) writes the two
// the other way round and is followed in everything else.
func hashID(kind string, n *node) (string, error) {
	text, err := preHash(kind, n)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(text))
	return "ni:///sha-256;" + hex.EncodeToString(sum[:]) + "?ver=CBV2.0", nil
}

// ordered is a field with those in it, in canonical order.
type ordered struct {
	name   string
	fields []ordered
}

// plain are fields without any in them.
func plain(names string) (list []ordered) {
	for _, name := range strings.Fields(names) {
		list = append(list, ordered{name: name})
	}
	return list
}

// canonical is the order of an event's fields: CBV 2.0, 8.9.2.
var canonical = func() []ordered {
	epcs, elements := plain("epc"), []ordered{{"quantityElement", plain("epcClass quantity uom")}}
	return []ordered{
		{"eventTime", nil},
		{"eventTimeZoneOffset", nil},
		{"certificationInfo", nil},
		{"parentID", nil},
		{"epcList", epcs},
		{"inputEPCList", epcs},
		{"childEPCs", epcs},
		{"quantityList", elements},
		{"childQuantityList", elements},
		{"inputQuantityList", elements},
		{"outputEPCList", epcs},
		{"outputQuantityList", elements},
		{"action", nil},
		{"transformationID", nil},
		{"bizStep", nil},
		{"disposition", nil},
		{"persistentDisposition", plain("set unset")},
		{"readPoint", plain("id")},
		{"bizLocation", plain("id")},
		{"bizTransactionList", []ordered{{"bizTransaction", nil}}},
		{"sourceList", []ordered{{"source", nil}}},
		{"destinationList", []ordered{{"destination", nil}}},
		{"sensorElementList", []ordered{{"sensorElement", []ordered{
			{"sensorMetadata", plain("time startTime endTime deviceID deviceMetadata rawData dataProcessingMethod bizRules")},
			{"sensorReport", plain("type exception deviceID deviceMetadata rawData dataProcessingMethod time microorganism chemicalSubstance " +
				"value component stringValue booleanValue hexBinaryValue uriValue minValue maxValue meanValue sDev percRank percValue uom coordinateReferenceSystem")},
		}}}},
		{"ilmd", nil},
	}
}()

// unhashed are fields that are no part of what an event says.
var unhashed = words("recordTime eventID type isA errorDeclaration comment @context {http://www.w3.org/2000/01/rdf-schema#}comment")

func preHash(kind string, n *node) (string, error) {
	text, err := inOrder(n, canonical)
	return "eventType=" + kind + text, err
}

// inOrder writes the fields of a node in their order, then its extensions.
func inOrder(n *node, order []ordered) (string, error) {
	var b strings.Builder
	for _, o := range order {
		var values []string
		for _, c := range n.children {
			if c.name != o.name {
				continue
			}
			text, err := one(c, o)
			if err != nil {
				return "", err
			}
			if text != "" {
				values = append(values, text)
			}
		}
		slices.Sort(values)
		b.WriteString(strings.Join(values, ""))
	}
	var others []string
	for _, c := range n.children {
		if unhashed[c.name] && n.name == "" || slices.ContainsFunc(order, func(o ordered) bool { return o.name == c.name }) {
			continue
		}
		text, err := extension(c)
		if err != nil {
			return "", err
		}
		others = append(others, text)
	}
	slices.Sort(others)
	b.WriteString(strings.Join(others, ""))
	return b.String(), nil
}

// one writes a field: its name, its value, and what is in it. Nothing is written
// of a field without either.
func one(n *node, o ordered) (string, error) {
	inner, value := "", strings.TrimSpace(n.text)
	var err error
	switch o.name {
	case "ilmd":
		inner, err = extensions(n.children)
	case "bizTransaction", "source", "destination":
		// The type comes first, and is no list element of its own.
		if value, err = spell(o.name, value); err != nil || value == "" {
			return "", err
		}
		if kind := n.value("type"); kind != "" {
			if kind, err = spell(o.name+" type", kind); err != nil {
				return "", err
			}
			return "type=" + kind + o.name + "=" + value, nil
		}
		return o.name + "=" + value, nil
	default:
		inner, err = inOrder(n, o.fields)
	}
	if err != nil {
		return "", err
	}
	if value != "" {
		if value, err = spell(o.name, value); err != nil {
			return "", err
		}
		return o.name + "=" + value + inner, nil
	}
	if inner == "" {
		return "", nil
	}
	return o.name + inner, nil
}

func extensions(list []*node) (string, error) {
	var texts []string
	for _, c := range list {
		text, err := extension(c)
		if err != nil {
			return "", err
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return strings.Join(texts, ""), nil
}

// extension writes a field of somebody's own: its whole name and value.
func extension(n *node) (string, error) {
	if !strings.HasPrefix(n.name, "{") {
		return "", fmt.Errorf("the namespace of %s is not declared before it", show(n.as))
	}
	text := n.name
	if value := strings.TrimSpace(n.text); value != "" {
		value, err := spell("", value)
		if err != nil {
			return "", err
		}
		text += "=" + value
	}
	inner, err := extensions(n.children)
	return text + inner, err
}

// terms are where bare words belong, by field: the web vocabulary's names.
var terms = map[string]string{
	"bizStep": "https://ref.gs1.org/cbv/BizStep-", "disposition": "https://ref.gs1.org/cbv/Disp-",
	"set": "https://ref.gs1.org/cbv/Disp-", "unset": "https://ref.gs1.org/cbv/Disp-",
	"bizTransaction type": "https://ref.gs1.org/cbv/BTT-", "source type": "https://ref.gs1.org/cbv/SDT-",
	"destination type": "https://ref.gs1.org/cbv/SDT-", "component": "https://ref.gs1.org/cbv/Comp-",
	"type": "https://gs1.org/voc/", "exception": "https://gs1.org/voc/",
}

var urns = strings.NewReplacer(
	"urn:epcglobal:cbv:bizstep:", "https://ref.gs1.org/cbv/BizStep-", "urn:epcglobal:cbv:disp:", "https://ref.gs1.org/cbv/Disp-",
	"urn:epcglobal:cbv:btt:", "https://ref.gs1.org/cbv/BTT-", "urn:epcglobal:cbv:sdt:", "https://ref.gs1.org/cbv/SDT-",
)

// spell writes a value in its one canonical spelling.
func spell(field, value string) (string, error) {
	switch field {
	case "eventTime", "time", "startTime", "endTime":
		return spellTime(value)
	case "eventTimeZoneOffset", "action", "uom", "quantity":
	default:
		if terms[field] != "" && !strings.ContainsAny(value, ":/#") {
			return terms[field] + value, nil
		}
		if prefix, rest, ok := strings.Cut(value, ":"); ok && terms[field] != "" && (prefix == "cbv" || prefix == "gs1") {
			return standard[prefix] + rest, nil
		}
	}
	value = urns.Replace(value)
	if number, ok := spellNumber(value); ok {
		return number, nil
	}
	return spellKey(value)
}

// spellTime writes an instant in UTC with milliseconds, rounded at the fourth
// place.
func spellTime(value string) (string, error) {
	t, err := instant.Read(value, time.UTC, "")
	if err != nil || !t.HasOffset {
		return "", fmt.Errorf("%s is no instant", show(value))
	}
	return t.UTC().Add(500 * time.Microsecond).Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"), nil
}

// spellNumber writes a number without superfluous zeros.
func spellNumber(value string) (string, bool) {
	if value == "" || strings.Trim(value, "0123456789+-.eE") != "" {
		return "", false
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "", false
	}
	if f == float64(int64(f)) && f < 1e15 && f > -1e15 {
		return strconv.FormatInt(int64(f), 10), true
	}
	return strconv.FormatFloat(f, 'f', -1, 64), true
}

var errUnknownKey = errors.New("its spelling as a Digital Link is not known here")

// spellKey writes a GS1 key as the shortest canonical Digital Link that is as
// fine as it; everything else stays as it is.
func spellKey(uri string) (string, error) {
	id, err := gs1.Parse(uri)
	if err != nil {
		if strings.HasPrefix(uri, "urn:epc:id") || strings.HasPrefix(uri, "urn:epc:class") {
			return "", fmt.Errorf("%s: %w", show(uri), errUnknownKey)
		}
		return uri, nil
	}
	if strings.HasPrefix(uri, "(") {
		return uri, nil
	}
	path := ""
	switch id.Kind {
	case gs1.GTIN:
		path = "01/" + id.Key
		switch {
		case id.Serial != "" && strings.Contains(uri, "upui") || id.Variant != "" && id.Serial == "" && id.Lot == "":
			return "", fmt.Errorf("%s: %w", show(uri), errUnknownKey)
		case id.Serial != "":
			path += "/21/" + escape(id.Serial)
		case id.Lot != "":
			path += "/10/" + escape(id.Lot)
		}
	case gs1.GLN:
		path = "414/" + id.Key
		if strings.Contains(uri, ":pgln:") || strings.Contains(uri, "/417/") || strings.Contains(uri, "/party/") {
			path = "417/" + id.Key
		} else if id.Extension != "" {
			path += "/254/" + escape(id.Extension)
		}
	case gs1.SSCC:
		path = "00/" + id.Key
	case gs1.GRAI:
		path = "8003/0" + id.Key + escape(id.Serial)
	case gs1.GIAI:
		path = "8004/" + escape(id.Key)
	case gs1.GDTI:
		path = "253/" + id.Key + escape(id.Serial)
	case gs1.GCN:
		path = "255/" + id.Key + escape(id.Serial)
	case gs1.GSIN:
		path = "402/" + id.Key
	case gs1.GINC:
		path = "401/" + escape(id.Key)
	case gs1.GSRN:
		path = "8018/" + id.Key
	case gs1.GSRNP:
		path = "8017/" + id.Key
	default:
		return "", fmt.Errorf("%s: %w", show(uri), errUnknownKey)
	}
	return "https://id.gs1.org/" + path, nil
}

// escape writes a part of a Digital Link (GS1 Digital Link 1.2, table 7-1).
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("!\"#%&()*+,/:<>?", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
