package store

import "context"
import "time"

func (s *Store) setRetention(ctx context.Context, keep time.Duration) error { return nil }
