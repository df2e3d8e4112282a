package store

import (
	"context"
	"fmt"

	"github.com/stocktrace/stocktrace/queries"
)

// TableUsage is what a table takes on disk.
type TableUsage struct {
	Table string
	// Rows counts stored rows, versions not merged yet included.
	Rows uint64
	// Bytes is what they take on disk, Uncompressed what they would without
	// compression.
	Bytes, Uncompressed uint64
	Parts               uint64
}

// BytesPerRow is what one row takes on disk.
func (u TableUsage) BytesPerRow() float64 {
	if u.Rows == 0 {
		return 0
	}
	return float64(u.Bytes) / float64(u.Rows)
}

var usageQuery = queries.Get("usage")

// Usage returns what every table takes on disk, by name.
func (s *Store) Usage(ctx context.Context) ([]TableUsage, error) {
	var tables []TableUsage
	err := s.Each(ctx, usageQuery, nil, func(scan func(...any) error) error {
		var u TableUsage
		if err := scan(&u.Table, &u.Rows, &u.Bytes, &u.Uncompressed, &u.Parts); err != nil {
			return err
		}
		tables = append(tables, u)
		return nil
	})
	return tables, err
}

// DiskUsage is how full a disk of the database is, in bytes.
type DiskUsage struct {
	Name, Path  string
	Free, Total uint64
}

// warnUsed is how full a disk may be before it is warned of.
const warnUsed = 0.8

// Used is the part of the disk that is in use, from 0 to 1.
func (d DiskUsage) Used() float64 {
	if d.Total == 0 {
		return 0
	}
	return 1 - float64(d.Free)/float64(d.Total)
}

// Warning is what to tell a person about the disk, empty while it is less than
// four fifths full.
func (d DiskUsage) Warning() string {
	if d.Used() < warnUsed {
		return ""
	}
	const gib = 1 << 30
	return fmt.Sprintf("The disk under %s is %.0f %% full (%.1f of %.1f GiB free): shorten --retention or give it more room, "+
		"before nothing can be stored any more.", d.Path, 100*d.Used(), float64(d.Free)/gib, float64(d.Total)/gib)
}

var diskQuery = queries.Get("disk")

// Disks returns the disks the database may write to, by name.
func (s *Store) Disks(ctx context.Context) ([]DiskUsage, error) {
	var disks []DiskUsage
	err := s.Each(ctx, diskQuery, nil, func(scan func(...any) error) error {
		var d DiskUsage
		if err := scan(&d.Name, &d.Path, &d.Free, &d.Total); err != nil {
			return err
		}
		disks = append(disks, d)
		return nil
	})
	return disks, err
}
