package epcis

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/inventory"
)

// KeyEvent is the key under which every event carries its EPCIS event id, so
// that a correction finds what it corrects.
const KeyEvent = "epcis_event"

// kinds of events, and whether what they say may change stock by itself. An
// aggregation says what is in what.
var kinds = map[string]bool{
	"ObjectEvent": true, "TransactionEvent": true, "TransformationEvent": true,
	"AggregationEvent": false, "AssociationEvent": false,
	"QuantityEvent": true, // of 1.0, deprecated since
}

// event is one event on its way to an item.
type event struct {
	*node
	kind   string
	source format.Source

	out          inventory.Event
	notes        []format.Note
	meaning      meaning
	disposition  string
	from, to     string // the locations at both ends of the way
	units        int    // logistic units, whose contents are not said
	transactions []transaction
	problem      *format.Problem
}

// transaction is a business transaction an event names.
type transaction struct{ key, value, issuer string }

// read makes an item of the event; fragment is what it stands in.
func (e *event) read(hash func() (id string, err error)) (inventory.Event, []format.Note, *format.Problem) {
	e.out = inventory.Event{
		Source: cmp.Or(e.source.Name, "/epcis"), SystemInstance: e.source.Instance,
		Attributes: map[string]string{},
	}
	if _, ok := kinds[e.kind]; !ok {
		e.fail(e.path, "is "+show(e.kind)+", which is no kind of EPCIS event: want ObjectEvent, AggregationEvent, TransactionEvent, TransformationEvent or AssociationEvent.")
		return inventory.Event{}, e.notes, e.problem
	}
	e.keep("type", e.kind)
	e.readTransactions()
	e.readMeaning()
	if e.readPlace(); e.problem != nil {
		return inventory.Event{}, e.notes, e.problem
	}
	if e.readTime(); e.problem != nil {
		return inventory.Event{}, e.notes, e.problem
	}
	e.readItems()
	id := e.value("eventID")
	if id == "" {
		var err error
		if id, err = hash(); err != nil {
			e.note(format.NotStandard, e.path, "has no eventID, and its standard hash cannot be told because "+err.Error()+": identified by its text.")
		}
	}
	e.out.ID = id
	e.key(KeyEvent, id)
	if len(e.out.Identifiers()) == 0 {
		// Nothing else joins the event and its withdrawal.
		e.out.CorrelationID = id
	}
	e.readError(id)
	e.keepRest()
	return e.out, e.notes, e.problem
}

// fail keeps why the event cannot be read.
func (e *event) fail(path, detail string) {
	e.problem = &format.Problem{Path: path, Detail: detail}
}

func (e *event) note(code, path, detail string) {
	e.notes = append(e.notes, format.Note{Code: code, Path: path, Detail: detail})
}

func (e *event) keep(name, value string) {
	if value != "" {
		e.out.Attributes[name] = value
	}
}

func (e *event) key(name, value string) {
	k := inventory.Key{Name: name, Value: value}
	if name == "" || strings.TrimSpace(value) == "" {
		return
	}
	for _, have := range e.out.Keys {
		if have == k {
			return
		}
	}
	e.out.Keys = append(e.out.Keys, k)
}

// readMeaning says what the event is in our workflows.
func (e *event) readMeaning() {
	action := strings.ToUpper(e.value("action"))
	switch action {
	case "ADD", "OBSERVE", "DELETE":
	case "":
		if e.kind != "TransformationEvent" && e.kind != "QuantityEvent" {
			e.note(format.NotStandard, e.path, "has no action, which the standard demands: read as OBSERVE.")
		}
	default:
		e.note(format.NotStandard, e.at("action"), show(e.value("action"))+" is no action of the standard: read as OBSERVE.")
	}
	e.keep("action", e.value("action"))
	e.keep("bizStep", e.value("bizStep"))
	e.keep("disposition", e.value("disposition"))
	var standard bool
	if e.disposition, standard = word(e.value("disposition"), "disp", "Disp"); e.disposition != "" {
		if _, known := statuses[e.disposition]; !standard || (!known && !dispositions[e.disposition]) {
			e.note(format.NotStandard, e.at("disposition"), show(e.value("disposition"))+" is no disposition of the Core Business Vocabulary: kept, and no status of stock was read from it.")
			e.disposition = ""
		}
	}
	e.meaning = e.meant(action)
	if e.kind == "TransformationEvent" {
		e.meaning = meaning{production, "transformed", e.meaning.system, none}
	}
	if !kinds[e.kind] && (action == "ADD" || action == "DELETE") && e.meaning.stock != none {
		// Packed or unpacked on the way: the goods stay, and are told of by themselves.
		e.meaning.stock = none
		e.meaning.step = "aggregated"
		if action == "DELETE" {
			e.meaning.step = "disaggregated"
		}
	}
	m := e.meaning
	e.out.Workflow, e.out.Step = m.workflow, m.step
	e.out.System = cmp.Or(e.source.System, m.system, "wms")
	e.out.Type = "inventory." + m.workflow + "." + m.step
	if strings.HasPrefix(e.disposition, "mismatch_") {
		e.out.ReasonCode = e.disposition
	}
}

// meant finds the business step's meaning, and turns it where disposition and
// transactions say more.
func (e *event) meant(action string) meaning {
	step, standard := word(e.value("bizStep"), "bizstep", "BizStep")
	m, known := steps[strings.ToLower(step)]
	switch {
	case step == "":
		seen := "observed"
		switch action {
		case "ADD":
			seen = "added"
		case "DELETE":
			seen = "deleted"
		}
		return meaning{observation, seen, "wms", none}
	case !standard || !known:
		own := cmp.Or(name(step), "observed")
		e.note(format.NotStandard, e.at("bizStep"), fmt.Sprintf("%s is no step of the Core Business Vocabulary: kept as step %s of the workflow %s, which is not judged. Map it to a step that is.", show(e.value("bizStep")), own, observation))
		return meaning{observation, own, "wms", none}
	}
	step = strings.ToLower(step)
	status := statuses[e.disposition]
	switch {
	case (step == "accepting" || step == "receiving") && e.has("rma"):
		return meaning{"online_return", "received", "store_app", in}
	case (step == "accepting" || step == "receiving") && e.disposition == "returned":
		return meaning{"return", "completed", "pos", in}
	case step == "inspecting" && e.has("rma"):
		return meaning{"online_return", "inspected", "store_app", none}
	case step == "inspecting" && (e.has("delivery") || e.has("order") || e.has("transfer")):
		m.workflow, m.step, m.system = inbound, "inspected", "wms"
	case (step == "inspecting" || step == "removing") && status != "" && status != "sellable" && status != "inspection":
		e.out.ReasonCode = status
		if status == "damaged" {
			e.out.ReasonCode = "damage" // as the engine's policies call it
		}
		return meaning{"adjustment", "adjusted", "store_app", out}
	case step == "destroying", step == "decommissioning" && (e.disposition == "destroyed" || e.disposition == "disposed"):
		e.out.ReasonCode = "write_off"
		return meaning{"adjustment", "adjusted", "store_app", out}
	case step == "void_shipping":
		e.out.Outcome = inventory.Reversed
	}
	switch m.workflow {
	case outbound:
		m.workflow = e.shipment("transfer")
		if m.system == "" && m.workflow == "receipt" {
			m.system = "supplier"
		}
	case inbound:
		m.workflow = e.shipment("receipt")
	}
	return m
}

// has reports whether the event names a transaction under that key.
func (e *event) has(key string) bool {
	for _, t := range e.transactions {
		if t.key == key {
			return true
		}
	}
	return false
}

// readTime reads when it happened and what contradicts it.
func (e *event) readTime() {
	sent, path := e.value("eventTime"), e.at("eventTime")
	if sent == "" {
		e.fail(e.path, "has no eventTime, which the standard demands: send the time it happened.")
		return
	}
	offsetSent, offsetPath := e.value("eventTimeZoneOffset"), e.at("eventTimeZoneOffset")
	e.keep("eventTimeZoneOffset", offsetSent)
	zone := e.source.ZoneFor(e.out.Location)
	declared := zone
	offset, err := instant.Offset(offsetSent)
	given := err == nil
	switch {
	case offsetSent == "":
		e.note(format.NotStandard, e.path, "has no eventTimeZoneOffset, which the standard demands: local time is not known from it.")
	case !given:
		e.note(format.OffsetDoubtful, offsetPath, "eventTimeZoneOffset "+err.Error()+": not used.")
	default:
		zone = time.FixedZone(strings.TrimSpace(offsetSent), int(offset/time.Second))
	}
	t, err := instant.Read(sent, zone, path)
	if err != nil {
		e.fail(path, err.Error())
		return
	}
	e.notes = append(e.notes, t.Notes...)
	e.out.Time, e.out.TimeAsSent = t.UTC(), sent
	if !given {
		return
	}
	if _, at := t.Zone(); t.HasOffset && !t.Zulu && time.Duration(at)*time.Second != offset {
		e.note(format.OffsetDoubtful, path, fmt.Sprintf("%s and the eventTimeZoneOffset %s contradict each other: the instant was read from the former.", sent, offsetSent))
	}
	if declared == nil {
		return
	}
	if local := t.In(declared); instant.OffsetOf(local) != instant.OffsetOf(t.In(zone)) {
		e.note(format.OffsetDoubtful, offsetPath, fmt.Sprintf("eventTimeZoneOffset %s is not the offset of %s, the declared zone of %s, which was %s then: the instant was read as sent, and may be wrong by the difference.",
			offsetSent, declared, e.out.Location, instant.OffsetOf(local)))
	}
}

// readError turns the event into the withdrawal of itself where it carries an
// error declaration: the event as it was said, and that it was wrong.
func (e *event) readError(id string) {
	declaration := e.get("errorDeclaration")
	if declaration == nil {
		return
	}
	said := declaration.value("declarationTime")
	e.keep("errorDeclaration/declarationTime", said)
	e.keep("eventTime", e.out.TimeAsSent)
	if t, err := instant.Read(said, time.UTC, declaration.at("declarationTime")); err == nil {
		e.out.Time, e.out.TimeAsSent = t.UTC(), said
		e.notes = append(e.notes, t.Notes...)
	} else {
		e.note(format.NotStandard, declaration.at("declarationTime"), "the declarationTime "+err.Error()+" The time of the event was taken instead.")
	}
	// The declaration repeats the event's id; it is a record of its own.
	e.out.ID = id + "#error/" + cmp.Or(said, "undated")
	e.out.Outcome = inventory.Reversed
	reason, standard := word(declaration.value("reason"), "er", "ER")
	if reason != "" {
		e.out.ReasonCode = reason
		if !standard {
			e.out.ReasonCode = declaration.value("reason")
		}
	}
	e.out.Refs = append(e.out.Refs, inventory.Ref{Rel: "reverses", Keys: []inventory.Key{{Name: KeyEvent, Value: id}}})
	for _, corrective := range e.corrective() {
		e.out.Refs = append(e.out.Refs, inventory.Ref{Rel: "corrected_by", Keys: []inventory.Key{{Name: KeyEvent, Value: corrective}}})
	}
	for _, c := range declaration.children {
		if !c.asked && c.name != "correctiveEventIDs" {
			e.keepNode("errorDeclaration/", c)
		}
	}
}

// corrective are the ids of the events that put this one right.
func (e *event) corrective() (ids []string) {
	for _, c := range e.get("errorDeclaration").get("correctiveEventIDs").all("correctiveEventID") {
		if id := strings.TrimSpace(c.text); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// known are the fields of an event that are read elsewhere, or dropped on
// purpose: sensor data says nothing about stock, and is counted as ignored.
var known = words("eventTime eventTimeZoneOffset eventID action bizStep disposition readPoint bizLocation epcList childEPCs " +
	"inputEPCList outputEPCList quantityList childQuantityList inputQuantityList outputQuantityList bizTransactionList " +
	"sourceList destinationList errorDeclaration sensorElementList parentID epcClass quantity type isA")

// kept are the fields of an event that have no place in ours.
var kept = words("recordTime transformationID certificationInfo persistentDisposition ilmd id")

// keepRest keeps everything else as attributes.
func (e *event) keepRest() {
	for _, c := range e.children {
		if known[c.name] {
			continue
		}
		if !kept[c.name] && !strings.ContainsAny(c.name, "{:") {
			e.note(format.NotStandard, c.path, show(c.as)+" is no field of EPCIS: kept as an attribute.")
		}
		e.keepNode("", c)
	}
}

func (e *event) keepNode(prefix string, n *node) {
	n.use()
	n.leaves(func(path, text string) {
		at := prefix + path
		for i := 2; ; i++ {
			if _, taken := e.out.Attributes[at]; !taken {
				break
			}
			at = fmt.Sprintf("%s%s[%d]", prefix, path, i)
		}
		e.keep(at, text)
	})
}

// ignored counts what no event carries: sensor readings, by their fields.
func (e *event) ignored() map[string]int {
	counts := map[string]int{}
	var count func(path string, n *node)
	count = func(path string, n *node) {
		if strings.TrimSpace(n.text) != "" {
			counts[path]++
		}
		for _, c := range n.children {
			count(path+"/"+c.as, c)
		}
	}
	for _, list := range e.all("sensorElementList") {
		count("/"+list.as, list)
	}
	if len(counts) == 0 {
		return nil
	}
	return counts
}

func show(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "\uFFFD"))
}
