package inventory

import (
	"slices"
	"strconv"
	"strings"
)

// SearchKey is the form in which identifiers are compared when people look for
// them: lower case, every part unpadded, parts joined by slashes. As printed
// and as stored are then the same: "0123-04-000778" and "123/4/778" are both
// "123/4/778".
func SearchKey(value string) string {
	value = plain(value)
	if value == "" {
		return ""
	}
	return strings.Join(ReceiptParts(value), "/")
}

// SearchKeys returns every form under which a key shall be found, the most
// precise first. location and register are where the transaction happened; they
// complete a receipt that was sent as a bare number.
//
// A receipt is found with and without its store, its register and its business
// date. Any other key of several parts is also found by its number alone.
func SearchKeys(name, value, location, register string) []string {
	whole := SearchKey(value)
	if whole == "" {
		return nil
	}
	forms := []string{}
	switch name {
	case KeyReceipt:
		scoped := strings.Trim(SearchKey(scopeReceipt(plain(value), plain(location), plain(register))), "/")
		forms = append(forms, scoped)
		parts := strings.Split(scoped, "/")
		if rest, ok := withoutDate(parts); ok {
			parts = rest
		}
		for i := range parts {
			forms = append(forms, strings.Join(parts[i:], "/"))
		}
		if n := len(parts); n > 2 {
			forms = append(forms, parts[0]+"/"+parts[n-1]) // store and number, as people say it
		}
	case KeyCorrelationID, KeyTraceID:
		// Opaque: a part of one means nothing.
	default:
		parts := strings.Split(whole, "/")
		if last := parts[len(parts)-1]; len(parts) > 1 && len(last) >= 4 && numeric(last) {
			forms = append(forms, whole, last)
		}
	}
	return unique(append(forms, whole))
}

// SearchQuery returns the forms to look up for what a person typed, the most
// literal first: as printed, with or without zeros, with a business date in it,
// as name:value, or with words around it ("store 0123 receipt 000778").
func SearchQuery(text string) []string {
	text = plain(text)
	if text == "" {
		return nil
	}
	forms := []string{SearchKey(text)}
	if name, value, ok := strings.Cut(text, ":"); ok && isName(strings.TrimSpace(name)) && SearchKey(value) != "" {
		forms = append(forms, SearchKey(value))
	}
	for _, form := range slices.Clone(forms) {
		parts := slices.DeleteFunc(strings.FieldsFunc(form, func(r rune) bool { return r == '/' || r == ':' || r == ',' }),
			func(p string) bool { return labels[strings.TrimRight(p, "#")] })
		for i, p := range parts {
			parts[i] = Unpad(strings.Trim(p, "#"))
		}
		if len(parts) == 0 {
			continue
		}
		forms = append(forms, strings.Join(parts, "/"))
		if rest, ok := withoutDate(parts); ok {
			forms = append(forms, strings.Join(rest, "/"))
		}
	}
	return unique(forms)
}

// labels are words people type around a number.
var labels = map[string]bool{
	"": true, "receipt": true, "store": true, "till": true, "register": true, "sale": true, "number": true, "no": true, "nr": true,
	"order": true, "document": true, "doc": true, "erp": true, "idoc": true, "delivery": true, "transfer": true,
}

// withoutDate removes a calendar date (2026/11/23, 23/11/2026 or 20261123) from
// unpadded parts. ok is false where there is none, or nothing else.
func withoutDate(parts []string) (rest []string, ok bool) {
	for i := range parts {
		n := 0
		switch {
		case len(parts[i]) == 8 && isDate(parts[i][:4], parts[i][4:6], parts[i][6:]):
			n = 1
		case i+2 < len(parts) && (isDate(parts[i], parts[i+1], parts[i+2]) || isDate(parts[i+2], parts[i+1], parts[i])):
			n = 3
		default:
			continue
		}
		if len(parts) == n {
			return nil, false
		}
		return slices.Concat(parts[:i], parts[i+n:]), true
	}
	return nil, false
}

func isDate(year, month, day string) bool {
	y, errY := strconv.Atoi(year)
	m, errM := strconv.Atoi(month)
	d, errD := strconv.Atoi(day)
	return errY == nil && errM == nil && errD == nil &&
		y >= 1990 && y < 2100 && m >= 1 && m <= 12 && d >= 1 && d <= 31
}

// plain lowers the case and replaces what keyboards and documents put in place
// of a hyphen and a space.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212':
			return '-'
		case '\u00a0', '\u2007', '\u2009', '\u202f', '\t', '\n', '\r':
			return ' '
		default:
			return r
		}
	}, s)
	return strings.ToLower(strings.TrimSpace(s))
}

func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '_' {
			return false
		}
	}
	return s != ""
}

func numeric(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// unique removes repetitions and empty values, keeping the first of each.
func unique(values []string) []string {
	out := values[:0:0]
	for _, v := range values {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
