package chdb

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
)

// maxStatement bounds the text of a statement, data written into it included.
const maxStatement = 64 << 20

// request is a request of ClickHouse's HTTP interface, taken apart.
type request struct {
	statement
	// insert is the INSERT without its FORMAT whose data is body.
	insert bool
	body   io.Reader
	// compression is what the client wants the result framed in; None for plain.
	compression compress.Method
	compressed  bool
	// protocol is the client's native protocol version, 0 if it states none.
	protocol int
}

// notSettings are the keys of a request's URL that are no settings. ClickHouse
// knows the first group; the second is settings that concern only the way
// between a client and a server and are acted on here.
var notSettings = map[string]bool{
	"query": true, "query_id": true, "quota_key": true, "database": true, "default_format": true,
	"client_protocol_version": true, "compress": true, "decompress": true, "user": true, "password": true,
	"session_id": true, "session_timeout": true, "session_check": true, "buffer_size": true,
	"wait_end_of_query": true, "role": true,

	"network_compression_method": true, "network_zstd_compression_level": true,
	"enable_http_compression": true, "http_zlib_compression_level": true,
	"send_progress_in_http_headers": true, "http_headers_progress_interval_ms": true,
}

// insertFormat finds what an INSERT says of the form of the data that follows.
var insertFormat = regexp.MustCompile(`(?is)\s+(?:FORMAT\s+(\w+)|(VALUES))\s*;?\s*$`)

// parseRequest takes r apart. It reads the body if that holds the statement.
func parseRequest(r *http.Request) (*request, error) {
	if contentType := r.Header.Get("Content-Type"); strings.HasPrefix(contentType, "multipart/") {
		return nil, newException(codeNotImplemented, "NOT_IMPLEMENTED", "The embedded engine takes no external tables")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, newException(codeUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE",
			"The embedded engine takes no request compressed with %s; use LZ4, ZSTD or none", encoding)
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newException(codeBadArguments, "BAD_ARGUMENTS", "Malformed query string: %v", err)
	}
	q := &request{statement: statement{
		database: "default",
		format:   "TabSeparated",
		settings: make(map[string]string),
		params:   make(map[string]string),
	}}
	for k, v := range values {
		value := v[len(v)-1]
		switch name, isParam := strings.CutPrefix(k, "param_"); {
		case isParam:
			q.params[name] = value
		case !notSettings[k]:
			q.settings[k] = value
		}
	}
	if id := values.Get("query_id"); id != "" {
		// The engine gives its own ids. This keeps the caller's where
		// system.processes and error messages of a killed query show it.
		q.settings[logComment] += id
	}
	if db := values.Get("database"); db != "" {
		q.database = db
	}
	if f := values.Get("default_format"); f != "" {
		q.format = f
	}
	if values.Get("compress") == "1" {
		q.compressed = true
		q.compression = compress.LZ4
		if strings.EqualFold(values.Get("network_compression_method"), "ZSTD") {
			q.compression = compress.ZSTD
		}
	}
	if v := values.Get("client_protocol_version"); v != "" {
		if q.protocol, err = strconv.Atoi(v); err != nil {
			return nil, newException(codeBadArguments, "BAD_ARGUMENTS", "Malformed client_protocol_version %q", v)
		}
	}

	var body io.Reader = http.NoBody
	if r.Body != nil {
		body = r.Body
	}
	if values.Get("decompress") == "1" {
		counted := &countedReader{r: body}
		body = &decompressor{counted: counted, frames: compress.NewReader(counted)}
	}
	q.sql = values.Get("query")
	if loc := insertFormat.FindStringSubmatchIndex(q.sql); loc != nil && isInsert(q.sql) {
		q.insert, q.body = true, body
		q.format = "Values"
		if loc[2] >= 0 {
			q.format = q.sql[loc[2]:loc[3]]
		}
		q.sql = q.sql[:loc[0]]
		return q, nil
	}
	// As in ClickHouse, the body continues what the URL begins.
	rest, err := io.ReadAll(io.LimitReader(body, maxStatement+1))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readException(err)
	}
	if len(rest) > maxStatement {
		return nil, newException(codeQueryIsTooLarge, "QUERY_IS_TOO_LARGE", "The statement is larger than %d bytes", maxStatement)
	}
	if q.sql != "" && len(rest) > 0 {
		q.sql += "\n"
	}
	q.sql += string(rest)
	if !firstWord.MatchString(q.sql) {
		return nil, newException(codeSyntaxError, "SYNTAX_ERROR", "Empty query")
	}
	return q, nil
}

func isInsert(sql string) bool {
	m := firstWord.FindStringSubmatch(sql)
	return m != nil && strings.EqualFold(m[1], "INSERT")
}

// answer is a response whose body has begun to be computed.
type answer struct {
	status int
	header http.Header
	body   io.ReadCloser
}

// serve runs a request and closes its body. unblock must end, for good, a read
// of the body that waits for data. What the engine finds wrong is an answer; the
// error is that of the request's context, or ErrClosed, or that the engine cannot
// be connected to.
func (e *Engine) serve(r *http.Request, unblock func()) (*answer, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close()
	}
	if r.Method == http.MethodGet && (r.URL.Path == "/ping" || r.URL.Path == "/" && r.URL.RawQuery == "") {
		return e.plain(http.StatusOK, "Ok.\n"), nil
	}
	q, err := parseRequest(r)
	if err != nil {
		return e.failed(ctx, err)
	}
	if q.protocol > 0 && q.sql == hello {
		return e.hello(q)
	}
	c, err := e.acquire(ctx, &q.statement)
	if err != nil {
		return e.failed(ctx, err)
	}
	if q.insert {
		err = e.insert(ctx, c, q, unblock)
		if err != nil {
			return e.failed(ctx, err)
		}
		return e.plain(http.StatusOK, ""), nil
	}
	return e.query(ctx, c, q)
}

// failed answers with an exception. An end of ctx, and an engine that is closed
// or cannot connect, are no answers but errors.
func (e *Engine) failed(ctx context.Context, err error) (*answer, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var x *Exception
	if !errors.As(err, &x) {
		return nil, err
	}
	return e.exception(x), nil
}

func (e *Engine) exception(x *Exception) *answer {
	a := e.plain(x.status(), x.Text+"\n")
	a.header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(x.Code))
	return a
}

func (e *Engine) plain(status int, text string) *answer {
	a := &answer{status: status, header: e.newHeader(), body: io.NopCloser(strings.NewReader(text))}
	a.header.Set("Content-Type", "text/plain; charset=UTF-8")
	a.header.Set("Content-Length", strconv.Itoa(len(text)))
	return a
}

func (e *Engine) newHeader() http.Header {
	h := make(http.Header)
	h.Set("X-ClickHouse-Server-Display-Name", e.displayName)
	h.Set("X-ClickHouse-Timezone", e.timezone)
	return h
}

// hello is what clickhouse-go asks a new connection, in these letters.
const hello = "SELECT displayName(), version(), revision(), timezone()"

// hello answers for the engine. The client reads this one block at its own
// protocol version and everything after at the revision stated here. The engine
// writes its results at revision 0, so that is what it must be.
func (e *Engine) hello(q *request) (*answer, error) {
	if e.isClosing() {
		return nil, ErrClosed
	}
	var display, version, zone proto.ColStr
	var revision proto.ColUInt32
	display.Append(e.displayName)
	version.Append(e.version)
	revision.Append(0)
	zone.Append(e.timezone)
	var buf proto.Buffer
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: 4, Rows: 1}
	err := block.EncodeBlock(&buf, q.protocol, []proto.InputColumn{
		{Name: "displayName()", Data: display},
		{Name: "version()", Data: version},
		{Name: "revision()", Data: revision},
		{Name: "timezone()", Data: zone},
	})
	if err != nil {
		return nil, fmt.Errorf("encode hello: %w", err)
	}
	data := buf.Buf
	if q.compressed {
		if data, err = q.newFramer().frame(nil, data); err != nil {
			return nil, err
		}
	}
	return &answer{status: http.StatusOK, header: e.newHeader(), body: io.NopCloser(bytes.NewReader(data))}, nil
}

// insertSettles is how long a cancelled insert has to say how it ended, before
// the caller is told only that it was cancelled.
const insertSettles = time.Second

// insert runs q on c and gives c back.
func (e *Engine) insert(ctx context.Context, c *conn, q *request, unblock func()) error {
	ctx, cancel := e.join(ctx)
	done := make(chan struct{})
	settled := e.watch(ctx, c.name, done)
	var err error
	go func() {
		err = c.insert(&q.statement, q.body)
		close(done)
		settled()
		e.release(c, err == nil)
		cancel()
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	unblock()
	timer := time.NewTimer(insertSettles)
	defer timer.Stop()
	select {
	case <-done:
		return err
	case <-timer.C:
		return context.Cause(ctx)
	}
}

// join is a context that ends with ctx and when the engine is told to stop.
func (e *Engine) join(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(e.stop, func() { cancel(ErrClosed) })
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}

// query begins q on c and answers when the first block is there. c is given
// back when the statement has ended.
func (e *Engine) query(ctx context.Context, c *conn, q *request) (*answer, error) {
	tag := rand.Text()[:16]
	res := e.newResult(ctx, q, tag)
	go res.run(c, q)

	var first []byte
	var ok bool
	select {
	case first, ok = <-res.pieces:
		if !ok && res.err != nil {
			_ = res.Close()
			return e.failed(ctx, res.err)
		}
	case <-res.ctx.Done():
		return nil, context.Cause(res.ctx) //nolint:contextcheck // it is ctx, which also ends with the engine
	}
	res.current, res.rest = first, first
	a := &answer{status: http.StatusOK, header: e.newHeader(), body: res}
	a.header.Set("X-ClickHouse-Exception-Tag", tag)
	if !ok {
		a.header.Set("Content-Length", "0")
	}
	return a, nil
}

// result is the body of a query's answer. The statement runs in a goroutine of
// its own, one piece ahead of the reader.
type result struct {
	engine *Engine
	ctx    context.Context
	cancel context.CancelFunc
	tag    string

	pieces chan []byte // closed when the statement has ended
	err    error       // of the statement; written before pieces is closed
	spare  chan []byte // read pieces, to be filled again

	current, rest []byte // the piece being read, and what of it is unread
	failed        bool   // err has been handed on
}

func (e *Engine) newResult(ctx context.Context, q *request, tag string) *result {
	r := &result{engine: e, tag: tag, pieces: make(chan []byte, 1), spare: make(chan []byte, 2)}
	r.ctx, r.cancel = e.join(ctx)
	return r
}

// run executes the statement and gives the connection back.
func (r *result) run(c *conn, q *request) {
	done := make(chan struct{})
	settled := r.engine.watch(r.ctx, c.name, done)
	frame := func(dst, data []byte) ([]byte, error) { return append(dst, data...), nil }
	if q.compressed {
		frame = q.newFramer().frame
	}
	r.err = c.stream(&q.statement, func(data []byte) error {
		var buf []byte
		select {
		case buf = <-r.spare:
		default:
		}
		buf, err := frame(buf[:0], data)
		if err != nil {
			return err
		}
		select {
		case r.pieces <- buf:
			return nil
		case <-r.ctx.Done():
			return newException(codeQueryWasCancelled, "QUERY_WAS_CANCELLED", "Query was cancelled")
		}
	})
	if r.err == nil && r.ctx.Err() != nil {
		// It may have been killed, and what it answered a part of the result.
		r.err = newException(codeQueryWasCancelled, "QUERY_WAS_CANCELLED", "Query was cancelled")
	}
	close(done)
	settled()
	r.engine.release(c, r.err == nil && !leavesTraces(q.sql))
	close(r.pieces)
}

// Read hands on the result. When the statement failed after it had begun, the
// result ends with the exception in the frame that ClickHouse puts it in.
func (r *result) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.current != nil {
			select {
			case r.spare <- r.current:
			default:
			}
			r.current = nil
		}
		select {
		case piece, ok := <-r.pieces:
			if ok {
				r.current, r.rest = piece, piece
				continue
			}
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		}
		if r.err == nil || r.failed {
			return 0, io.EOF
		}
		r.failed = true
		var x *Exception
		if !errors.As(r.err, &x) {
			return 0, r.err
		}
		r.rest = x.frame(r.tag)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close stops the statement if it still runs. It does not wait for it.
func (r *result) Close() error {
	r.cancel()
	return nil
}

// framer compresses data into the blocks of ClickHouse's native protocol.
type framer struct{ writer *compress.Writer }

func (q *request) newFramer() framer {
	return framer{compress.NewWriter(compress.LevelZero, q.compression)}
}

// framePiece is how much data goes into one block at most, as in ClickHouse.
const framePiece = 1 << 20

// frame appends data, compressed, to dst.
func (f framer) frame(dst, data []byte) ([]byte, error) {
	for piece := range slices.Chunk(data, framePiece) {
		if err := f.writer.Compress(piece); err != nil {
			return nil, fmt.Errorf("compress result: %w", err)
		}
		dst = append(dst, f.writer.Data...)
	}
	return dst, nil
}

// decompressor reads the data in blocks of the native protocol.
type decompressor struct {
	counted *countedReader
	frames  *compress.Reader
}

// Read tells the end between two blocks from an end within one, which
// compress.Reader does not.
func (d *decompressor) Read(p []byte) (int, error) {
	before := d.counted.n
	n, err := d.frames.Read(p)
	if errors.Is(err, io.EOF) {
		if d.counted.n == before {
			return n, io.EOF
		}
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

type countedReader struct {
	r io.Reader
	n int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// transport is the engine as an http.RoundTripper.
type transport struct{ engine *Engine }

// RoundTrip answers r. The error is that of the request's context, or the
// engine's inability to answer at all.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := t.engine.serve(r, func() { _ = r.Body.Close() })
	if err != nil {
		return nil, err
	}
	length := int64(-1)
	if v := a.header.Get("Content-Length"); v != "" {
		if length, err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        a.header,
		Body:          a.body,
		ContentLength: length,
		Request:       r,
	}, nil
}

// ServeHTTP answers over the network as the transport does within the process.
// There is no authentication: whoever reaches the listener may do everything.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w)
	a, err := e.serve(r, func() { _ = controller.SetReadDeadline(time.Unix(1, 0)) })
	if err != nil {
		a = e.exception(newException(codeAborted, "ABORTED", "%v", err))
	}
	defer a.body.Close()
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	buf := make([]byte, framePiece)
	for {
		n, err := a.body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			if err := controller.Flush(); err != nil {
				return
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			// The client must not take what it has for the whole.
			panic(http.ErrAbortHandler)
		}
	}
}
