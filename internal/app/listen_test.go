package app

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

func TestPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	err = checkFree(t.Context(), []listener{
		{"listen", "127.0.0.1:0", "pages, API and events"},
		{"otlp-grpc", ln.Addr().String(), "OTLP over gRPC"},
	})
	want := regexp.MustCompile(`^port ` + port + ` \(OTLP over gRPC\) is taken by another program; stop it, or choose another port: --otlp-grpc 127\.0\.0\.1:\d+$`)
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("got %v", err)
	}
	err = checkFree(t.Context(), []listener{{"listen", "192.0.2.1:8080", "pages, API and events"}})
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1 (pages, API and events) is no address of this machine") {
		t.Errorf("got %v", err)
	}
}
