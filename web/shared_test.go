package web

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// What was asked before a piece of news is old as long as it may be given, however
// long that is; what was asked after it is not.
func TestSharedAnswersAreOldUntilTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(2 * time.Second)
		ask := func(name string) {
			t.Helper()
			if _, err := once(t.Context(), s, name, func(context.Context) (int, error) { time.Sleep(time.Second); return 1, nil }); err != nil {
				t.Fatal(err)
			}
		}
		if s.old(time.Now()) {
			t.Error("nothing was asked, and something is old")
		}
		ask("tower") // takes a second, and is kept for ten
		news := time.Now()
		time.Sleep(time.Second)
		ask("findings")
		if !s.old(news) {
			t.Error("the answer from before the news is still given, and is not old")
		}
		time.Sleep(8*time.Second + time.Millisecond)
		if s.old(news) {
			t.Error("the answer from before the news has expired, and is old")
		}
		if !s.old(time.Now()) {
			t.Error("the later answer is given, and not old for news of now")
		}
	})
}
