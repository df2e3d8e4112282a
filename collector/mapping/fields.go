package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// use says what a field's value has to be.
type use byte

const (
	asText use = iota
	asItem
	asUnit
	asDecimal
	asMoney // a decimal that is kept as written
	asWhole
	asDate
	asTime
	asFlag
)

// target is a field of the contract that a mapping may set or correct.
type target struct {
	name string // as the contract writes it: lines.quantity
	use  use
	line bool
	get  func(*inventory.Event, *inventory.Line) string
	// set takes a value that is in the contract's form.
	set func(*inventory.Event, *inventory.Line, string) error
	// add, where the field is a list, takes one more of them.
	add func(*inventory.Event, *inventory.Line, string)
}

func text(to func(*inventory.Event) *string) target {
	return target{
		get: func(e *inventory.Event, _ *inventory.Line) string { return *to(e) },
		set: func(e *inventory.Event, _ *inventory.Line, v string) error { *to(e) = v; return nil },
	}
}

func lineText(to func(*inventory.Line) *string) target {
	return target{
		line: true,
		get:  func(_ *inventory.Event, l *inventory.Line) string { return *to(l) },
		set:  func(_ *inventory.Event, l *inventory.Line, v string) error { *to(l) = v; return nil },
	}
}

func (t target) as(u use) target {
	t.use = u
	return t
}

func whole(to func(*inventory.Event) *int) target {
	return target{
		use: asWhole,
		get: func(e *inventory.Event, _ *inventory.Line) string {
			if n := *to(e); n != 0 {
				return strconv.Itoa(n)
			}
			return ""
		},
		set: func(e *inventory.Event, _ *inventory.Line, v string) (err error) {
			*to(e), err = strconv.Atoi(v)
			return err
		},
	}
}

func flag(get func(*inventory.Event, *inventory.Line) *bool, line bool) target {
	return target{
		use: asFlag, line: line,
		get: func(e *inventory.Event, l *inventory.Line) string {
			if *get(e, l) {
				return "true"
			}
			return ""
		},
		set: func(e *inventory.Event, l *inventory.Line, v string) error {
			*get(e, l) = v == "true"
			return nil
		},
	}
}

func made[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// part is a member of an object that may not be there; looking does not make it.
func part[T any](object func(*inventory.Event) **T, to func(*T) *string) target {
	return target{
		get: func(e *inventory.Event, _ *inventory.Line) string {
			if o := *object(e); o != nil {
				return *to(o)
			}
			return ""
		},
		set: func(e *inventory.Event, _ *inventory.Line, v string) error { *to(made(object(e))) = v; return nil },
	}
}

func errorOf(e *inventory.Event) **inventory.Error       { return &e.Error }
func approvalOf(e *inventory.Event) **inventory.Approval { return &e.Approval }
func coversOf(e *inventory.Event) **inventory.Covers     { return &e.Covers }
func totalsOf(e *inventory.Event) **inventory.Totals     { return &e.Totals }

// targets are the fields with one place. Others have a name of the user's own in
// them: see targetNamed.
var targets = func() map[string]target {
	all := map[string]target{
		"id":              text(func(e *inventory.Event) *string { return &e.ID }),
		"type":            text(func(e *inventory.Event) *string { return &e.Type }),
		"time":            {use: asTime, get: func(e *inventory.Event, _ *inventory.Line) string { return e.TimeAsSent }},
		"correlation_id":  text(func(e *inventory.Event) *string { return &e.CorrelationID }),
		"workflow":        text(func(e *inventory.Event) *string { return &e.Workflow }),
		"step":            text(func(e *inventory.Event) *string { return &e.Step }),
		"system":          text(func(e *inventory.Event) *string { return &e.System }),
		"system_instance": text(func(e *inventory.Event) *string { return &e.SystemInstance }),
		"outcome":         text(func(e *inventory.Event) *string { return (*string)(&e.Outcome) }),
		"attempt":         whole(func(e *inventory.Event) *int { return &e.Attempt }),
		"location":        text(func(e *inventory.Event) *string { return &e.Location }),
		"location_scheme": text(func(e *inventory.Event) *string { return &e.LocationScheme }),
		"register":        text(func(e *inventory.Event) *string { return &e.Register }),
		"business_date":   text(func(e *inventory.Event) *string { return &e.BusinessDate }).as(asDate),
		"posting_date":    text(func(e *inventory.Event) *string { return &e.PostingDate }).as(asDate),
		"store_day":       text(func(e *inventory.Event) *string { return &e.StoreDay }),
		"operator":        text(func(e *inventory.Event) *string { return &e.Operator }),
		"device":          text(func(e *inventory.Event) *string { return &e.Device }),
		"reason_code":     text(func(e *inventory.Event) *string { return &e.ReasonCode }),
		"entered_offline": flag(func(e *inventory.Event, _ *inventory.Line) *bool { return &e.EnteredOffline }, false),

		"transaction.kind":            text(func(e *inventory.Event) *string { return &e.Transaction.Kind }),
		"transaction.mode":            text(func(e *inventory.Event) *string { return &e.Transaction.Mode }),
		"transaction.status":          text(func(e *inventory.Event) *string { return &e.Transaction.Status }),
		"transaction.sequence":        text(func(e *inventory.Event) *string { return &e.Transaction.Sequence }),
		"transaction.sequence_max":    text(func(e *inventory.Event) *string { return &e.Transaction.SequenceMax }),
		"transaction.fiscal_sequence": text(func(e *inventory.Event) *string { return &e.Transaction.FiscalSequence }),

		"error.code":    part(errorOf, func(x *inventory.Error) *string { return &x.Code }),
		"error.field":   part(errorOf, func(x *inventory.Error) *string { return &x.Field }),
		"error.value":   part(errorOf, func(x *inventory.Error) *string { return &x.Value }),
		"error.message": part(errorOf, func(x *inventory.Error) *string { return &x.Message }),

		"approval.state":  part(approvalOf, func(x *inventory.Approval) *string { return &x.State }),
		"approval.by":     part(approvalOf, func(x *inventory.Approval) *string { return &x.By }),
		"approval.at":     part(approvalOf, func(x *inventory.Approval) *string { return &x.At }),
		"approval.role":   part(approvalOf, func(x *inventory.Approval) *string { return &x.Role }),
		"approval.policy": part(approvalOf, func(x *inventory.Approval) *string { return &x.Policy }),

		"covers.location":      part(coversOf, func(x *inventory.Covers) *string { return &x.Location }),
		"covers.business_date": part(coversOf, func(x *inventory.Covers) *string { return &x.BusinessDate }).as(asDate),
		"covers.slice":         part(coversOf, func(x *inventory.Covers) *string { return &x.Slice }),
		"covers.member_key":    part(coversOf, func(x *inventory.Covers) *string { return &x.MemberKey }),

		"totals.register":     part(totalsOf, func(x *inventory.Totals) *string { return &x.Register }),
		"totals.first":        part(totalsOf, func(x *inventory.Totals) *string { return &x.First }),
		"totals.last":         part(totalsOf, func(x *inventory.Totals) *string { return &x.Last }),
		"totals.sales_units":  part(totalsOf, func(x *inventory.Totals) *string { return &x.SalesUnits }).as(asMoney),
		"totals.sales_amount": part(totalsOf, func(x *inventory.Totals) *string { return &x.SalesAmount }).as(asMoney),
		"totals.currency":     part(totalsOf, func(x *inventory.Totals) *string { return &x.Currency }),

		"lines.line":          lineText(func(l *inventory.Line) *string { return &l.Line }),
		"lines.item":          lineText(func(l *inventory.Line) *string { return &l.Item }).as(asItem),
		"lines.item_scheme":   lineText(func(l *inventory.Line) *string { return &l.ItemScheme }),
		"lines.uom":           lineText(func(l *inventory.Line) *string { return &l.UOM }).as(asUnit),
		"lines.measure":       lineText(func(l *inventory.Line) *string { return &l.Measure }),
		"lines.bucket":        lineText(func(l *inventory.Line) *string { return &l.Bucket }),
		"lines.status":        lineText(func(l *inventory.Line) *string { return &l.Status }),
		"lines.status_from":   lineText(func(l *inventory.Line) *string { return &l.StatusFrom }),
		"lines.status_to":     lineText(func(l *inventory.Line) *string { return &l.StatusTo }),
		"lines.location_from": lineText(func(l *inventory.Line) *string { return &l.LocationFrom }),
		"lines.location_to":   lineText(func(l *inventory.Line) *string { return &l.LocationTo }),
		"lines.activity":      lineText(func(l *inventory.Line) *string { return &l.Activity }),
		"lines.parent_line":   lineText(func(l *inventory.Line) *string { return &l.ParentLine }),
		"lines.component_of":  lineText(func(l *inventory.Line) *string { return &l.ComponentOf }),
		"lines.void":          flag(func(_ *inventory.Event, l *inventory.Line) *bool { return &l.Void }, true),
		"lines.stock":         lineText(func(l *inventory.Line) *string { return &l.Stock }),
		"lines.ownership":     lineText(func(l *inventory.Line) *string { return &l.Ownership }),
		"lines.as_of":         lineText(func(l *inventory.Line) *string { return &l.AsOf }),
		"lines.counted":       lineText(func(l *inventory.Line) *string { return &l.Counted }).as(asMoney),
		"lines.book":          lineText(func(l *inventory.Line) *string { return &l.Book }).as(asMoney),
		"lines.unit_value":    lineText(func(l *inventory.Line) *string { return &l.UnitValue }).as(asMoney),
		"lines.unit_cost":     lineText(func(l *inventory.Line) *string { return &l.UnitCost }).as(asMoney),
		"lines.value_basis":   lineText(func(l *inventory.Line) *string { return &l.ValueBasis }),
		"lines.currency":      lineText(func(l *inventory.Line) *string { return &l.Currency }),
		"lines.quantity": {
			use: asDecimal, line: true,
			get: func(_ *inventory.Event, l *inventory.Line) string { return l.Quantity.String() },
			set: func(_ *inventory.Event, l *inventory.Line, v string) (err error) {
				l.Quantity, err = inventory.ParseDecimal(v)
				return err
			},
		},
	}
	for name, count := range map[string]func(*inventory.Event) *int{
		"covers.member_count": func(e *inventory.Event) *int { return &made(&e.Covers).MemberCount },
		"covers.part":         func(e *inventory.Event) *int { return &made(&e.Covers).Part },
		"covers.parts":        func(e *inventory.Event) *int { return &made(&e.Covers).Parts },
	} {
		t := whole(count)
		read := t.get
		t.get = func(e *inventory.Event, l *inventory.Line) string {
			if e.Covers == nil {
				return ""
			}
			return read(e, l)
		}
		all[name] = t
	}
	transactions := whole(func(e *inventory.Event) *int { return &made(&e.Totals).Transactions })
	transactions.get = func(e *inventory.Event, _ *inventory.Line) string {
		if e.Totals == nil || e.Totals.Transactions == 0 {
			return ""
		}
		return strconv.Itoa(e.Totals.Transactions)
	}
	all["totals.transactions"] = transactions
	all["covers.members"] = target{
		get: func(e *inventory.Event, _ *inventory.Line) string {
			if e.Covers == nil {
				return ""
			}
			return strings.Join(e.Covers.Members, ", ")
		},
		set: func(e *inventory.Event, _ *inventory.Line, v string) error {
			made(&e.Covers).Members = []string{v}
			return nil
		},
		add: func(e *inventory.Event, _ *inventory.Line, v string) {
			c := made(&e.Covers)
			c.Members = append(c.Members, v)
		},
	}
	for name, t := range all {
		t.name = name
		all[name] = t
	}
	return all
}()

// targetNamed returns the field of a name:
//
//	keys.<name>            an identifier of the event
//	refs.<rel>.<name>      an identifier of the transaction it relates to
//	attributes.<name>      what the contract has no field for
//	lines.item_ids.<scheme>, lines.attributes.<name>
func targetNamed(name string) (target, error) {
	if t, ok := targets[name]; ok {
		return t, nil
	}
	if key, ok := strings.CutPrefix(name, "keys."); ok && plainName(key) {
		return keyed(name, false, func(e *inventory.Event, _ *inventory.Line) *[]inventory.Key { return &e.Keys }, key), nil
	}
	if scheme, ok := strings.CutPrefix(name, "lines.item_ids."); ok && plainName(scheme) {
		return keyed(name, true, func(_ *inventory.Event, l *inventory.Line) *[]inventory.Key { return &l.ItemIDs }, scheme), nil
	}
	if rest, ok := strings.CutPrefix(name, "refs."); ok {
		if rel, key, ok := strings.Cut(rest, "."); ok && plainName(rel) && plainName(key) {
			return keyed(name, false, func(e *inventory.Event, _ *inventory.Line) *[]inventory.Key { return refKeys(e, rel) }, key), nil
		}
	}
	if key, ok := strings.CutPrefix(name, "attributes."); ok && key != "" {
		return kept(name, false, func(e *inventory.Event, _ *inventory.Line) *map[string]string { return &e.Attributes }, key), nil
	}
	if key, ok := strings.CutPrefix(name, "lines.attributes."); ok && key != "" {
		return kept(name, true, func(_ *inventory.Event, l *inventory.Line) *map[string]string { return &l.Attributes }, key), nil
	}
	names := slices.Sorted(maps.Keys(targets))
	names = append(names, "keys.receipt", "refs.returns.receipt", "attributes.name", "lines.item_ids.erp")
	return target{}, fmt.Errorf("no field is called %q; near it is %s", name, nearest(name, names))
}

func refKeys(e *inventory.Event, rel string) *[]inventory.Key {
	for i := range e.Refs {
		if e.Refs[i].Rel == rel {
			return &e.Refs[i].Keys
		}
	}
	e.Refs = append(e.Refs, inventory.Ref{Rel: rel})
	return &e.Refs[len(e.Refs)-1].Keys
}

// keyed is an identifier in a list of them; setting it replaces those of its
// name.
func keyed(name string, line bool, list func(*inventory.Event, *inventory.Line) *[]inventory.Key, key string) target {
	t := target{name: name, line: line}
	t.get = func(e *inventory.Event, l *inventory.Line) string {
		keys := lookKeys(name, e, l, list)
		for _, k := range keys {
			if k.Name == key {
				return k.Value
			}
		}
		return ""
	}
	t.add = func(e *inventory.Event, l *inventory.Line, v string) {
		keys := list(e, l)
		if k := (inventory.Key{Name: key, Value: v}); !slices.Contains(*keys, k) {
			*keys = append(*keys, k)
		}
	}
	t.set = func(e *inventory.Event, l *inventory.Line, v string) error {
		keys := list(e, l)
		*keys = slices.DeleteFunc(slices.Clone(*keys), func(k inventory.Key) bool { return k.Name == key })
		if v != "" {
			*keys = append(*keys, inventory.Key{Name: key, Value: v})
		}
		return nil
	}
	return t
}

// lookKeys looks without making a relation that is not there.
func lookKeys(name string, e *inventory.Event, l *inventory.Line, list func(*inventory.Event, *inventory.Line) *[]inventory.Key) []inventory.Key {
	if rest, ok := strings.CutPrefix(name, "refs."); ok {
		rel, _, _ := strings.Cut(rest, ".")
		for i := range e.Refs {
			if e.Refs[i].Rel == rel {
				return e.Refs[i].Keys
			}
		}
		return nil
	}
	return *list(e, l)
}

func kept(name string, line bool, m func(*inventory.Event, *inventory.Line) *map[string]string, key string) target {
	return target{
		name: name, line: line,
		get: func(e *inventory.Event, l *inventory.Line) string { return (*m(e, l))[key] },
		set: func(e *inventory.Event, l *inventory.Line, v string) error {
			to := m(e, l)
			*to = maps.Clone(*to)
			if *to == nil {
				*to = map[string]string{}
			}
			(*to)[key] = v
			return nil
		},
	}
}

// plainName reports whether s may name a key: letters, digits and _-, at most 64.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// nearest returns the name with the fewest letters different.
func nearest(typed string, names []string) string {
	best, least := "", 1<<30
	for _, name := range names {
		if d := distance(typed, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance counts the letters to add, drop or change to make b of a.
func distance(a, b string) int {
	if len(a) > 64 {
		a = a[:64]
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Field is one field of an event by its name in the contract.
type Field struct{ Name, Value string }

// order is how events are shown: what happened first, then to what.
var order = []string{
	"id", "type", "time", "workflow", "step", "system", "system_instance", "outcome", "attempt", "location", "location_scheme",
	"register", "business_date", "posting_date", "store_day", "operator", "device", "correlation_id",
	"keys", "transaction", "error", "refs", "covers", "totals", "reason_code", "approval", "entered_offline",
}

// lineOrder is how lines are shown.
var lineOrder = []string{
	"line", "item", "item_scheme", "item_ids", "quantity", "uom", "measure", "bucket", "status", "status_from", "status_to", "location_from", "location_to",
}

// Fields lists what an event says, in an order for people, empty fields left out.
func Fields(e *inventory.Event) []Field {
	var all []Field
	add := func(name, value string) {
		if value != "" {
			all = append(all, Field{name, value})
		}
	}
	add("source", e.Source)
	for _, name := range order {
		switch name {
		case "time":
			add(name, e.Time.UTC().Format("2006-01-02T15:04:05.999999Z07:00"))
		case "keys":
			for _, k := range e.Keys {
				add("keys."+k.Name, k.Value)
			}
		case "refs":
			for _, r := range e.Refs {
				for _, k := range r.Keys {
					add("refs."+r.Rel+"."+k.Name, k.Value)
				}
			}
		default:
			if t, ok := targets[name]; ok {
				add(name, t.get(e, nil))
				continue
			}
			for _, member := range slices.Sorted(maps.Keys(targets)) {
				if strings.HasPrefix(member, name+".") {
					add(member, targets[member].get(e, nil))
				}
			}
		}
	}
	if m := e.Watermark; m != nil {
		add("complete_through", m.CompleteThrough.UTC().Format("2006-01-02T15:04:05.999999Z07:00"))
		add("extract", m.Extract)
		add("records", strconv.FormatInt(m.Records, 10))
	}
	add("mapping_version", e.MappingVersion)
	for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
		add("attributes."+name, e.Attributes[name])
	}
	for i := range e.Lines {
		l := &e.Lines[i]
		named := map[string]bool{}
		prefix := fmt.Sprintf("lines[%d].", i)
		show := func(name string) {
			if named[name] {
				return
			}
			named[name] = true
			if name == "item_ids" {
				for _, k := range l.ItemIDs {
					add(prefix+"item_ids."+k.Name, k.Value)
				}
				return
			}
			add(prefix+name, targets["lines."+name].get(e, l))
		}
		for _, name := range lineOrder {
			show(name)
		}
		for _, name := range slices.Sorted(maps.Keys(targets)) {
			if of, ok := strings.CutPrefix(name, "lines."); ok {
				show(of)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
			add(prefix+"attributes."+name, l.Attributes[name])
		}
	}
	return all
}
