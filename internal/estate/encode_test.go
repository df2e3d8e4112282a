package estate

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// An instance hears at its ports what a rehearsal hands over: nothing an event
// says is left out on the way, whichever way it takes.
func TestPortsHearWhatARehearsalHandsOver(t *testing.T) {
	e := newEstate(t, func(o *Options) {
		o.Faults, o.Dealings = FaultPresets["heavy"], 1
		o.Rate, o.History = 0, History{Sales: 2000, From: o.Clock.Now().Add(-32 * time.Hour), To: o.Clock.Now().Add(-2 * time.Hour)}
	})
	heard := map[string]int{}
	for e.schedule.cursor.Slot.start().Before(e.live) {
		for _, m := range e.draw() {
			want := m.event()
			var got []inventory.Record
			switch m.via {
			case traces, logs:
				var batch canonical.Batch
				if m.via == traces {
					td, err := tracesOf([]*message{m})
					if err != nil {
						t.Fatal(err)
					}
					if batch, err = canonical.FromTraces(td, m.send); err != nil {
						t.Fatal(err)
					}
				} else {
					ld, err := logsOf([]*message{m})
					if err != nil {
						t.Fatal(err)
					}
					if batch, err = canonical.FromLogs(ld, m.send); err != nil {
						t.Fatal(err)
					}
				}
				if len(batch.Rejected) > 0 {
					t.Fatalf("%s is rejected: %v", m.recordID(), batch.Rejected[0])
				}
				got = batch.Records
			case cloudEvents:
				b, err := json.Marshal(cloudEventOf(&want, m.sale.store.Zone))
				if err != nil {
					t.Fatal(err)
				}
				r, err := canonical.FromCloudEvent(b, m.send)
				if err != nil {
					t.Fatalf("%s: %v\n%s", m.recordID(), err, b)
				}
				got = []inventory.Record{r}
			}
			if len(got) != 1 || got[0].ID != m.recordID() || got[0].Transport != m.via.String() {
				t.Fatalf("%s over %s became %d records", m.recordID(), m.via, len(got))
			}
			if got[0].Content != want.ContentHash() {
				t.Fatalf("%s over %s: heard\n%+v\nwant\n%+v", m.recordID(), m.via, got[0].Event, want)
			}
			heard[m.ref.String()+" over "+m.via.String()]++
			if m.day != "" {
				heard["days over "+m.via.String()]++
			}
		}
	}
	if heard["days over otlp_logs"] == 0 || heard["days over cloudevents"]+heard["days over otlp_traces"] == 0 || len(heard) < 7 {
		t.Errorf("only %v were tried", heard)
	}
	t.Log(heard)
}
