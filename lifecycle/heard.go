package lifecycle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// HeardRecords works out of records, in any order, what the store says of them
// (see [Store.Heard]). The zero value has none.
type HeardRecords struct {
	hours map[heardKey]heardHour
}

type heardKey struct {
	hour                       int64
	system, location, register string
}

type heardHour struct {
	minutes uint64
	last    time.Time
	off     bool
}

// Add adds a record.
func (h *HeardRecords) Add(r *inventory.Record) {
	system, location, register, ok := r.SourceOf()
	if !ok {
		return
	}
	if h.hours == nil {
		h.hours = map[heardKey]heardHour{}
	}
	at := r.ReceivedAt.Unix()
	k := heardKey{at - at%3600, system, location, register}
	x := h.hours[k]
	x.minutes |= 1 << (at % 3600 / 60)
	switch off := r.Event.SignsOff(); {
	case r.ReceivedAt.After(x.last):
		x.last, x.off = r.ReceivedAt, off
	case r.ReceivedAt.Equal(x.last):
		x.off = x.off || off
	}
	h.hours[k] = x
}

// Between returns what was heard from one time until another, as a store does.
func (h *HeardRecords) Between(from, until time.Time) (rows []inventory.Heard) {
	for k, x := range h.hours {
		if k.hour >= from.Unix() && k.hour < until.Unix() {
			rows = append(rows, inventory.Heard{
				Hour: time.Unix(k.hour, 0).UTC(), System: k.system, Location: k.location, Register: k.register, Minutes: x.minutes, SignedOff: x.off,
			})
		}
	}
	slices.SortFunc(rows, CompareHeard)
	return rows
}

// CompareHeard orders what was heard by hour, system, location and register.
func CompareHeard(a, b inventory.Heard) int {
	return cmp.Or(a.Hour.Compare(b.Hour), strings.Compare(a.System, b.System), strings.Compare(a.Location, b.Location),
		strings.Compare(a.Register, b.Register))
}

// hearing compares the hours that are kept with the records there still are, and
// returns what is to be said of all of them: of the kept ones before the first
// record, and of the records after.
func (v *Verification) hearing(rules *Rules, kept []inventory.Heard, records *HeardRecords) func([]inventory.Finding, time.Time) []inventory.Finding {
	rows := records.Between(time.Unix(0, 0), time.Unix(1<<40, 0))
	// The first hour may have lost records already.
	first := time.Unix(1<<40, 0)
	if len(rows) > 0 {
		first = rows[0].Hour.Add(time.Hour)
	}
	whole := map[time.Time]bool{}
	have := map[heardKey]inventory.Heard{}
	all := []inventory.Heard{}
	for _, h := range kept {
		if h.System == "" {
			whole[h.Hour] = true
			continue
		}
		if h.Hour.Before(first) {
			all = append(all, h)
			continue
		}
		have[heardKey{h.Hour.Unix(), h.System, h.Location, h.Register}] = h
	}
	for _, h := range rows {
		if h.Hour.Before(first) && whole[h.Hour] {
			continue
		}
		all = append(all, h)
		k := heardKey{h.Hour.Unix(), h.System, h.Location, h.Register}
		if was, ok := have[k]; whole[h.Hour] && (!ok || was.Minutes != h.Minutes || was.SignedOff != h.SignedOff) {
			v.differ("hour", h.Hour.Format(time.RFC3339)+" "+strings.TrimSpace(h.System+" "+h.Location+" "+h.Register),
				fmt.Sprintf("records say it was heard in minutes %x, kept are %x", h.Minutes, was.Minutes))
		}
		delete(have, k)
	}
	for _, k := range slices.SortedFunc(maps.Keys(have), func(a, b heardKey) int { return cmp.Compare(a.hour, b.hour) }) {
		v.differ("hour", fmt.Sprintf("%s %s %s %s", time.Unix(k.hour, 0).UTC().Format(time.RFC3339), k.system, k.location, k.register),
			"is kept and no record says so")
	}
	slices.SortFunc(all, CompareHeard)
	return func(fed []inventory.Finding, now time.Time) []inventory.Finding {
		until, _ := slices.BinarySearchFunc(all, now, func(h inventory.Heard, now time.Time) int { return h.Hour.Compare(now) })
		return AboutHearing(rules, NewHearing(rules), all[:until], fed, now)
	}
}
