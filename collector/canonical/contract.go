package canonical

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// draft is an event being read. Fields may come in any order, so what depends
// on several of them waits here until all have been seen.
type draft struct {
	event *inventory.Event

	specVersion, timeAsSent, traceParent, contentType string
	hasData                                           bool
	// unnamed is set on a log record without any id: its content is its id.
	unnamed bool
	// completeThrough, extract and records make a watermark, if the type says so.
	completeThrough, extract, records scalar
	// gauge, queue and value make a reading, likewise.
	gauge, queue, value scalar
}

// field is how one field of an object is read into a T: as a scalar from either
// wire, or from JSON where it has structure.
type field[T any] struct {
	scalar func(*T, scalar) error
	json   func(*reader, *T) error
	// members are the fields of an object that are scalars. Over OTLP they may
	// be attributes of their own: inventory.error.code.
	members map[string]func(*T, scalar) error
}

// set gives the field a scalar.
func (f *field[T]) set(t *T, s scalar) error {
	if s.kind == structured && f.json == nil {
		return errStructured
	}
	return f.scalar(t, s)
}

var errStructured = errors.New("must be a single value, but is an object, a list or bytes")

// fields are the fields of an object, by the contract's names.
type fields[T any] map[string]field[T]

// eventFields is the contract's table of what an event may say in data. A
// CloudEvent has them under /data, OTLP as attributes with the prefix
// "inventory.".
var eventFields = fields[draft]{
	"workflow":        text(func(d *draft) *string { return &d.event.Workflow }),
	"step":            text(func(d *draft) *string { return &d.event.Step }),
	"system":          text(func(d *draft) *string { return &d.event.System }),
	"system_instance": text(func(d *draft) *string { return &d.event.SystemInstance }),
	"outcome":         {scalar: readOutcome},
	"attempt":         whole(func(d *draft) *int { return &d.event.Attempt }, mostAttempts),
	"location":        text(func(d *draft) *string { return &d.event.Location }),
	"location_scheme": text(func(d *draft) *string { return &d.event.LocationScheme }),
	"register":        text(func(d *draft) *string { return &d.event.Register }),
	"business_date":   date(func(d *draft) *string { return &d.event.BusinessDate }),
	"posting_date":    date(func(d *draft) *string { return &d.event.PostingDate }),
	"store_day":       text(func(d *draft) *string { return &d.event.StoreDay }),
	"operator":        text(func(d *draft) *string { return &d.event.Operator }),
	"device":          text(func(d *draft) *string { return &d.event.Device }),
	"keys":            keys(func(d *draft) *[]inventory.Key { return &d.event.Keys }),
	"transaction":     object(func(d *draft) *inventory.Transaction { return &d.event.Transaction }, transactionFields),
	"mapping_version": text(func(d *draft) *string { return &d.event.MappingVersion }),
	"mappings":        list(func(d *draft) *[]inventory.Mapping { return &d.event.Mappings }, mappingFields),
	"error":           object(func(d *draft) *inventory.Error { return made(&d.event.Error) }, errorFields),
	"refs":            list(func(d *draft) *[]inventory.Ref { return &d.event.Refs }, refFields),
	"covers":          object(func(d *draft) *inventory.Covers { return made(&d.event.Covers) }, coversFields),
	"totals":          object(func(d *draft) *inventory.Totals { return made(&d.event.Totals) }, totalsFields),
	"reason_code":     text(func(d *draft) *string { return &d.event.ReasonCode }),
	"approval":        object(func(d *draft) *inventory.Approval { return made(&d.event.Approval) }, approvalFields),
	"entered_offline": flag(func(d *draft) *bool { return &d.event.EnteredOffline }),
	"lines":           {json: readLines},

	// Of a feed watermark. Any other event may use these names for its own.
	"complete_through": kept(func(d *draft) *scalar { return &d.completeThrough }),
	"extract":          kept(func(d *draft) *scalar { return &d.extract }),
	"records":          kept(func(d *draft) *scalar { return &d.records }),

	// Of a reading, likewise.
	"gauge": kept(func(d *draft) *scalar { return &d.gauge }),
	"queue": kept(func(d *draft) *scalar { return &d.queue }),
	"value": kept(func(d *draft) *scalar { return &d.value }),
}

var transactionFields = fields[inventory.Transaction]{
	"kind":            text(func(t *inventory.Transaction) *string { return &t.Kind }),
	"mode":            text(func(t *inventory.Transaction) *string { return &t.Mode }),
	"status":          text(func(t *inventory.Transaction) *string { return &t.Status }),
	"sequence":        text(func(t *inventory.Transaction) *string { return &t.Sequence }),
	"sequence_max":    text(func(t *inventory.Transaction) *string { return &t.SequenceMax }),
	"fiscal_sequence": text(func(t *inventory.Transaction) *string { return &t.FiscalSequence }),
}

var mappingFields = fields[inventory.Mapping]{
	"field":   text(func(m *inventory.Mapping) *string { return &m.Field }),
	"from":    text(func(m *inventory.Mapping) *string { return &m.From }),
	"to":      text(func(m *inventory.Mapping) *string { return &m.To }),
	"rule":    text(func(m *inventory.Mapping) *string { return &m.Rule }),
	"version": text(func(m *inventory.Mapping) *string { return &m.Version }),
}

var errorFields = fields[inventory.Error]{
	"code":    text(func(e *inventory.Error) *string { return &e.Code }),
	"field":   text(func(e *inventory.Error) *string { return &e.Field }),
	"value":   text(func(e *inventory.Error) *string { return &e.Value }),
	"message": text(func(e *inventory.Error) *string { return &e.Message }),
}

var refFields = fields[inventory.Ref]{
	"rel":  text(func(r *inventory.Ref) *string { return &r.Rel }),
	"keys": keys(func(r *inventory.Ref) *[]inventory.Key { return &r.Keys }),
	"line": text(func(r *inventory.Ref) *string { return &r.Line }),
}

var coversFields = fields[inventory.Covers]{
	"location":      text(func(c *inventory.Covers) *string { return &c.Location }),
	"business_date": date(func(c *inventory.Covers) *string { return &c.BusinessDate }),
	"slice":         text(func(c *inventory.Covers) *string { return &c.Slice }),
	"member_key":    text(func(c *inventory.Covers) *string { return &c.MemberKey }),
	"members":       texts(func(c *inventory.Covers) *[]string { return &c.Members }),
	"member_count":  whole(func(c *inventory.Covers) *int { return &c.MemberCount }, most),
	"units":         list(func(c *inventory.Covers) *[]inventory.Quantity { return &c.Units }, quantityFields),
	"part":          whole(func(c *inventory.Covers) *int { return &c.Part }, most),
	"parts":         whole(func(c *inventory.Covers) *int { return &c.Parts }, most),
}

var quantityFields = fields[inventory.Quantity]{
	"uom":      text(func(q *inventory.Quantity) *string { return &q.UOM }),
	"quantity": decimal(func(q *inventory.Quantity) *inventory.Decimal { return &q.Quantity }),
}

// Control totals are kept as said. They are compared, not added up here, and a
// till's own spelling of its total is evidence.
var totalsFields = fields[inventory.Totals]{
	"register":     text(func(t *inventory.Totals) *string { return &t.Register }),
	"transactions": whole(func(t *inventory.Totals) *int { return &t.Transactions }, most),
	"first":        text(func(t *inventory.Totals) *string { return &t.First }),
	"last":         text(func(t *inventory.Totals) *string { return &t.Last }),
	"sales_units":  said(func(t *inventory.Totals) *string { return &t.SalesUnits }),
	"sales_amount": said(func(t *inventory.Totals) *string { return &t.SalesAmount }),
	"currency":     text(func(t *inventory.Totals) *string { return &t.Currency }),
}

var approvalFields = fields[inventory.Approval]{
	"state":  text(func(a *inventory.Approval) *string { return &a.State }),
	"by":     text(func(a *inventory.Approval) *string { return &a.By }),
	"at":     text(func(a *inventory.Approval) *string { return &a.At }),
	"role":   text(func(a *inventory.Approval) *string { return &a.Role }),
	"policy": text(func(a *inventory.Approval) *string { return &a.Policy }),
}

var lineFields = fields[inventory.Line]{
	"line":          text(func(l *inventory.Line) *string { return &l.Line }),
	"item":          text(func(l *inventory.Line) *string { return &l.Item }),
	"item_scheme":   text(func(l *inventory.Line) *string { return &l.ItemScheme }),
	"item_ids":      keys(func(l *inventory.Line) *[]inventory.Key { return &l.ItemIDs }),
	"quantity":      decimal(func(l *inventory.Line) *inventory.Decimal { return &l.Quantity }),
	"uom":           text(func(l *inventory.Line) *string { return &l.UOM }),
	"measure":       choice(func(l *inventory.Line) *string { return &l.Measure }, "delta", "absolute"),
	"bucket":        text(func(l *inventory.Line) *string { return &l.Bucket }),
	"status":        text(func(l *inventory.Line) *string { return &l.Status }),
	"status_from":   text(func(l *inventory.Line) *string { return &l.StatusFrom }),
	"status_to":     text(func(l *inventory.Line) *string { return &l.StatusTo }),
	"location_from": text(func(l *inventory.Line) *string { return &l.LocationFrom }),
	"location_to":   text(func(l *inventory.Line) *string { return &l.LocationTo }),
	"activity":      text(func(l *inventory.Line) *string { return &l.Activity }),
	"parent_line":   text(func(l *inventory.Line) *string { return &l.ParentLine }),
	"component_of":  text(func(l *inventory.Line) *string { return &l.ComponentOf }),
	"void":          flag(func(l *inventory.Line) *bool { return &l.Void }),
	// A misspelt stock would silently owe no posting.
	"stock":       choice(func(l *inventory.Line) *string { return &l.Stock }, "moves", "none", "value_only"),
	"ownership":   text(func(l *inventory.Line) *string { return &l.Ownership }),
	"as_of":       text(func(l *inventory.Line) *string { return &l.AsOf }),
	"counted":     amount(func(l *inventory.Line) *string { return &l.Counted }),
	"book":        amount(func(l *inventory.Line) *string { return &l.Book }),
	"unit_value":  amount(func(l *inventory.Line) *string { return &l.UnitValue }),
	"unit_cost":   amount(func(l *inventory.Line) *string { return &l.UnitCost }),
	"value_basis": text(func(l *inventory.Line) *string { return &l.ValueBasis }),
	"currency":    text(func(l *inventory.Line) *string { return &l.Currency }),
}

var outcomes = func() []string {
	names := make([]string, len(inventory.Outcomes))
	for i, o := range inventory.Outcomes {
		names[i] = string(o)
	}
	return names
}()

func readOutcome(d *draft, s scalar) error {
	v, err := s.asChoice(outcomes)
	if err != nil {
		return err
	}
	return set((*string)(&d.event.Outcome), v)
}

// place says where a wire has the parts of an event: JSON pointers for the
// errors that are not found while reading a field, and the prefix under which
// fields of data are kept as attributes.
type place struct {
	id, source, kind, time, data, key string
	kept                              string
}

// demand returns an error where a field without which an event says nothing is
// empty. Its place is given in two parts, so that only errors join them.
func demand(value, base, name, what string) error {
	if value != "" {
		return nil
	}
	return &Error{Malformed, base + name, "is required: " + what}
}

// finish settles what depends on several fields, and demands what is required,
// in the contract's order, so that the same event always gets the same answer.
func (d *draft) finish(where *place) error {
	e := d.event
	if !d.unnamed {
		if err := demand(e.ID, where.id, "", "an id that is the same whenever this event is sent again"); err != nil {
			return err
		}
	}
	if err := demand(e.Source, where.source, "", "name the sender, such as /pos/store/0123/register/04"); err != nil {
		return err
	}
	if strings.ContainsFunc(e.Source, blank) {
		return &Error{Malformed, where.source, "must be a URI reference, but " + show(e.Source) + " contains a blank or control character"}
	}
	if err := demand(e.Type, where.kind, "", "name the kind of event, such as inventory.sale.completed"); err != nil {
		return err
	}
	if err := d.settleTime(where); err != nil {
		return err
	}
	if err := d.settleKeys(where); err != nil {
		return err
	}
	settle := d.settleEvent
	switch e.Type {
	case inventory.TypeWatermark:
		settle = d.settleWatermark
	case inventory.TypeReading:
		settle = d.settleReading
	}
	if err := settle(where); err != nil {
		return err
	}
	e.Normalize()
	e.Keys = slices.Compact(e.Keys)
	if d.unnamed {
		e.ID = e.ContentHash().String()
	}
	return nil
}

func (d *draft) settleEvent(where *place) error {
	e := d.event
	if err := cmp.Or(
		demand(e.Workflow, where.data, "workflow", "name the kind of transaction, such as sale"),
		demand(e.Step, where.data, "step", "name what the system did, such as completed or posted"),
		demand(e.System, where.data, "system", "name the system that speaks, such as pos or erp"),
		demand(e.Location, where.data, "location", "name the store, plant or hub"),
	); err != nil {
		return err
	}
	if typeContradicts(e) {
		return &Error{
			Contradiction, where.kind,
			"is " + show(e.Type) + ", but the data speaks of " + show(e.Workflow+"."+e.Step) + ": make both say the same",
		}
	}
	// The names of a watermark's fields are free in any other event.
	for _, own := range [...]struct {
		name string
		scalar
	}{
		{"complete_through", d.completeThrough},
		{"extract", d.extract},
		{"records", d.records},
		{"gauge", d.gauge},
		{"queue", d.queue},
		{"value", d.value},
	} {
		if own.kind != none {
			keep(&e.Attributes, where.kept+own.name, own.text)
		}
	}
	// A template filled with empty strings says nothing.
	drop(&e.Error)
	drop(&e.Covers)
	drop(&e.Totals)
	drop(&e.Approval)
	if e.Error != nil {
		return demand(e.Error.Code, where.data, "error/code", "an error needs its kind, such as item_unmapped")
	}
	return nil
}

// typeContradicts reports whether a type of the form inventory.<workflow>.<step>
// names another workflow or step than the data. Types of the sender's own
// making, and versions appended to the contract's form, contradict nothing.
func typeContradicts(e *inventory.Event) bool {
	said, ours := strings.CutPrefix(e.Type, "inventory.")
	if !ours || said == e.Workflow {
		return false
	}
	rest, ok := strings.CutPrefix(said, e.Workflow+"."+e.Step)
	return !ok || rest != "" && rest[0] != '.'
}

func (d *draft) settleTime(where *place) error {
	e := d.event
	if !e.Time.IsZero() {
		return nil // OTLP sends instants
	}
	if d.timeAsSent == "" {
		return &Error{Malformed, where.time, "is required: when it happened, such as 2026-11-23T10:02:54.120+01:00"}
	}
	t, err := parseInstant(d.timeAsSent)
	if err != nil {
		return at(where.time, err)
	}
	e.Time, e.TimeAsSent = t, d.timeAsSent
	return nil
}

// settleKeys moves the correlation id, where it is sent among the keys, to its
// own place, so that it binds, and the trace id likewise. One event has one
// correlation id; a second trace id is kept as an attribute.
func (d *draft) settleKeys(where *place) error {
	e := d.event
	var err error
	e.Keys = slices.DeleteFunc(e.Keys, func(k inventory.Key) bool {
		switch {
		case k.Name == inventory.KeyCorrelationID:
			if set(&e.CorrelationID, k.Value) != nil {
				err = &Error{
					Contradiction, where.key + k.Name,
					"is " + show(k.Value) + ", but the event's correlation id is " + show(e.CorrelationID) + ": send one",
				}
			}
			return true
		case k.Name == inventory.KeyTraceID && hexID(k.Value, 32):
			if set(&e.TraceID, k.Value) != nil {
				keep(&e.Attributes, where.kept+"keys."+k.Name, k.Value)
			}
			return true
		default:
			return false
		}
	})
	return err
}

func (d *draft) settleWatermark(where *place) error {
	e := d.event
	if err := cmp.Or(
		demand(e.System, where.data, "system", "name the system whose feed this is"),
		demand(d.completeThrough.text, where.data, "complete_through", "the instant up to which everything has been sent"),
	); err != nil {
		return err
	}
	through, err := d.completeThrough.asInstant()
	if err != nil {
		return at(where.data+"complete_through", err)
	}
	extract, err := d.extract.asText()
	if err != nil {
		return at(where.data+"extract", err)
	}
	records, err := d.records.asInt(1 << 62)
	if err != nil {
		return at(where.data+"records", err)
	}
	e.Watermark = &inventory.Watermark{
		System: e.System, SystemInstance: e.SystemInstance, Location: e.Location,
		CompleteThrough: through, Extract: extract, Records: records,
	}
	return nil
}

func (d *draft) settleReading(where *place) error {
	e := d.event
	if err := cmp.Or(
		demand(e.System, where.data, "system", "name the system whose gauge this is"),
		demand(d.gauge.text, where.data, "gauge", "name what is measured: depth, oldest_age, consumed or heartbeat"),
	); err != nil {
		return err
	}
	gauge, err := d.gauge.asChoice(gauges)
	if err != nil {
		return at(where.data+"gauge", err)
	}
	queue, err := d.queue.asText()
	if err != nil {
		return at(where.data+"queue", err)
	}
	value, err := d.value.asDecimal()
	if err != nil {
		return at(where.data+"value", err)
	}
	r := &inventory.Reading{
		System: e.System, SystemInstance: e.SystemInstance, Location: e.Location, Register: e.Register,
		Gauge: inventory.Gauge(gauge), Queue: queue, Value: value,
	}
	e.Reading = r
	if r.Gauge == inventory.Heartbeat {
		r.Queue, r.Value = "", inventory.Decimal{}
		return nil
	}
	if err := cmp.Or(
		demand(queue, where.data, "queue", "name the queue whose "+gauge+" this is"),
		demand(d.value.text, where.data, "value", "how much it is"),
	); err != nil {
		return err
	}
	if value.Sign() < 0 {
		return at(where.data+"value", fmt.Errorf("must not be below 0, but is %s", value))
	}
	return nil
}

// gauges are what a reading may measure.
var gauges = func() []string {
	all := make([]string, len(inventory.Gauges))
	for i, g := range inventory.Gauges {
		all[i] = string(g)
	}
	return all
}()

// The constructors below say how a field is read and where it goes.

func text[T any](to func(*T) *string) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		v, err := s.asText()
		if err != nil {
			return err
		}
		return set(to(t), v)
	}}
}

// said reads text, and numbers of any form as they were written.
func said[T any](to func(*T) *string) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		if s.kind == number || s.kind == integer {
			s.kind = str
		}
		v, err := s.asText()
		if err != nil {
			return err
		}
		return set(to(t), v)
	}}
}

func date[T any](to func(*T) *string) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		v, err := s.asDate()
		if err != nil {
			return err
		}
		return set(to(t), v)
	}}
}

func amount[T any](to func(*T) *string) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		v, err := s.asAmount()
		if err != nil {
			return err
		}
		return set(to(t), v)
	}}
}

func choice[T any](to func(*T) *string, choices ...string) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		v, err := s.asChoice(choices)
		if err != nil {
			return err
		}
		return set(to(t), v)
	}}
}

func decimal[T any](to func(*T) *inventory.Decimal) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		if s.absent() {
			return nil
		}
		v, err := s.asDecimal()
		if err != nil {
			return err
		}
		return set(to(t), v)
	}}
}

// The largest counts and attempts the store has room for.
const (
	most         = 1<<31 - 1
	mostAttempts = 1<<16 - 1
)

func whole[T any](to func(*T) *int, most int64) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		if s.absent() {
			return nil
		}
		v, err := s.asInt(most)
		if err != nil {
			return err
		}
		return set(to(t), int(v))
	}}
}

func flag[T any](to func(*T) *bool) field[T] {
	return field[T]{scalar: func(t *T, s scalar) error {
		if s.absent() {
			return nil
		}
		v, err := s.asBool()
		if err != nil {
			return err
		}
		*to(t) = v
		return nil
	}}
}

// kept stores what came, whatever it is, to be judged when the type is known.
func kept[T any](to func(*T) *scalar) field[T] {
	return field[T]{
		scalar: func(t *T, s scalar) error { return set(to(t), s) },
		json: func(r *reader, t *T) error {
			s, err := r.any()
			if err != nil {
				return err
			}
			return r.here(set(to(t), s))
		},
	}
}

func object[T, U any](to func(*T) *U, members fields[U]) field[T] {
	f := field[T]{
		json:    func(r *reader, t *T) error { return readObject(r, to(t), members) },
		members: make(map[string]func(*T, scalar) error, len(members)),
	}
	for name, m := range members {
		if m.scalar != nil {
			f.members[name] = func(t *T, s scalar) error { return m.scalar(to(t), s) }
		}
	}
	return f
}

func list[T, U any](to func(*T) *[]U, members fields[U]) field[T] {
	return field[T]{json: func(r *reader, t *T) error {
		return readList(r, to(t), func(u *U) error { return readObject(r, u, members) })
	}}
}

func texts[T any](to func(*T) *[]string) field[T] {
	return field[T]{json: func(r *reader, t *T) error {
		return readList(r, to(t), func(v *string) error {
			s, err := r.scalar()
			if err != nil {
				return err
			}
			*v, err = s.asText()
			return r.here(err)
		})
	}}
}

// keys reads an object of identifiers by name. An identifier may be a list
// where a document carries several of one kind.
func keys[T any](to func(*T) *[]inventory.Key) field[T] {
	return field[T]{json: func(r *reader, t *T) error { return readKeys(r, to(t)) }}
}

// readLines reads the event's lines. What a line says beyond the contract is
// kept with the line.
func readLines(r *reader, d *draft) error {
	return readList(r, &d.event.Lines, func(l *inventory.Line) error {
		outer := r.keepIn(&l.Attributes)
		defer r.keepBack(outer)
		return readObject(r, l, lineFields)
	})
}

// set stores a value that may be said once, or again in the same words: a
// business date can be an attribute and part of a JSON attribute.
func set[V comparable](dst *V, v V) error {
	var zero V
	if v == zero {
		return nil
	}
	if *dst != zero && *dst != v {
		return contradiction("is given twice with different values")
	}
	*dst = v
	return nil
}

// made returns what p points to, made first where there is none yet.
func made[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// drop forgets an object in which nothing was said.
func drop[T any](p **T) {
	if *p != nil && reflect.ValueOf(*p).Elem().IsZero() {
		*p = nil
	}
}

// keep stores what has no field of its own.
func keep(into *map[string]string, name, value string) {
	if *into == nil {
		*into = make(map[string]string, 4)
	}
	(*into)[name] = value
}

// keyName reports whether name can name a key: it is stored and searched as
// name:value, so it must be a plain word.
func keyName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func addKey(keys *[]inventory.Key, name, value string) {
	if value != "" {
		*keys = append(*keys, inventory.Key{Name: name, Value: value})
	}
}

// hexID reports whether s is n lower-case hex digits, not all zero.
func hexID(s string, n int) bool {
	if len(s) != n || strings.Count(s, "0") == n {
		return false
	}
	for i := range n {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// readTraceParent sets trace and span id from a W3C traceparent. The standard
// demands that one that does not parse be ignored; it is kept as an attribute.
func (d *draft) readTraceParent() {
	s := d.traceParent
	if s == "" {
		return
	}
	valid := len(s) >= 55 && s[2] == '-' && s[35] == '-' && s[52] == '-' &&
		(s[:2] == "00" || hexID(s[:2], 2)) && s[:2] != "ff" &&
		hexID(s[3:35], 32) && hexID(s[36:52], 16) &&
		(s[53:55] == "00" || hexID(s[53:55], 2)) &&
		(len(s) == 55 || s[:2] != "00" && s[55] == '-')
	if !valid {
		keep(&d.event.Attributes, "traceparent", s)
		return
	}
	d.event.TraceID, d.event.SpanID = s[3:35], s[36:52]
}
