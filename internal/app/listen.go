package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen opens an address. Where the port is taken, the sentence says which one
// and how to choose another.
func listen(ctx context.Context, l listener) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", l.address)
	if err == nil {
		return ln, nil
	}
	return nil, explainListen(l, err)
}

// explainListen turns what the kernel says about an address into a sentence.
func explainListen(l listener, err error) error {
	host, port, _ := net.SplitHostPort(l.address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s (%s) is taken by another program; stop it, or choose another port: --%s %s",
			port, l.purpose, l.setting, net.JoinHostPort(host, freePort(host)))
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %s (%s) needs rights this user does not have; choose one from 1024 on: --%s %s",
			port, l.purpose, l.setting, net.JoinHostPort(host, freePort(host)))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s (%s) is no address of this machine; choose another one with --%s", host, l.purpose, l.setting)
	default:
		return fmt.Errorf("listen on %s (%s, --%s): %w", l.address, l.purpose, l.setting, err)
	}
}

// freePort returns a port that is free now, as a proposal.
func freePort(host string) string {
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "PORT"
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// checkFree reports the first address that cannot be listened on, before
// anything is started. Port 0 is always free.
func checkFree(ctx context.Context, ls []listener) error {
	for _, l := range ls {
		ln, err := listen(ctx, l)
		if err != nil {
			return err
		}
		_ = ln.Close()
	}
	return nil
}
