// Package units says which unit of measure a code means, and converts
// quantities between units.
//
//	code as sent ──▶ List.Code ──▶ one code per unit ──▶ Packs.Convert
//	 "KG" (X12)                        "KGM"                "GRM"
//
// Every sender names units by a list of its own, and the lists contradict each
// other: ST is a piece to SAP, a set to X12 and a sheet to UN/ECE. So a code is
// read by the list its document is written in, and becomes the one code of this
// package: UN/ECE Recommendation 20, with EA for one piece, and the package
// codes of Recommendation 21 (CS, CT, PX) as Recommendation 20 had them.
//
// Conversion is exact within a dimension. A pack holds what is declared for its
// item, and without a declaration it is unconvertible, never 1.
package units

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Dimension is what a unit measures. Units of one dimension convert into each
// other.
type Dimension string

// Dimensions. A pack has no size of its own: what it holds depends on the item.
const (
	Count  Dimension = "count"
	Mass   Dimension = "mass"
	Volume Dimension = "volume"
	Length Dimension = "length"
	Area   Dimension = "area"
	Time   Dimension = "time"
	Pack   Dimension = "pack"
)

// List is a published list of unit codes. Use [Rec20], [X12] or [SAP].
type List struct {
	name  string
	codes map[string]string // as sent → the one code
	// doubtful are codes that senders mean otherwise than the list says.
	doubtful map[string]string
	// rest is asked for codes of three characters and more that the list itself
	// cannot hold.
	rest *List
}

// Name is how people call the list.
func (l *List) Name() string { return l.name }

// Code returns the one code of the unit that the list calls sent. Where the
// list does not have it, ok is false and the code is returned as sent: it may
// still be compared with itself. Spaces and case are ignored.
func (l *List) Code(sent string) (code string, ok bool) {
	key := strings.ToUpper(strings.TrimSpace(sent))
	if code, ok = l.codes[key]; ok {
		return code, true
	}
	if l.rest != nil && len(key) >= 3 {
		if code, ok = l.rest.Code(key); ok {
			return code, true
		}
	}
	return strings.TrimSpace(sent), false
}

// Read is [List.Code] with what a person has to know of it as notes: a unit in
// no list, or one that was read otherwise than its list says. An empty unit is
// no unit, and nothing to note.
func (l *List) Read(sent, path string) (code string, notes []format.Note) {
	code, ok := l.Code(sent)
	switch why := l.doubtful[strings.ToUpper(strings.TrimSpace(sent))]; {
	case code == "":
	case !ok:
		notes = []format.Note{{
			Code: format.UnitUnknown, Path: path,
			Detail: fmt.Sprintf("%q is no unit of %s that is known here: kept as sent, and compared with nothing else. Have the sender use a listed code.", code, l.name),
		}}
	case why != "":
		notes = []format.Note{{Code: format.NotStandard, Path: path, Detail: why}}
	}
	return code, notes
}

// DimensionOf returns what the unit of this code measures; ok is false for a
// code that is not one of this package.
func DimensionOf(code string) (dimension Dimension, ok bool) {
	u, ok := known[code]
	return u.dimension, ok
}

// ErrUnconvertible is wrapped by every error of [Packs.Convert].
var ErrUnconvertible = errors.New("unconvertible")

// Packs are the declared contents of packs, by item. The zero value declares
// nothing and converts within dimensions only.
type Packs struct {
	byItem map[string][]inventory.Pack
}

// Declare returns the packs with their codes read by [Rec20]. A pack that holds
// nothing is not a declaration and is left out.
func Declare(packs []inventory.Pack) Packs {
	p := Packs{byItem: make(map[string][]inventory.Pack, len(packs))}
	for _, pack := range packs {
		if pack.Holds.Sign() <= 0 {
			continue
		}
		pack.UOM, _ = Rec20.Code(pack.UOM)
		if pack.Of, _ = Rec20.Code(pack.Of); pack.Of == "" {
			pack.Of = "EA"
		}
		item := inventory.Unpad(pack.Item)
		p.byItem[item] = append(p.byItem[item], pack)
	}
	return p
}

// Convert returns how much q of the unit from is in the unit to, for an item.
// Both are codes of this package; an empty one means pieces. A quantity that
// takes more than nine decimal places is rounded half away from zero at the
// ninth, and exact is false: add first, convert once.
//
// The error wraps [ErrUnconvertible] and says in one sentence what is missing.
func (p Packs) Convert(item string, q inventory.Decimal, from, to string) (converted inventory.Decimal, exact bool, err error) {
	if from == "" {
		from = "EA"
	}
	if to == "" {
		to = "EA"
	}
	if from == to {
		return q, true, nil
	}
	a, err := p.measure(item, from)
	if err != nil {
		return inventory.Decimal{}, false, err
	}
	b, err := p.measure(item, to)
	if err != nil {
		return inventory.Decimal{}, false, err
	}
	if a.base != b.base {
		return inventory.Decimal{}, false, fmt.Errorf("%w: %s is measured in %s, %s in %s, and nothing declares how one becomes the other for item %q", ErrUnconvertible, from, a.base, to, b.base, item)
	}
	ratio := new(big.Rat).Quo(a.size, b.size)
	return round(ratio.Mul(ratio, rational(q)))
}

// measured is a unit as so much of another that is not resolved further.
type measured struct {
	base string
	size *big.Rat
}

// measure resolves packs of packs down to a unit of measure: a pallet of 48
// cases of 12 pieces is 576 EA. Declarations that go round in a circle resolve
// nothing.
func (p Packs) measure(item, code string) (measured, error) {
	size := big.NewRat(1, 1)
	for seen := map[string]bool{}; !seen[code]; {
		seen[code] = true
		if pack, ok := p.holds(item, code); ok {
			size.Mul(size, rational(pack.Holds))
			code = pack.Of
			continue
		}
		u, ok := known[code]
		switch {
		case !ok:
			return measured{}, fmt.Errorf("%w: %q is no known unit, and no pack of item %q declares what it holds", ErrUnconvertible, code, item)
		case u.dimension == Pack:
			return measured{}, fmt.Errorf("%w: what a %s (%s) of item %q holds is not declared: declare its pack", ErrUnconvertible, u.name, code, item)
		}
		return measured{bases[u.dimension], size.Mul(size, u.size)}, nil
	}
	return measured{}, fmt.Errorf("%w: the packs of item %q hold each other in a circle at %s: correct their declarations", ErrUnconvertible, item, code)
}

func (p Packs) holds(item, code string) (inventory.Pack, bool) {
	if u, ok := known[code]; ok && u.dimension != Pack {
		return inventory.Pack{}, false // a kilogram is a kilogram, whatever is declared
	}
	for _, pack := range p.byItem[inventory.Unpad(item)] {
		if pack.UOM == code {
			return pack, true
		}
	}
	return inventory.Pack{}, false
}

var billion = big.NewInt(1_000_000_000)

func rational(d inventory.Decimal) *big.Rat {
	whole, nano := d.Parts()
	n := new(big.Int).Mul(big.NewInt(whole), billion)
	return new(big.Rat).SetFrac(n.Add(n, big.NewInt(nano)), billion)
}

// round brings r to the nine places of a Decimal.
func round(r *big.Rat) (d inventory.Decimal, exact bool, err error) {
	s := r.FloatString(9) // rounds half away from zero
	d, err = inventory.ParseDecimal(s)
	if err != nil {
		return inventory.Decimal{}, false, fmt.Errorf("%w: %s does not fit: it has more than 15 digits before the point", ErrUnconvertible, s)
	}
	return d, rational(d).Cmp(r) == 0, nil
}
