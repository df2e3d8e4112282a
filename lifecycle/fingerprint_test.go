package lifecycle

import (
	"reflect"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// TestFingerprintHoldsAll: whatever field of a lifecycle changes, its row is
// written again, save for what it was computed with.
func TestFingerprintHoldsAll(t *testing.T) {
	var l inventory.Lifecycle
	var leaves []leaf
	fill(reflect.ValueOf(&l).Elem(), "Lifecycle", &leaves)
	if len(leaves) < 100 {
		t.Fatalf("only %d fields are asked for", len(leaves))
	}
	before := fingerprint(&l)
	for _, x := range leaves {
		was := reflect.New(x.value.Type()).Elem()
		was.Set(x.value)
		x.change()
		changed := fingerprint(&l) != before
		if computed := x.path == "Lifecycle.ComputedAt" || x.path == "Lifecycle.FactPosition"; changed == computed {
			t.Errorf("%s changes, and the row is written again: %v", x.path, changed)
		}
		x.value.Set(was)
	}
	if fingerprint(&l) != before {
		t.Fatal("the test leaves something changed")
	}
}

type leaf struct {
	path   string
	value  reflect.Value
	change func()
}

// fill sets every field of v to something, and notes how each is changed.
func fill(v reflect.Value, path string, leaves *[]leaf) {
	note := func(change func()) { *leaves = append(*leaves, leaf{path, v, change}) }
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)))
		note(func() { v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Second))) })
		return
	case inventory.Decimal:
		v.Set(reflect.ValueOf(inventory.DecimalOf(7)))
		note(func() { v.Set(reflect.ValueOf(inventory.DecimalOf(8))) })
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
		note(func() { v.SetString("y") })
	case reflect.Bool:
		note(func() { v.SetBool(!v.Bool()) })
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
		note(func() { v.SetInt(4) })
	case reflect.Uint64:
		v.SetUint(3)
		note(func() { v.SetUint(4) })
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, leaves)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path+"[0]", leaves)
		note(func() { v.Set(reflect.MakeSlice(v.Type(), 0, 0)) })
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, leaves)
		note(func() { v.SetZero() })
	default:
		panic("a field of a kind the test does not know: " + path)
	}
}
