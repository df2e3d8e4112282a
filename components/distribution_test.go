package components_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/stocktrace/stocktrace/internal/testenv"
)

// token is a bearer token.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

func (token) RequireTransportSecurity() bool { return false }

// The manifest builds, its types are those the tests believe, and what it built
// writes, by collector.yaml, what the embedded collector writes.
func TestDistribution(t *testing.T) {
	if os.Getenv("STOCKTRACE_TEST_LONG") == "" {
		t.Skip("set STOCKTRACE_TEST_LONG to build a whole Collector")
	}
	binary := build(t)
	says, err := exec.CommandContext(t.Context(), binary, "components").Output()
	if err != nil {
		t.Fatal(err)
	}
	for class, kinds := range provided(t) {
		for _, kind := range kinds {
			if !bytes.Contains(says, []byte("name: "+kind+"\n")) {
				t.Errorf("%s: the distribution has no %s:\n%s", class, kind, says)
			}
		}
	}

	url := testenv.NATS(t)
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	text, err := os.ReadFile("../deploy/collector/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{}
	for _, port := range []string{"4317", "4318", "4327", "13133", "1777", "8888"} {
		ports[port] = free(t)
		text = bytes.ReplaceAll(text, []byte(":"+port+"\n"), []byte(":"+ports[port]+"\n"))
		text = bytes.ReplaceAll(text, []byte("port: "+port+"}"), []byte("port: "+ports[port]+"}"))
	}
	var output bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, "--config", write("collector.yaml", string(text)))
	c.Stdout, c.Stderr = &output, &output
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.Env = append(os.Environ(), "STOCKTRACE_NATS_URL="+url, "COLLECTOR_TOKENS="+write("tokens", "secret pos\n"),
		"OIDC_ISSUER=https://id.example", "OIDC_KEYS="+write("keys.json", keys(t)), "COLLECTOR_STATE="+folder,
		"POS_LOGS="+filepath.Join(folder, "*.log"))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	await(t, "http://127.0.0.1:"+ports["13133"], ended, &output)

	conn, err := grpc.NewClient("127.0.0.1:"+ports["4317"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces()))
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	send(t, "127.0.0.1:"+ports["4317"], grpc.PerRPCCredentials(token("secret")))
	same(t, messages(t, url), embedded(t))

	// What a vendor writes to a file, in its own words, is an event too.
	before := count(messages(t, url))
	write("till.log", `{"time":"2026-11-23T10:02:54+01:00","txn":"9","store":"0123","items":"[{\"line\":\"1\",\"item\":\"4006381333931\",\"quantity\":\"-2\",\"uom\":\"EA\"}]"}`+"\n")
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for give := time.After(time.Minute); count(messages(t, url)) == before; {
		select {
		case <-again.C:
		case <-give:
			t.Fatal("the line of the file has not come")
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it does not end in good order: %v\n%s", err, output.String())
	}
}

func count(all map[string][]string) (n int) {
	for subject, list := range all {
		if subject != "st.quarantine" {
			n += len(list)
		}
	}
	return n
}

// build builds the distribution of the manifest and returns its program.
func build(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	text = bytes.ReplaceAll(text, []byte("output_path: "+readManifest(t).Dist.OutputPath), []byte("output_path: "+out))
	file := filepath.Join(out, "builder.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	builder := "go.opentelemetry.io/collector/cmd/builder@" + required(t)["go.opentelemetry.io/collector/otelcol"]
	begun := time.Now()
	run := exec.CommandContext(t.Context(), "go", "run", builder, "--config", file)
	run.Dir = root
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	binary := filepath.Join(out, "stocktrace-collector")
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("built in %s, %d MB", time.Since(begun).Round(time.Second), info.Size()/1_000_000)
	return binary
}

func free(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// await returns when the health check says that the Collector runs.
func await(t *testing.T, url string, ended <-chan error, output *bytes.Buffer) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for give := time.After(time.Minute); ; {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, output.String())
		case <-give:
			t.Fatal("it does not become healthy")
		case <-again.C:
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
}

// keys is a JWKS of one new key.
func keys(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k","use":"sig","alg":"ES256","x":%q,"y":%q}]}`, part(point[1:33]), part(point[33:]))
}
