package epcis

import (
	"regexp"
	"strings"
)

// What a line of a step says about stock.
type movement int

const (
	none     movement = iota // seen, packed, moved about: no stock changes
	out                      // leaves the place: negative
	in                       // comes to it: positive
	absolute                 // what is there
)

// meaning is what a business step is in our workflows.
type meaning struct {
	workflow, step string
	system         string // who usually says it
	stock          movement
}

// Workflows that no file declares: their events are kept and shown, and nothing
// is said of them until somebody declares one.
const (
	production  = "production"  // things are made, marked, taken apart
	observation = "observation" // things are seen or looked at
)

// Shipments in the table below belong to the workflow their event's own words
// choose: see shipment in place.go.
const outbound, inbound = "outbound", "inbound"

// steps gives every business step of CBV 2.0 (section 7.1) a meaning. CBV 1.x
// has no others, but for a spelling.
var steps = map[string]meaning{
	"retail_selling": {"sale", "completed", "pos", out},
	"dispensing":     {"sale", "completed", "pos", out},

	"shipping":         {outbound, "shipped", "", out},
	"void_shipping":    {outbound, "shipped", "", out}, // reversed
	"departing":        {outbound, "departed", "", none},
	"loading":          {outbound, "loaded", "", none},
	"staging_outbound": {outbound, "staged", "", none},
	"consigning":       {outbound, "consigned", "", none},
	"transporting":     {outbound, "transported", "carrier", none},
	"arriving":         {inbound, "arrived", "", none},
	"unloading":        {inbound, "unloaded", "", none},
	"receiving":        {inbound, "received", "wms", in},
	"accepting":        {inbound, "accepted", "wms", none}, // after receiving, which counted it

	"storing":   {"putaway", "stored", "wms", none},
	"stocking":  {"putaway", "stored", "wms", none},
	"picking":   {"fulfilment", "picked", "wms", none},
	"packing":   {"fulfilment", "packed", "wms", none},
	"unpacking": {inbound, "unpacked", "wms", none},

	"reserving":      {"reservation", "reserved", "oms", out},
	"cycle_counting": {"count", "counted", "store_app", absolute},
	"stock_taking":   {"count", "counted", "store_app", absolute},
	"stocktaking":    {"count", "counted", "store_app", absolute},

	"destroying": {"adjustment", "adjusted", "store_app", out},

	"inspecting":       {observation, "inspected", "store_app", none},
	"holding":          {observation, "held", "wms", none},
	"sampling":         {observation, "sampled", "wms", none},
	"entering_exiting": {observation, "passed", "wms", none},
	"collecting":       {observation, "collected", "wms", none},
	"sensor_reporting": {observation, "measured", "wms", none},
	"other":            {observation, "other", "wms", none},

	"commissioning":           {production, "commissioned", "wms", none},
	"encoding":                {production, "encoded", "wms", none},
	"creating_class_instance": {production, "created", "wms", none},
	"decommissioning":         {production, "decommissioned", "wms", none},
	"killing":                 {production, "killed", "wms", none},
	"assembling":              {production, "assembled", "wms", none},
	"disassembling":           {production, "disassembled", "wms", none},
	"installing":              {production, "installed", "wms", none},
	"removing":                {production, "removed", "wms", none},
	"repackaging":             {production, "repackaged", "wms", none},
	"repairing":               {production, "repaired", "wms", none},
	"replacing":               {production, "replaced", "wms", none},
}

// statuses are the dispositions of CBV 2.0 (section 7.2) that name a status of
// stock. The others say where in a process something is, and are kept as they
// are.
var statuses = map[string]string{
	"sellable_accessible": "sellable", "sellable_not_accessible": "sellable",
	"damaged": "damaged", "needs_replacement": "damaged", "expired": "expired", "recalled": "recalled",
	"non_sellable_other": "blocked", "returned": "inspection", "stolen": "stolen",
}

// dispositions of CBV 2.0 and 1.2 without a status of stock.
var dispositions = words("active available completeness_verified completeness_inferred conformant container_closed " +
	"container_open destroyed dispensed disposed encoded in_progress in_transit inactive mismatch_instance mismatch_class " +
	"mismatch_quantity no_pedigree_match non_conformant partially_dispensed reserved retail_sold unavailable unknown")

// transactions are the business transaction types of CBV 2.0 (section 7.3) and
// the names of their keys here. delivery, transfer and rma bind what carries
// them; the others find and relate.
var transactions = map[string]string{
	"desadv": "delivery", "rma": "rma", "po": "order", "poc": "order_confirmation", "inv": "invoice",
	"bol": "bill_of_lading", "recadv": "receiving_advice", "prodorder": "production_order",
	"cert": "certificate", "pedigree": "pedigree", "testprd": "test_procedure", "testres": "test_result", "upevt": "upstream_event",
}

// ownTransactions are types that are no CBV but say what they are, by their last
// word.
var ownTransactions = map[string]string{
	"transfer": "transfer", "sto": "transfer", "stock_transfer": "transfer", "transfer_order": "transfer",
	"delivery": "delivery", "receipt": "receipt", "pos_receipt": "receipt", "ticket": "receipt",
	"count": "count", "order": "order", "so": "sales_order", "sales_order": "sales_order", "shipment": "shipment",
}

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

// word returns a term of the CBV as its bare word. It may be written so, as a
// URN of 1.x, as a web URI or CURIE of 2.0. standard is false for a term of
// another vocabulary, of which the last part is returned.
//
//	shipping  urn:epcglobal:cbv:bizstep:shipping  https://ref.gs1.org/cbv/BizStep-shipping  cbv:BizStep-shipping
func word(term, urn, web string) (_ string, standard bool) {
	term = strings.TrimSpace(term)
	for _, prefix := range []string{
		"urn:epcglobal:cbv:" + urn + ":", "https://ref.gs1.org/cbv/" + web + "-", "http://ref.gs1.org/cbv/" + web + "-",
		"https://ns.gs1.org/cbv/" + web + "-", "cbv:" + web + "-", "https://ref.gs1.org/cbv/", web + "-",
	} {
		if len(term) > len(prefix) && strings.EqualFold(term[:len(prefix)], prefix) {
			return term[len(prefix):], true
		}
	}
	if !strings.ContainsAny(term, ":/#") {
		return term, true
	}
	term = strings.TrimRight(term, ":/#")
	return term[strings.LastIndexAny(term, ":/#")+1:], false
}

var unnamely = regexp.MustCompile(`[^a-z0-9_.-]+`)

// name makes of a foreign word one that can name a step or a key.
func name(word string) string {
	return strings.Trim(unnamely.ReplaceAllString(strings.ToLower(word), "_"), "_.-")
}
