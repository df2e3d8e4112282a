package store

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/queries"
)

var (
	retentionQuery           = queries.Get("retention")
	retentionNoneQuery       = queries.Get("retention_none")
	retentionByReceivedQuery = queries.Get("retention_by_received")
	retentionByWrittenQuery  = queries.Get("retention_by_written")
)

// retained says from when the rows of each table are kept. What is immutable
// counts from its receipt; what has versions counts from their writing, so that
// a version or tombstone outlives all it replaces. Bindings and who was heard
// when have no entry: they are kept for ever.
var retained = map[string]queries.Query{
	"events":     retentionByReceivedQuery,
	"facts":      retentionByReceivedQuery,
	"readings":   retentionByReceivedQuery,
	"echoes":     retentionByReceivedQuery,
	"actions":    retentionByReceivedQuery,
	"quarantine": retentionByReceivedQuery,
	"reingests":  retentionByReceivedQuery,

	"quarantine_landed": retentionByReceivedQuery,

	"lifecycles":     retentionByWrittenQuery,
	"lifecycle_keys": retentionByWrittenQuery,
	"findings":       retentionByWrittenQuery,
}

// longer is how much longer the rows of a table are kept than the others: what says
// that an entry has landed outlives the entry, whichever is merged first, so that it
// is not taken for one that waits.
var longer = map[string]time.Duration{"quarantine_landed": 60 * 24 * time.Hour}

// ttlClause finds the seconds of a table's TTL in its definition. A server may
// have written the parameter as a cast.
var ttlClause = regexp.MustCompile(`\bTTL\b[^']*?toIntervalSecond\((?:_CAST\()?(\d+)`)

// setRetention changes how long rows are kept where that is not what the tables
// say already. Rows go when their parts are merged, some hours after they are
// due.
func (s *Store) setRetention(ctx context.Context, keep time.Duration) error {
	seconds := int64(keep / time.Second)
	if seconds > math.MaxUint32 {
		seconds = 0 // longer than a century
	}
	has := make(map[string]int64)
	err := s.Each(ctx, retentionQuery, nil, func(scan func(...any) error) error {
		var table, definition string
		if err := scan(&table, &definition); err != nil {
			return err
		}
		if m := ttlClause.FindStringSubmatch(definition); m != nil {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				return fmt.Errorf("read the TTL of %s: %w", table, err)
			}
			has[table] = n
		}
		return nil
	})
	if err != nil {
		return err
	}
	for table, query := range retained {
		seconds := seconds
		if seconds > 0 {
			seconds = min(seconds+int64(longer[table]/time.Second), math.MaxUint32)
		}
		if has[table] == seconds {
			continue
		}
		params := Params{"table": table, "seconds": seconds}
		if seconds == 0 {
			query, params = retentionNoneQuery, Params{"table": table}
		}
		if err := s.Exec(ctx, query, params); err != nil {
			return err
		}
		level := slog.LevelInfo
		if _, set := has[table]; !set {
			level = slog.LevelDebug // a new table gets its first
		}
		s.log.LogAttrs(ctx, level, "retention set", slog.String("table", table), slog.Duration("keep", keep))
	}
	return nil
}
