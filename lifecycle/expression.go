package lifecycle

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/stocktrace/stocktrace/inventory"
)

// Conditions of workflow files are CEL over the contract's own words:
//
//	event     the event in question; where a transaction is asked about, its anchor
//	anchor    the anchor step's event
//	lines     the event's lines that count
//	line      the line in question, in conditions about lines
//	location  the anchor's location
//
// Quantities are exact: decimals have + - * and comparisons of their own, and
// decimal("0.1"), abs(x) and sum(list) make more of them. The checker knows every
// field, so that a misspelt one is refused when the file is read.

var (
	eventType    = cel.ObjectType("stocktrace.Event", traits.ReceiverType)
	lineType     = cel.ObjectType("stocktrace.Line", traits.ReceiverType)
	locationType = cel.ObjectType("stocktrace.Location", traits.ReceiverType)
	decimalType  = cel.ObjectType("stocktrace.Decimal",
		traits.AdderType, traits.SubtractorType, traits.MultiplierType, traits.NegatorType, traits.ComparerType)
)

// member is a field an expression may ask for.
type member[T any] struct {
	typ *cel.Type
	get func(T) any
	has func(T) bool // nil: always
}

func text[T any](get func(T) string) member[T] {
	return member[T]{cel.StringType, func(t T) any { return get(t) }, func(t T) bool { return get(t) != "" }}
}

// number is a decimal that came as text; one not given is zero, and has() tells.
func number[T any](get func(T) string) member[T] {
	return member[T]{decimalType, func(t T) any {
		d, err := inventory.ParseDecimal(get(t))
		if err != nil && get(t) != "" {
			return types.NewErr("%q is no number", get(t))
		}
		return decimal(d)
	}, func(t T) bool { return get(t) != "" }}
}

var eventMembers = map[string]member[*inventory.Event]{
	"workflow":        text(func(e *inventory.Event) string { return e.Workflow }),
	"system":          text(func(e *inventory.Event) string { return e.System }),
	"step":            text(func(e *inventory.Event) string { return e.Step }),
	"outcome":         text(func(e *inventory.Event) string { return string(e.EffectiveOutcome()) }),
	"location":        text(func(e *inventory.Event) string { return e.Location }),
	"register":        text(func(e *inventory.Event) string { return e.Register }),
	"business_date":   text(func(e *inventory.Event) string { return e.BusinessDate }),
	"posting_date":    text(func(e *inventory.Event) string { return e.PostingDate }),
	"operator":        text(func(e *inventory.Event) string { return e.Operator }),
	"device":          text(func(e *inventory.Event) string { return e.Device }),
	"reason_code":     text(func(e *inventory.Event) string { return e.ReasonCode }),
	"mapping_version": text(func(e *inventory.Event) string { return e.MappingVersion }),
	"kind":            text(func(e *inventory.Event) string { return e.Transaction.Kind }),
	"mode":            text(func(e *inventory.Event) string { return e.Transaction.Mode }),
	"status":          text(func(e *inventory.Event) string { return e.Transaction.Status }),
	"error":           text(func(e *inventory.Event) string { return errorCode(e) }),
	"approval_state":  text(func(e *inventory.Event) string { return approvalOf(e).State }),
	"approval_role":   text(func(e *inventory.Event) string { return approvalOf(e).Role }),
	"approval_policy": text(func(e *inventory.Event) string { return approvalOf(e).Policy }),
	"approved_by":     text(func(e *inventory.Event) string { return approvalOf(e).By }),
	"entered_offline": {cel.BoolType, func(e *inventory.Event) any { return e.EnteredOffline }, nil},
	"attempt":         {cel.IntType, func(e *inventory.Event) any { return int64(e.EffectiveAttempt()) }, nil},
	"time":            {cel.TimestampType, func(e *inventory.Event) any { return e.Time }, nil},
	"keys":            {cel.MapType(cel.StringType, cel.StringType), func(e *inventory.Event) any { return keyMap(e) }, nil},
	"lines":           {cel.ListType(lineType), func(e *inventory.Event) any { return linesOf(e, false) }, nil},
}

var lineMembers = map[string]member[*inventory.Line]{
	"line":          text(func(l *inventory.Line) string { return l.Line }),
	"item":          text(func(l *inventory.Line) string { return l.Item }),
	"uom":           text(func(l *inventory.Line) string { return l.UOM }),
	"measure":       text(func(l *inventory.Line) string { return l.Measure }),
	"bucket":        text(func(l *inventory.Line) string { return l.Bucket }),
	"status":        text(func(l *inventory.Line) string { return l.Status }),
	"status_from":   text(func(l *inventory.Line) string { return l.StatusFrom }),
	"status_to":     text(func(l *inventory.Line) string { return l.StatusTo }),
	"location_from": text(func(l *inventory.Line) string { return l.LocationFrom }),
	"location_to":   text(func(l *inventory.Line) string { return l.LocationTo }),
	"activity":      text(func(l *inventory.Line) string { return l.Activity }),
	"ownership":     text(func(l *inventory.Line) string { return l.Ownership }),
	"currency":      text(func(l *inventory.Line) string { return l.Currency }),
	"void":          {cel.BoolType, func(l *inventory.Line) any { return l.Void }, nil},
	"quantity":      {decimalType, func(l *inventory.Line) any { return decimal(l.Quantity) }, nil},
	"counted":       number(func(l *inventory.Line) string { return l.Counted }),
	"book":          number(func(l *inventory.Line) string { return l.Book }),
	"unit_value":    number(func(l *inventory.Line) string { return l.UnitValue }),
	"unit_cost":     number(func(l *inventory.Line) string { return l.UnitCost }),
}

var locationMembers = map[string]member[inventory.Location]{
	"id":      text(func(l inventory.Location) string { return l.ID }),
	"region":  text(func(l inventory.Location) string { return l.Region }),
	"owner":   text(func(l inventory.Location) string { return l.Owner }),
	"posting": text(func(l inventory.Location) string { return string(l.Posting) }),
}

func errorCode(e *inventory.Event) string {
	if e.Error == nil {
		return ""
	}
	return e.Error.Code
}

func approvalOf(e *inventory.Event) inventory.Approval {
	if e.Approval == nil {
		return inventory.Approval{}
	}
	return *e.Approval
}

func keyMap(e *inventory.Event) map[string]string {
	m := make(map[string]string, len(e.Keys)+1)
	for _, k := range e.AllKeys() {
		m[k.Name] = k.Value
	}
	return m
}

// linesOf returns an event's lines, all of them or those that count.
func linesOf(e *inventory.Event, counting bool) []*inventory.Line {
	lines := make([]*inventory.Line, 0, len(e.Lines))
	for i := range e.Lines {
		if !counting || counts(&e.Lines[i]) {
			lines = append(lines, &e.Lines[i])
		}
	}
	return lines
}

// vocabulary adds our types to CEL's own.
type vocabulary struct{ *types.Registry }

func (v vocabulary) FindStructType(name string) (*types.Type, bool) {
	for _, t := range []*types.Type{eventType, lineType, locationType, decimalType} {
		if t.TypeName() == name {
			return types.NewTypeTypeWithParam(t), true
		}
	}
	return v.Registry.FindStructType(name)
}

func (v vocabulary) FindStructFieldNames(name string) ([]string, bool) {
	switch name {
	case eventType.TypeName():
		return slices.Sorted(maps.Keys(eventMembers)), true
	case lineType.TypeName():
		return slices.Sorted(maps.Keys(lineMembers)), true
	case locationType.TypeName():
		return slices.Sorted(maps.Keys(locationMembers)), true
	}
	return v.Registry.FindStructFieldNames(name)
}

func (v vocabulary) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	switch name {
	case eventType.TypeName():
		return fieldOf(eventMembers, field)
	case lineType.TypeName():
		return fieldOf(lineMembers, field)
	case locationType.TypeName():
		return fieldOf(locationMembers, field)
	}
	return v.Registry.FindStructFieldType(name, field)
}

func fieldOf[T any](members map[string]member[T], name string) (*types.FieldType, bool) {
	m, ok := members[name]
	if !ok {
		return nil, false
	}
	// CEL hands over our struct, or what it was lent as.
	own := func(target any) (T, bool) {
		if o, lent := target.(object); lent {
			target = o.value
		}
		t, ok := target.(T)
		return t, ok
	}
	return &types.FieldType{
		Type: m.typ,
		IsSet: func(target any) bool {
			t, ok := own(target)
			return ok && (m.has == nil || m.has(t))
		},
		GetFrom: func(target any) (any, error) {
			t, ok := own(target)
			if !ok {
				return nil, fmt.Errorf("%q is asked of something that is not there", name)
			}
			return m.get(t), nil
		},
	}, true
}

// NativeToValue lends our types to CEL.
func (v vocabulary) NativeToValue(value any) ref.Val {
	switch x := value.(type) {
	case *inventory.Event:
		return object{eventType, x}
	case *inventory.Line:
		return object{lineType, x}
	case []*inventory.Line:
		return types.NewDynamicList(v, x) // whose elements are lent by us, too
	case inventory.Location:
		return object{locationType, x}
	case inventory.Decimal:
		return decimal(x)
	}
	return v.Registry.NativeToValue(value)
}

// object is one of our structs as CEL sees it: its fields, and nothing else.
type object struct {
	typ   *types.Type
	value any
}

func (o object) ConvertToNative(t reflect.Type) (any, error) {
	if reflect.TypeOf(o.value).AssignableTo(t) {
		return o.value, nil
	}
	return nil, fmt.Errorf("a %s is no %s", o.typ.TypeName(), t)
}

func (o object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.typ
	}
	return types.NewErr("a %s is no %s", o.typ.TypeName(), t.TypeName())
}

func (o object) Equal(other ref.Val) ref.Val {
	x, ok := other.(object)
	return types.Bool(ok && x.value == o.value)
}
func (o object) Type() ref.Type { return o.typ }
func (o object) Value() any     { return o.value }

// decimal is a quantity as CEL sees it.
type decimal inventory.Decimal

func (d decimal) is() inventory.Decimal { return inventory.Decimal(d) }

func decimalOf(v ref.Val) (inventory.Decimal, bool) {
	switch x := v.(type) {
	case decimal:
		return x.is(), true
	case types.Int:
		return inventory.DecimalOf(int64(x)), true
	}
	return inventory.Decimal{}, false
}

func (d decimal) with(v ref.Val, f func(a, b inventory.Decimal) ref.Val) ref.Val {
	other, ok := decimalOf(v)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return f(d.is(), other)
}

func (d decimal) Add(v ref.Val) ref.Val {
	return d.with(v, func(a, b inventory.Decimal) ref.Val { return decimal(a.Add(b)) })
}

func (d decimal) Subtract(v ref.Val) ref.Val {
	return d.with(v, func(a, b inventory.Decimal) ref.Val { return decimal(a.Sub(b)) })
}

func (d decimal) Multiply(v ref.Val) ref.Val {
	return d.with(v, func(a, b inventory.Decimal) ref.Val {
		p, ok := a.Mul(b)
		if !ok {
			return types.NewErr("%s × %s is larger than a quantity can be", a, b)
		}
		return decimal(p)
	})
}
func (d decimal) Negate() ref.Val { return decimal(d.is().Neg()) }
func (d decimal) Compare(v ref.Val) ref.Val {
	return d.with(v, func(a, b inventory.Decimal) ref.Val { return types.Int(a.Cmp(b)) })
}

func (d decimal) Equal(v ref.Val) ref.Val {
	other, ok := decimalOf(v)
	return types.Bool(ok && d.is() == other)
}

func (d decimal) ConvertToNative(t reflect.Type) (any, error) {
	if t == reflect.TypeFor[inventory.Decimal]() {
		return d.is(), nil
	}
	return nil, fmt.Errorf("a quantity is no %s", t)
}

func (d decimal) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.StringType:
		return types.String(d.is().String())
	case types.TypeType:
		return decimalType
	}
	return types.NewErr("a quantity is no %s", t.TypeName())
}
func (d decimal) Type() ref.Type { return decimalType }
func (d decimal) Value() any     { return d }

// language is the CEL of workflow files. Building it takes some milliseconds,
// and every file needs it.
var language = sync.OnceValues(func() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	words := vocabulary{registry}
	with := func(operator, name string, result *cel.Type) cel.EnvOption {
		return cel.Function(operator,
			cel.Overload(name+"_decimal", []*cel.Type{decimalType, decimalType}, result),
			cel.Overload(name+"_decimal_int", []*cel.Type{decimalType, cel.IntType}, result))
	}
	return cel.NewEnv(
		cel.CustomTypeProvider(words), cel.CustomTypeAdapter(words),
		cel.Variable("event", eventType), cel.Variable("anchor", eventType), cel.Variable("lines", cel.ListType(lineType)),
		cel.Variable("line", lineType), cel.Variable("location", locationType),
		with(operators.Add, "add", decimalType), with(operators.Subtract, "subtract", decimalType),
		with(operators.Multiply, "multiply", decimalType),
		with(operators.Less, "less", cel.BoolType), with(operators.LessEquals, "less_equals", cel.BoolType),
		with(operators.Greater, "greater", cel.BoolType), with(operators.GreaterEquals, "greater_equals", cel.BoolType),
		cel.Function(operators.Negate, cel.Overload("negate_decimal", []*cel.Type{decimalType}, decimalType)),
		cel.Function("decimal", cel.Overload("decimal_string", []*cel.Type{cel.StringType}, decimalType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				s, _ := v.Value().(string)
				d, err := inventory.ParseDecimal(s)
				if err != nil {
					return types.NewErr("%q is no number", s)
				}
				return decimal(d)
			}))),
		cel.Function("abs", cel.Overload("abs_decimal", []*cel.Type{decimalType}, decimalType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				d, _ := decimalOf(v)
				return decimal(d.Abs())
			}))),
		cel.Function("sum", cel.Overload("sum_decimals", []*cel.Type{cel.ListType(decimalType)}, decimalType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				list, ok := v.(traits.Lister)
				if !ok {
					return types.MaybeNoSuchOverloadErr(v)
				}
				var total inventory.Decimal
				for it := list.Iterator(); it.HasNext() == types.True; {
					d, ok := decimalOf(it.Next())
					if !ok {
						return types.NewErr("sum adds quantities")
					}
					total = total.Add(d)
				}
				return decimal(total)
			}))),
	)
})

// costLimit bounds what one expression may take: a condition over a receipt of
// 500 lines costs about ten for each line.
const costLimit = 1_000_000

// compile reads a condition. about are the variables it may use besides
// location.
func compile(source string, about ...string) (*inventory.Expression, error) {
	env, err := language()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		e := issues.Errors()[0]
		return nil, fmt.Errorf("column %d: %s", e.Location.Column()+1, strings.TrimSpace(e.Message))
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("it is a %s: a condition is true or false", ast.OutputType())
	}
	about = append(about, "location")
	for _, r := range ast.NativeRep().ReferenceMap() {
		if slices.Contains([]string{"event", "anchor", "lines", "line"}, r.Name) && !slices.Contains(about, r.Name) {
			return nil, fmt.Errorf("%q is not known here: this condition may ask of %s", r.Name, strings.Join(about, ", "))
		}
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit))
	if err != nil {
		return nil, err
	}
	return &inventory.Expression{Text: source, Ask: func(s inventory.Situation) (bool, error) {
		out, _, err := program.Eval(situation(s))
		if err != nil {
			return false, err
		}
		b, ok := out.Value().(bool)
		if !ok {
			return false, errors.New("the condition is neither true nor false")
		}
		return b, nil
	}}, nil
}

// situation binds the variables. What is not there is not bound, so that asking
// for it is an error and nothing is concluded.
func situation(s inventory.Situation) map[string]any {
	a := map[string]any{"location": s.Location}
	if s.Event != nil {
		a["event"], a["lines"] = s.Event, linesOf(s.Event, true)
	}
	if s.Anchor != nil {
		a["anchor"] = s.Anchor
	}
	if s.Line != nil {
		a["line"] = s.Line
	}
	return a
}
