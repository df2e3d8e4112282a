package epcis

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/gs1"
	"github.com/stocktrace/stocktrace/inventory"
)

// readPlace reads where it happened: where goods leave, the point they were
// seen at; everywhere else the place they are at afterwards.
func (e *event) readPlace() {
	for _, field := range []string{"bizLocation", "readPoint"} {
		if n := e.get(field); n != nil {
			e.keep(field, n.value("id"))
			for _, c := range n.children {
				if c.name != "id" {
					e.keepNode(field+"/", c)
				}
			}
		}
	}
	var from, to string
	for _, list := range []struct{ name, element string }{{"sourceList", "source"}, {"destinationList", "destination"}} {
		for _, p := range e.get(list.name).all(list.element) {
			value := strings.TrimSpace(p.text)
			kind, _ := word(p.value("type"), "sdt", "SDT")
			e.keepOnce(list.element+"/"+cmp.Or(kind, "unnamed"), value)
			if kind == "location" {
				location, _, _ := e.place(value, p.path)
				if list.element == "source" {
					from = location
				} else {
					to = location
				}
			}
		}
	}
	fields := []string{"bizLocation", "readPoint"}
	if e.meaning.stock == out && e.meaning.workflow != "sale" {
		slices.Reverse(fields)
	}
	for _, field := range fields {
		at := e.get(field)
		if uri := at.value("id"); uri != "" {
			var notes []format.Note
			e.out.Location, e.out.LocationScheme, notes = e.place(uri, at.at("id"))
			e.notes = append(e.notes, notes...)
			break
		}
	}
	if e.out.Location == "" {
		e.out.Location = e.source.Location
	}
	if e.out.Location == "" {
		// The goods were at one end of their way.
		e.out.Location = cmp.Or(from, to)
		if e.meaning.stock == in {
			e.out.Location = cmp.Or(to, from)
		}
		if e.out.Location != "" {
			_, e.out.LocationScheme, _ = e.place(e.out.Location, e.path)
			if gs1.Valid(e.out.Location) {
				e.out.LocationScheme = "gln"
			}
		}
	}
	if e.out.Location == "" {
		e.fail(e.path, "names no place (readPoint, bizLocation, or a source or destination that is a location), and none is declared for its sender: declare the source's location.")
	}
	e.from, e.to = from, to
}

// place reads the id of a location: the GLN of a GS1 URI, everything else as it
// is. The part of a place that a GLN extension names stays in the attribute.
func (e *event) place(uri, path string) (location, scheme string, notes []format.Note) {
	id, err := gs1.Parse(uri)
	switch {
	case err != nil && strings.HasPrefix(uri, "urn:epc:"):
		return uri, "uri", []format.Note{{Code: format.NotStandard, Path: path, Detail: err.Error() + ": kept as sent."}}
	case err != nil || id.Kind != gs1.GLN:
		return uri, "uri", nil
	case !id.Valid():
		notes = []format.Note{{Code: format.CheckDigit, Path: path, Detail: show(uri) + " has a GLN whose check digit is wrong: kept as sent."}}
	}
	return id.Key, "gln", notes
}

// readTransactions reads the documents the event belongs to, as keys.
func (e *event) readTransactions() {
	for _, b := range e.get("bizTransactionList").all("bizTransaction") {
		value := strings.TrimSpace(b.text)
		if value == "" {
			continue
		}
		sent := b.value("type")
		kind, standard := word(sent, "btt", "BTT")
		kind = strings.ToLower(kind)
		key := transactions[kind]
		if key == "" || !standard {
			if key = ownTransactions[kind]; key == "" {
				key = cmp.Or(name(kind), "transaction")
			}
		}
		if !standard || (sent != "" && transactions[kind] == "") {
			e.note(format.NotStandard, b.path, show(sent)+" is no business transaction type of the Core Business Vocabulary: kept as the key "+key+".")
		}
		step, _ := word(e.value("bizStep"), "bizstep", "BizStep")
		if key == "invoice" && strings.EqualFold(step, "retail_selling") {
			// What a till issues is the receipt.
			key = inventory.KeyReceipt
		}
		number, issuer := transactionNumber(value)
		e.transactions = append(e.transactions, transaction{key, number, issuer})
		e.key(key, number)
		if number != value {
			// Who issued it: numbers of two companies may be the same.
			e.keepOnce("bizTransaction/"+cmp.Or(kind, "unnamed"), value)
		}
	}
}

// transactionNumber is the number people know a transaction by, and who issued
// it. Source: CBV 2.0, 8.5.
//
//	urn:epcglobal:cbv:bt:0614141073467:1152     1152, issued by 0614141073467
//	http://transaction.acme.com/po/12345678     12345678
//	urn:epc:id:gdti:0614141.00001.1618034       0614141000012 1618034
func transactionNumber(value string) (number, issuer string) {
	if rest, ok := strings.CutPrefix(value, "urn:epcglobal:cbv:bt:"); ok {
		if gln, number, ok := strings.Cut(rest, ":"); ok && number != "" {
			return number, gln
		}
	}
	if id, err := gs1.Parse(value); err == nil {
		return id.Key + id.Serial, ""
	}
	if strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://") {
		path := strings.TrimRight(value, "/")
		if i := strings.LastIndexAny(path, "/=#"); i > len("https://") {
			return path[i+1:], path[:i]
		}
	}
	return value, ""
}

// shipment is the workflow goods on their way belong to. Goods that change their
// owner, or go against a purchase order, are a receipt; goods that stay with
// their owner, or say so themselves, are a transfer; otherwise it is otherwise.
func (e *event) shipment(otherwise string) string {
	switch {
	case e.has("rma"):
		return "online_return"
	case e.has("transfer"):
		return "transfer"
	case e.has("sales_order"):
		return "fulfilment"
	}
	if from, to := e.party("sourceList", "source"), e.party("destinationList", "destination"); from != "" && to != "" {
		if from == to {
			return "transfer"
		}
		return "receipt"
	}
	if e.has("order") {
		return "receipt"
	}
	return otherwise
}

// party is the owner at one end of the goods' way, as a GLN where it is one.
func (e *event) party(list, element string) string {
	for _, p := range e.get(list).all(element) {
		if kind, _ := word(p.value("type"), "sdt", "SDT"); kind == "owning_party" {
			owner, _, _ := e.place(strings.TrimSpace(p.text), p.path)
			return owner
		}
	}
	return ""
}

func (e *event) keepOnce(name, value string) {
	if had := e.out.Attributes[name]; had != "" && had != value {
		value = had + " " + value
	}
	e.keep(name, value)
}
