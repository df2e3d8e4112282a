package chdb

import (
	"context"
	"io"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// conn is one connection of the engine. It runs one statement at a time, and
// its caller sees to that.
type conn struct {
	abi *abi
	// connection is what connect returned, a pointer to the handle that
	// statements take.
	connection unsafe.Pointer
	// name finds the statement this connection is running in system.processes:
	// every statement carries it at the beginning of its log_comment.
	name string
	// database and settings are what USE and SET have made of the connection.
	database string
	settings map[string]string
}

// statement is one SQL statement and what it is to run with.
type statement struct {
	sql      string
	format   string // of the result, or of an insert's data
	database string
	settings map[string]string
	params   map[string]string
}

func (c *conn) handle() unsafe.Pointer { return *(*unsafe.Pointer)(c.connection) }

func (c *conn) close() { c.abi.closeConn(c.connection) }

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// prepared says whether prepare would have nothing to do.
func (c *conn) prepared(st *statement) bool {
	return st.database == c.database && maps.Equal(st.settings, c.settings)
}

// prepare gives the connection exactly the database and the settings of st, and
// takes away what the statement before had set. An error may leave it with some
// of them; the connection is then not to be used again.
func (c *conn) prepare(st *statement) error {
	if st.database != c.database {
		if err := c.exec("USE " + quoteIdentifier(st.database)); err != nil {
			return err
		}
		c.database = st.database
	}
	if maps.Equal(st.settings, c.settings) {
		return nil
	}
	var changes []string
	for _, k := range slices.Sorted(maps.Keys(st.settings)) {
		if v := st.settings[k]; c.settings[k] != v || !has(c.settings, k) {
			if !settingName.MatchString(k) {
				return newException(codeUnknownSetting, "UNKNOWN_SETTING", "Unknown setting %s", quoteString(k))
			}
			if k == logComment {
				v = c.name + v
			}
			changes = append(changes, k+" = "+quoteString(v))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.settings)) {
		switch {
		case has(st.settings, k):
		case k == logComment:
			changes = append(changes, k+" = "+quoteString(c.name))
		default:
			changes = append(changes, k+" = DEFAULT")
		}
	}
	if err := c.exec("SET " + strings.Join(changes, ", ")); err != nil {
		return err
	}
	c.settings = st.settings
	return nil
}

// logComment is the setting that carries a connection's name.
const logComment = "log_comment"

func has(m map[string]string, k string) bool { _, ok := m[k]; return ok }

// exec runs a statement of our own whose result nobody needs.
func (c *conn) exec(sql string) error {
	_, err := c.query(&statement{sql: sql, format: "Null"})
	return err
}

// query runs a statement and answers with its whole result.
func (c *conn) query(st *statement) ([]byte, error) {
	result := c.call(c.abi.queryWithParams, st)
	defer c.abi.destroyResult(result)
	if err := c.resultErr(result); err != nil {
		return nil, err
	}
	return slices.Clone(c.bytes(result)), nil
}

// call passes a statement to one of the three functions that begin one.
func (c *conn) call(begin func(conn, query unsafe.Pointer, queryLen uintptr, format unsafe.Pointer, formatLen uintptr,
	names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer, st *statement,
) unsafe.Pointer {
	var text, names, values cStrings
	defer text.free()
	defer names.free()
	defer values.free()
	text.add(st.sql, st.format)
	for k, v := range st.params {
		names.add(k)
		values.add(v)
	}
	return begin(c.handle(), text.array[0], text.lens[0], text.array[1], text.lens[1],
		names.pointers(), names.lengths(), values.pointers(), values.lengths(), uintptr(len(st.params)))
}

// resultErr is the error a result carries, or nil.
func (c *conn) resultErr(result unsafe.Pointer) error {
	if p := c.abi.resultError(result); p != nil {
		return parseException(goString(p))
	}
	return nil
}

// bytes is the data of a result. It is the engine's memory and valid until the
// result is destroyed.
func (c *conn) bytes(result unsafe.Pointer) []byte {
	n := c.abi.resultLength(result)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(c.abi.resultBuffer(result)), n)
}

// stream runs a statement and hands over its result in pieces, each the
// engine's memory and valid during the call only. It ends early with the error
// of yield.
func (c *conn) stream(st *statement, yield func([]byte) error) error {
	if !returnsRows(st.sql) {
		return c.runWhole(st, yield)
	}
	stream := c.call(c.abi.streamQueryWithParams, st)
	defer c.abi.destroyResult(stream)
	if err := c.resultErr(stream); err != nil {
		if strings.Contains(err.Error(), "Streaming query is not supported") {
			// Said before anything has run, for instance of WITH … INSERT.
			return c.runWhole(st, yield)
		}
		return err
	}
	for {
		done, err := c.fetch(stream, yield)
		if err != nil {
			// Harmless where the engine has already ended the query.
			c.abi.streamCancel(c.handle(), stream)
			return err
		}
		if done {
			return nil
		}
	}
}

func (c *conn) runWhole(st *statement, yield func([]byte) error) error {
	result := c.call(c.abi.queryWithParams, st)
	defer c.abi.destroyResult(result)
	if err := c.resultErr(result); err != nil {
		return err
	}
	if b := c.bytes(result); len(b) > 0 {
		return yield(b)
	}
	return nil
}

func (c *conn) fetch(stream unsafe.Pointer, yield func([]byte) error) (done bool, err error) {
	piece := c.abi.streamFetch(c.handle(), stream)
	defer c.abi.destroyResult(piece)
	if err := c.resultErr(piece); err != nil {
		return true, err
	}
	b := c.bytes(piece)
	if len(b) == 0 {
		return true, nil
	}
	return false, yield(b)
}

// insertPiece is how much of an insert's data is handed to the engine at once.
// The engine queues up to sixteen pieces.
const insertPiece = 256 << 10

// insert runs an INSERT without its FORMAT clause, with data in st.format. It
// returns nil only once the engine has committed all of data. If data ends with
// an error, nothing of the block that was being read is inserted.
func (c *conn) insert(st *statement, data io.Reader) error {
	buf := make([]byte, insertPiece)
	// An insert that never gets data must not be begun: it would succeed.
	n, err := io.ReadAtLeast(data, buf, 1)
	if n == 0 {
		if err == io.EOF {
			return newException(codeNoDataToInsert, "NO_DATA_TO_INSERT",
				"The INSERT came without data, which is what clickhouse-go sends when the columns of a batch differ in length")
		}
		return readException(err)
	}

	stream := c.call(c.abi.insertWithParams, st)
	defer c.abi.insertDestroy(stream)
	if p := c.abi.insertError(stream); p != nil {
		return parseException(goString(p))
	}
	var pinner runtime.Pinner
	pinner.Pin(&buf[0])
	defer pinner.Unpin()
	refused := false
	for {
		if n > 0 && c.abi.insertAppend(stream, unsafe.Pointer(&buf[0]), uintptr(n)) != 0 {
			refused = true // done says why
			break
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			c.abi.insertCancel(stream)
			return readException(err)
		}
		n, err = data.Read(buf)
	}
	result := c.abi.insertDone(stream)
	defer c.abi.destroyResult(result)
	if err := c.resultErr(result); err != nil {
		return err
	}
	if refused {
		return newException(codeAborted, "ABORTED", "The engine took only a part of the data of the INSERT")
	}
	return nil
}

func readException(err error) error {
	return newException(codeCannotReadAllData, "CANNOT_READ_ALL_DATA", "The data of the INSERT broke off: %v", err)
}

// kill makes the engine stop whatever statement another connection, the one
// called name, is running. It is no error if that runs none.
func (c *conn) kill(name string) error {
	return c.exec("KILL QUERY WHERE startsWith(Settings['" + logComment + "'], " + quoteString(name) + ") ASYNC")
}

// killEvery is how long a killed statement has to end before it is killed again.
// The first kill may come before the statement is in the engine's process list.
const killEvery = 50 * time.Millisecond

// killUntil kills the statement of the connection called name until done is
// closed.
func (e *Engine) killUntil(name string, done <-chan struct{}) {
	for wait := killEvery; ; wait = min(2*wait, time.Second) {
		e.controlMu.Lock()
		// Trying again is all there is to do about an error.
		_ = e.control.kill(name)
		e.controlMu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-done:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// watch kills the statement of the connection called name when ctx ends before
// done is closed. The function it returns waits until it will do so no more.
func (e *Engine) watch(ctx context.Context, name string, done <-chan struct{}) (settled func()) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-done:
		case <-ctx.Done():
			e.killUntil(name, done)
		}
	}()
	return func() { <-stopped }
}

// firstWord finds the first word of a statement behind white space and comments.
var firstWord = regexp.MustCompile(`^(?s:\s|--[^\n]*(?:\n|$)|#[ !][^\n]*(?:\n|$)|/\*.*?\*/)*(\(|\w+)`)

// returnsRows says whether the statement's result is to be fetched piece by
// piece. Other statements return little and the engine cannot stream them.
func returnsRows(sql string) bool {
	m := firstWord.FindStringSubmatch(sql)
	if m == nil {
		return false
	}
	switch strings.ToUpper(m[1]) {
	case "SELECT", "WITH", "FROM", "(":
		return true
	}
	return false
}

var (
	changesSession = regexp.MustCompile(`(?i)^(SET|USE|CREATE|BEGIN|EXECUTE|SYSTEM|BACKUP|RESTORE)$`)
	temporary      = regexp.MustCompile(`(?i)\bTEMPORARY\b`)
)

// leavesTraces says whether the statement changes the connection it runs on, as
// SET and CREATE TEMPORARY TABLE do. There are no sessions, so such a connection
// must not serve another statement. Nor may one that ran a BACKUP or RESTORE:
// the engine forgets such a statement only some time after it has answered, and
// the connection's next one, which gets the same query id, would be refused with
// QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
func leavesTraces(sql string) bool {
	m := firstWord.FindStringSubmatch(sql)
	if m == nil || !changesSession.MatchString(m[1]) {
		return false
	}
	return !strings.EqualFold(m[1], "CREATE") || temporary.MatchString(sql)
}

var stringEscaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// quoteString is s as a string literal of SQL.
func quoteString(s string) string { return "'" + stringEscaper.Replace(s) + "'" }

var identifierEscaper = strings.NewReplacer(`\`, `\\`, "`", "\\`")

// quoteIdentifier is s as an identifier of SQL.
func quoteIdentifier(s string) string { return "`" + identifierEscaper.Replace(s) + "`" }
