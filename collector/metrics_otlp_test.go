package collector_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// depths is a request with the depth of a queue at each of the times, and a
// metric that is none of ours.
func depths(at ...time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	resource := md.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "mq-agent")
	resource.Resource().Attributes().PutStr("inventory.system", "middleware")
	scope := resource.ScopeMetrics().AppendEmpty()
	gauge := scope.Metrics().AppendEmpty()
	gauge.SetName("inventory.queue.depth")
	gauge.SetEmptyGauge()
	for i, t := range at {
		p := gauge.Gauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(t))
		p.SetIntValue(int64(10 + i))
		p.Attributes().PutStr("inventory.queue", "replay")
	}
	other := scope.Metrics().AppendEmpty()
	other.SetName("jvm.memory.used")
	other.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	return md
}

// TestMetricsAreReadings: over gRPC and HTTP the same data points are the same
// records, each with its own raw bytes; what is not ours ends at the processor.
func TestMetricsAreReadings(t *testing.T) {
	m := &memory{}
	c := start(t, options(m))
	request := pmetricotlp.NewExportRequestFromMetrics(depths(occurred, occurred.Add(time.Minute)))
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := pmetricotlp.NewGRPCClient(dial(t, c)).Export(t.Context(), request); err != nil || answer.PartialSuccess().RejectedDataPoints() != 0 {
		t.Fatalf("gRPC: %v", err)
	}
	if r, b := post(t, c, "/v1/metrics", "application/x-protobuf", body); r.StatusCode != http.StatusOK {
		t.Fatalf("HTTP: %d %s", r.StatusCode, b)
	}
	records, quarantined := m.contents()
	ids := map[inventory.Identity]int{}
	for _, r := range records {
		ids[r.Identity()]++
		reading := r.Event.Reading
		if reading == nil || reading.System != "middleware" || reading.Queue != "replay" || reading.Gauge != inventory.Depth || r.Transport != canonical.TransportMetrics {
			t.Errorf("%+v", r.Event)
		}
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(r.Raw)
		if err != nil || md.DataPointCount() != 1 {
			t.Errorf("its bytes hold %d data points: %v", md.DataPointCount(), err)
		}
		again, err := canonical.FromMetrics(md, occurred)
		if err != nil || len(again.Records) != 1 || again.Records[0].Identity() != r.Identity() {
			t.Errorf("read again it is another: %v %v", again.Records, err)
		}
	}
	if len(ids) != 2 || len(records) != 4 || len(quarantined) != 0 {
		t.Errorf("%d records of %d ids, %d quarantined; want 4 of 2, none", len(records), len(ids), len(quarantined))
	}
}

// TestMetricsRefused: what cannot be read is kept and counted as rejected data
// points; while the log is away nothing is acknowledged; values that nest too
// deeply end nothing.
func TestMetricsRefused(t *testing.T) {
	m := &memory{}
	c := start(t, options(m))
	md := depths(occurred, occurred.Add(time.Minute))
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(1).SetIntValue(-4)
	client := pmetricotlp.NewGRPCClient(dial(t, c))
	answer, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	if err != nil || answer.PartialSuccess().RejectedDataPoints() != 1 || !strings.Contains(answer.PartialSuccess().ErrorMessage(), "must not be below 0") {
		t.Errorf("%v: %d rejected, %q", err, answer.PartialSuccess().RejectedDataPoints(), answer.PartialSuccess().ErrorMessage())
	}
	if records, quarantined := m.contents(); len(records) != 1 || len(quarantined) != 1 || quarantined[0].ContentType != canonical.MetricsType {
		t.Errorf("%d records, %+v", len(records), quarantined)
	}
	deep := depths(occurred)
	v := deep.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Attributes().PutEmpty("deep")
	for range 100 {
		v = v.SetEmptySlice().AppendEmpty()
	}
	if _, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(deep)); err == nil || !strings.Contains(err.Error(), "levels deep") {
		t.Errorf("nested 100 deep: %v", err)
	}
	m.failWith(collector.ErrFull)
	if _, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(depths(occurred))); status.Code(err) != codes.Unavailable {
		t.Errorf("with a full log: %v", err)
	}
}
