package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// abi is the part of libchdb's C interface this package calls. Every function
// may block for as long as the engine works; purego hands the processor to
// other goroutines meanwhile. Pointers a function returns belong to the engine
// and live until the destroy call that matches them.
//
// All calls on one connection must come one after the other.
type abi struct {
	version                  func() unsafe.Pointer
	setSignalHandlersEnabled func(enabled int32)

	// connect takes a C argc and argv and returns a pointer to a connection, or
	// nil; the reason is only printed to standard error.
	connect   func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn func(connection unsafe.Pointer)

	streamQueryWithParams func(conn, query unsafe.Pointer, queryLen uintptr, format unsafe.Pointer, formatLen uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	queryWithParams func(conn, query unsafe.Pointer, queryLen uintptr, format unsafe.Pointer, formatLen uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamFetch  func(conn, stream unsafe.Pointer) unsafe.Pointer
	streamCancel func(conn, stream unsafe.Pointer)

	resultBuffer  func(result unsafe.Pointer) unsafe.Pointer
	resultLength  func(result unsafe.Pointer) uintptr
	resultError   func(result unsafe.Pointer) unsafe.Pointer
	destroyResult func(result unsafe.Pointer)

	insertWithParams func(conn, query unsafe.Pointer, queryLen uintptr, format unsafe.Pointer, formatLen uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	insertAppend  func(stream, data unsafe.Pointer, n uintptr) int32
	insertDone    func(stream unsafe.Pointer) unsafe.Pointer
	insertError   func(stream unsafe.Pointer) unsafe.Pointer
	insertCancel  func(stream unsafe.Pointer)
	insertDestroy func(stream unsafe.Pointer)

	classify func(conn, sql unsafe.Pointer, sqlLen uintptr, database unsafe.Pointer, databaseLen uintptr, out unsafe.Pointer) int32
}

// loaded is the library of this process. The engine keeps process-wide state
// (one data directory at a time, thread pools that cannot be torn down), so it
// is loaded once and never unloaded.
var loaded struct {
	sync.Mutex
	path string
	abi  *abi
}

// load binds the library at path. A second call answers with what the first one
// loaded.
func load(path string) (*abi, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.abi != nil {
		return loaded.abi, nil
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the embedded ClickHouse engine: %w", err)
	}
	a := new(abi)
	for _, f := range []struct {
		name string
		fn   any
	}{
		{"chdb_version", &a.version},
		{"chdb_set_signal_handlers_enabled", &a.setSignalHandlersEnabled},
		{"chdb_connect", &a.connect},
		{"chdb_close_conn", &a.closeConn},
		{"chdb_stream_query_with_params_n", &a.streamQueryWithParams},
		{"chdb_query_with_params_n", &a.queryWithParams},
		{"chdb_stream_fetch_result", &a.streamFetch},
		{"chdb_stream_cancel_query", &a.streamCancel},
		{"chdb_result_buffer", &a.resultBuffer},
		{"chdb_result_length", &a.resultLength},
		{"chdb_result_error", &a.resultError},
		{"chdb_destroy_query_result", &a.destroyResult},
		{"chdb_stream_insert_with_params_n", &a.insertWithParams},
		{"chdb_stream_append", &a.insertAppend},
		{"chdb_stream_done", &a.insertDone},
		{"chdb_stream_insert_error", &a.insertError},
		{"chdb_stream_cancel_insert", &a.insertCancel},
		{"chdb_destroy_insert_stream", &a.insertDestroy},
		{"chdb_classify_query_n", &a.classify},
	} {
		symbol, err := purego.Dlsym(handle, f.name)
		if err != nil {
			return nil, fmt.Errorf("%s is a libchdb without %s, which means older than %s; %s", path, f.name, Version, installHint())
		}
		purego.RegisterFunc(f.fn, symbol)
	}
	loaded.path, loaded.abi = path, a
	return a, nil
}

// open starts a connection with the given arguments, argv[0] being a program
// name. The engine is told beforehand to install no signal handlers: those of the
// Go runtime turn a nil dereference into a panic and a SIGTERM into a
// notification.
func (a *abi) open(args []string) (unsafe.Pointer, error) {
	var argv cStrings
	defer argv.free()
	argv.add(args...)
	a.setSignalHandlersEnabled(0)
	c := a.connect(int32(len(args)), argv.pointers())
	if c == nil {
		return nil, errNotStarted
	}
	return c, nil
}

var errNotStarted = errors.New("the embedded ClickHouse engine did not start; what it printed to standard error says why")

// cStrings is an argv: NUL-terminated strings and the array that points at
// them. The pointers are pinned, so that C may follow them.
type cStrings struct {
	pinner runtime.Pinner
	array  []unsafe.Pointer
	lens   []uintptr
}

func (s *cStrings) add(values ...string) {
	for _, v := range values {
		b := make([]byte, len(v)+1)
		copy(b, v)
		s.pinner.Pin(&b[0])
		s.array = append(s.array, unsafe.Pointer(&b[0]))
		s.lens = append(s.lens, uintptr(len(v)))
	}
}

// pointers is the array; it ends with a nil entry as C expects of argv.
func (s *cStrings) pointers() unsafe.Pointer {
	a := append(s.array, nil)
	s.pinner.Pin(&a[0])
	return unsafe.Pointer(&a[0])
}

// lengths is the array of the strings' lengths without their NUL.
func (s *cStrings) lengths() unsafe.Pointer {
	l := append(s.lens, 0)
	s.pinner.Pin(&l[0])
	return unsafe.Pointer(&l[0])
}

func (s *cStrings) free() { s.pinner.Unpin() }

// goString copies the NUL-terminated C string at p; nil is the empty string.
func goString(p unsafe.Pointer) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
