package mapping

import (
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/collector/units"
)

var ruleFields = []string{
	"path", "join", "with", "value", "cel", "if", "default", "required", "table", "layout", "gtin", "units", "convert",
}

// rule reads how a field gets its value: a path alone, a list of paths that are
// joined with "/", or fields.
func (p *parser) rule(m *Mapping, env *cel.Env, name string, n *yaml.Node, correcting bool) *rule {
	t, err := targetNamed(name)
	if err != nil {
		p.wrong(n, "%s", err)
		return nil
	}
	r := &rule{target: t, line: n.Line, with: "/"}
	switch n.Kind {
	case yaml.ScalarNode:
		if correcting {
			p.wrong(n, "a correction says {value: …}, {cel: …} or {table: …}")
			return nil
		}
		r.paths = []Path{p.path(n)}
		return r
	case yaml.SequenceNode:
		if correcting {
			p.wrong(n, "a correction says {value: …}, {cel: …} or {table: …}")
			return nil
		}
		r.paths = p.paths(n)
		return r
	default: // fields; what is none of these is wrong there
	}
	before := len(p.errs)
	p.fields(n, name, ruleFields, func(field string, v *yaml.Node) {
		switch field {
		case "path":
			r.paths = []Path{p.path(v)}
		case "join":
			r.paths = p.paths(v)
		case "with":
			r.with = p.text(v, "with")
		case "value":
			s := p.text(v, "value")
			r.fixed = &s
		case "cel":
			r.cel = p.expression(env, v, false, t.line)
		case "if":
			r.when = p.expression(env, v, true, t.line)
		case "default":
			r.fallback = p.text(v, "default")
		case "required":
			r.required = p.flag(v, "required")
		case "table":
			r.table = m.tables[p.text(v, "table")]
			if r.table == nil {
				p.wrong(v, "no table is called %q: write it under tables:", v.Value)
			}
		case "layout":
			if r.layout, err = layoutOf(p.text(v, "layout")); err != nil {
				p.wrong(v, "%s", err)
			}
		case "gtin":
			r.gtin = p.flag(v, "gtin")
		case "units":
			list := p.choice(v, "units", "rec20", "x12", "sap")
			r.units = map[string]*units.List{"rec20": units.Rec20, "x12": units.X12, "sap": units.SAP}[list]
		case "convert":
			code, ok := units.Rec20.Code(p.text(v, "convert"))
			if r.convert = code; !ok {
				p.wrong(v, "convert: %q is no unit of UN/ECE Recommendation 20, like EA or KGM", v.Value)
			}
		}
	})
	if len(p.errs) == before {
		p.ruleFits(r, n, name, correcting)
	}
	return r
}

func (p *parser) paths(n *yaml.Node) []Path {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.wrong(n, "what is joined is a list of paths")
		return nil
	}
	all := make([]Path, len(n.Content))
	for i, c := range n.Content {
		all[i] = p.path(c)
	}
	return all
}

func (p *parser) ruleFits(r *rule, n *yaml.Node, name string, correcting bool) {
	switch {
	case r.fixed != nil && (len(r.paths) > 0 || r.cel != nil || r.table != nil || r.fallback != ""):
		p.wrong(n, "%s: value is all there is to say; leave out the rest", name)
	case correcting && len(r.paths) > 0:
		p.wrong(n, "%s: a correction sees the event, not the document: use cel", name)
	case correcting && r.fixed == nil && r.cel == nil && r.table == nil && r.units == nil && !r.gtin && r.convert == "" && r.fallback == "":
		p.wrong(n, "%s: say what it becomes: value, cel, table, units, gtin, convert or default", name)
	case !correcting && r.fixed == nil && r.cel == nil && len(r.paths) == 0 && r.fallback == "":
		p.wrong(n, "%s: say where it comes from: path, join, value, cel or default", name)
	case r.layout != "" && r.target.use != asDate && r.target.use != asTime:
		p.wrong(n, "%s: only dates and times have a layout", name)
	case r.layout != "" && r.target.use == asDate && strings.HasPrefix(r.layout, "unix"):
		p.wrong(n, "%s: a day is no instant: it has no unix layout", name)
	case r.units != nil && r.target.use != asUnit, r.convert != "" && r.target.use != asUnit:
		p.wrong(n, "%s: units and convert belong to lines.uom", name)
	case r.gtin && r.target.use != asItem && !strings.HasPrefix(name, "lines.item_ids."):
		p.wrong(n, "%s: gtin belongs to lines.item and lines.item_ids", name)
	case r.fixed != nil && r.target.use == asDate:
		if _, err := time.Parse(time.DateOnly, *r.fixed); err != nil {
			p.wrong(n, "%s: %q is no day like 2026-11-23", name, *r.fixed)
		}
	}
}
