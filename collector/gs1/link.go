package gs1

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// ParseLink reads a GS1 Digital Link: an http or https URI with an application
// identifier and its value in the path, on any host and below any path. Numbers
// and the short names of version 1.1 are read alike: /01/… and /gtin/….
func ParseLink(link string) (ID, error) {
	u, err := url.Parse(link)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return ID{}, fmt.Errorf("%q is no web address", short(link))
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := range parts {
		text, err := url.PathUnescape(parts[i])
		if err != nil {
			return ID{}, fmt.Errorf("%q is badly escaped", short(link))
		}
		parts[i] = text
	}
	var why error
	for i := 0; i+1 < len(parts); i++ {
		ai := number(parts[i])
		k, ok := keys[ai]
		if !ok {
			continue
		}
		id, err := k.link(ai, parts[i+1:])
		if err != nil {
			// A path below which links hang may look like one: /store/01/gtin/….
			why = err
			continue
		}
		if err := id.query(u.RawQuery); err != nil {
			return ID{}, fmt.Errorf("%q: %w", short(link), err)
		}
		return id, nil
	}
	if why != nil {
		return ID{}, fmt.Errorf("%q: %w", short(link), why)
	}
	return ID{}, fmt.Errorf("%q is no GS1 Digital Link: its path has no key such as /01/04006381333931", short(link))
}

// link reads a key and its qualifiers from the rest of a path.
func (k key) link(ai string, parts []string) (ID, error) {
	id, err := k.read(ai, parts[0])
	if err != nil {
		return ID{}, err
	}
	rest := parts[1:]
	for len(rest) > 0 {
		q := number(rest[0])
		if !slices.Contains(k.qualifiers, q) {
			return ID{}, fmt.Errorf("/%s cannot follow a %s", short(rest[0]), k.kind)
		}
		if len(rest) < 2 || rest[1] == "" {
			return ID{}, fmt.Errorf("/%s has no value", short(rest[0]))
		}
		id.set(q, rest[1])
		rest = rest[2:]
	}
	return id, nil
}

// query keeps the application identifiers among the parameters; others, such as
// linkType, are the resolver's.
func (id *ID) query(raw string) error {
	values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "&"))
	if err != nil {
		return fmt.Errorf("its query is badly escaped")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if ai := number(name); digits(ai) && len(ai) >= 2 && len(ai) <= 4 {
			id.set(ai, values.Get(name))
		}
	}
	return nil
}

// Link writes the identifier as a Digital Link below base, such as
// https://id.gs1.org.
func (id ID) Link(base string) (string, error) {
	ai := ""
	for candidate, k := range keys {
		// A GLN is a location unless its link said party or payTo.
		if k.kind == id.Kind && candidate != "415" && candidate != "417" {
			ai = candidate
		}
	}
	if ai == "" {
		return "", fmt.Errorf("a %s has no Digital Link", id.Kind)
	}
	value := id.Key
	k := keys[ai]
	if k.kind == GRAI {
		value = "0" + value
	}
	if k.serial > 0 {
		value += id.Serial
	}
	if _, err := k.read(ai, value); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(strings.TrimRight(base, "/") + "/" + ai + "/" + url.PathEscape(value))
	qualifiers := map[string]string{"22": id.Variant, "10": id.Lot, "21": id.Serial, "254": id.Extension}
	for _, q := range k.qualifiers {
		v := qualifiers[q]
		if v == "" {
			v = id.Attributes[q]
		}
		if v != "" {
			b.WriteString("/" + q + "/" + url.PathEscape(v))
		}
	}
	separator := "?"
	for _, name := range slices.Sorted(maps.Keys(id.Attributes)) {
		if !slices.Contains(k.qualifiers, name) {
			b.WriteString(separator + name + "=" + url.QueryEscape(id.Attributes[name]))
			separator = "&"
		}
	}
	return b.String(), nil
}

// ParseElements reads an element string in the form printed under a barcode:
// (01)04006381333931(10)A7. The first one must be a key.
func ParseElements(s string) (ID, error) {
	var id ID
	for rest := s; rest != ""; {
		ai, after, ok := strings.Cut(strings.TrimPrefix(rest, "("), ")")
		if !ok || rest[0] != '(' || !digits(ai) {
			return ID{}, fmt.Errorf("%q is no element string: want (01)04006381333931(21)77 or the like", short(s))
		}
		value := after
		// A value may hold a bracket; the next identifier is a bracket with digits.
		rest = ""
		for i := range len(after) {
			if after[i] != '(' {
				continue
			}
			if n := strings.IndexByte(after[i:], ')'); n > 2 && n < 6 && digits(after[i+1:i+n]) {
				value, rest = after[:i], after[i:]
				break
			}
		}
		if id.Kind != "" {
			id.set(ai, value)
			continue
		}
		k, ok := keys[ai]
		if !ok {
			return ID{}, fmt.Errorf("%q begins with (%s), which identifies nothing by itself", short(s), short(ai))
		}
		var err error
		if id, err = k.read(ai, value); err != nil {
			return ID{}, fmt.Errorf("%q: %w", short(s), err)
		}
	}
	if id.Kind == "" {
		return ID{}, fmt.Errorf("an empty element string names nothing")
	}
	return id, nil
}

// number is the application identifier that a part of a Digital Link names.
func number(part string) string {
	if ai, ok := alphas[part]; ok {
		return ai
	}
	return part
}
