package privacy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// Event takes people out of an event, and out of the raw bytes it was read from.
// The raw bytes of formats that name no fields (EDI, flat files) are unparsed.
func (r *Rules) Event(e *inventory.Event, media string, raw []byte) []byte {
	if r == nil {
		return raw
	}
	var out []string // values taken out, which may stand in the raw bytes too
	take := func(action Action, s *string) {
		if action != Keep && *s != "" {
			out = append(out, *s)
			*s = r.value(action, *s)
		}
	}
	take(r.names["operator"], &e.Operator)
	if e.Approval != nil {
		take(r.names["operator"], &e.Approval.By)
	}
	keys := func(list []inventory.Key) []inventory.Key {
		kept := list[:0]
		for _, k := range list {
			take(r.action("keys", k.Name), &k.Value)
			if k.Value != "" {
				kept = append(kept, k)
			}
		}
		return kept
	}
	e.Keys = keys(e.Keys)
	for i := range e.Refs {
		e.Refs[i].Keys = keys(e.Refs[i].Keys)
	}
	for i := range e.Mappings {
		m := &e.Mappings[i]
		action := r.action("", m.Field)
		take(action, &m.From)
		take(action, &m.To)
	}
	if e.Error != nil {
		action := r.action("", e.Error.Field)
		take(action, &e.Error.Value)
		take(action, &e.Error.Message)
	}
	for name, value := range e.Attributes {
		action := r.action("", name)
		if action == Keep {
			if inner, ok := r.JSON([]byte(value)); ok && (strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[")) {
				e.Attributes[name] = string(inner)
			}
			continue
		}
		take(action, &value)
		if e.Attributes[name] = value; value == "" {
			delete(e.Attributes, name)
		}
	}
	raw = r.Fragment(media, raw)
	// The longest first: of one that begins another nothing must be left.
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, value := range slices.Compact(out) {
		// A short value would be found everywhere.
		if len(value) >= 4 && !hashed.MatchString(value) {
			pairs = append(pairs, value, r.secret.hash(value))
		}
	}
	if len(pairs) == 0 {
		return raw
	}
	// All in one pass, however many a document makes them.
	return []byte(strings.NewReplacer(pairs...).Replace(string(raw)))
}
