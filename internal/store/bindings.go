package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/lifecycle"
	"github.com/stocktrace/stocktrace/queries"
)

// bindingBlock is the columns of insert_bindings.sql, in its order.
type bindingBlock struct {
	partition proto.ColUInt16
	key, root proto.ColStr
	keyHash   proto.ColUInt64
	version   proto.ColUInt128

	input proto.Input
}

func newBindingBlock() *bindingBlock {
	b := new(bindingBlock)
	b.input = proto.Input{
		{Name: "partition", Data: &b.partition}, {Name: "key", Data: &b.key}, {Name: "root", Data: &b.root},
		{Name: "key_hash", Data: &b.keyHash}, {Name: "version", Data: &b.version},
	}
	return b
}

func (b *bindingBlock) columns() proto.Input { return b.input }

func (b *bindingBlock) add(r *lifecycle.BindingRow) {
	b.partition.Append(uint16(r.Partition))
	b.key.Append(r.Key.String())
	b.root.Append(r.Root.String())
	b.keyHash.Append(lifecycle.KeyHash(r.Key))
	b.version.Append(rowVersion(r.Version))
}

func newBindingAppender(into inserter) *appender[lifecycle.BindingRow] {
	return &appender[lifecycle.BindingRow]{
		insert: queries.Get("insert_bindings"), into: into, block: newBindingBlock(),
		compare: func(a, b *lifecycle.BindingRow) int {
			return cmp.Or(cmp.Compare(a.Partition, b.Partition), compareScoped(a.Key, b.Key))
		},
	}
}

// compareScoped orders keys by their string form, as the tables do.
func compareScoped(a, b inventory.ScopedKey) int {
	if a.Name == b.Name {
		return strings.Compare(a.Value, b.Value)
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
