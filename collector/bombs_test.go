package collector_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// squeezed compresses size bytes of one character. What goes in is made piece by
// piece, so that the test holds no more than it measures.
func squeezed(t *testing.T, encoding string, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch encoding {
	case "gzip":
		w, err = gzip.NewWriterLevel(&b, gzip.BestCompression)
	case "zlib":
		w, err = zlib.NewWriterLevel(&b, zlib.BestCompression)
	case "flate":
		w, err = flate.NewWriter(&b, flate.BestCompression)
	default:
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte{' '}, 1<<20)
	for range size >> 20 {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// allocated is how much memory f takes from the heap, freed in between or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A quarter of a gibibyte in a few hundred kilobytes costs no more than the bound
// on a request, several times over for growing buffers, on every way in.
func TestBombsCostLittle(t *testing.T) {
	const size, limit = 256 << 20, 2 << 20
	const most = 16 * limit
	m := &memory{}
	o := options(m)
	o.MaxRequestBytes = limit
	c := start(t, o)
	for name, test := range map[string]struct{ how, encoding string }{
		"gzip": {"gzip", "gzip"}, "zstd": {"zstd", "zstd"}, "deflate": {"zlib", "deflate"}, "bare deflate": {"flate", "deflate"},
	} {
		bomb := squeezed(t, test.how, size)
		cost := allocated(func() {
			if code, answer := sendEvent(t, o, canonical.CloudEventBatchType, string(bomb), "Content-Encoding", test.encoding); code != http.StatusRequestEntityTooLarge {
				t.Errorf("%s to /v1/events: %d %s", name, code, answer)
			}
		})
		t.Logf("%s to /v1/events: %d bytes, %d allocated", name, len(bomb), cost)
		if cost > most+2*uint64(len(bomb)) {
			t.Errorf("%s to /v1/events: %d bytes allocated", name, cost)
		}
		if name == "bare deflate" {
			continue // the OTLP receiver reads none
		}
		cost = allocated(func() {
			if r, answer := post(t, c, "/v1/traces", "application/x-protobuf", bomb, "Content-Encoding", test.encoding); r.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s to OTLP: %d %s", name, r.StatusCode, answer)
			}
		})
		t.Logf("%s to OTLP: %d allocated", name, cost)
		if cost > most+2*uint64(len(bomb)) {
			t.Errorf("%s to OTLP: %d bytes allocated", name, cost)
		}
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Errorf("something of a bomb was stored: %d, %d", len(records), len(quarantined))
	}
}

// Compressed within compressed is undone once, and what comes out is judged as
// any body.
func TestCompressedWithinCompressed(t *testing.T) {
	m := &memory{}
	o := options(m)
	inner := squeezed(t, "gzip", 16<<20)
	twice := gzipped(t, inner)
	if code, answer := sendEvent(t, o, canonical.CloudEventType, string(twice), "Content-Encoding", "gzip, gzip"); code != http.StatusUnsupportedMediaType {
		t.Errorf("two encodings: %d %s", code, answer)
	}
	code, answer := sendEvent(t, o, canonical.CloudEventType, string(twice), "Content-Encoding", "gzip")
	if code != http.StatusBadRequest {
		t.Errorf("gzip within gzip: %d %s", code, answer)
	}
	_, quarantined := m.contents()
	if len(quarantined) != 1 || !bytes.Equal(quarantined[0].Raw, inner) {
		t.Errorf("what was not understood is not kept as it came: %d entries", len(quarantined))
	}
}

// JSON of nothing but brackets, strings or members is refused at the cost of its
// own size.
func TestJSONBombs(t *testing.T) {
	m := &memory{}
	o := options(m)
	within := func(value string) string { return strings.TrimSuffix(event, "}") + `,"x":` + value + `}` }
	for name, body := range map[string]string{
		"brackets":      within(strings.Repeat("[", 1<<18) + strings.Repeat("]", 1<<18)),
		"open brackets": strings.Repeat("[", 1<<20),
		"objects":       within(strings.Repeat(`{"a":`, 1<<17) + "1" + strings.Repeat("}", 1<<17)),
		"a long number": strings.Replace(event, `"location":"0123"`, `"location":`+strings.Repeat("9", 900<<10), 1),
		"twice":         strings.Replace(event, `"id":"e-1"`, `"id":"e-1","id":"e-1"`, 1),
	} {
		cost := allocated(func() {
			if code, answer := sendEvent(t, o, canonical.CloudEventType, body); code != http.StatusBadRequest && name != "a long number" {
				t.Errorf("%s: %d %.200s", name, code, answer)
			}
		})
		if most := uint64(40*len(body) + 4<<20); cost > most {
			t.Errorf("%s of %d bytes: %d allocated", name, len(body), cost)
		}
	}
}
