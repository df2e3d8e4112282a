package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// peer is the OpenTelemetry Collector with the contrib ClickHouse exporter, in a
// process of its own, storing into the embedded engine, in another.
type peer struct {
	collector, engine *process
	data, grpc        string
	db                driver.Conn
}

// startPeer starts both on a fresh directory.
func (b *bench) startPeer(ctx context.Context) (p *peer, err error) {
	p = &peer{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.data, err = os.MkdirTemp(b.dir, "peer-"); err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	p.grpc = ports[1]
	if p.engine, err = start("the peer's engine", b.root, nil, b.self, "child", "engine", p.data, ports[0]); err != nil {
		return nil, err
	}
	p.db, err = clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{ports[0]}})
	if err != nil {
		return nil, err
	}
	err = eventually(ctx, time.Minute, 100*time.Millisecond, "the peer's engine answers", func() (bool, error) {
		return p.db.Ping(ctx) == nil, p.engine.alive()
	})
	if err != nil {
		return nil, err
	}
	if err := p.db.Exec(ctx, "CREATE DATABASE IF NOT EXISTS otel"); err != nil {
		return nil, err
	}
	p.collector, err = start("the peer's collector", b.root, nil, b.self, "child", "collector", p.grpc, "http://"+ports[0]+"/otel")
	if err != nil {
		return nil, err
	}
	return p, eventually(ctx, time.Minute, 100*time.Millisecond, "the peer is ready", func() (bool, error) {
		return strings.Contains(p.collector.out.String(), ready), errors.Join(p.collector.alive(), p.engine.alive())
	})
}

func (p *peer) close() {
	if p.collector != nil {
		p.collector.kill()
	}
	if p.engine != nil {
		p.engine.kill()
	}
	if p.db != nil {
		_ = p.db.Close()
	}
	_ = os.RemoveAll(p.data)
}

// measurePeer sends the same workload and waits until the last span is in the
// table.
func (b *bench) measurePeer(ctx context.Context) (r run, err error) {
	p, err := b.startPeer(ctx)
	if err != nil {
		return r, err
	}
	defer p.close()
	w := newWorkload(b.seed, b.sales, time.Now())
	requests, _, err := encodeAll(w)
	if err != nil {
		return r, err
	}
	s, err := dial(p.grpc)
	if err != nil {
		return r, err
	}
	defer s.close()
	if err := errors.Join(p.collector.idle(ctx), p.engine.idle(ctx)); err != nil {
		return r, err
	}
	before, err := p.used()
	if err != nil {
		return r, err
	}
	r.events = b.sales * eventsPerSale
	begun := time.Now()
	if r.refused, err = s.sendAll(ctx, requests); err != nil {
		return r, errors.Join(err, p.collector.alive(), p.engine.alive())
	}
	r.accepted = time.Since(begun)
	var rows uint64
	err = eventually(ctx, 10*time.Minute, 500*time.Millisecond, "all spans are in the peer's table", func() (bool, error) {
		err := p.db.QueryRow(ctx, "SELECT count() FROM otel.otel_traces").Scan(&rows)
		return rows == uint64(r.events), errors.Join(err, p.collector.alive(), p.engine.alive())
	})
	if err != nil {
		return r, fmt.Errorf("%w: %d of %d", err, rows, r.events)
	}
	r.wall = time.Since(begun)
	after, err := p.used()
	if err != nil {
		return r, err
	}
	r.parts = map[string]time.Duration{}
	for i, name := range []string{"collector", "engine"} {
		r.parts[name] = after[i].processor - before[i].processor
		r.processor += r.parts[name]
		r.peak += after[i].peak
	}
	r.tables, err = settle(ctx, p.db, "otel")
	return r, err
}

// used is what the collector and the engine have used.
func (p *peer) used() (u [2]usage, err error) {
	for i, child := range []*process{p.collector, p.engine} {
		if u[i], err = child.used(); err != nil {
			return u, err
		}
	}
	return u, nil
}

// tableUsage is what a table takes on disk.
type tableUsage struct {
	Rows, Bytes, Uncompressed uint64
}

// settle merges every table of a database into as few parts as it goes, and
// says what they take then.
func settle(ctx context.Context, db driver.Conn, database string) (map[string]tableUsage, error) {
	rows, err := db.Query(ctx, "SELECT name FROM system.tables WHERE database = {d:String} AND engine LIKE '%MergeTree'",
		clickhouse.Named("d", database))
	if err != nil {
		return nil, err
	}
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		names = append(names, name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	tables := map[string]tableUsage{}
	for _, name := range names {
		if err := db.Exec(ctx, fmt.Sprintf("OPTIMIZE TABLE `%s`.`%s` FINAL", database, name)); err != nil {
			return nil, fmt.Errorf("merge %s: %w", name, err)
		}
		var u tableUsage
		err := db.QueryRow(ctx, `SELECT sum(rows), sum(bytes_on_disk), sum(data_uncompressed_bytes)
			FROM system.parts WHERE active AND database = {d:String} AND table = {t:String}`,
			clickhouse.Named("d", database), clickhouse.Named("t", name)).Scan(&u.Rows, &u.Bytes, &u.Uncompressed)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", name, err)
		}
		tables[name] = u
	}
	return tables, nil
}
