package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/stocktrace/stocktrace/inventory"
)

// Expressions of mappings are CEL. What a document says is text, numbers
// included, so nothing is rounded on the way:
//
//	record  the record, as a map by names; what repeats is a list
//	line    the line in question, in fields of lines
//	value   what the field's path led to, or what a corrected field says
//	event   in corrections: the event by the contract's names
//
// Besides CEL's own and its text functions there are
//
//	lookup("table", text)  its value; an error where the table has none
//	mapped("table", text)  whether the table has one
//	neg(n), add(n, m), sub(n, m), mul(n, m)  exact, over numbers as text
//	less(n, m)             compares them
type expression struct {
	text    string
	program cel.Program
	// names are what it asks of record and line, so that the rest still counts as
	// ignored; nil where it may ask for anything.
	names map[string]map[string]bool
}

// costLimit bounds what one evaluation may take; a text function over a kilobyte
// costs about a hundred.
const costLimit = 100_000

// language returns the CEL of a mapping with these tables.
func language(tables map[string]*table, correcting bool) (*cel.Env, error) {
	decimal := func(name string, f func(a, b inventory.Decimal) (string, error)) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_text", []*cel.Type{cel.StringType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				x, err := inventory.ParseDecimal(fmt.Sprint(a.Value()))
				y, err2 := inventory.ParseDecimal(fmt.Sprint(b.Value()))
				if err = errors.Join(err, err2); err != nil {
					return types.NewErr("%s", strings.ReplaceAll(err.Error(), "\n", ", "))
				}
				s, err := f(x, y)
				if err != nil {
					return types.NewErr("%s", err)
				}
				return types.String(s)
			})))
	}
	find := func(name, key ref.Val) (string, bool, error) {
		t, ok := tables[fmt.Sprint(name.Value())]
		if !ok {
			return "", false, fmt.Errorf("no table is called %q", name.Value())
		}
		v, ok := t.get(fmt.Sprint(key.Value()))
		return v, ok, nil
	}
	two := []*cel.Type{cel.StringType, cel.StringType}
	options := []cel.EnvOption{
		cel.Variable("value", cel.StringType), cel.Variable("line", cel.DynType),
		ext.Strings(),
		decimal("add", func(a, b inventory.Decimal) (string, error) { return a.Add(b).String(), nil }),
		decimal("sub", func(a, b inventory.Decimal) (string, error) { return a.Sub(b).String(), nil }),
		decimal("mul", func(a, b inventory.Decimal) (string, error) {
			p, ok := a.Mul(b)
			if !ok {
				return "", fmt.Errorf("%s × %s is larger than a quantity can be", a, b)
			}
			return p.String(), nil
		}),
		cel.Function("neg", cel.Overload("neg_text", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				d, err := inventory.ParseDecimal(fmt.Sprint(v.Value()))
				if err != nil {
					return types.NewErr("%s", err)
				}
				return types.String(d.Neg().String())
			}))),
		cel.Function("less", cel.Overload("less_text", two, cel.BoolType,
			cel.BinaryBinding(func(a, b ref.Val) ref.Val {
				x, err := inventory.ParseDecimal(fmt.Sprint(a.Value()))
				y, err2 := inventory.ParseDecimal(fmt.Sprint(b.Value()))
				if err = errors.Join(err, err2); err != nil {
					return types.NewErr("%s", strings.ReplaceAll(err.Error(), "\n", ", "))
				}
				return types.Bool(x.Cmp(y) < 0)
			}))),
		cel.Function("lookup", cel.Overload("lookup_text", two, cel.StringType,
			cel.BinaryBinding(func(name, key ref.Val) ref.Val {
				v, ok, err := find(name, key)
				if err == nil && !ok {
					err = fmt.Errorf("table %v has no %q", name.Value(), key.Value())
				}
				if err != nil {
					return types.NewErr("%s", err)
				}
				return types.String(v)
			}))),
		cel.Function("mapped", cel.Overload("mapped_text", two, cel.BoolType,
			cel.BinaryBinding(func(name, key ref.Val) ref.Val {
				_, ok, err := find(name, key)
				if err != nil {
					return types.NewErr("%s", err)
				}
				return types.Bool(ok)
			}))),
	}
	if correcting {
		options = append(options, cel.Variable("event", cel.DynType))
	} else {
		options = append(options, cel.Variable("record", cel.DynType))
	}
	return cel.NewEnv(options...)
}

// compile reads an expression whose result is a text, or true or false where
// condition is set. ofLine says that there is a line.
func compile(env *cel.Env, source string, condition, ofLine, correcting bool) (*expression, error) {
	const most = 4 << 10
	if len(source) > most {
		return nil, fmt.Errorf("an expression has at most %d bytes", most)
	}
	compiled, issues := env.Compile(source)
	if issues.Err() != nil {
		e := issues.Errors()[0]
		return nil, fmt.Errorf("column %d: %s", e.Location.Column()+1, strings.TrimSpace(e.Message))
	}
	switch out := compiled.OutputType(); {
	case condition && out != cel.BoolType && out != cel.DynType:
		return nil, fmt.Errorf("it is a %s: a condition is true or false", out)
	case !condition && !slices.Contains([]string{"string", "dyn", "int", "bool"}, out.String()):
		return nil, fmt.Errorf("it is a %s: a field is a text", out)
	}
	if err := checkNames(compiled.NativeRep(), ofLine, correcting); err != nil {
		return nil, err
	}
	program, err := env.Program(compiled, cel.CostLimit(costLimit))
	if err != nil {
		return nil, err
	}
	return &expression{source, program, asked(compiled.NativeRep())}, nil
}

// asked returns which names an expression asks of each variable, nil for one
// that it takes as a whole.
func asked(compiled *ast.AST) map[string]map[string]bool {
	names := map[string]map[string]bool{}
	within := map[int64]bool{} // variables that are asked for a name
	ask := func(of ast.Expr, name string) {
		if of.Kind() != ast.IdentKind {
			return
		}
		within[of.ID()] = true
		if names[of.AsIdent()] == nil {
			names[of.AsIdent()] = map[string]bool{}
		}
		names[of.AsIdent()][name] = true
	}
	ast.PreOrderVisit(compiled.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			ask(e.AsSelect().Operand(), e.AsSelect().FieldName())
		case ast.CallKind:
			args := e.AsCall().Args()
			if e.AsCall().FunctionName() == operators.Index && len(args) == 2 && args[1].Kind() == ast.LiteralKind {
				ask(args[0], fmt.Sprint(args[1].AsLiteral().Value()))
			}
		case ast.IdentKind:
			if !within[e.ID()] {
				names[e.AsIdent()] = map[string]bool{"*": true}
			}
		default:
		}
	}))
	for name, of := range names {
		if of["*"] {
			names[name] = nil
		}
	}
	return names
}

// see marks what the expression asks of a variable as read, and returns that much
// of it.
func (x *expression) see(variable string, n *node) any {
	names, asks := x.names[variable]
	if !asks || n == nil {
		return nil
	}
	if names == nil {
		n.use()
		return n.plain(nil)
	}
	for _, a := range n.attributes {
		a.asked = a.asked || names["@"+a.name]
	}
	for _, c := range n.children {
		if names[c.name] {
			c.use()
		}
	}
	return n.plain(names)
}

// checkNames refuses fields of event and line that the contract does not have:
// CEL itself knows them only when it meets an event.
func checkNames(compiled *ast.AST, ofLine, correcting bool) error {
	var err error
	for _, r := range compiled.ReferenceMap() {
		if r.Name == "line" && !ofLine {
			return errors.New("there is no line here: only fields of lines, and their conditions, have one")
		}
	}
	if !correcting {
		return nil
	}
	ast.PostOrderVisit(compiled.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
			return
		}
		of, name := e.AsSelect().Operand().AsIdent(), e.AsSelect().FieldName()
		names := map[string]map[string]bool{"event": eventNames, "line": lineNames}[of]
		if names != nil && !names[name] && err == nil {
			err = fmt.Errorf("%s has no field %q; near it is %s", of, name, nearest(name, slices.Sorted(maps.Keys(names))))
		}
	}))
	return err
}

// eventNames and lineNames are the fields that expressions may ask of an event
// and its lines.
var eventNames, lineNames = func() (event, line map[string]bool) {
	event = map[string]bool{"keys": true, "lines": true, "attributes": true, "source": true}
	line = map[string]bool{"item_ids": true, "attributes": true}
	for name := range targets {
		if of, ok := strings.CutPrefix(name, "lines."); ok {
			line[of] = true
			continue
		}
		first, _, _ := strings.Cut(name, ".")
		event[first] = true
	}
	return event, line
}()

// eval returns the expression's value as text.
func (x *expression) eval(about map[string]any) (string, error) {
	out, _, err := x.program.Eval(about)
	if err != nil {
		return "", fmt.Errorf("%s: %w", x.text, err)
	}
	switch v := out.Value().(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	default:
		return "", fmt.Errorf("%s gives a %s, and a field is a text", x.text, out.Type().TypeName())
	}
}

// holds returns whether a condition is true.
func (x *expression) holds(about map[string]any) (bool, error) {
	out, _, err := x.program.Eval(about)
	if err != nil {
		return false, fmt.Errorf("%s: %w", x.text, err)
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%s is neither true nor false", x.text)
	}
	return b, nil
}

// eventView is an event as expressions see it: every field of the contract but the
// lines, "" where it is not given.
func eventView(e *inventory.Event) map[string]any {
	m := map[string]any{"source": e.Source, "keys": keyView(e.Keys), "attributes": textView(e.Attributes)}
	for name, t := range targets {
		if t.line {
			continue
		}
		object, member, nested := strings.Cut(name, ".")
		if !nested {
			m[name] = t.get(e, nil)
			continue
		}
		o, ok := m[object].(map[string]any)
		if !ok {
			o = map[string]any{}
			m[object] = o
		}
		o[member] = t.get(e, nil)
	}
	return m
}

func linesView(e *inventory.Event) []any {
	lines := make([]any, len(e.Lines))
	for i := range e.Lines {
		lines[i] = lineView(&e.Lines[i])
	}
	return lines
}

func lineView(l *inventory.Line) map[string]any {
	m := map[string]any{"item_ids": keyView(l.ItemIDs), "attributes": textView(l.Attributes)}
	for name, t := range targets {
		if t.line {
			m[strings.TrimPrefix(name, "lines.")] = t.get(nil, l)
		}
	}
	return m
}

func keyView(keys []inventory.Key) map[string]any {
	m := make(map[string]any, len(keys))
	for _, k := range keys {
		if _, ok := m[k.Name]; !ok {
			m[k.Name] = k.Value
		}
	}
	return m
}

func textView(texts map[string]string) map[string]any {
	m := make(map[string]any, len(texts))
	for k, v := range texts {
		m[k] = v
	}
	return m
}
