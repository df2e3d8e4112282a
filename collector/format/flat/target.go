package flat

import (
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// kind is how a target's value is read.
type kind int

const (
	words  kind = iota // text
	number             // an exact decimal
	whole              // a count
	day                // a date
	moment             // a date, a time of day, or both
)

// target is a field that a column may become.
type target struct {
	kind kind
	set  func(d *draft, v string)
}

func text(f func(d *draft) *string) target {
	return target{words, func(d *draft, v string) { *f(d) = v }}
}

func dated(f func(d *draft) *string) target {
	return target{day, func(d *draft, v string) { *f(d) = v }}
}

func counted(f func(d *draft) *int) target {
	return target{whole, func(d *draft, v string) { *f(d), _ = strconv.Atoi(v) }}
}

func amount(f func(d *draft) *string) target {
	return target{number, func(d *draft, v string) { *f(d) = v }}
}

// targets are named as the contract names its fields. Those with a star take
// any name there.
var targets = map[string]target{
	"workflow":        text(func(d *draft) *string { return &d.event.Workflow }),
	"step":            text(func(d *draft) *string { return &d.event.Step }),
	"system":          text(func(d *draft) *string { return &d.event.System }),
	"system_instance": text(func(d *draft) *string { return &d.event.SystemInstance }),
	"outcome":         text(func(d *draft) *string { return (*string)(&d.event.Outcome) }),
	"location":        text(func(d *draft) *string { return &d.event.Location }),
	"location_scheme": text(func(d *draft) *string { return &d.event.LocationScheme }),
	"register":        text(func(d *draft) *string { return &d.event.Register }),
	"business_date":   dated(func(d *draft) *string { return &d.event.BusinessDate }),
	"posting_date":    dated(func(d *draft) *string { return &d.event.PostingDate }),
	"store_day":       text(func(d *draft) *string { return &d.event.StoreDay }),
	"operator":        text(func(d *draft) *string { return &d.event.Operator }),
	"device":          text(func(d *draft) *string { return &d.event.Device }),
	"reason_code":     text(func(d *draft) *string { return &d.event.ReasonCode }),
	"correlation_id":  text(func(d *draft) *string { return &d.event.CorrelationID }),
	"time":            {moment, nil}, // a draft keeps the parts until the zone is known
	"time.date":       {moment, nil},
	"time.clock":      {moment, nil},
	"sign":            text(func(d *draft) *string { return &d.sign }),

	"transaction.kind":            text(func(d *draft) *string { return &d.event.Transaction.Kind }),
	"transaction.mode":            text(func(d *draft) *string { return &d.event.Transaction.Mode }),
	"transaction.status":          text(func(d *draft) *string { return &d.event.Transaction.Status }),
	"transaction.sequence":        text(func(d *draft) *string { return &d.event.Transaction.Sequence }),
	"transaction.sequence_max":    text(func(d *draft) *string { return &d.event.Transaction.SequenceMax }),
	"transaction.fiscal_sequence": text(func(d *draft) *string { return &d.event.Transaction.FiscalSequence }),

	"error.code":    text(func(d *draft) *string { return &d.problem().Code }),
	"error.field":   text(func(d *draft) *string { return &d.problem().Field }),
	"error.value":   text(func(d *draft) *string { return &d.problem().Value }),
	"error.message": text(func(d *draft) *string { return &d.problem().Message }),

	"approval.state":  text(func(d *draft) *string { return &d.approval().State }),
	"approval.by":     text(func(d *draft) *string { return &d.approval().By }),
	"approval.at":     text(func(d *draft) *string { return &d.approval().At }),
	"approval.role":   text(func(d *draft) *string { return &d.approval().Role }),
	"approval.policy": text(func(d *draft) *string { return &d.approval().Policy }),

	"totals.register":     text(func(d *draft) *string { return &d.totals().Register }),
	"totals.transactions": counted(func(d *draft) *int { return &d.totals().Transactions }),
	"totals.first":        text(func(d *draft) *string { return &d.totals().First }),
	"totals.last":         text(func(d *draft) *string { return &d.totals().Last }),
	"totals.sales_units":  amount(func(d *draft) *string { return &d.totals().SalesUnits }),
	"totals.sales_amount": amount(func(d *draft) *string { return &d.totals().SalesAmount }),
	"totals.currency":     text(func(d *draft) *string { return &d.totals().Currency }),

	"covers.location":      text(func(d *draft) *string { return &d.covers().Location }),
	"covers.business_date": dated(func(d *draft) *string { return &d.covers().BusinessDate }),
	"covers.slice":         text(func(d *draft) *string { return &d.covers().Slice }),
	"covers.member_key":    text(func(d *draft) *string { return &d.covers().MemberKey }),
	"covers.member_count":  counted(func(d *draft) *int { return &d.covers().MemberCount }),
	"covers.part":          counted(func(d *draft) *int { return &d.covers().Part }),
	"covers.parts":         counted(func(d *draft) *int { return &d.covers().Parts }),
	"covers.member": {words, func(d *draft, v string) {
		d.covers().Members = append(d.covers().Members, v)
	}},

	"line":               text(func(d *draft) *string { return &d.line().Line }),
	"line.item":          text(func(d *draft) *string { return &d.line().Item }),
	"line.item_scheme":   text(func(d *draft) *string { return &d.line().ItemScheme }),
	"line.uom":           text(func(d *draft) *string { return &d.line().UOM }),
	"line.measure":       text(func(d *draft) *string { return &d.line().Measure }),
	"line.bucket":        text(func(d *draft) *string { return &d.line().Bucket }),
	"line.status":        text(func(d *draft) *string { return &d.line().Status }),
	"line.status_from":   text(func(d *draft) *string { return &d.line().StatusFrom }),
	"line.status_to":     text(func(d *draft) *string { return &d.line().StatusTo }),
	"line.location_from": text(func(d *draft) *string { return &d.line().LocationFrom }),
	"line.location_to":   text(func(d *draft) *string { return &d.line().LocationTo }),
	"line.activity":      text(func(d *draft) *string { return &d.line().Activity }),
	"line.parent_line":   text(func(d *draft) *string { return &d.line().ParentLine }),
	"line.component_of":  text(func(d *draft) *string { return &d.line().ComponentOf }),
	"line.stock":         text(func(d *draft) *string { return &d.line().Stock }),
	"line.ownership":     text(func(d *draft) *string { return &d.line().Ownership }),
	"line.as_of":         text(func(d *draft) *string { return &d.line().AsOf }),
	"line.counted":       amount(func(d *draft) *string { return &d.line().Counted }),
	"line.book":          amount(func(d *draft) *string { return &d.line().Book }),
	"line.unit_value":    amount(func(d *draft) *string { return &d.line().UnitValue }),
	"line.unit_cost":     amount(func(d *draft) *string { return &d.line().UnitCost }),
	"line.value_basis":   text(func(d *draft) *string { return &d.line().ValueBasis }),
	"line.currency":      text(func(d *draft) *string { return &d.line().Currency }),
	"line.sign":          {words, func(d *draft, v string) { d.line(); d.signs[len(d.signs)-1] = v }},
	"line.void":          {words, func(d *draft, v string) { d.line().Void = v == "true" }},
	"line.quantity": {number, func(d *draft, v string) {
		d.line().Quantity, _ = inventory.ParseDecimal(v)
	}},

	"ref.rel":      text(func(d *draft) *string { return &d.rel }),
	"ref.location": text(func(d *draft) *string { return &d.refLocation }),
	"ref.register": text(func(d *draft) *string { return &d.refRegister }),

	"ref.*":             {words, nil},
	"keys.*":            {words, nil},
	"attributes.*":      {words, nil},
	"line.item_ids.*":   {words, nil},
	"line.attributes.*": {words, nil},

	// What a file says of itself.
	"record.number":     counted(func(d *draft) *int { return &d.control.number }),
	"event.records":     counted(func(d *draft) *int { return &d.control.ofEvent }),
	"event.lines":       counted(func(d *draft) *int { return &d.control.lines }),
	"file.records":      counted(func(d *draft) *int { return &d.control.ofFile }),
	"file.events":       counted(func(d *draft) *int { return &d.control.events }),
	"watermark.through": {moment, nil},
	"watermark.extract": text(func(d *draft) *string { return &d.control.extract }),
}

// targetOf finds a target by its name.
func targetOf(name string) (target, bool) {
	if t, ok := targets[name]; ok && !strings.Contains(name, "*") {
		if t.set == nil {
			t.set = func(d *draft, v string) { d.moment(name, v) }
		}
		return t, true
	}
	part := func(prefix string) string {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || !plain(strings.ReplaceAll(rest, ".", "")) {
			return ""
		}
		return rest
	}
	if k := part("keys."); k != "" {
		return target{words, func(d *draft, v string) { d.event.Keys = append(d.event.Keys, inventory.Key{Name: k, Value: v}) }}, true
	}
	if k := part("ref."); k != "" {
		return target{words, func(d *draft, v string) { d.refKeys = append(d.refKeys, inventory.Key{Name: k, Value: v}) }}, true
	}
	if k := part("line.item_ids."); k != "" {
		return target{words, func(d *draft, v string) {
			d.line().ItemIDs = append(d.line().ItemIDs, inventory.Key{Name: k, Value: v})
		}}, true
	}
	if k := part("attributes."); k != "" {
		return target{words, func(d *draft, v string) { put(&d.event.Attributes, k, v) }}, true
	}
	if k := part("line.attributes."); k != "" {
		return target{words, func(d *draft, v string) { put(&d.line().Attributes, k, v) }}, true
	}
	return target{}, false
}

// plain reports whether s may stand in the name of a key.
func plain(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != ""
}

func put(m *map[string]string, k, v string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[k] = v
}
