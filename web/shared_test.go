package web

import (
	"context"
	"testing"
	"time"
)

// What was asked before a piece of news is old as long as it may be given, however
// long that is; what was asked after it is not.
func TestSharedAnswersAreOldUntilTheyExpire(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	s := newShared(2 * time.Second)
	s.now = func() time.Time { return now }
	ask := func(name string) {
		t.Helper()
		_, err := once(t.Context(), s, name, func(context.Context) (int, error) {
			now = now.Add(time.Second) // it takes as long as that
			return 1, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.old(now) {
		t.Error("nothing was asked, and something is old")
	}
	ask("tower") // kept for ten seconds
	news := now
	now = now.Add(time.Second)
	ask("findings")
	if !s.old(news) {
		t.Error("the answer from before the news is still given, and is not old")
	}
	now = now.Add(8*time.Second + time.Millisecond)
	if s.old(news) {
		t.Error("the answer from before the news has expired, and is old")
	}
	if !s.old(now) {
		t.Error("the later answer is given, and not old for news of now")
	}
}
