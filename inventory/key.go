package inventory

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
)

// Key is an identifier as a system sent it, such as receipt "0123-04-000778".
type Key struct {
	Name  string
	Value string
}

// Names of the keys the contract declares. Others are accepted; they find and
// relate lifecycles but never bind them.
const (
	KeyCorrelationID = "correlation_id"
	KeyReceipt       = "receipt"
	KeyDelivery      = "delivery"
	KeyTransfer      = "transfer"
	KeyRMA           = "rma"
	KeyCount         = "count"
	KeyTraceID       = "trace_id"
	KeyERPDocument   = "erp_document"
	KeyIDoc          = "idoc"
	KeyOrder         = "order"
	// KeyRecord names the home of an event that carries no identifying key: an
	// orphan lives alone, under its own record id.
	KeyRecord = "record"
)

// ranks orders identifying keys; the least key of a component names it. The
// order says which identifier people trust most to mean one transaction.
// Renumbering it moves every home, so the stream refuses to start with another
// order than it was created with (see RankVersion).
var ranks = map[string]uint8{
	KeyCorrelationID: 0,
	KeyReceipt:       1,
	KeyDelivery:      2,
	KeyTransfer:      3,
	KeyRMA:           4,
	KeyCount:         5,
	KeyRecord:        255,
}

// RankVersion names the key order and the scoping rules of this build. Stored
// with the streams at creation; a different value refuses to start.
const RankVersion = "2"

// Identifying reports whether keys of this name bind events into one
// lifecycle. All others are grouping keys (trace, order, IDoc, ERP document,
// batch, file): one ERP batch with 500 receipts is 500 lifecycles.
func Identifying(name string) bool {
	_, ok := ranks[name]
	return ok && name != KeyRecord
}

// ScopedKey is an identifying key in the scope in which it is unique, with the
// paddings of different systems removed. Equal scoped keys mean the same
// transaction, except where numbers recur (see Stitch).
type ScopedKey struct {
	Name  string
	Value string
}

// String returns name:value, the form used in storage, logs and API ids.
func (k ScopedKey) String() string { return k.Name + ":" + k.Value }

// IsZero reports whether k is no key at all.
func (k ScopedKey) IsZero() bool { return k == ScopedKey{} }

// ParseScopedKey reads the form written by [ScopedKey.String].
func ParseScopedKey(s string) (ScopedKey, bool) {
	name, value, ok := strings.Cut(s, ":")
	return ScopedKey{Name: name, Value: value}, ok && name != "" && value != ""
}

// CompareKeys orders scoped keys by declared rank, then value. It is a total
// order: moves go only towards a lesser key, so they end.
func CompareKeys(a, b ScopedKey) int {
	ra, rb := rank(a.Name), rank(b.Name)
	if ra != rb {
		return cmp.Compare(ra, rb)
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

func rank(name string) uint8 {
	if r, ok := ranks[name]; ok {
		return r
	}
	return 254
}

// Partition returns the home partition of k among n: FNV-1a-32 of its string
// form modulo n, the function NATS uses for its partition() mapping.
func (k ScopedKey) Partition(n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(k.Name))
	_, _ = h.Write([]byte{':'})
	_, _ = h.Write([]byte(k.Value))
	return int(h.Sum32() % uint32(n))
}

// Scope returns the identifying key k in its scope, as said by an event at the
// given location and register. ok is false for grouping keys, and for values that
// say there is none ("unknown", the nil UUID).
//
// A receipt's scope is location + register + number. It may be sent as the
// bare number ("778", "000778") or as printed ("0123-04-000778"); both, with or
// without zeros, scope to the same key. Other identifying keys are unique by
// themselves; paddings of purely numeric ones are removed.
func (k Key) Scope(location, register string) (_ ScopedKey, ok bool) {
	value := strings.TrimSpace(k.Value)
	if !Identifying(k.Name) || placeholder(value) {
		return ScopedKey{}, false
	}
	switch k.Name {
	case KeyCorrelationID:
		return ScopedKey{k.Name, value}, true
	case KeyReceipt:
		return ScopedKey{k.Name, scopeReceipt(value, location, register)}, true
	default:
		return ScopedKey{k.Name, Unpad(value)}, true
	}
}

// placeholders are what systems write where they know no value, in lower case.
var placeholders = []string{"", "unknown", "n/a", "na", "null", "nil", "none", "undefined", "not available", "(null)", "<null>", "nan"}

// placeholder reports whether a key's value says that there is none: a word for
// it, or nothing but zeros and separators, such as the nil UUID.
func placeholder(value string) bool {
	if strings.Trim(value, "0-_./ ") == "" {
		return true
	}
	return len(value) <= 16 && slices.Contains(placeholders, strings.ToLower(value))
}

func scopeReceipt(value, location, register string) string {
	parts := ReceiptParts(value)
	if len(parts) >= 3 {
		// As printed: it names its own store and register, also where the
		// event's location is a plant or a hub.
		return strings.Join(parts, "/")
	}
	if len(parts) == 2 {
		return Unpad(location) + "/" + strings.Join(parts, "/")
	}
	return Unpad(location) + "/" + Unpad(register) + "/" + parts[0]
}

// ReceiptParts splits a receipt as printed at its separators (- / . space) and
// removes the zero padding of every part: "0123-04-000778" → 123, 4, 778.
func ReceiptParts(value string) []string {
	parts := strings.FieldsFunc(value, func(r rune) bool {
		return r == '-' || r == '/' || r == '.' || r == ' '
	})
	if len(parts) == 0 {
		return []string{value}
	}
	for i, p := range parts {
		parts[i] = Unpad(p)
	}
	return parts
}

// Unpad removes leading zeros from a purely numeric identifier and leaves every
// other one alone: "000778" → "778", "0" → "0", "0A1" → "0A1".
func Unpad(s string) string {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return s
		}
	}
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	if s == "" {
		return ""
	}
	return "0"
}

// sortKeys orders keys by CompareKeys and removes repetitions.
func sortKeys(keys []ScopedKey) []ScopedKey {
	slices.SortFunc(keys, CompareKeys)
	return slices.Compact(keys)
}
