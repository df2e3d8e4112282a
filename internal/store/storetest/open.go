package storetest

import (
	"testing"

	"github.com/stocktrace/stocktrace/internal/store"
	"github.com/stocktrace/stocktrace/internal/testenv"
)

// Open opens an empty store of the test's own on the embedded engine that the
// tests of the process share, and closes it when the test ends. Its inserts do
// not wait for each other. Where the engine is not installed, the test is
// skipped.
func Open(t testing.TB) *store.Store {
	t.Helper()
	engine, database := testenv.Embedded(t)
	s, err := store.Open(t.Context(), store.Options{Engine: engine, Database: database, InsertInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
