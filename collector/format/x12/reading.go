package x12

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// reading is one transaction set being read. The first failure ends it: an event
// of which a quantity cannot be read is not half an event.
type reading struct {
	*edi.Message
	source  format.Source
	failure string
	used    []bool
	loops   map[string]int // occurrences of a loop's first segment, for places
	drafts  []*draft
}

// draft is an event being made of a set.
type draft struct {
	inventory.Event
	number   string // the document's own
	system   string // who speaks, where the source does not say
	place    string // where in the set, where a set makes several events
	from, to int    // the segments it was read from
	partial  bool   // raw is those, not the whole message
}

func newReading(m *edi.Message, source format.Source) *reading {
	return &reading{Message: m, source: source, used: make([]bool, len(m.Body)), loops: map[string]int{}}
}

// segments calls do for every segment with its index.
func (r *reading) segments(do func(i int, s *edi.Segment)) {
	for i := range r.Body {
		do(i, &r.Body[i])
	}
}

// use marks a segment as carried by an event.
func (r *reading) use(i int) { r.used[i] = true }

// place numbers the occurrences of a loop: LIN[3].
func (r *reading) place(tag string) string {
	r.loops[tag]++
	return fmt.Sprintf("%s[%d]", tag, r.loops[tag])
}

func (r *reading) fail(place, detail string) {
	if r.failure == "" {
		r.failure = strings.TrimPrefix(place+": "+detail, ": ")
	}
}

// draft starts an event.
func (r *reading) draft(workflow, step, system string) *draft {
	d := &draft{system: system}
	d.Workflow, d.Step = workflow, step
	r.drafts = append(r.drafts, d)
	return d
}

// finish turns the drafts into items.
func (r *reading) finish() []format.Item {
	if r.failure == "" && len(r.drafts) == 0 {
		r.failure = "it says nothing that is an event: no line with a quantity was found"
	}
	if r.failure != "" {
		return []format.Item{r.Unread(r.failure + ". Correct it at the sender and send it again.")}
	}
	ignored := map[string]int{}
	for i := range r.Body {
		if !r.used[i] {
			ignored[r.Type+"/"+r.Body[i].Tag]++
		}
	}
	items := make([]format.Item, 0, len(r.drafts))
	for n, d := range r.drafts {
		if d.Time.IsZero() {
			r.sent(d)
		}
		if d.Location == "" && r.source.Location == "" {
			d.Location, d.LocationScheme = r.Interchange.Receiver.ID, "edi"
			if d.Workflow != "receipt" || d.Step == "received" {
				d.Location = r.Interchange.Sender.ID
			}
		}
		if r.failure == "" && d.Location == "" && r.source.Location == "" {
			r.failure = "it names no location: declare one for its source"
		}
		if r.failure != "" {
			return []format.Item{r.Unread(r.failure + ". Correct it at the sender and send it again.")}
		}
		r.Finish(&d.Event, r.source, d.system, d.number)
		item := format.Item{Event: d.Event, Path: r.Path, Raw: r.Raw, RawType: edi.X12.RawType()}
		if len(r.drafts) > 1 {
			item.Path += "/" + firstOf(d.place, d.Location)
		}
		if d.partial && len(r.Raw) > maxShared {
			item.Raw = r.Span(d.from, d.to)
		}
		if n == 0 {
			item.Ignored = ignored
		}
		items = append(items, item)
	}
	return items
}

// maxShared is how long a set may be whose events all keep the whole of it. Of a
// longer one each event keeps the loop that names it first: a thousand stores
// would otherwise keep a thousand copies.
const maxShared = 64 << 10

// sent gives an event the time its envelope says, where the set says none.
func (r *reading) sent(d *draft) {
	t, ok := r.Sent(r.source.ZoneFor(firstOf(d.Location, r.source.Location)))
	if !ok {
		r.fail("", "it says no date that can be read, and neither does its envelope")
		return
	}
	d.Time, d.TimeAsSent = t.Time, t.AsSent
	for _, n := range t.Notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
}

// said is a date that a segment says, before it is known whose clock it is by.
type said struct{ place, date, hours, code, day string }

func (s said) isZero() bool { return s.date == "" }

// sent is the date as the document has it.
func (s said) sent() string { return strings.TrimSpace(s.date + " " + s.hours + " " + s.code) }

// when reads a date; ok is false where there is none. What is no date is noted.
func (r *reading) when(place, date, hours, code string) (_ said, ok bool) {
	if date == "" {
		return said{}, false
	}
	t, err := edi.ReadX12(date, hours, code, time.UTC, place)
	if err != nil {
		r.Note(format.NotStandard, place, err.Error()+". It is left out.")
		return said{}, false
	}
	return said{place, date, hours, code, t.Date}, true
}

// happened gives the event the first of the dates, with a time of day where one
// of them says it for that day. The clock is that of the event's place, or of
// where goods leave for it.
func (r *reading) happened(d *draft, dates ...said) {
	var best said
	for _, s := range dates {
		if !s.isZero() && (best.isZero() || best.hours == "" && s.hours != "" && s.day == best.day) {
			best = s
		}
	}
	if best.isZero() {
		return
	}
	where := d.Location
	if d.Step == "shipped" && len(d.Lines) > 0 && d.Lines[0].LocationFrom != "" {
		where = d.Lines[0].LocationFrom
	}
	if where == "" {
		where = r.source.Location
	}
	t, err := edi.ReadX12(best.date, best.hours, best.code, r.source.ZoneFor(where), r.Path+"/"+best.place)
	if err != nil {
		return // it was a date when it was read
	}
	d.Time, d.TimeAsSent = t.Time, t.AsSent
	for _, n := range t.Notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
}

// party is who or where an N1 names.
type party struct{ role, name, id, scheme string }

// schemes are the codes of element 66, identification code qualifier, that
// matter for locations.
var schemes = map[string]string{
	"1": "duns", "9": "duns4", "UL": "gln", "92": "store", "91": "supplier", "21": "hin", "93": "mutual", "ZZ": "mutual", "54": "warehouse", "SN": "store", "TA": "taxpayer", "6": "plant",
}

func (r *reading) party(i int, s *edi.Segment) party {
	r.use(i)
	p := party{role: s.Text(1), name: s.Text(2), id: s.Text(4), scheme: schemes[s.Text(3)]}
	if p.scheme == "" && s.Text(3) != "" {
		p.scheme = "x12:" + s.Text(3)
	}
	if p.scheme == "gln" && p.id != "" {
		r.CheckKey(gs1.GLN, p.id, "N1*"+p.role)
	}
	if p.id == "" {
		p.id, p.scheme = p.name, "name"
	}
	return p
}

// locate sets the event's location to the first of the roles that is named.
func (d *draft) locate(parties []party, roles ...string) {
	if p, ok := find(parties, roles...); ok {
		d.Location, d.LocationScheme = p.id, p.scheme
	}
}

func find(parties []party, roles ...string) (party, bool) {
	for _, role := range roles {
		for _, p := range parties {
			if p.role == role && p.id != "" {
				return p, true
			}
		}
	}
	return party{}, false
}

// key adds an identifier once.
func (d *draft) key(name, value string) {
	if value == "" || d.has(name, value) {
		return
	}
	d.Keys = append(d.Keys, inventory.Key{Name: name, Value: value})
}

func (d *draft) has(name, value string) bool {
	for _, k := range d.Keys {
		if k.Name == name && k.Value == value {
			return true
		}
	}
	return false
}

func (d *draft) say(name, value string) {
	if value == "" {
		return
	}
	if d.Attributes == nil {
		d.Attributes = map[string]string{}
	}
	d.Attributes[name] = value
}

// references are the qualifiers of element 128 that are keys.
var references = map[string]string{
	"PO": "order", "CO": "customer_order", "OQ": "order", "BM": "shipment", "MB": "shipment", "CN": "carrier_reference", "2I": "carrier_reference",
	"PK": "packing_list", "SI": "supplier_shipment", "IA": "vendor", "DP": "department", "IV": "invoice", "RZ": "rma", "TN": "transaction",
}

// reference files a REF or N9.
func (r *reading) reference(d *draft, i int, s *edi.Segment) {
	if name, ok := references[s.Text(1)]; ok && s.Text(2) != "" {
		r.use(i)
		d.key(name, s.Text(2))
	}
}

// quantity reads a number. X12 writes .5 and 5. too.
func (r *reading) quantity(place, text string) inventory.Decimal {
	plain := strings.TrimSuffix(text, ".")
	if sign := strings.IndexByte(plain, '.'); sign >= 0 && (sign == 0 || plain[sign-1] == '-' || plain[sign-1] == '+') {
		plain = plain[:sign] + "0" + plain[sign:]
	}
	q, err := inventory.ParseDecimal(plain)
	if err != nil {
		r.fail(place, fmt.Sprintf("the quantity %q is no number", text))
	}
	return q
}

// measure sets a line's quantity and unit, and keeps the unit as sent where it
// was another code.
func (r *reading) measure(l *inventory.Line, place, quantity, unit string) {
	l.Quantity = r.quantity(place, quantity)
	r.unit(l, place, unit)
}

func (r *reading) unit(l *inventory.Line, place, unit string) {
	code, notes := units.X12.Read(unit, r.Path+"/"+place)
	r.Notes = append(r.Notes, notes...)
	if l.UOM = code; code != unit && unit != "" {
		attribute(l, "uom_sent", unit)
	}
}

func attribute(l *inventory.Line, name, value string) {
	if value == "" {
		return
	}
	if l.Attributes == nil {
		l.Attributes = map[string]string{}
	}
	l.Attributes[name] = value
}

// items are the qualifiers of element 235 that identify an item, and the scheme
// each is. Others say more of it (lot, size, colour).
var items = map[string]string{
	"UP": "gtin", "UK": "gtin", "EN": "gtin", "EO": "gtin", "UG": "gtin", "GT": "gtin", "UA": "upc_case", "UI": "upc_155", "UD": "upc_255",
	"SK": "sku", "IN": "buyer", "BP": "buyer", "PI": "buyer", "CB": "buyer", "IB": "isbn", "VP": "vendor", "VN": "vendor", "VA": "vendor",
	"VC": "vendor", "VS": "vendor", "MG": "manufacturer", "MN": "model", "ND": "ndc", "PN": "company", "ZZ": "mutual",
}

// item reads pairs of qualifier and identification from an element on. The item
// is its GTIN where there is one, else what is named first; the other names go
// to ItemIDs.
func (r *reading) item(l *inventory.Line, place string, s *edi.Segment, from int) {
	for e := from; e < s.Len(); e += 2 {
		r.name(l, place, s.Text(e), s.Text(e+1))
	}
}

func (r *reading) name(l *inventory.Line, place, qualifier, id string) {
	scheme, ok := items[qualifier]
	switch {
	case id == "":
		return
	case !ok:
		attribute(l, "x12:"+qualifier, id)
		return
	case scheme == "gtin":
		r.CheckKey(gs1.GTIN, id, place)
	case scheme == "upc_155" || scheme == "upc_255":
		// A UPC without its check digit, which the others join with.
		if digit, ok := gs1.CheckDigit(id); ok && (len(id) == 11 || len(id) == 12) {
			defer also(l, "gtin", id+string(digit))
		}
	}
	if l.Item == "" || scheme == "gtin" && l.ItemScheme != "gtin" {
		if l.Item != "" {
			l.ItemIDs = append(l.ItemIDs, inventory.Key{Name: l.ItemScheme, Value: l.Item})
		}
		l.Item, l.ItemScheme = id, scheme
		return
	}
	also(l, scheme, id)
}

// also adds a further name of the line's item once.
func also(l *inventory.Line, scheme, id string) {
	k := inventory.Key{Name: scheme, Value: id}
	if !slices.Contains(l.ItemIDs, k) && (l.ItemScheme != scheme || l.Item != id) {
		l.ItemIDs = append(l.ItemIDs, k)
	}
}

// pack files what MAN says: serial numbers of logistic units.
func (r *reading) pack(place string, i int, s *edi.Segment) (sscc string) {
	for e := 1; e < s.Len(); e += 3 {
		switch s.Text(e) {
		case "GM", "AA":
			sscc = s.Text(e + 1)
			if len(sscc) == 20 && strings.HasPrefix(sscc, "00") {
				sscc = sscc[2:] // application identifier 00
			}
			r.CheckKey(gs1.SSCC, sscc, place)
			r.use(i)
		}
	}
	return sscc
}

// total checks the CTT of a set: the number of its lines, and their sum where it
// says one.
func (r *reading) total(i int, s *edi.Segment, sum inventory.Decimal, what string, counts ...int) {
	r.use(i)
	if said := s.Text(1); said != "" {
		for _, n := range counts {
			if said == fmt.Sprint(n) || inventory.Unpad(said) == fmt.Sprint(n) {
				counts = nil
				break
			}
		}
		if len(counts) > 0 {
			r.Count("CTT01", said, counts[0], what)
		}
	}
	if said := s.Text(2); said != "" {
		r.Total("CTT02", said, sum, "the quantities")
	}
}

// purpose reads what a set is to do to an earlier one of the same number
// (element 353).
func (r *reading) purpose(d *draft, place, code string) {
	switch code {
	case "01":
		d.Outcome = inventory.Reversed
	case "04", "05":
		r.Note(format.NotStandard, place, fmt.Sprintf("Purpose %s changes or replaces an earlier document of this number, which stays counted until it is cancelled.", code))
	}
	d.say("edi.purpose", code)
}
