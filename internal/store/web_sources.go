package store

import (
	"context"
	"time"

	"github.com/stocktrace/stocktrace/web"
)

// SourceDetails implements web.Reader.
func (p Pages) SourceDetails(ctx context.Context, since, until time.Time) ([]web.SourceDetail, error) {
	sources, err := p.Sources(ctx, since, until)
	if err != nil {
		return nil, err
	}
	list := make([]web.SourceDetail, len(sources))
	at := make(map[string]*web.SourceDetail, len(sources))
	for i := range sources {
		list[i].Source = sources[i]
		at[sources[i].System] = &list[i]
	}
	err = p.store.Each(ctx, webSourceDetailsQuery, Params{"since": since, "until": until}, func(scan func(...any) error) error {
		var (
			system                          string
			events, late, ahead, suppressed uint64
			skew                            int64
			names                           []string
			slots                           []uint32
			carry, came                     []uint64
		)
		if err := scan(&system, &events, &late, &ahead, &skew, &suppressed, &names, &carry, &slots, &came); err != nil {
			return err
		}
		d, ok := at[system]
		if !ok {
			return nil // first heard since the list was read
		}
		d.Events, d.Late, d.Ahead, d.Suppressed = int(events), int(late), int(ahead), int(suppressed)
		d.Skew = time.Duration(skew) * time.Microsecond
		d.Keys = make(map[string]int, len(names))
		for i, name := range names {
			d.Keys[name] = int(carry[i])
		}
		for i, slot := range slots {
			d.Trend[slot] = int(came[i])
		}
		return nil
	})
	return list, asked(err)
}

// QuarantineCounts implements web.Reader.
func (p Pages) QuarantineCounts(ctx context.Context, limit int) ([]web.QuarantineCount, error) {
	var list []web.QuarantineCount
	err := p.store.Each(ctx, webQuarantineQuery, Params{"limit": limit}, func(scan func(...any) error) error {
		var c web.QuarantineCount
		var n, different, size uint64
		if err := scan(&c.Reason, &c.Source, &n, &different, &size, &c.FirstAt, &c.LastAt); err != nil {
			return err
		}
		c.Different, c.Bytes = int(different), int64(size)
		c.Count, c.FirstAt, c.LastAt = int(n), instant(c.FirstAt), instant(c.LastAt)
		list = append(list, c)
		return nil
	})
	return list, asked(err)
}
