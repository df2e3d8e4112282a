package collector_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
)

// gate opens a gate on a file of sources, with a token for each of the names.
func gate(t *testing.T, sources string, names ...string) (*access.Gate, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	var list access.Tokens
	secrets := map[string]string{}
	for _, name := range names {
		secret, stored := access.NewToken(name, receivedAt, time.Time{})
		list, _ = list.Add(stored, receivedAt, time.Time{})
		secrets[name] = secret
	}
	o := access.Options{Tokens: filepath.Join(dir, "tokens")}
	if err := list.Write(o.Tokens); err != nil {
		t.Fatal(err)
	}
	if sources != "" {
		o.Sources = filepath.Join(dir, "sources.yaml")
		if err := os.WriteFile(o.Sources, []byte(sources), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g, err := access.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, secrets
}

// export sends sales over gRPC with a token.
func export(t *testing.T, conn *grpc.ClientConn, token string, receipts ...int) (ptraceotlp.ExportResponse, error) {
	t.Helper()
	td := ptrace.NewTraces()
	for _, r := range receipts {
		sale(td, r)
	}
	ctx := t.Context()
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
}

func encodedSale(t *testing.T, receipt int) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	sale(td, receipt)
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

const scoped = `
sources:
  - name: pos                      # the service name of the spans
  - name: tills
    speaks_as: [/till/*]
    systems: [pos]
  - name: wms
`

func TestOTLPSpeaksAsItself(t *testing.T) {
	m := &memory{}
	o := options(m)
	var secrets map[string]string
	o.Gate, secrets = gate(t, scoped, "pos", "wms")
	c := start(t, o)
	conn := dial(t, c)

	if _, err := export(t, conn, "", 1); status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "stocktrace token new") {
		t.Errorf("gRPC without a token: %v", err)
	}
	if _, err := export(t, conn, "st_wrong", 1); status.Code(err) != codes.Unauthenticated {
		t.Errorf("gRPC with a wrong token: %v", err)
	}
	if _, err := export(t, conn, secrets["wms"], 1); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), `the sender is "wms"`) {
		t.Errorf("gRPC as another: %v", err)
	}
	body := encodedSale(t, 1)
	if r, b := post(t, c, "/v1/traces", "application/x-protobuf", body, "Authorization", "Bearer "+secrets["wms"]); r.StatusCode != http.StatusForbidden {
		t.Errorf("HTTP as another: %d %s", r.StatusCode, b)
	}
	if r, _ := post(t, c, "/v1/traces", "application/x-protobuf", body); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("HTTP without a token: %d", r.StatusCode)
	}
	// What is no OTLP is kept under its sender's name, a stranger's is not.
	if r, _ := post(t, c, "/v1/traces", "application/x-protobuf", []byte("junk"), "Authorization", "Bearer nobody"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger's junk: %d", r.StatusCode)
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Fatalf("something of the refused was stored: %d, %v", len(records), quarantined)
	}
	if r, b := post(t, c, "/v1/traces", "application/x-protobuf", []byte("junk"), "Authorization", "Bearer "+secrets["wms"]); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a source's junk: %d %s", r.StatusCode, b)
	}
	if _, quarantined := m.contents(); len(quarantined) != 1 || quarantined[0].Source != "wms" {
		t.Errorf("the quarantine does not say who sent it: %+v", quarantined)
	}
	// Of a mixed request what is its own is stored, the rest counted as rejected.
	td := ptrace.NewTraces()
	sale(td, 1)
	sale(td, 2).Attributes().PutStr("inventory.source", "erp")
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+secrets["pos"])
	answer, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	if err != nil {
		t.Fatal(err)
	}
	partial := answer.PartialSuccess()
	if partial.RejectedSpans() != 1 || !strings.Contains(partial.ErrorMessage(), `1 of 2 inventory records are not stored; the first speaks as "erp"`) {
		t.Errorf("partial success: %d %q", partial.RejectedSpans(), partial.ErrorMessage())
	}
	if records, _ := m.contents(); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

func TestEventsSpeakAsItself(t *testing.T) {
	m := &memory{}
	o := options(m)
	var secrets map[string]string
	o.Gate, secrets = gate(t, scoped, "tills", "wms")
	bearer := func(name string) []string { return []string{"Authorization", "Bearer " + secrets[name]} }

	if code, answer := sendEvent(t, o, canonical.CloudEventType, event); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", code, answer)
	}
	if code, answer := sendEvent(t, o, canonical.CloudEventType, event, bearer("wms")...); code != http.StatusForbidden || !strings.Contains(answer, "wms") {
		t.Errorf("as another: %d %s", code, answer)
	}
	malformed := strings.Replace(event, `"step":"completed",`, "", 1)
	if code, _ := sendEvent(t, o, canonical.CloudEventType, malformed, bearer("wms")...); code != http.StatusForbidden {
		t.Errorf("malformed, as another: %d", code)
	}
	watermark := `{"specversion":"1.0","id":"w","source":"/till/1","type":"inventory.feed.watermark","time":"2026-11-23T10:00:00Z","data":{"system":"erp","complete_through":"2026-11-23T10:00:00Z"}}`
	if code, answer := sendEvent(t, o, canonical.CloudEventType, watermark, bearer("tills")...); code != http.StatusForbidden || !strings.Contains(answer, "erp") {
		t.Errorf("another system's watermark: %d %s", code, answer)
	}
	if records, quarantined := m.contents(); len(records)+len(quarantined) != 0 {
		t.Fatalf("something of the refused was stored: %d, %v", len(records), quarantined)
	}
	foreign := strings.Replace(event, "/till/4", "/erp", 1)
	batch := "[" + foreign + "," + event + "," + malformed + "," + strings.Replace(event, "e-1", "e-2", 1) + "," + foreign + "]"
	code, answer := sendEvent(t, o, canonical.CloudEventBatchType, batch, bearer("tills")...)
	if code != http.StatusOK || !strings.Contains(answer, `"accepted":2,"quarantined":[{"index":2,`) ||
		!strings.Contains(answer, `"refused":[{"index":0,"pointer":"/source","detail":"speaks as \"/erp\"`) || !strings.Contains(answer, `{"index":4,`) {
		t.Errorf("a mixed batch: %d %s", code, answer)
	}
	records, quarantined := m.contents()
	if len(records) != 2 || len(quarantined) != 1 {
		t.Errorf("%d records, %d quarantined", len(records), len(quarantined))
	}
	for labels, want := range map[string]float64{"accepted": 2, "quarantined": 1, "refused": 2} {
		if got := total(t, o, "source_events_total", "tills", labels); got != want {
			t.Errorf("source_events_total of tills, %s: %v", labels, got)
		}
	}
	if got := total(t, o, "source_without_key_total", "tills"); got != 2 {
		t.Errorf("source_without_key_total: %v", got)
	}
	for i, id := range []string{"e-1", "e-2"} {
		if i < len(records) && records[i].Event.ID != id {
			t.Errorf("record %d is %s", i, records[i].Event.ID)
		}
	}
}

// A source that is too fast is asked to wait, on every port; others are served.
func TestRateOfOneSource(t *testing.T) {
	m := &memory{}
	o := options(m)
	var secrets map[string]string
	o.Gate, secrets = gate(t, `
sources:
  - {name: pos, events_per_second: 0.5}
  - {name: fast, speaks_as: ["*"]}
  - {name: heavy, speaks_as: ["*"], bytes_per_second: 100}
`, "pos", "fast", "heavy")
	c := start(t, o)
	conn := dial(t, c)

	if _, err := export(t, conn, secrets["pos"], 1, 2, 3); err != nil {
		t.Fatalf("a batch larger than the bucket: %v", err)
	}
	_, err := export(t, conn, secrets["pos"], 4)
	if status.Code(err) != codes.ResourceExhausted {
		t.Fatalf("too fast over gRPC: %v", err)
	}
	var delay time.Duration
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			delay = info.GetRetryDelay().AsDuration()
		}
	}
	if delay < time.Second || delay > 10*time.Second {
		t.Errorf("RetryInfo says %v", delay)
	}
	r, b := post(t, c, "/v1/traces", "application/x-protobuf", encodedSale(t, 4), "Authorization", "Bearer "+secrets["pos"])
	if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
		t.Errorf("too fast over HTTP: %d %q %s", r.StatusCode, r.Header.Get("Retry-After"), b)
	}
	bearer := []string{"Authorization", "Bearer " + secrets["pos"]}
	if code, answer := sendEvent(t, o, canonical.CloudEventType, event, bearer...); code != http.StatusTooManyRequests {
		t.Errorf("too fast as CloudEvent: %d %s", code, answer)
	}
	if records, _ := m.contents(); len(records) != 3 {
		t.Errorf("%d records of it are stored", len(records))
	}
	for i := range 20 {
		if _, err := export(t, conn, secrets["fast"], 100+i); err != nil {
			t.Fatalf("another source waits too: %v", err)
		}
	}
	heavy := []string{"Authorization", "Bearer " + secrets["heavy"]}
	if code, answer := sendEvent(t, o, canonical.CloudEventType, event, heavy...); code != http.StatusOK {
		t.Errorf("the first of a source with a bound on bytes: %d %s", code, answer)
	}
	if code, _ := sendEvent(t, o, canonical.CloudEventType, event, heavy...); code != http.StatusTooManyRequests {
		t.Errorf("the second: %d", code)
	}
	if got := total(t, o, "refused_total", "rate"); got < 4 {
		t.Errorf("refused_total{reason=rate} is %v", got)
	}
}

// authority issues certificates of one name for both ends of a connection.
func authority(t *testing.T, names ...string) (caFile string, files map[string][2]string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := func(n int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
	}
	ca := template(1, "authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	caFile = write("ca.pem", "CERTIFICATE", der)
	files = map[string][2]string{}
	for i, name := range names {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, template(int64(i+2), name), ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = [2]string{write(name+".pem", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", private)}
	}
	return caFile, files
}

func TestCertificateIsTheSource(t *testing.T) {
	caFile, files := authority(t, "server", "till.example", "stranger", "wms.example")
	m := &memory{}
	o := options(m)
	var secrets map[string]string
	o.Gate, secrets = gate(t, `
sources:
  - {name: pos, certificates: [till.example]}
  - {name: wms, certificates: [wms.example]}
`, "pos")
	o.TLS = collector.TLS{Cert: files["server"][0], Key: files["server"][1], ClientCA: caFile}
	c := start(t, o)
	roots := x509.NewCertPool()
	caPEM, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(caPEM)
	as := func(name string) *tls.Config {
		config := &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
		if name != "" {
			pair, err := tls.LoadX509KeyPair(files[name][0], files[name][1])
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		return config
	}
	for _, test := range []struct {
		certificate, token string
		code               codes.Code
		status             int
	}{
		{"till.example", "", codes.OK, 200},
		{"wms.example", "", codes.PermissionDenied, 403},
		{"stranger", "", codes.Unauthenticated, 401},
		{"stranger", secrets["pos"], codes.OK, 200},
		{"till.example", "wrong", codes.Unauthenticated, 401},
		{"", secrets["pos"], codes.Unavailable, 0},
	} {
		conn, err := grpc.NewClient(c.GRPC(), grpc.WithTransportCredentials(credentials.NewTLS(as(test.certificate))))
		if err != nil {
			t.Fatal(err)
		}
		_, err = export(t, conn, test.token, 1)
		_ = conn.Close()
		if status.Code(err) != test.code {
			t.Errorf("gRPC as %q with token %q: %v", test.certificate, test.token, err)
		}
		client := http.Client{Transport: &http.Transport{TLSClientConfig: as(test.certificate), DisableKeepAlives: true}}
		got, err := postAs(t.Context(), &client, "https://"+c.HTTP()+"/v1/traces", test.token, string(encodedSale(t, 1)))
		if got != test.status {
			t.Errorf("HTTP as %q with token %q: %d %v", test.certificate, test.token, got, err)
		}
	}
}

func postAs(ctx context.Context, client *http.Client, url, token, body string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	if token != "" {
		r.Header.Set("Authorization", fmt.Sprintf("Bearer %s", token))
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
