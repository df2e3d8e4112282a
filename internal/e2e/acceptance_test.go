package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/estate"
)

// acceptanceSales is how many sales the acceptance draws from real baskets.
const acceptanceSales = 20_000

// TestAcceptance: real baskets, every fault kind mixed in; what the tower says
// equals what happened. Once shuffled and with a kill -9 in the middle, and once
// in order of time: that with a quarter of the sales, and all of them in make
// test-long.
func TestAcceptance(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	baskets := realBaskets(t)
	inOrder := acceptanceSales / 4
	if os.Getenv("STOCKTRACE_TEST_LONG") != "" {
		inOrder = acceptanceSales
	}
	t.Run("in order", func(t *testing.T) { accept(t, baskets, 1, inOrder, false) })
	t.Run("shuffled and killed", func(t *testing.T) { accept(t, baskets, 2, acceptanceSales, true) })
}

// settling is how long after its last event the latest is said about it that has
// no deadline of its own: what settles an oddity, and the next watermark.
const settling = 45 * time.Second

func realBaskets(t *testing.T) []*estate.Basket {
	t.Helper()
	f, err := os.Open(shared(t, "data/uci-online-retail-2010-12.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	baskets, err := estate.ReadBaskets(f)
	if err != nil {
		t.Fatal(err)
	}
	return baskets
}

func accept(t *testing.T, baskets []*estate.Basket, seed uint64, sales int, rough bool) {
	t.Helper()
	dir := t.TempDir()
	stores := filepath.Join(dir, "stores.yaml")
	runOK(t, "simulate", "--write-locations", stores, "--seed", fmt.Sprint(seed))
	i := newInstance(t, filepath.Join(dir, "data"), "--locations", stores)
	i.start()

	o := i.options()
	o.Seed, o.Baskets, o.Faults, o.Shuffle = seed, baskets, estate.FaultPresets["heavy"], rough
	// Far enough back that the last batch of the ERP has run.
	now := time.Now()
	o.History = estate.History{Sales: sales, From: now.Add(-33 * time.Hour), To: now.Add(-3 * time.Hour)}
	o.Rate, o.Sales, o.Dealings = 0, 0, 0
	var told bytes.Buffer
	o.Truth = &told
	e, err := estate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 12*time.Minute)
	defer cancel()
	if rough {
		// Killed when half of it has been acknowledged.
		go func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if s := e.Stats(); s.Acked > 40_000 {
					_ = i.cmd.Process.Kill()
					<-i.exited
					i.launch()
					return
				}
			}
		}()
	}
	begun := time.Now()
	if err := e.Run(ctx); err != nil {
		t.Fatal(err)
	}
	s := e.Stats()
	t.Logf("%d documents, %d events acknowledged in %s, %d requests repeated", s.Sales, s.Acked, time.Since(begun).Round(time.Second), s.Retries)
	if s.Refused > 0 {
		t.Fatalf("%d events were refused", s.Refused)
	}
	i.ready()
	// Listing everything is work: not before the engine has come that far.
	i.judgedThrough(time.Now().Add(settling))
	caughtUp := time.Since(begun)
	truth, err := estate.ReadTruth(&told)
	if err != nil {
		t.Fatal(err)
	}
	var report *estate.Report
	eventually(t, 4*time.Minute, func() error {
		got, err := i.tower().Observe(ctx)
		if err != nil {
			return err
		}
		if report = estate.Compare(truth, got, time.Time{}); !report.Equal() {
			return errors.New(report.String())
		}
		return nil
	})
	t.Logf("judged %s after the first event, listed after %s\n%s", caughtUp.Round(time.Second), time.Since(begun).Round(time.Second), report)
	i.mustVerify()
	i.stop()
}
