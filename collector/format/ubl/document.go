package ubl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/collector/units"
	"github.com/stocktrace/stocktrace/inventory"
)

// document is one being read.
type document struct {
	root   xmlread.Node
	path   string
	source format.Source

	// common is what all its events say.
	common  inventory.Event
	issued  moment
	events  []inventory.Event
	notes   []format.Note
	problem *format.Problem
}

// moment is a date with a time, or without.
type moment struct {
	day, clock string
	at         xmlread.Node
}

func (d *document) note(code, at, detail string) {
	for _, n := range d.notes {
		if n.Code == code && n.Detail == detail {
			return // once is enough for a person
		}
	}
	d.notes = append(d.notes, format.Note{Code: code, Path: d.path + at, Detail: detail})
}

func (d *document) fail(at, detail string) {
	if d.problem == nil {
		d.problem = &format.Problem{Path: d.path + at, Detail: detail}
	}
}

// number names the document: its UUID, else its number and who gave it out.
func (d *document) number() string {
	if uuid := d.root.Child("UUID").Text(); uuid != "" {
		return d.root.Name() + "/" + uuid
	}
	issuer := ""
	for _, name := range []string{"DespatchSupplierParty", "DeliveryCustomerParty", "InventoryReportingParty", "SenderParty"} {
		issuer = cmp.Or(issuer, d.party(d.root.Child(name)).id)
	}
	if issuer != "" {
		issuer += "/"
	}
	return d.root.Name() + "/" + issuer + d.root.Child("ID").Text()
}

// head reads what every document begins with.
func (d *document) head() {
	root, e := d.root, &d.common
	for _, name := range []string{"UBLVersionID", "CustomizationID", "ProfileID", "ProfileExecutionID", "CopyIndicator", "UUID"} {
		root.Child(name).Text()
	}
	id := root.Child("ID")
	if id.Text() == "" {
		d.fail("", "The document has no number (ID): without it nothing can be told from what is sent again.")
		return
	}
	e.Source, e.SystemInstance = d.source.Name, d.source.Instance
	d.issued = moment{root.Child("IssueDate").Text(), root.Child("IssueTime").Text(), root.Child("IssueDate")}
	if strings.EqualFold(root.Child("DocumentStatusCode").Text(), "Cancelled") {
		e.Outcome = inventory.Reversed
	}
	for n := range root.Children("Note") {
		n.Text()
	}
	if d.source.Document != "" {
		d.key(e, "file", d.source.Document)
	}
	for n := range root.Children("OrderReference") {
		d.key(e, "order", n.Child("ID").Text())
		d.key(e, "sales_order", n.Child("SalesOrderID").Text())
	}
	for n := range root.Children("AdditionalDocumentReference") {
		d.key(e, "document", n.Child("ID").Text())
	}
}

// counted compares the number of lines the document says it has with those it
// has.
func (d *document) counted(lines int) {
	n := d.root.Child("LineCountNumeric")
	said, err := strconv.Atoi(n.Text())
	if err == nil && said != lines {
		d.note(format.CountMismatch, n.Path(), fmt.Sprintf("LineCountNumeric says %d lines, but the document has %d: read as they are. Ask the sender which is right.", said, lines))
		e := d.event("document", "received")
		e.Outcome = inventory.Partial
		e.Error = &inventory.Error{
			Code: format.CountMismatch, Field: "LineCountNumeric", Value: n.Text(),
			Message: fmt.Sprintf("The document says %d lines, but has %d.", said, lines),
		}
		e.Lines = nil
		d.events = append(d.events, e)
	}
}

func (d *document) key(e *inventory.Event, name, value string) {
	for _, k := range e.Keys {
		if k.Name == name && k.Value == value {
			return
		}
	}
	if value != "" {
		e.Keys = append(e.Keys[:len(e.Keys):len(e.Keys)], inventory.Key{Name: name, Value: value})
	}
}

// event begins an event of the document.
func (d *document) event(workflow, step string) inventory.Event {
	e := d.common
	e.Workflow, e.Step = workflow, step
	e.Keys = append([]inventory.Key(nil), d.common.Keys...)
	return e
}

// happened sets the time of all events: the first moment that has a clock, else
// the first that has a day.
func (d *document) happened(moments ...moment) {
	var best moment
	for _, m := range moments {
		if m.day != "" && (best.day == "" || best.clock == "" && m.clock != "") {
			best = m
		}
	}
	if best.day == "" {
		d.fail("", "The document says no date (IssueDate): send when it happened.")
		return
	}
	day, zone := best.day, ""
	if len(day) > len(time.DateOnly) {
		// An xsd:date may have an offset.
		day, zone = day[:len(time.DateOnly)], day[len(time.DateOnly):]
	}
	clock := cmp.Or(best.clock, "00:00:00")
	sent := day + "T" + clock
	if zone != "" && !strings.ContainsAny(clock, "Zz+-") {
		sent += zone
	}
	declared := d.source.ZoneFor(d.common.Location)
	t, err := instant.Read(sent, declared, d.path+best.at.Path())
	if err != nil {
		d.fail(best.at.Path(), best.at.Name()+" "+err.Error())
		return
	}
	d.common.Time, d.common.TimeAsSent = t.Time.UTC().Truncate(time.Microsecond), sent
	if best.clock == "" {
		d.common.TimeAsSent = best.day
		d.note(format.NotStandard, best.at.Path(), best.day+" is a day without a time: read as its beginning.")
	}
	for _, n := range t.Notes {
		d.note(n.Code, strings.TrimPrefix(n.Path, d.path), n.Detail)
	}
	if t.HasOffset && !t.Zulu && declared != nil {
		if instant.OffsetOf(t.Time) != instant.OffsetOf(t.In(declared)) {
			d.note(format.OffsetDoubtful, best.at.Path(), fmt.Sprintf("%s has the offset %s, but the clock in %s, the declared zone, is at %s then: read as sent. One of the two is wrong.",
				sent, instant.OffsetOf(t.Time), declared, instant.OffsetOf(t.In(declared))))
		}
	}
}

// momentOf reads a date and a time that stand side by side.
func momentOf(n xmlread.Node, date, clock string) moment {
	return moment{n.Child(date).Text(), n.Child(clock).Text(), n.Child(date)}
}

// place is who or where.
type place struct{ id, scheme, name string }

// party reads a Party, or an element that holds one.
func (d *document) party(n xmlread.Node) place {
	if p := n.Child("Party"); p.Exists() {
		found := d.party(p)
		if found.id == "" {
			found.id = cmp.Or(n.Child("CustomerAssignedAccountID").Text(), n.Child("SupplierAssignedAccountID").Text())
			found.scheme = "account"
		}
		return found
	}
	var found place
	found.name = n.At("PartyName", "Name").Text()
	for _, id := range []xmlread.Node{n.At("PartyIdentification", "ID"), n.At("PhysicalLocation", "ID"), n.Child("EndpointID"), n.At("PartyLegalEntity", "CompanyID")} {
		if id.Text() != "" && found.id == "" {
			found.id, found.scheme = d.identify(id, "party")
		}
	}
	return found
}

// location reads a Location: a store, a dock, a warehouse.
func (d *document) location(n xmlread.Node) place {
	var found place
	found.name = cmp.Or(n.Child("Name").Text(), n.Child("Description").Text())
	for _, id := range []xmlread.Node{n.Child("ID"), n.At("Address", "ID")} {
		if id.Text() != "" && found.id == "" {
			found.id, found.scheme = d.identify(id, "location")
		}
	}
	return found
}

// identify reads an identifier of a party or place. Thirteen digits are a GLN,
// whatever the scheme says or leaves out.
func (d *document) identify(n xmlread.Node, other string) (id, scheme string) {
	id, scheme = n.Text(), strings.ToLower(n.Attr("schemeID"))
	if parsed, err := gs1.Parse(id); err == nil && parsed.Kind == gs1.GLN {
		return parsed.Key, "gln"
	}
	if _, ok := gs1.GTIN14(id); !ok || len(id) != 13 || (scheme != "" && scheme != "gln" && scheme != "0088" && scheme != "ean") {
		switch scheme {
		case "", "0088", "gln":
			return id, other
		default:
			return id, scheme
		}
	}
	if !gs1.Valid(id) {
		d.note(format.CheckDigit, n.Path(), id+" has the form of a GLN, but its check digit is wrong: kept as sent.")
	}
	return id, "gln"
}

// at sets the location of all events to the first place that is named.
func (d *document) at(places ...place) {
	for _, p := range places {
		if p.id != "" {
			d.common.Location, d.common.LocationScheme = p.id, p.scheme
			return
		}
	}
	if d.source.Location != "" {
		d.common.Location = d.source.Location
		return
	}
	for _, p := range places {
		if p.name != "" {
			d.common.Location, d.common.LocationScheme = p.name, "name"
			d.note(format.NotStandard, "", fmt.Sprintf("The document names the place by the name %q only: taken for its location. Declare the source's location, or have an identifier sent.", show(p.name)))
			return
		}
	}
	d.fail("", "The document names no place, and none is declared for its sender: declare the source's location.")
}

// item reads what a line is about: the GTIN, else the buyer's number, else the
// seller's; the others beside it.
func (d *document) item(l *inventory.Line, n xmlread.Node) {
	n.Child("Name").Text()
	n.Child("Description").Text()
	attribute(l, "lot", n.At("ItemInstance", "LotIdentification", "LotNumberID").Text())
	attribute(l, "serial", n.At("ItemInstance", "SerialID").Text())
	for _, name := range []struct{ element, scheme string }{
		{"StandardItemIdentification", "gtin"},
		{"BuyersItemIdentification", "buyer"},
		{"SellersItemIdentification", "vendor"},
		{"ManufacturersItemIdentification", "manufacturer"},
		{"CatalogueItemIdentification", "catalogue"},
	} {
		c := n.At(name.element, "ID")
		id, scheme := c.Text(), name.scheme
		if id == "" {
			continue
		}
		if scheme == "gtin" {
			id, scheme = d.gtin(c, id)
		}
		if l.Item == "" {
			l.Item, l.ItemScheme = id, scheme
		} else {
			l.ItemIDs = append(l.ItemIDs, inventory.Key{Name: scheme, Value: id})
		}
	}
	if l.Item == "" {
		if l.Item = n.Child("Name").Text(); l.Item == "" {
			l.Item = n.Child("Description").Text()
		}
		l.ItemScheme = "name"
		d.note(format.NotStandard, n.Path(), "The line names its item by no number: its name was taken, and can be compared with nothing.")
	}
}

func (d *document) gtin(n xmlread.Node, id string) (_, scheme string) {
	if parsed, err := gs1.Parse(id); err == nil && parsed.Kind == gs1.GTIN {
		id = parsed.Key
	}
	gtin, ok := gs1.GTIN14(id)
	if !ok {
		return id, cmp.Or(strings.ToLower(n.Attr("schemeID")), "standard")
	}
	n.Attr("schemeID")
	if !gs1.Valid(gtin) {
		d.note(format.CheckDigit, n.Path(), id+" is given as a GTIN, but its check digit is wrong: kept as sent.")
	}
	return gtin, "gtin"
}

// quantity reads an amount with its unit; ok is false where there is none.
func (d *document) quantity(n xmlread.Node) (q inventory.Decimal, unit string, ok bool) {
	text := n.Text()
	if text == "" {
		return q, "", false
	}
	n.Attr("unitCodeListID")
	unit, notes := units.Rec20.Read(n.Attr("unitCode"), d.path+n.Path())
	for _, note := range notes {
		d.note(note.Code, n.Path(), note.Detail)
	}
	q, err := inventory.ParseDecimal(text)
	if err != nil {
		d.fail(n.Path(), fmt.Sprintf("%s %q is no decimal number: correct it at its source.", n.Name(), show(text)))
	}
	return q, unit, true
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

func (d *document) system(guess string) { d.common.System = cmp.Or(d.source.System, guess) }

// show keeps a message readable, whatever was sent.
func show(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
