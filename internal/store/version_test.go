package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/stocktrace/stocktrace/internal/testenv"
)

func TestOlderThan(t *testing.T) {
	for _, test := range []struct {
		version string
		older   bool
	}{
		{"18.16.1", true},
		{"24.3.18.7", true},
		{"24.7.99.99", true},
		{"24.8", false},
		{"24.8.1.2684", false},
		{"24.10.1.1", false},
		{"25.1.5.31", false},
		{"26.7.2.1", false},
	} {
		older, err := olderThan(test.version, MinVersion)
		if err != nil || older != test.older {
			t.Errorf("olderThan(%q, %q) = %t, %v; want %t", test.version, MinVersion, older, err, test.older)
		}
	}
	for _, version := range []string{"", "24", "twenty.four", "<html>"} {
		if _, err := olderThan(version, MinVersion); err == nil {
			t.Errorf("olderThan(%q, …) reports no error", version)
		}
	}
}

func TestCheckVersionAcceptsTheEmbeddedEngine(t *testing.T) {
	engine, database := testenv.Embedded(t)
	if err := CheckVersion(t.Context(), testenv.EmbeddedOptions(engine, database)); err != nil {
		t.Error(err)
	}
}

func TestCheckVersionNamesAnUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	err = CheckVersion(t.Context(), &clickhouse.Options{Addr: []string{addr}})
	if err == nil || errors.Is(err, ErrServerTooOld) || !strings.Contains(err.Error(), addr) {
		t.Errorf("CheckVersion of a closed port: %v", err)
	}
}

// TestCheckVersionOfInstalledServer runs the clickhouse-server of the machine.
// Debian's is 18.16, which is to be refused with both versions in one sentence.
func TestCheckVersionOfInstalledServer(t *testing.T) {
	binary, err := exec.LookPath("clickhouse-server")
	if err != nil {
		t.Skip("clickhouse-server is not installed; Debian's, which is old enough to be refused, comes with apt-get install clickhouse-server")
	}
	addr := startServer(t, binary)

	o := &clickhouse.Options{Addr: []string{addr}}
	version, err := serverVersion(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	older, err := olderThan(version, MinVersion)
	if err != nil {
		t.Fatal(err)
	}
	err = CheckVersion(t.Context(), o)
	if !older {
		if err != nil {
			t.Errorf("CheckVersion of %s: %v", version, err)
		}
		return
	}
	want := "the ClickHouse server is too old: it is version " + version + " and stocktrace needs " + MinVersion +
		" or newer; upgrade the server, or run without a ClickHouse DSN to use the embedded engine"
	if !errors.Is(err, ErrServerTooOld) || err.Error() != want {
		t.Errorf("CheckVersion of %s:\n got %v\nwant %s", version, err, want)
	}
}

// startServer runs a ClickHouse server on loopback in a directory of its own and
// answers with the address of its HTTP interface.
func startServer(t *testing.T, binary string) string {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	// Servers of that age know no other root element than yandex; later ones
	// accept both.
	config := fmt.Sprintf(`<yandex>
  <logger><level>error</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>%d</http_port>
  <path>%[2]s/data/</path>
  <tmp_path>%[2]s/tmp/</tmp_path>
  <users_config>%[2]s/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>5368709120</mark_cache_size>
</yandex>`, addr.Port, dir)
	users := `<yandex>
  <profiles><default/></profiles>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
  <quotas><default/></quotas>
</yandex>`
	for name, text := range map[string]string{"config.xml": config, "users.xml": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var output strings.Builder
	server := exec.Command(binary, "--config-file="+filepath.Join(dir, "config.xml"))
	server.Dir = dir
	server.Stdout, server.Stderr = &output, &output
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- server.Wait() }()
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = server.Process.Kill()
			if err := <-exited; err == nil {
				t.Error("the server that was killed ended well")
			}
		}
	})

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ping := "http://" + addr.String() + "/ping"
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, ping, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
			return addr.String()
		}
		select {
		case err := <-exited:
			stopped = true
			t.Fatalf("clickhouse-server ended: %v\n%s", err, output.String())
		case <-ctx.Done():
			t.Fatal("clickhouse-server does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
