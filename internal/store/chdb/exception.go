package chdb

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Exception is an error of the engine, or one of this package's own in the same
// form. Clients of the transport see it as *clickhouse.Exception with the same
// code.
type Exception struct {
	// Code is ClickHouse's error code, for instance 60 for UNKNOWN_TABLE.
	Code int
	// Text is the whole message: "Code: 60. DB::Exception: … (UNKNOWN_TABLE)".
	Text string
}

// Error is the message as ClickHouse writes it.
func (e *Exception) Error() string { return e.Text }

// The error codes of ClickHouse that this package itself answers with.
const (
	codeCannotReadAllData    = 33
	codeBadArguments         = 36
	codeNotImplemented       = 48
	codeSyntaxError          = 62
	codeNoDataToInsert       = 108
	codeUnknownSetting       = 115
	codeQueryIsTooLarge      = 229
	codeAborted              = 236
	codeQueryWasCancelled    = 394
	codeUnsupportedMediaType = 779
	codeUnknownException     = 1002
)

func newException(code int, name, format string, args ...any) *Exception {
	return &Exception{Code: code, Text: fmt.Sprintf("Code: %d. DB::Exception: %s (%s)", code, fmt.Sprintf(format, args...), name)}
}

var exceptionCode = regexp.MustCompile(`Code: (\d+)\. `)

// parseException turns what the engine says into an Exception. Some of the
// engine's own messages carry no code; they become UNKNOWN_EXCEPTION.
func parseException(text string) *Exception {
	text = strings.TrimSpace(text)
	m := exceptionCode.FindStringSubmatchIndex(text)
	if m == nil {
		return newException(codeUnknownException, "UNKNOWN_EXCEPTION", "%s", text)
	}
	code, err := strconv.Atoi(text[m[2]:m[3]])
	if err != nil || code <= 0 {
		return newException(codeUnknownException, "UNKNOWN_EXCEPTION", "%s", text)
	}
	// The client looks for the code at the beginning.
	return &Exception{Code: code, Text: text[m[0]:]}
}

// status is the HTTP status ClickHouse answers this exception with.
func (e *Exception) status() int {
	switch e.Code {
	case 6, 25, 26, 27, 38, 41, 72, 376, 441, 675, 676, // CANNOT_PARSE_…
		8, 15, 36, 37, 44, 53, 62, 117, 123, 167, 168, 223, 321, 427:
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511: // UNKNOWN_…
		return http.StatusNotFound
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case codeQueryIsTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeUnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case codeNotImplemented:
		return http.StatusNotImplemented
	case 76, 209, 439, codeAborted: // CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// frame is the exception as ClickHouse puts it behind the blocks of a result
// that had already begun, its status being long sent. The tag is announced in
// the header X-ClickHouse-Exception-Tag; it keeps data that looks like a frame
// from being taken for one.
func (e *Exception) frame(tag string) []byte {
	// ClickHouse keeps frames under 16 KiB, and readers rely on it.
	text := e.Text
	if len(text) > 15<<10 {
		text = text[:15<<10]
	}
	return fmt.Appendf(nil, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", tag, text, len(text)+1, tag)
}
