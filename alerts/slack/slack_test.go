package slack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slacktest"
	"pgregory.net/rapid"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/alerts/alertstest"
	"github.com/stocktrace/stocktrace/alerts/slack"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// tower is a manager that tells one fake Slack, with clocks the test moves.
type tower struct {
	t     *testing.T
	wrong alertstest.Wrong
	store *alertstest.Store
	wall  *alertstest.Clock
	slack *fake
	stop  func()
	epoch uint64
}

func newTower(t *testing.T) *tower {
	t.Helper()
	wall := alertstest.NewClock(alertstest.Noon)
	w := &tower{t: t, store: alertstest.NewStore(), wall: wall, slack: newFake(t, wall)}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *tower) start() {
	w.t.Helper()
	receiver, err := slack.New(slack.Options{Token: "xoxb-test", Channel: "#stock-alerts", APIURL: w.slack.URL, Wall: w.wall})
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := alerts.NewManager(alerts.Options{
		Source: &w.wrong, Objectives: &w.wrong, Store: w.store, Receivers: []alerts.Receiver{receiver},
		Rules: alerts.DefaultRules(), PublicURL: "https://tower.example", Clock: w.wall, Wall: w.wall,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	w.epoch++
	go func() { done <- m.Run(ctx, w.epoch) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.stop = func() {}
	}
}

// until moves the clocks on, three seconds at a time, until what is asked holds.
func (w *tower) until(what string, ok func(ours []message, calls []call) bool) {
	w.t.Helper()
	alertstest.Eventually(w.t, what, func() { w.wall.Advance(3 * time.Second) }, func() bool { return ok(w.slack.ours()) })
}

func (w *tower) missing(n int) {
	w.t.Helper()
	if n == 0 {
		w.wrong.Set(nil)
		return
	}
	w.wrong.Set([]alerts.Cluster{alertstest.MissingInERP(w.t, n)})
}

func says(text string) func([]message, []call) bool {
	return func(ours []message, _ []call) bool { return len(ours) == 1 && strings.Contains(ours[0].Text, text) }
}

func (w *tower) expectOne() {
	w.t.Helper()
	if ours, _ := w.slack.ours(); len(ours) != 1 {
		w.t.Fatalf("%d messages, want one", len(ours))
	}
}

func TestFourThousandSalesAreOneMessage(t *testing.T) {
	w := newTower(t)
	w.missing(5)
	w.until("a message", says(":red_circle: *Not in ERP: 5 sales*"))
	w.missing(4000)
	w.until("its update", says(":red_circle: *Not in ERP: 4,000 sales*"))
	w.missing(0)
	w.until("its end", says(":large_green_circle: ~Not in ERP: 4,000 sales~"))
	w.expectOne()
}

func TestAnOutageOfSlackDelaysAndNeverLoses(t *testing.T) {
	w := newTower(t)
	w.slack.set(func(f *fake) { f.down = true })
	w.missing(50)
	w.until("eight attempts", func(_ []message, calls []call) bool { return len(calls) > 8 })
	w.slack.set(func(f *fake) { f.down = false })
	w.until("the message", says("50 sales"))
	w.expectOne()
}

func TestSlackAsksForPatience(t *testing.T) {
	w := newTower(t)
	w.slack.set(func(f *fake) { f.limit = 90 * time.Second })
	w.missing(50)
	w.until("a refusal", func(_ []message, calls []call) bool { return len(calls) == 1 })
	_, calls := w.slack.ours()
	refused := calls[0].at
	w.slack.set(func(f *fake) { f.limit = 0 })
	w.until("the message", says("50 sales"))
	_, calls = w.slack.ours()
	if early := calls[1].at.Sub(refused); early < 90*time.Second {
		t.Errorf("called again after %v, 90 s were asked for", early)
	}
	w.expectOne()
}

// Slack has posted, and the answer was lost: with the connection, or with the
// process. The message is found in the channel, behind the chatter of others.
func TestWhatWasPostedAndNotRememberedIsAdopted(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newTower(t)
		w.slack.set(func(f *fake) { f.deaf = true })
		w.missing(50)
		w.until("a message nobody remembers", func(ours []message, _ []call) bool { return len(ours) == 1 })
		if restart {
			w.stop()
		}
		w.slack.chatter(350)
		w.slack.set(func(f *fake) { f.deaf = false })
		if restart {
			w.start()
		}
		w.missing(60)
		w.until("its update", says("60 sales"))
		w.expectOne()
		_, calls := w.slack.ours()
		pages := 0
		for _, c := range calls {
			if c.method == "conversations.history" {
				pages++
			}
		}
		if pages < 4 {
			t.Errorf("%d pages of the history were read, the message is on the fourth", pages)
		}
		w.missing(0)
		w.until("its end", says("~Not in ERP: 60 sales~"))
		w.expectOne()
		w.stop()
	}
}

func TestBlocksSlackWillNotHave(t *testing.T) {
	w := newTower(t)
	w.slack.set(func(f *fake) { f.refuse = "invalid_blocks" })
	w.missing(50)
	w.until("the bare message", says("50 sales"))
	ours, _ := w.slack.ours()
	if a := string(ours[0].Attachments); strings.Contains(a, `"blocks":[`) || !strings.Contains(a, "https://tower.example/findings?group=g-3f2a") {
		t.Errorf("attachments are %s", a)
	}
}

func receiver(t *testing.T, url, channel string) *slack.Receiver {
	t.Helper()
	r, err := slack.New(slack.Options{Token: "xoxb-test", Channel: channel, APIURL: url, Wall: alertstest.NewClock(alertstest.Noon)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestErrorsSayWhatToDo(t *testing.T) {
	wall := alertstest.NewClock(alertstest.Noon)
	f := newFake(t, wall)
	if _, err := receiver(t, f.URL, "#nowhere").Post(t.Context(), alerts.Message{}); err == nil ||
		err.Error() != `slack shows the bot no channel "#nowhere": invite it, or give the channel's id` {
		t.Errorf("a channel that is not there: %v", err)
	}
	err := receiver(t, f.URL, channelID).Update(t.Context(), alerts.Ref{Place: channelID, ID: "1.1"}, alerts.Message{})
	if !errors.Is(err, alerts.ErrGone) {
		t.Errorf("a message that is not there: %v", err)
	}
	if _, err := slack.New(slack.Options{Token: "xoxb-test"}); err == nil || !strings.Contains(err.Error(), "--slack-channel") {
		t.Errorf("a token without a channel: %v", err)
	}
	// Nobody listens there: the error has neither token nor address.
	_, err = receiver(t, "http://127.0.0.1:1/", channelID).Post(t.Context(), alerts.Message{})
	if err == nil || strings.Contains(err.Error(), "xoxb") || strings.Contains(err.Error(), "chat.postMessage") {
		t.Errorf("nobody listens: %v", err)
	}
}

// The test server of slack-go takes our message, and its clients read it.
func TestSlacktest(t *testing.T) {
	server := slacktest.NewTestServer()
	server.Start()
	defer server.Stop()
	reader := slackgo.New("xoxb-reader", slackgo.OptionAPIURL(server.GetAPIURL())).NewRTM()
	go reader.ManageConnection()
	defer func() { _ = reader.Disconnect() }()

	c := alertstest.MissingInERP(t, 4000)
	m := alerts.Compose(&alerts.Incident{ID: "i-1", State: alerts.Firing, Severity: c.Severity, OpenedAt: alertstest.Noon, Cluster: &c}, "https://tower.example")
	ref, err := receiver(t, server.GetAPIURL(), channelID).Post(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if ref.Place != channelID || ref.ID == "" {
		t.Errorf("the message is %+v", ref)
	}
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-deadline:
			t.Fatal("no message within ten seconds")
		case event := <-reader.IncomingEvents:
			seen, ok := event.Data.(*slackgo.MessageEvent)
			if !ok {
				continue
			}
			if !strings.Contains(seen.Text, "Not in ERP: 4,000 sales") || len(seen.Attachments) != 1 || len(seen.Attachments[0].Blocks.BlockSet) < 4 {
				t.Errorf("the server saw %+v", seen)
			}
			return
		}
	}
}

// incidents are the golden cases.
func incidents(t *testing.T) map[string]alerts.Incident {
	t.Helper()
	missing := alertstest.MissingInERP(t, 4000)
	cause := alertstest.Burning(alertstest.Because(missing, 2900))
	rules := alerts.DefaultRules()
	open := alerts.Advance(&rules, nil, []alerts.Cluster{missing}, []slo.Result{cause}, alertstest.Noon)[0]

	mapping := missing
	mapping.Key = alerts.Key{Kind: inventory.MappingUnknown, Cause: inventory.CauseMappingDefect, System: "middleware", Step: "middleware mapped", ErrorCode: "item_unmapped"}
	mapping.Severity, mapping.Title, mapping.Owner = inventory.Warning, "No item mapping", "integration"
	mapping.Sentence = "No ERP item for <b>4006381333931</b> & 41 others | m-41"
	mapping.Groups = 42
	mapping.Acknowledged, mapping.AcknowledgedBy, mapping.Assignees = 81, []string{"mia", "tom <!here>"}, []string{"integration"}
	mapping.GroupsTop = []alerts.Group{{ID: "g-1", What: "item_unmapped m-41 4006381333931", Open: 120}, {ID: "g-2", What: "item_unmapped m-41 <!channel>", Open: 80}, {ID: "g-3", Open: 7}}

	silent := alerts.Cluster{
		Key: alerts.Key{Kind: inventory.SourceSilent, Cause: inventory.CauseSourceOutage, System: "pos"}, Severity: inventory.Critical,
		Title: "Source silent", Sentence: "Nothing heard from the till of store 0123 since 11:40.", Action: "Check the system and its feed.",
		Owner: "store-systems", Open: 2, Recent: 2, Locations: 2, LocationsTop: []string{"0123", "0124"}, Regions: []string{"north", ""},
		Groups: 2, GroupsTop: []alerts.Group{{ID: "g-8", What: "0123", Open: 1}, {ID: "g-9", What: "0124", Open: 1}},
		Examples: []alerts.Example{{Location: "0123", Sentence: "Nothing heard since 11:40."}},
	}
	burn := alerts.Advance(&rules, nil, nil, []slo.Result{alertstest.Burning(alertstest.Because(missing, 900), alertstest.Because(mapping, 700))}, alertstest.Noon)[0]

	over := open
	over.State, over.ClosedAt, over.Peak = alerts.Resolved, alertstest.Noon.Add(47*time.Minute), 4000
	rest := alertstest.MissingInERP(t, 3)
	over.Cluster = &rest
	ended := *over.Burn
	ended.Firing = false
	over.Burn = &ended
	return map[string]alerts.Incident{
		"missing": open, "over": over, "burn": burn,
		"mapping": {ID: "i-mapping", State: alerts.Firing, Severity: inventory.Warning, OpenedAt: alertstest.Noon, Cluster: &mapping},
		"silent":  {ID: "i-silent", State: alerts.Firing, Severity: inventory.Critical, OpenedAt: alertstest.Noon, Cluster: &silent},
	}
}

// What goes over the wire, as Slack gets it.
func TestGolden(t *testing.T) {
	for name, incident := range incidents(t) {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, alertstest.NewClock(alertstest.Noon))
			if _, err := receiver(t, f.URL, channelID).Post(t.Context(), alerts.Compose(&incident, "https://tower.example/")); err != nil {
				t.Fatal(err)
			}
			ours, _ := f.ours()
			ours[0].TS = ""
			var got bytes.Buffer
			e := json.NewEncoder(&got)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(ours[0]); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// Whatever an incident holds, Slack's limits are kept and nobody is woken by the
// text of an item.
func TestLimits(t *testing.T) {
	f := newFake(t, alertstest.NewClock(alertstest.Noon))
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.SampledFrom([]string{"<!channel>", "& ", "Grün 🧾 ", "a|b\n", "x", "<https://evil.example|here> "}).Draw(t, "piece"),
			rapid.IntRange(0, 400).Draw(t, "times"))
	})
	rapid.Check(t, func(rt *rapid.T) {
		many := func(label string, limit int) (all []string) {
			for range rapid.IntRange(0, limit).Draw(rt, label+" count") {
				all = append(all, text.Draw(rt, label))
			}
			return all
		}
		m := alerts.Message{
			IncidentID: "i-1", State: alerts.Firing, Title: text.Draw(rt, "title"), Lead: text.Draw(rt, "lead"), Burn: text.Draw(rt, "burn"),
			Groups: many("group", 60), Action: text.Draw(rt, "action"), Link: "https://tower.example/", Runbook: text.Draw(rt, "runbook"),
			OpenedAt: alertstest.Noon,
		}
		for _, v := range many("fact", 14) {
			m.Facts = append(m.Facts, alerts.Fact{Name: v, Value: v})
		}
		for _, v := range many("example", 40) {
			m.Examples = append(m.Examples, alerts.ExampleLink{Text: v, URL: "https://tower.example/trace/" + v, Note: v})
		}
		f.set(func(f *fake) { f.messages, f.last = nil, time.Time{} })
		if _, err := receiver(t, f.URL, channelID).Post(t.Context(), m); err != nil {
			rt.Fatal(err)
		}
		ours, _ := f.ours()
		var attachments []struct {
			Blocks []struct {
				Type     string
				Text     *struct{ Text string }
				Fields   []struct{ Text string }
				Elements []struct{ Text string }
			}
		}
		if err := json.Unmarshal(ours[0].Attachments, &attachments); err != nil {
			rt.Fatal(err)
		}
		check := func(s string, limit int) {
			if n := utf8.RuneCountInString(s); n > limit || n == 0 {
				rt.Fatalf("a text of %d characters, allowed are 1 to %d", n, limit)
			}
			if strings.Contains(s, "<!channel>") || strings.Contains(s, "<https://evil.example|") {
				rt.Fatalf("control characters came through: %s", s)
			}
		}
		check(ours[0].Text, 40_000)
		if len(attachments) != 1 || len(attachments[0].Blocks) > 50 {
			rt.Fatal("too many blocks")
		}
		for _, b := range attachments[0].Blocks {
			if b.Text != nil {
				check(b.Text.Text, 3000)
			}
			if len(b.Fields) > 10 || len(b.Elements) > 10 {
				rt.Fatalf("%d fields, %d elements", len(b.Fields), len(b.Elements))
			}
			for _, field := range b.Fields {
				check(field.Text, 2000)
			}
			for _, element := range b.Elements {
				check(element.Text, 3000)
			}
		}
	})
}
