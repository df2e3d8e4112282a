package wire_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/internal/wire"
	"github.com/stocktrace/stocktrace/internal/wire/wirepb"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// equal compares as the contract does: an empty list is no list.
var equal = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b inventory.Decimal) bool { return a == b })}

func TestParcelComesBackAsItWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := draw[lifecycle.Parcel](t)
		for i := range p.Records { // said by the log, not by the message
			p.Records[i].Partition, p.Records[i].Position = 0, 0
		}
		message := must(wire.EncodeParcel(&p))
		got, err := wire.DecodeParcel(message)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if diff := cmp.Diff(p, got, equal); diff != "" {
			t.Fatalf("parcel changed on the wire (-sent +read):\n%s", diff)
		}
		for i := range p.Records {
			if a, b := p.Records[i].Event.ContentHash(), got.Records[i].Event.ContentHash(); a != b {
				t.Fatalf("content hash of record %d changed: %s, %s", i, a, b)
			}
		}
		refereed(t, message, &wirepb.Parcel{})
	})
}

func TestEventComesBackAsItWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := draw[inventory.Event](t)
		message := wire.EncodeEvent(&e)
		got, err := wire.DecodeEvent(message)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if diff := cmp.Diff(e, got, equal); diff != "" {
			t.Fatalf("event changed on the wire (-sent +read):\n%s", diff)
		}
		if a, b := e.ContentHash(), got.ContentHash(); a != b {
			t.Fatalf("content hash changed: %s, %s", a, b)
		}
		refereed(t, message, &wirepb.Event{})
	})
}

func TestQuarantinedComesBackAsItWent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := rapid.SliceOfN(rapid.Custom(draw[inventory.Quarantined]), 0, 4).Draw(t, "items")
		message := must(wire.EncodeQuarantined(q))
		got, err := wire.DecodeQuarantined(message)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if diff := cmp.Diff(q, got, equal); diff != "" {
			t.Fatalf("items changed on the wire (-sent +read):\n%s", diff)
		}
		refereed(t, message, &wirepb.Quarantine{})
	})
}

func TestRecordsAreAParcel(t *testing.T) {
	a, b := sale(1, "a"), sale(2, "b")
	want := must(wire.EncodeParcel(&lifecycle.Parcel{Records: []inventory.Record{a, b}}))
	if got := must(wire.EncodeRecords([]*inventory.Record{&a, &b})); !bytes.Equal(got, want) {
		t.Error("EncodeRecords and EncodeParcel write different messages for the same records")
	}
}

// A decoded record must not change when the buffer it was read from is used
// again.
func TestDecodedOutlivesItsMessage(t *testing.T) {
	first := sale(3, "first")
	message := must(wire.EncodeParcel(&lifecycle.Parcel{Records: []inventory.Record{first}}))
	got, err := wire.DecodeParcel(message)
	if err != nil {
		t.Fatal(err)
	}
	clear(message)
	bare := wire.EncodeEvent(&first.Event)
	event, err := wire.DecodeEvent(bare)
	if err != nil {
		t.Fatal(err)
	}
	clear(bare)
	for range 64 { // let the pools hand the buffers out again
		other := sale(3, strings.Repeat("other", 20))
		if _, err := wire.DecodeParcel(must(wire.EncodeParcel(&lifecycle.Parcel{Records: []inventory.Record{other}}))); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(first, got.Records[0], equal); diff != "" {
		t.Errorf("record changed after the fact:\n%s", diff)
	}
	if diff := cmp.Diff(first.Event, event, equal); diff != "" {
		t.Errorf("event changed after the fact:\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	whole := must(wire.EncodeParcel(&lifecycle.Parcel{Records: []inventory.Record{sale(1, "x")}}))
	bomb := func() []byte {
		e, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		return e.EncodeAll(make([]byte, wire.MaxDecoded+1), []byte{1})
	}()
	changed := bytes.Clone(whole)
	changed[1] ^= 1
	for name, c := range map[string]struct {
		message []byte
		is      error
		says    string
	}{
		"newer version":     {[]byte{9, 1, 2}, wire.ErrVersion, "unknown message version 9: this binary reads versions 1 to 3; a newer stocktrace wrote it"},
		"empty":             {nil, wire.ErrMalformed, "malformed message: it is empty"},
		"cut short":         {whole[:len(whole)-3], wire.ErrMalformed, "malformed message: decompress: "},
		"no checksum":       {[]byte{3, 0, 0}, wire.ErrMalformed, "malformed message: it ends in its checksum"},
		"changed":           {changed, wire.ErrMalformed, "malformed message: its checksum is another"},
		"claims too much":   {[]byte{3, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f}, wire.ErrMalformed, "malformed message: it decompresses to more than "},
		"not compressed":    {append([]byte{1}, "hello"...), wire.ErrMalformed, "malformed message: decompress: "},
		"a bomb":            {bomb, wire.ErrMalformed, "malformed message: decompress: "},
		"a length too long": {[]byte{2, 0x0a, 0x7f}, wire.ErrMalformed, "malformed message: a length cannot be read 0 bytes before its end"},
		"a short hash":      {[]byte{2, 0x0a, 0x03, 0x12, 0x01, 0x01}, wire.ErrMalformed, "record 0: malformed message: a content hash of 1 bytes"},
		"a group":           {[]byte{2, 0x0b}, wire.ErrMalformed, "malformed message: a wire type cannot be read 0 bytes before its end"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.DecodeParcel(c.message)
			if !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// What lay in a log before version 3 is read as it was.
func TestOlderMessages(t *testing.T) {
	p := lifecycle.Parcel{Records: []inventory.Record{sale(2, "x"), sale(1, "y")}}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	got, err := wire.DecodeParcel(e.EncodeAll(bare(t, must(wire.EncodeParcel(&p)))[1:], []byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got, equal); diff != "" {
		t.Error(diff)
	}
}

// A newer binary's fields are passed over, whatever their wire type.
func TestUnknownFieldsAreIgnored(t *testing.T) {
	e := sale(1, "x").Event
	message := wire.EncodeEvent(&e)
	message = append(message, 0xc0, 0x3e, 7)                      // 1000: varint
	message = append(message, 0xc1, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8) // 1000: fixed64
	message = append(message, 0xc2, 0x3e, 2, 'h', 'i')            // 1000: bytes
	message = append(message, 0xc5, 0x3e, 1, 2, 3, 4)             // 1000: fixed32
	got, err := wire.DecodeEvent(message)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got, equal); diff != "" {
		t.Errorf("unknown fields disturbed known ones:\n%s", diff)
	}
}

// The committed code is what wire.proto generates.
func TestGeneratedCodeIsUpToDate(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", "../gen", dir)
	cmd.Dir = "wirepb"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	want, err := os.ReadFile(filepath.Join(dir, "wire.pb.go"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("wirepb/wire.pb.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("wirepb/wire.pb.go is out of date: run go generate ./internal/wire")
	}
}

func FuzzDecode(f *testing.F) {
	r := sale(5, "seed")
	f.Add(must(wire.EncodeParcel(&lifecycle.Parcel{Records: []inventory.Record{r}})))
	f.Add(bare(f, must(wire.EncodeParcel(&lifecycle.Parcel{
		Records:  []inventory.Record{r},
		Moves:    []lifecycle.Move{{Record: r, To: r.EntryKey()}},
		Bindings: []lifecycle.Binding{{Key: r.EntryKey(), Lesser: r.EntryKey(), Origin: r.ReceivedAt}},
	}))))
	f.Add(wire.EncodeEvent(&r.Event))
	f.Add(must(wire.EncodeQuarantined([]inventory.Quarantined{{ID: "q", Raw: []byte("x")}})))
	f.Fuzz(func(t *testing.T, message []byte) {
		// Whatever can be read can be written, and then reads the same.
		if p, err := wire.DecodeParcel(message); err == nil {
			for i := range p.Records {
				p.Records[i].Partition, p.Records[i].Position = 0, 0
			}
			again, err := wire.DecodeParcel(must(wire.EncodeParcel(&p)))
			if err != nil {
				t.Fatalf("decode again: %v", err)
			}
			if diff := cmp.Diff(p, again, equal); diff != "" {
				t.Fatal(diff)
			}
		}
		if e, err := wire.DecodeEvent(message); err == nil {
			again, err := wire.DecodeEvent(wire.EncodeEvent(&e))
			if err != nil {
				t.Fatalf("decode again: %v", err)
			}
			if diff := cmp.Diff(e, again, equal); diff != "" {
				t.Fatal(diff)
			}
		}
		if q, err := wire.DecodeQuarantined(message); err == nil {
			if _, err := wire.DecodeQuarantined(must(wire.EncodeQuarantined(q))); err != nil {
				t.Fatalf("decode again: %v", err)
			}
		}
	})
}

// refereed demands that the generated code reads the message without a field it
// does not know, and writes the same bytes.
func refereed(t *rapid.T, message []byte, m proto.Message) {
	body := bare(t, message)[1:]
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatalf("the schema does not read the message: %v", err)
	}
	known(t, m.ProtoReflect())
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body, again) {
		t.Fatalf("the generated code writes other bytes for\n%s", m)
	}
}

// bare returns the message without its compression.
func bare(t interface{ Fatal(...any) }, message []byte) []byte {
	switch message[0] {
	case 2:
		return message
	case 3:
		plain, err := s2.Decode(nil, message[5:])
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{2}, plain...)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	out, err := d.DecodeAll(message[1:], []byte{2})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func known(t *rapid.T, m protoreflect.Message) {
	if len(m.GetUnknown()) > 0 {
		t.Fatalf("%s holds fields the schema does not have", m.Descriptor().FullName())
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() || fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				known(t, v.List().Get(i).Message())
			}
		default:
			known(t, v.Message())
		}
		return true
	})
}

// draw fills a T by reflection, so that a field added to the language and
// forgotten here fails the test.
func draw[T any](t *rapid.T) (v T) {
	fill(t, reflect.ValueOf(&v).Elem(), "")
	return v
}

func fill(t *rapid.T, v reflect.Value, path string) {
	switch v.Interface().(type) {
	case time.Time:
		if rapid.Bool().Draw(t, path+"?") {
			// Years 1 to 9999, with nanoseconds.
			sec := rapid.Int64Range(-62135596799, 253402300799).Draw(t, path+".s")
			nano := rapid.Int64Range(0, 999_999_999).Draw(t, path+".n")
			v.Set(reflect.ValueOf(time.Unix(sec, nano).UTC()))
		}
		return
	case inventory.Decimal:
		s := rapid.StringMatching(`-?[0-9]{1,15}(\.[0-9]{1,9})?`).Draw(t, path)
		d, err := inventory.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		v.Set(reflect.ValueOf(d))
		return
	}
	switch v.Kind() {
	case reflect.String:
		// Also what is not UTF-8: it must pass unharmed.
		v.SetString(string(rapid.OneOf(
			rapid.Just([]byte(nil)),
			rapid.SampledFrom([][]byte{[]byte("receipt"), []byte("pos"), []byte("0123-04-000778"), {0xff, 'x'}}),
			rapid.SliceOfN(rapid.Byte(), 0, 12),
		).Draw(t, path)))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, path))
	case reflect.Int, reflect.Int64:
		if v.Type() == reflect.TypeFor[int]() && strings.HasSuffix(path, ".Partition") {
			v.SetInt(int64(rapid.IntRange(0, 1<<20).Draw(t, path)))
			return
		}
		v.SetInt(rapid.Int64().Draw(t, path))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, path))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, path)))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), path)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 2).Draw(t, path+"#"), 2))
		for i := range v.Len() {
			fill(t, v.Index(i), path)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 2).Draw(t, path+"#") {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, path+".key")
			fill(t, value, path+".value")
			v.SetMapIndex(key, value)
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, path+"?") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s: no generator for %s", path, v.Type())
	}
}
