package app_test

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// line is a TCP proxy to one address that can be cut, held (both ends think it is
// there and nothing passes) and made slow. A library for it exists (toxiproxy) and
// would bring a server, a router and a logger for these sixty lines.
type line struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	conns map[net.Conn]bool
	held  chan struct{} // closed unless held
	slow  time.Duration
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{ln: ln, to: to, conns: map[net.Conn]bool{}, held: make(chan struct{})}
	close(l.held)
	t.Cleanup(func() { _ = ln.Close(); l.resume(); l.cut() })
	go func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			go l.connect(from)
		}
	}()
	return l
}

func (l *line) address() string { return l.ln.Addr().String() }

// port is the port at the other end, for a server that comes back.
func (l *line) port(t *testing.T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(l.to)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (l *line) connect(from net.Conn) {
	to, err := net.Dial("tcp", l.to) //nolint:noctx // ends with the line
	if err != nil {
		_ = from.Close()
		return
	}
	l.mu.Lock()
	l.conns[from], l.conns[to] = true, true
	l.mu.Unlock()
	go l.pass(from, to)
	l.pass(to, from)
}

func (l *line) pass(to io.WriteCloser, from io.ReadCloser) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		held, slow := l.held, l.slow
		l.mu.Unlock()
		if slow > 0 {
			<-time.After(slow)
		}
		<-held
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
}

func (l *line) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = make(chan struct{})
}

func (l *line) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.held:
	default:
		close(l.held)
	}
}

func (l *line) delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow = d
}
