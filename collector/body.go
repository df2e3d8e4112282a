package collector

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// maxBuffered bounds the bodies held in memory by all requests together. Past
// it senders are asked to come again.
const maxBuffered = 256 << 20

// bodies reads and decompresses the bodies of requests within bounds, each
// alone and all together. What it holds at a time never exceeds them, whatever a
// body claims to be: bytes are counted as they come out of a decompressor.
type bodies struct {
	limit    int64 // bytes of one request, as received and uncompressed
	room     int64 // bytes of all requests at one time
	buffered atomic.Int64
}

// body is a request's body in memory until it is released.
type body struct {
	bytes   []byte
	from    *bodies
	counted int64
}

// release gives back the room the body takes.
func (b *body) release() {
	b.from.buffered.Add(-b.counted)
	b.counted = 0
}

// Why a body was not read.
var (
	errLimit    = errors.New("more bytes than one request may have")
	errBusy     = errors.New("more bytes than all requests together may have")
	errBroken   = errors.New("the body ended early")
	errEncoding = errors.New("the content encoding is not known")
	errTwice    = errors.New("is compressed within a compressed body")
)

// badBody is a body that is not compressed as it claims. What was received is
// kept.
type badBody struct {
	received []byte
	encoding string
	err      error
}

func (e *badBody) Error() string { return "is not " + e.encoding + ": " + e.err.Error() }

// encodings lists what a body may be compressed with.
const encodings = "gzip, zstd, deflate"

// read reads a body; the caller releases it, also after an error.
func (bs *bodies) read(r *http.Request) (*body, error) {
	b := &body{from: bs}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch encoding {
	case "identity":
		encoding = ""
	case "", "gzip", "zstd", "deflate":
	default: // a list of encodings too: nobody needs to compress twice
		return b, errEncoding
	}
	received := &limited{body: b, reader: r.Body, left: bs.limit}
	plain, err := io.ReadAll(received)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return b, errLimit
	case received.err != nil:
		return b, fmt.Errorf("%w: %w", errBroken, received.err)
	case err != nil:
		return b, err
	}
	b.bytes = plain
	if encoding == "" {
		return b, nil
	}
	b.bytes, err = b.decompress(encoding, plain)
	switch {
	case err == nil || errors.Is(err, errLimit) || errors.Is(err, errBusy):
		return b, err
	default:
		return b, &badBody{plain, encoding, err}
	}
}

func (b *body) decompress(encoding string, plain []byte) ([]byte, error) {
	var z io.Reader
	var err error
	in := bytes.NewReader(plain)
	switch encoding {
	case "gzip":
		z, err = gzip.NewReader(in)
	case "deflate":
		// The standard means zlib; some senders mean the bare stream.
		if z, err = zlib.NewReader(in); errors.Is(err, zlib.ErrHeader) {
			in.Reset(plain)
			z, err = flate.NewReader(in), nil
		}
	default:
		// The window is allocated before a byte comes out of it.
		var d *zstd.Decoder
		if d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)); err == nil {
			defer d.Close()
			z = d
		}
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(&limited{body: b, reader: z, left: b.from.limit})
}

// compressed reports whether text begins as a compressed file or archive does:
// gzip, zstd, zip, bzip2, xz, 7z.
func compressed(text []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "PK\x03\x04", "BZh", "\xfd7zXZ\x00", "7z\xbc\xaf\x27\x1c"} {
		if bytes.HasPrefix(text, []byte(magic)) {
			return true
		}
	}
	return false
}

// limited reads up to left bytes, and accounts for them while they are held.
type limited struct {
	body   *body
	reader io.Reader
	left   int64
	err    error // of the reader itself
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	l.left -= int64(n)
	l.body.counted += int64(n)
	switch total := l.body.from.buffered.Add(int64(n)); {
	case l.left < 0:
		return 0, errLimit
	case total > l.body.from.room:
		return 0, errBusy
	}
	return n, err
}
