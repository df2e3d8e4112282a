package canonical

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// MaxEvent is the largest single event, in bytes as sent. A message of the log
// holds at most 8 MiB, and an event may stand in it twice: raw, and in fields.
const MaxEvent = 1 << 20

// MaxQuarantined is how many bytes of what cannot be read are kept. More than
// this is possible only by raising the limit on requests; the rest is cut off
// and the entry says so.
const MaxQuarantined = 4 << 20

// Batch is what became of one request.
type Batch struct {
	// Records are the events that could be read, in the order they were sent.
	Records []inventory.Record
	// Rejected are those that could not, and at its end the Outsized that could be
	// read and are more than the log takes in one message.
	Rejected []Rejected
	Outsized int
	// Foreign counts spans and log records that do not speak of inventory.
	Foreign int
	// Refused are those that [Batch.Refuse] took out; they are stored nowhere.
	Refused []Refused
}

// Refused is an event its sender may not send, and why.
type Refused struct {
	Index   int
	Pointer string
	Detail  string
}

// Outsize moves records, named by their places in Records in ascending order,
// to the rejected: a message of the log does not take them.
func (b *Batch) Outsize(places []int) {
	elsewhere := make(map[int]bool, len(b.Rejected)+len(b.Refused))
	for _, r := range b.Rejected {
		elsewhere[r.Index] = true
	}
	for _, r := range b.Refused {
		elsewhere[r.Index] = true
	}
	// The slice may be kept by whom it was given to, so it is left as it is.
	kept := make([]inventory.Record, 0, len(b.Records)-len(places))
	index := 0
	for i := range b.Records {
		for elsewhere[index] {
			index++
		}
		r := &b.Records[i]
		if len(places) == 0 || places[0] != i {
			kept = append(kept, *r)
		} else {
			places = places[1:]
			from := format.Source{Document: r.Event.Attributes[AttributeDocument]}
			err := &Error{Oversized, placeIn(from, r.Event.Attributes[AttributePath]), errOutsized}
			b.reject(index, quarantined(r.Transport, r.RawType, r.Event.Source, r.Raw, err, r.ReceivedAt))
		}
		index++
	}
	b.Outsized += len(b.Records) - len(kept)
	b.Records = kept
}

const errOutsized = "is larger than a message of the log may be, and would be however often it is sent: split it, " +
	"or raise max_payload of the NATS server"

// Shorten halves what an entry keeps of its bytes, for a quarantine that does not
// take all of them, and says so in its detail. It returns false where there is
// nothing left to leave out. The entry keeps its id, so that the same input is
// recognised as the same.
func Shorten(q *inventory.Quarantined, whole int) bool {
	const mostText = 1 << 10
	if len(q.Raw) == 0 && len(q.Pointer) <= mostText && len(q.Detail) <= 2*mostText {
		return false
	}
	before, _, _ := strings.Cut(q.Detail, shortened)
	q.Pointer, q.Detail = cut(q.Pointer, mostText), cut(before, mostText)
	q.Raw = q.Raw[:len(q.Raw)/2]
	if len(q.Raw) < mostText {
		q.Raw = nil
	}
	q.Detail += fmt.Sprintf("%s%d bytes, of which a message of the log takes the first %d)", shortened, whole, len(q.Raw))
	return true
}

const shortened = " (cut: "

func cut(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// Refuse takes out of the batch the records and rejected events for which the
// functions return an error.
func (b *Batch) Refuse(record func(*inventory.Event) error, rejected func(*inventory.Quarantined) error) {
	elsewhere := make(map[int]bool, len(b.Rejected))
	keptRejected := b.Rejected[:0]
	for _, r := range b.Rejected {
		elsewhere[r.Index] = true
		if err := rejected(&r.Quarantined); err != nil {
			b.Refused = append(b.Refused, Refused{r.Index, "/source", err.Error()})
			continue
		}
		keptRejected = append(keptRejected, r)
	}
	b.Rejected = keptRejected
	kept := b.Records[:0]
	index := 0
	for i := range b.Records {
		for elsewhere[index] {
			index++
		}
		if err := record(&b.Records[i].Event); err != nil {
			b.Refused = append(b.Refused, Refused{index, "/source", err.Error()})
		} else {
			if len(kept) != i {
				b.Records[len(kept)] = b.Records[i]
			}
			kept = b.Records[:len(kept)+1]
		}
		index++
	}
	clear(b.Records[len(kept):])
	b.Records = kept
}

// Rejected is an event that could not be read, and where in its request it was.
type Rejected struct {
	Index int
	inventory.Quarantined
}

func (b *Batch) reject(index int, q inventory.Quarantined) {
	b.Rejected = append(b.Rejected, Rejected{index, q})
}

// Quarantined returns the entries for the quarantine.
func (b *Batch) Quarantined() []inventory.Quarantined {
	entries := make([]inventory.Quarantined, len(b.Rejected))
	for i, r := range b.Rejected {
		entries[i] = r.Quarantined
	}
	return entries
}

func errOversized(size int) error {
	return &Error{Oversized, "", fmt.Sprintf("is %d bytes, more than the %d one event may have: split it", size, MaxEvent)}
}

func quarantined(transport, contentType, source string, raw []byte, err error, receivedAt time.Time) inventory.Quarantined {
	why := Error{Reason: Unreadable, Detail: err.Error()}
	var e *Error
	if errors.As(err, &e) {
		why = *e
	}
	if len(raw) > MaxQuarantined {
		why.Detail += fmt.Sprintf(" (%d bytes, of which the first %d are kept)", len(raw), MaxQuarantined)
		raw = raw[:MaxQuarantined]
	}
	return inventory.Quarantined{
		ID:         quarantineID(transport, source, why.Pointer, raw),
		ReceivedAt: receivedAt, Source: source, Transport: transport, ContentType: contentType,
		Reason: why.Reason, Pointer: why.Pointer, Detail: why.Detail, Raw: raw,
	}
}

// quarantineID hashes what was rejected and where, so that what a sender
// repeats is recognised as the same.
func quarantineID(transport, source, pointer string, raw []byte) string {
	h := sha256.New()
	var size [8]byte
	for _, part := range [][]byte{[]byte(transport), []byte(source), []byte(pointer), raw} {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = h.Write(size[:])
		_, _ = h.Write(part)
	}
	var id inventory.Hash
	copy(id[:], h.Sum(nil))
	return id.String()
}
