package chdb

import (
	"fmt"
	"sync"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// engineSignals are the signals the engine resets to their default action each
// time a connection opens.
var engineSignals = []syscall.Signal{
	syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGILL, syscall.SIGBUS,
	syscall.SIGSYS, syscall.SIGFPE, syscall.SIGTSTP, syscall.SIGTRAP,
	// Poco's application class, which the engine is built on, takes these.
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE,
}

// sigaction is libc's function of that name.
var sigaction = sync.OnceValues(func() (func(signal int32, set, get unsafe.Pointer) int32, error) {
	symbol, err := purego.Dlsym(purego.RTLD_DEFAULT, "sigaction")
	if err != nil {
		return nil, fmt.Errorf("find sigaction: %w", err)
	}
	var f func(signal int32, set, get unsafe.Pointer) int32
	purego.RegisterFunc(&f, symbol)
	return f, nil
})

// action holds a C struct sigaction without knowing its layout: 152 bytes with
// glibc, 16 on macOS.
type action [32]uint64

// signalActions is what the process does on each of engineSignals.
type signalActions struct {
	actions []*action
}

func saveSignals() (signalActions, error) {
	get, err := sigaction()
	if err != nil {
		return signalActions{}, err
	}
	var s signalActions
	for _, sig := range engineSignals {
		a := new(action)
		if get(int32(sig), nil, unsafe.Pointer(a)) != 0 {
			return signalActions{}, fmt.Errorf("read the action of signal %s", sig)
		}
		s.actions = append(s.actions, a)
	}
	return s, nil
}

// restore puts the saved actions back.
func (s signalActions) restore() error {
	set, err := sigaction()
	if err != nil {
		return err
	}
	for i, sig := range engineSignals {
		if set(int32(sig), unsafe.Pointer(s.actions[i]), nil) != 0 {
			return fmt.Errorf("restore the action of signal %s", sig)
		}
	}
	return nil
}
