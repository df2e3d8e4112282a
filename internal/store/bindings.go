package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

func newBindingAppender(into inserter) *appender[lifecycle.BindingRow] {
	type row = lifecycle.BindingRow
	return &appender[row]{
		insert: queries.Get("insert_bindings"),
		into:   into,
		compare: func(a, b *row) int {
			if c := cmp.Compare(a.Partition, b.Partition); c != 0 {
				return c
			}
			return compareScoped(a.Key, b.Key)
		},
		columns: []column[row]{
			number("partition", func(r *row) uint16 { return small(r.Partition) }),
			written("key", func(b []byte, r *row) []byte { return appendScoped(b, r.Key) }),
			written("root", func(b []byte, r *row) []byte { return appendScoped(b, r.Root) }),
			number("key_hash", func(r *row) uint64 { return lifecycle.KeyHash(r.Key) }),
			version("version", func(r *row) lifecycle.Version { return r.Version }),
		},
	}
}

// appendScoped appends a key's string form.
func appendScoped(b []byte, k inventory.ScopedKey) []byte {
	return append(append(append(b, k.Name...), ':'), k.Value...)
}

// compareScoped orders keys by their string form, as the tables do.
func compareScoped(a, b inventory.ScopedKey) int {
	if a.Name == b.Name {
		return strings.Compare(a.Value, b.Value)
	}
	if !strings.HasPrefix(a.Name, b.Name) && !strings.HasPrefix(b.Name, a.Name) {
		return strings.Compare(a.Name, b.Name)
	}
	return strings.Compare(a.String(), b.String())
}

// WriteBindings implements lifecycle.Store.
func (s *Store) WriteBindings(ctx context.Context, rows []lifecycle.BindingRow) error {
	if err := s.bindings.write(ctx, rows); err != nil {
		return fmt.Errorf("write bindings: %w", err)
	}
	return nil
}

var rootsQuery = queries.Get("roots")

// Roots implements lifecycle.Store.
func (s *Store) Roots(ctx context.Context, partition int, keys []inventory.ScopedKey) (map[inventory.ScopedKey]inventory.ScopedKey, error) {
	roots := make(map[inventory.ScopedKey]inventory.ScopedKey)
	for part := range pieces(keys, keyLength) {
		params := Params{"partition": partition, "keys": keyStrings(part)}
		err := s.Each(ctx, rootsQuery, params, func(scan func(...any) error) error {
			var key, root string
			if err := scan(&key, &root); err != nil {
				return err
			}
			k, err := scopedKey(key)
			if err != nil {
				return err
			}
			r, err := scopedKey(root)
			if err != nil {
				return err
			}
			roots[k] = r
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return roots, nil
}

// scopedKey reads a stored key.
func scopedKey(s string) (inventory.ScopedKey, error) {
	k, ok := inventory.ParseScopedKey(s)
	if !ok {
		return inventory.ScopedKey{}, fmt.Errorf("%q is no name:value", s)
	}
	return k, nil
}

// scopedKeys reads stored keys; none at all is nil.
func scopedKeys(values []string) ([]inventory.ScopedKey, error) {
	var keys []inventory.ScopedKey
	for _, v := range values {
		k, err := scopedKey(v)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
