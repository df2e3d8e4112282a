package lifecycle_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
)

var update = flag.Bool("update", false, "rewrite what the stories come to")

// story is one golden case: what systems said, and what has to be said of it.
// out.txt beside it is what it comes to, word for word.
type story struct {
	About string `yaml:"about"` // one sentence: the rule and why
	// Rule is the rule of retail or the recorded failure it comes from: "17",
	// "F06". A near-miss carries the same.
	Rule string `yaml:"rule"`
	// Raises are the kinds that must be found, and nothing else; disproved ones
	// aside. A near-miss raises nothing.
	Raises []inventory.Kind `yaml:"raises"`
	Now    time.Duration    `yaml:"now"` // after the beginning; a day unless given

	Defaults  map[string]any   `yaml:"defaults"` // what every event says
	Events    []map[string]any `yaml:"events"`
	Locations []struct {
		ID      string            `yaml:"id"`
		Zone    string            `yaml:"zone"`
		Posting inventory.Posting `yaml:"posting"`
		// Open is the daily opening span in hours, such as [8, 20].
		Open []int `yaml:"open"`
	} `yaml:"locations"`
	Packs []struct {
		Item  string `yaml:"item"`
		UOM   string `yaml:"uom"`
		Holds string `yaml:"holds"`
	} `yaml:"packs"`
	// Workflow is a workflow file in place of the built-in one of its name.
	Workflow   string `yaml:"workflow"`
	Watermarks []struct {
		System  string        `yaml:"system"`
		Place   string        `yaml:"location"`
		Extract string        `yaml:"extract"`
		Heard   time.Duration `yaml:"heard"`
		Through time.Duration `yaml:"through"`
	} `yaml:"watermarks"`
}

// begins is when every story begins: a Monday, ten in the morning in Berlin.
var begins = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*/story.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) { tellStory(t, file) })
	}
}

// TestEveryKindHasAStory: what can be raised is shown being raised, and every
// rule with a case has a near-miss that raises nothing.
func TestEveryKindHasAStory(t *testing.T) {
	files, _ := filepath.Glob("testdata/stories/*/story.yaml")
	raised := map[inventory.Kind]bool{}
	for _, file := range files {
		for _, k := range readStory(t, file).Raises {
			raised[k] = true
		}
	}
	for _, k := range inventory.Kinds {
		if raised[k] == slices.Contains(elsewhere, k) {
			t.Errorf("%s: told in a story: %v, listed as told elsewhere: %v", k, raised[k], !raised[k])
		}
	}
}

// elsewhere are the kinds that are not about one lifecycle or one book: a silent
// feed has tests of its own (feeds_test.go).
var elsewhere = []inventory.Kind{inventory.SourceSilent}

func readStory(t *testing.T, file string) story {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s story
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.About == "" || s.Rule == "" {
		t.Fatal("a story says what it is about, and which rule it comes from")
	}
	return s
}

func tellStory(t *testing.T, file string) {
	t.Helper()
	s := readStory(t, file)
	rules, records := s.rules(t), s.records(t)
	evidence := s.evidence(rules)
	now := begins.Add(24 * time.Hour)
	if s.Now > 0 {
		now = begins.Add(s.Now)
	}
	told := lifecycle.Stitch(rules, records, evidence, now)
	stitched := render(told)
	have := stitched

	var kinds []inventory.Kind
	feeds, _ := lifecycle.AboutFeeds(rules, evidence, now)
	for i := range feeds {
		// Stories with watermarks end long after the last one.
		if f := &feeds[i]; f.Kind == inventory.RunMissed {
			kinds = append(kinds, f.Kind)
			have += "feed " + f.System + "\n" + renderFinding(f)
		}
	}
	for i := range told {
		for _, f := range told[i].Findings {
			if f.Resolution != inventory.Disproved {
				kinds = append(kinds, f.Kind)
			}
		}
	}
	slices.Sort(kinds)
	slices.Sort(s.Raises)
	if !slices.Equal(kinds, s.Raises) {
		t.Errorf("raises %v, want %v\n%s", kinds, s.Raises, have)
	}
	golden := filepath.Join(filepath.Dir(file), "out.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(have), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), have); diff != "" {
		t.Errorf("it comes to something else (-want +have):\n%s", diff)
	}
	// In whatever order and however often it is told.
	dice := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		shuffled := append(slices.Clone(records), records[dice.IntN(len(records))])
		dice.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := render(lifecycle.Stitch(rules, shuffled, evidence, now)); again != stitched {
			t.Fatalf("in another order it comes to something else:\n%s", cmp.Diff(stitched, again))
		}
	}
}

func (s *story) rules(t *testing.T) *lifecycle.Rules {
	t.Helper()
	workflows, err := lifecycle.BuiltinWorkflows()
	if err != nil {
		t.Fatal(err)
	}
	locations := make([]inventory.Location, 0, len(s.Locations))
	for _, l := range s.Locations {
		location := inventory.Undeclared(l.ID)
		if l.Zone != "" {
			if location.Zone, err = time.LoadLocation(l.Zone); err != nil {
				t.Fatal(err)
			}
		}
		if l.Posting != "" {
			location.Posting = l.Posting
		}
		if len(l.Open) == 2 {
			for day := range location.Open {
				location.Open[day] = []inventory.Span{{From: l.Open[0] * 60, To: l.Open[1] * 60}}
			}
		}
		locations = append(locations, location)
	}
	packs := make([]inventory.Pack, 0, len(s.Packs))
	for _, p := range s.Packs {
		holds, err := inventory.ParseDecimal(p.Holds)
		if err != nil {
			t.Fatal(err)
		}
		packs = append(packs, inventory.Pack{Item: p.Item, UOM: p.UOM, Holds: holds})
	}
	if s.Workflow != "" {
		w, err := lifecycle.ParseWorkflow("story.yaml", []byte(s.Workflow))
		if err != nil {
			t.Fatal(err)
		}
		workflows = slices.DeleteFunc(workflows, func(x *inventory.Workflow) bool { return x.Name == w.Name })
		workflows = append(workflows, w)
	}
	return lifecycle.NewRules(workflows, locations).WithPacks(packs)
}

// records makes CloudEvents of the events and reads them as any sender's are
// read. says is the hop; at, heard and by are when it happened and was heard
// and over which transport; every other field is the contract's.
func (s *story) records(t *testing.T) []inventory.Record {
	t.Helper()
	var records []inventory.Record
	for n, given := range s.Events {
		e := maps.Clone(s.Defaults)
		if e == nil {
			e = map[string]any{}
		}
		maps.Copy(e, given)
		system, step, _ := strings.Cut(take(e, "says", ""), " ")
		at := duration(t, take(e, "at", "0s"))
		heard := duration(t, take(e, "heard", (at+time.Second).String()))
		transport := take(e, "by", "cloudevents")
		e["system"], e["step"] = system, step
		envelope := map[string]any{
			"specversion": "1.0", "id": take(e, "id", fmt.Sprintf("%d", n+1)), "source": take(e, "source", "/"+system),
			"type": fmt.Sprintf("inventory.%v.%s", e["workflow"], step), "time": begins.Add(at).Format(time.RFC3339Nano),
			"correlationid": take(e, "correlation", ""), "data": e,
		}
		raw, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		r, err := canonical.FromCloudEvent(raw, begins.Add(heard))
		if err != nil {
			t.Fatalf("event %d: %v\n%s", n+1, err, raw)
		}
		r.Transport = transport
		records = append(records, r)
	}
	return records
}

func (s *story) evidence(rules *lifecycle.Rules) *lifecycle.Evidence {
	var facts []inventory.Fact
	for i, w := range s.Watermarks {
		facts = append(facts, inventory.Fact{
			RecordID: fmt.Sprint(w.System, i), Position: uint64(i + 1), ReceivedAt: begins.Add(w.Heard),
			Watermark: inventory.Watermark{
				System: w.System, Location: w.Place, Extract: w.Extract, CompleteThrough: begins.Add(w.Through),
			},
		})
	}
	return rules.NewEvidence(facts...)
}

func take(e map[string]any, name, unset string) string {
	v, ok := e[name]
	if !ok {
		return unset
	}
	delete(e, name)
	return fmt.Sprint(v)
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func renderFinding(f *inventory.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %s %s", f.Severity, f.Kind, f.State)
	if f.Resolution != "" {
		fmt.Fprintf(&b, " %s", f.Resolution)
	}
	fmt.Fprintf(&b, ", opened %s, cause %s", f.OpenedAt.Format("02T15:04:05"), f.Cause)
	for _, u := range f.Units {
		fmt.Fprintf(&b, ", %s %s", u.Quantity, u.UOM)
	}
	fmt.Fprintf(&b, "\n    %s\n", f.Sentence)
	return b.String()
}

// render writes lifecycles as a person would check them.
func render(all []inventory.Lifecycle) string {
	var b strings.Builder
	for i := range all {
		l := &all[i]
		fmt.Fprintf(&b, "%s: %s, %s\n  %s\n", l.ID, l.Verdict, l.State, l.Sentence)
		for _, s := range l.Steps {
			switch {
			case s.Outcome != "":
				fmt.Fprintf(&b, "  step %s: %s %s", s.StepRef, s.Outcome, s.OccurredAt.Format("02T15:04:05"))
			case s.Expected:
				fmt.Fprintf(&b, "  step %s: owed", s.StepRef)
			default:
				continue
			}
			if s.Expected && !s.ExpectedBy.IsZero() {
				fmt.Fprintf(&b, " by %s", s.ExpectedBy.Format("02T15:04:05"))
			}
			if s.Note != "" {
				fmt.Fprintf(&b, " (%s)", s.Note)
			}
			b.WriteByte('\n')
		}
		for _, line := range l.Lines {
			fmt.Fprintf(&b, "  line %s %s at %s: owed %s, booked %s %s", line.Item, line.Status, line.Location, line.Owed, line.Posted, line.UOM)
			if !line.Comparable {
				b.WriteString(" (not comparable)")
			}
			b.WriteByte('\n')
		}
		for j := range l.Findings {
			b.WriteString(renderFinding(&l.Findings[j]))
		}
		for _, r := range l.Related {
			fmt.Fprintf(&b, "  %s %v\n", r.Rel, r.Keys)
		}
	}
	return b.String()
}
