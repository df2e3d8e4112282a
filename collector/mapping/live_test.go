package mapping

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
)

func TestAChangeThatIsWrongKeepsWhatWasRight(t *testing.T) {
	dir := t.TempDir()
	clock := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	write := func(name, text string) {
		t.Helper()
		clock = clock.Add(time.Minute)
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, clock, clock); err != nil {
			t.Fatal(err)
		}
	}
	mapping := strings.Replace(counts, `{values: {"7001": "0123"}, unpad: true}`, `{file: stores.csv, unpad: true}`, 1)
	write("a.yaml", mapping)
	write("stores.csv", "from,to\n7001,0123\n")
	live, err := Open(dir, Options{}, nil, clock)
	if err != nil {
		t.Fatal(err)
	}
	document := countsHead + "B1;7009;23.11.2026 10:05;1;4006381333931;1;ST;frei;;;\n"
	location := func() string {
		t.Helper()
		all, err := items(t, live.Current(), document, format.Source{Document: "STK_1.csv"})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0].Event.Location + " " + all[0].Event.MappingVersion
	}
	is := func(want, health string) {
		t.Helper()
		_ = live.Reload(clock)
		if got := location(); got != want {
			t.Errorf("reads %s, want %s", got, want)
		}
		if got := live.Health().Err; !strings.Contains(got, health) || health == "" && got != "" {
			t.Errorf("health %q, want %q", got, health)
		}
	}
	is("7009 acme-counts@7", "")
	write("stores.csv", "from,to\n7001,0123\n7009,0555\n") // tables may grow
	is("0555 acme-counts@7", "")
	write("stores.csv", "from,to\n7001,0124\n7009,0555\n") // but not change
	is("0555 acme-counts@7", `says of "7001" something else than before and is still version 7`)
	write("stores.csv", "from,to\n7001,0123\n7009,0555\n")
	is("0555 acme-counts@7", "")
	write("a.yaml", mapping+"  nothing: x\n")
	is("0555 acme-counts@7", `a.yaml:31: no field is called "nothing"`)
	if live.Health().Since.IsZero() {
		t.Error("health does not say since when")
	}
	write("a.yaml", strings.Replace(mapping, "{value: counted}", "{value: recounted}", 1))
	is("0555 acme-counts@7", "is still version 7")
	if err := live.Current().mayBecome(mustParse(t, strings.Replace(counts, "counted", "recounted", 1), Options{})); !errors.Is(err, ErrStamped) {
		t.Errorf("%v", err)
	}
	write("a.yaml", strings.Replace(mapping, `"7"`, `"8"`, 1))
	is("0555 acme-counts@8", "")
	if err := os.Remove(filepath.Join(dir, "stores.csv")); err != nil {
		t.Fatal(err)
	}
	is("0555 acme-counts@8", "stores.csv: no such file")
	ticks := make(chan time.Time)
	close(ticks)
	if err := live.Watch(t.Context(), ticks); err != nil {
		t.Error(err)
	}
}
