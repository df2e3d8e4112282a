package estate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// maxRequest bounds a request's bytes, as far as weight estimates them. It is
// well below what OTLP receivers take.
const maxRequest = 1 << 20

// parcel is what a feed is given to send: messages, and after all of them (and
// all before) the watermarks.
type parcel struct {
	messages []*message
	marks    []mark
	// reached, where set, is closed when everything up to here is acknowledged.
	reached chan<- struct{}
}

// feed is one system's export. Messages go out several requests at a time; a
// watermark waits until everything before it is acknowledged, because it says so.
type feed struct {
	client      *client
	concurrency int
	batchSize   int
	done        func([]*message)
	queue       chan parcel
}

// exports are the feeds of all systems.
type exports [feedCount]*feed

func (x *exports) give(ctx context.Context, f feedID, p parcel) error {
	select {
	case x[f].queue <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *exports) settle(ctx context.Context) error {
	for f := range x {
		reached := make(chan struct{})
		if err := x.give(ctx, feedID(f), parcel{reached: reached}); err != nil {
			return err
		}
		select {
		case <-reached:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// run sends what comes over the queue until it is closed, and returns when all
// of it is acknowledged.
func (f *feed) run(ctx context.Context) error {
	var (
		mu       sync.Mutex
		failed   error
		inFlight sync.WaitGroup
	)
	slots := make(chan struct{}, f.concurrency)
	failure := func() error {
		mu.Lock()
		defer mu.Unlock()
		return failed
	}
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
	}
	defer inFlight.Wait()
	for p := range f.queue {
		for _, request := range requests(p.messages, f.batchSize) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := failure(); err != nil {
				return err
			}
			inFlight.Go(func() {
				defer func() { <-slots }()
				if err := f.client.deliver(ctx, request); err != nil {
					fail(err)
					return
				}
				f.done(request)
			})
		}
		if len(p.marks) == 0 && p.reached == nil {
			continue
		}
		inFlight.Wait()
		if err := failure(); err != nil {
			return err
		}
		for marks := range slices.Chunk(p.marks, f.batchSize) {
			if err := f.client.say(ctx, marks); err != nil {
				return err
			}
		}
		if p.reached != nil {
			close(p.reached)
		}
	}
	inFlight.Wait()
	return failure()
}

// requests cuts messages into requests: one transport each, no more than size
// messages, bounded bytes, and the receipts of an ERP document beside each other.
func requests(messages []*message, size int) [][]*message {
	slices.SortStableFunc(messages, func(a, b *message) int {
		return cmp.Or(cmp.Compare(a.via, b.via), cmp.Compare(a.document, b.document))
	})
	var (
		cut    [][]*message
		first  int
		weight int
	)
	for i, m := range messages {
		w := m.weight()
		if i > first && (m.via != messages[i-1].via || i-first >= size || weight+w > maxRequest) {
			cut = append(cut, messages[first:i])
			first, weight = i, 0
		}
		weight += w
	}
	if first < len(messages) {
		cut = append(cut, messages[first:])
	}
	return cut
}
