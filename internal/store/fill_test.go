package store_test

import (
	"fmt"
	"reflect"
	"time"

	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/inventory"
)

// fill draws every exported field of the value v points to, those that somebody
// adds to a type later included: what the store forgets, a test notices.
func fill(t *rapid.T, v any) { fillValue(t, reflect.ValueOf(v).Elem(), "") }

var (
	drawText = rapid.OneOf(
		rapid.SampledFrom([]string{"", "receipt", "0123-04-000778", "it's", `back\slash`, "tab\tnew\nline\r", "nul\x00", "{a:String}", "%41&b=c", "Grün 雪 🧾", "[1,2]"}),
		rapid.StringMatching(`[a-z0-9 :/'"\\-]{1,20}`),
	)
	drawTime = rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 4).Draw(t, "zero") == 0 {
			return time.Time{}
		}
		return time.UnixMicro(rapid.Int64Range(1, 4e15).Draw(t, "microseconds")).UTC()
	})
	drawDecimal = rapid.Custom(func(t *rapid.T) inventory.Decimal {
		return inventory.DecimalFromParts(
			rapid.Int64Range(-1e15, 1e15).Draw(t, "whole"),
			rapid.Int64Range(-999_999_999, 999_999_999).Draw(t, "nano"))
	})
	// A scoped key has a name without a colon, and a value.
	drawScoped = rapid.Custom(func(t *rapid.T) inventory.ScopedKey {
		return inventory.ScopedKey{
			Name:  rapid.SampledFrom([]string{"correlation_id", "receipt", "delivery", "record"}).Draw(t, "name"),
			Value: rapid.StringMatching(`[a-z0-9 :/'"\\-]{1,12}`).Draw(t, "value"),
		}
	})
)

func fillValue(t *rapid.T, v reflect.Value, path string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(drawTime.Draw(t, path)))
		return
	case inventory.Decimal:
		v.Set(reflect.ValueOf(drawDecimal.Draw(t, path)))
		return
	case inventory.ScopedKey:
		v.Set(reflect.ValueOf(drawScoped.Draw(t, path)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(drawText.Draw(t, path))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, path))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(0, 60_000).Draw(t, path))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, path))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-1e6, 1e6).Draw(t, path))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, path)))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, path+" set") {
			v.Set(reflect.New(v.Type().Elem()))
			fillValue(t, v.Elem(), path)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillValue(t, v.Index(i), path)
		}
	case reflect.Slice:
		// No elements are nil: that is what reading gives.
		if n := rapid.IntRange(0, 3).Draw(t, path+" length"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fillValue(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
			}
		}
	case reflect.Map:
		if n := rapid.IntRange(0, 2).Draw(t, path+" length"); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fillValue(t, key, path+" key")
				fillValue(t, value, path+" value")
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("fill does not know %s at %s", v.Type(), path)
	}
}
