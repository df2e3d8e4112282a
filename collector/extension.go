package collector

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/stocktrace/stocktrace/collector/access"
	"github.com/stocktrace/stocktrace/collector/canonical"
	"github.com/stocktrace/stocktrace/inventory"
)

// ExtensionType is the name of the extension in a Collector's configuration. The
// otlp receiver names it under middlewares, and under auth where a token is set.
var ExtensionType = component.MustNewType("stocktrace")

// guard is the extension: the part of an OTLP endpoint that the upstream
// receiver leaves to others.
type guard struct {
	component.StartFunc
	component.ShutdownFunc
	intake *intake
	// certificates says that the server demands client certificates, so that who has
	// no token is known all the same.
	certificates bool
	// seals says that plain requests pass the pipeline sealed.
	seals bool
	// others answers the paths under /v1/ that are not OTLP's, so that one port with
	// TLS takes everything.
	others http.Handler
}

var (
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
	_ extensionauth.Server           = (*guard)(nil)
)

func newExtensionFactory(in *intake, certificates, seals bool, others http.Handler) extension.Factory {
	return extension.NewFactory(ExtensionType, noConfig,
		func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
			return &guard{intake: in, certificates: certificates, seals: seals, others: others}, nil
		}, component.StabilityLevelStable)
}

// Authenticate finds the source of a request and puts it into its context. Over
// HTTP a client certificate is not known here; serveHTTP looks at it.
func (g *guard) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	authorization := ""
	for name, values := range headers {
		if strings.EqualFold(name, "authorization") && len(values) > 0 {
			authorization = values[0]
		}
	}
	var connection *tls.ConnectionState
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			connection = &info.State
		}
	}
	who, err := g.intake.identify(authorization, connection)
	if errors.Is(err, access.ErrNoToken) && connection == nil && g.certificates {
		return ctx, nil
	}
	if err != nil {
		return ctx, err
	}
	return access.With(ctx, who), nil
}

// GetGRPCServerOptions guards a gRPC server.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(guardedCodec{encoding.GetCodecV2("proto"), g}),
		grpc.ChainUnaryInterceptor(g.interceptUnary),
		// gRPC decodes a request before any interceptor sees it. Without this, a
		// stranger could fill the quarantine, and a sender that is too fast would cost
		// what it is refused for.
		grpc.InTapHandle(func(ctx context.Context, info *tap.Info) (context.Context, error) {
			identified, err := g.Authenticate(ctx, info.Header)
			if err != nil {
				return ctx, status.Error(codes.Unauthenticated, err.Error())
			}
			if err := access.From(identified).Waits(time.Now()); err != nil {
				g.intake.refused(transportOf(info.FullMethodName), err)
				return ctx, refusedStatus(err)
			}
			return identified, nil
		}),
	}, nil
}

// transportOf tells the signals apart by the method or path of their requests.
func transportOf(path string) string {
	switch path = strings.ToLower(path); {
	case strings.Contains(path, "logs"):
		return canonical.TransportLogs
	case strings.Contains(path, "metric"):
		return canonical.TransportMetrics
	}
	return canonical.TransportTraces
}

// interceptUnary writes the tally into the answer, and a delay into refusals
// that have none (the memory limiter's).
func (g *guard) interceptUnary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, tally := withTally(ctx)
	answer, err := handler(ctx, request)
	if err != nil {
		return answer, withRetryInfo(err)
	}
	if tally.rejected == 0 {
		return answer, nil
	}
	encoded, err := tally.response().MarshalProto()
	if err != nil {
		return answer, nil
	}
	// The answer's type is internal to pdata, but it decodes itself. Should it no
	// longer do so, the sender hears success, which is true of what it may repeat.
	if into, ok := answer.(interface{ UnmarshalProto([]byte) error }); ok {
		if err := into.UnmarshalProto(encoded); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	return answer, nil
}

func withRetryInfo(err error) error {
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.Unavailable && s.Code() != codes.ResourceExhausted {
		return err
	}
	for _, detail := range s.Details() {
		if _, ok := detail.(*errdetails.RetryInfo); ok {
			return err
		}
	}
	if timed, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(defaultRetryAfter)}); err == nil {
		return timed.Err()
	}
	return err
}

// guardedCodec decodes requests, and keeps those that cannot be.
type guardedCodec struct {
	encoding.CodecV2
	guard *guard
}

// Unmarshal decodes one message.
func (c guardedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	buffer := mem.DefaultBufferPool().Get(sealedMost + data.Len())
	whole := mem.NewBuffer(buffer, mem.DefaultBufferPool())
	defer whole.Free()
	encoded := (*buffer)[sealedMost:]
	data.CopyTo(encoded)
	transport := transportOf(fmt.Sprintf("%T", v))
	plain, err := checkProto(encoded, transport)
	if err == nil {
		from := sealedMost
		if plain && c.guard.seals {
			from = seal(*buffer, transport)
		}
		err = c.CodecV2.Unmarshal(mem.BufferSlice{mem.SliceBuffer((*buffer)[from:])}, v)
	}
	if err != nil {
		// gRPC calls this without the request's context.
		entry, err := c.guard.keep(context.Background(), bytes.Clone(encoded), transport, protobuf, err)
		if err != nil {
			return err
		}
		return errors.New(kept(entry))
	}
	return nil
}

// The media types of OTLP over HTTP.
const (
	protobuf = "application/x-protobuf"
	jsonText = "application/json"
)

// keep puts a request that is not OTLP into the quarantine.
func (g *guard) keep(ctx context.Context, body []byte, transport, contentType string, why error) (inventory.Quarantined, error) {
	entry := canonical.RejectOTLP(body, transport, contentType, why, g.intake.now())
	err := g.intake.keep(ctx, &entry)
	return entry, err
}

// kept tells a sender why its request is in the quarantine.
func kept(entry inventory.Quarantined) string {
	return entry.Detail + " (quarantine entry " + entry.ID + ")"
}

// GetHTTPHandler guards an HTTP server. It runs behind authentication and
// decompression.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serveHTTP(w, r, next) }), nil
	}, nil
}

// otlpPaths are what the upstream receiver answers.
var otlpPaths = map[string]bool{"/v1/traces": true, "/v1/logs": true, "/v1/metrics": true, "/v1development/profiles": true}

func (g *guard) serveHTTP(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !otlpPaths[r.URL.Path] {
		g.others.ServeHTTP(w, r)
		return
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	// Authentication did not see the certificate, so it is asked again.
	who, err := g.intake.identify(r.Header.Get("Authorization"), r.TLS)
	if err != nil {
		writeStatus(w, media, http.StatusUnauthorized, err.Error())
		return
	}
	r = r.WithContext(access.With(r.Context(), who))
	if err := who.Waits(time.Now()); err != nil {
		g.intake.refused(transportOf(r.URL.Path), err)
		g.refuse(w, media, err)
		return
	}
	body, err := readBody(r)
	plain := false
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeStatus(w, media, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the request has more than %d bytes, uncompressed: send smaller ones", tooLarge.Limit))
		return
	case r.Context().Err() != nil:
		return // the sender went away
	case err == nil && media == jsonText:
		err = checkJSONDepth(body)
	case err == nil:
		plain, err = checkProto(body, transportOf(r.URL.Path))
	}
	if err != nil {
		g.unreadable(w, r, media, body, err)
		return
	}

	ctx, tally := withTally(r.Context())
	r = r.WithContext(ctx) //nolint:contextcheck // it is the request's own, with a tally in it
	request := body
	if plain && g.seals {
		request = append(make([]byte, sealedMost, sealedMost+len(body)), body...)
		request = request[seal(request, transportOf(r.URL.Path)):]
	}
	r.Body = io.NopCloser(bytes.NewReader(request))
	answer := recorded{header: w.Header(), code: http.StatusOK}
	next.ServeHTTP(&answer, r)
	switch {
	case answer.code == http.StatusBadRequest:
		g.unreadable(w, r, media, body, errors.New(statusMessage(media, answer.body.Bytes())))
		return
	case answer.code == http.StatusServiceUnavailable || answer.code == http.StatusTooManyRequests:
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", seconds(defaultRetryAfter))
		}
	case answer.code == http.StatusOK && tally.rejected > 0:
		encode := tally.response().MarshalProto
		if media == jsonText {
			encode = tally.response().MarshalJSON
		}
		if partial, err := encode(); err == nil {
			answer.body = *bytes.NewBuffer(partial)
		}
	}
	w.WriteHeader(answer.code)
	_, _ = w.Write(answer.body.Bytes()) // the sender may be gone; nothing else to do
}

// unreadable keeps a request that is not OTLP, then says so.
func (g *guard) unreadable(w http.ResponseWriter, r *http.Request, media string, body []byte, why error) {
	entry, err := g.keep(r.Context(), body, transportOf(r.URL.Path), media, why)
	if err != nil {
		g.refuse(w, media, err)
		return
	}
	writeStatus(w, media, http.StatusBadRequest, kept(entry))
}

// refuse answers a request that was not stored.
func (g *guard) refuse(w http.ResponseWriter, media string, err error) {
	s, _ := status.FromError(refusedStatus(err))
	code := http.StatusServiceUnavailable
	switch s.Code() {
	case codes.PermissionDenied:
		code = http.StatusForbidden
	case codes.ResourceExhausted:
		code = http.StatusTooManyRequests
	default:
	}
	if code != http.StatusForbidden {
		w.Header().Set("Retry-After", seconds(retryAfter(err)))
	}
	writeStatus(w, media, code, err.Error())
}

// readBody reads a body whose size the server has bounded.
func readBody(r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(min(r.ContentLength, 1<<20)) + bytes.MinRead)
	}
	_, err := b.ReadFrom(r.Body)
	return b.Bytes(), err
}

// recorded holds an answer until it is known to be the last word.
type recorded struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *recorded) Header() http.Header         { return a.header }
func (a *recorded) WriteHeader(code int)        { a.code = code }
func (a *recorded) Write(b []byte) (int, error) { return a.body.Write(b) }

// writeStatus answers as OTLP demands of errors: a google.rpc.Status in the
// encoding of the request.
func writeStatus(w http.ResponseWriter, media string, code int, message string) {
	grpcCode := codes.InvalidArgument
	switch code {
	case http.StatusServiceUnavailable:
		grpcCode = codes.Unavailable
	case http.StatusTooManyRequests:
		grpcCode = codes.ResourceExhausted
	case http.StatusForbidden:
		grpcCode = codes.PermissionDenied
	case http.StatusUnauthorized:
		grpcCode = codes.Unauthenticated
	}
	s := status.New(grpcCode, message)
	encode := proto.Marshal
	if media == jsonText {
		encode = protojson.Marshal
	} else {
		media = protobuf
	}
	body, err := encode(s.Proto())
	if err != nil {
		http.Error(w, message, code)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// statusMessage returns what an answer of the receiver says in words.
func statusMessage(media string, body []byte) string {
	s := status.New(codes.Unknown, "").Proto()
	decode := proto.Unmarshal
	if media == jsonText {
		decode = protojson.Unmarshal
	}
	if err := decode(body, s); err != nil || s.GetMessage() == "" {
		return "is not an OTLP request"
	}
	return "is not an OTLP request: " + s.GetMessage()
}

// seconds writes a delay for Retry-After.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
