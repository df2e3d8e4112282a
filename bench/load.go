package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// inFlight is how many requests are under way at a time.
const inFlight = 4

// encode turns a request into its bytes on the wire.
func encode(td ptrace.Traces) ([]byte, error) {
	return ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
}

// encodeAll encodes a workload before anything is measured.
func encodeAll(w workload) (requests [][]byte, bytes int, err error) {
	err = w.requests(func(td ptrace.Traces) error {
		b, err := encode(td)
		requests, bytes = append(requests, b), bytes+len(b)
		return err
	})
	return requests, bytes, err
}

// plain sends bytes as they are and takes answers as they come.
type plain struct{}

var _ encoding.CodecV2 = plain{}

func (plain) Name() string { return "proto" }

func (plain) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (plain) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// sender sends requests over OTLP gRPC.
type sender struct {
	conn *grpc.ClientConn
}

func dial(address string) (*sender, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(plain{})))
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	return &sender{conn}, nil
}

func (s *sender) close() { _ = s.conn.Close() }

// send returns when the request has been answered OK. What is refused for the
// moment is sent again, as every OTLP exporter does.
func (s *sender) send(ctx context.Context, request []byte) (refused int, err error) {
	for {
		var answer []byte
		err := s.conn.Invoke(ctx, exportMethod, request, &answer)
		if err == nil {
			response := ptraceotlp.NewExportResponse()
			if err := response.UnmarshalProto(answer); err != nil {
				return refused, fmt.Errorf("read the answer: %w", err)
			}
			if p := response.PartialSuccess(); p.RejectedSpans() > 0 {
				return refused, fmt.Errorf("%d spans were rejected: %s", p.RejectedSpans(), p.ErrorMessage())
			}
			return refused, nil
		}
		switch status.Code(err) {
		case codes.Unavailable, codes.ResourceExhausted, codes.Aborted:
			refused++
			if refused > 1000 {
				return refused, fmt.Errorf("send: %w", err)
			}
			select {
			case <-ctx.Done():
				return refused, ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		default:
			return refused, fmt.Errorf("send: %w", err)
		}
	}
}

// sendAll sends the requests in order, a few at a time, as fast as they are
// taken.
func (s *sender) sendAll(ctx context.Context, requests [][]byte) (refused int, err error) {
	next := make(chan []byte)
	var group sync.WaitGroup
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range inFlight {
		group.Go(func() {
			for request := range next {
				n, e := s.send(ctx, request)
				mu.Lock()
				refused += n
				err = errors.Join(err, e)
				mu.Unlock()
				if e != nil {
					cancel()
				}
			}
		})
	}
	for _, request := range requests {
		select {
		case next <- request:
		case <-ctx.Done():
		}
	}
	close(next)
	group.Wait()
	return refused, err
}
