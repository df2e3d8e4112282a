package main

import (
	"strings"
	"testing"
)

func TestFollow(t *testing.T) {
	events := `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"output","Package":"p","Test":"TestA/x","Output":"noise of a test that passes\n"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"run","Package":"p","Test":"TestA/y"}
{"Action":"output","Package":"p","Test":"TestA/y","Output":"=== RUN   TestA/y\n"}
{"Action":"output","Package":"p","Test":"TestA/y","Output":"    a_test.go:1: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA/y"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"run","Package":"q","Test":"TestB"}
{"Action":"output","Package":"q","Test":"TestB","Output":"    b_test.go:1: no browser here\n"}
{"Action":"skip","Package":"q","Test":"TestB"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.2s\n"}
{"Action":"pass","Package":"q"}
`
	var w strings.Builder
	got, err := follow(strings.NewReader(events), &w)
	if err != nil {
		t.Fatal(err)
	}
	if want := (tally{passed: 1, failed: 1, skipped: 1, bad: true}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	want := "    a_test.go:1: got 1, want 2\nFAIL\nFAIL\tp\t0.1s\n    b_test.go:1: no browser here\nok  \tq\t0.2s\n"
	if w.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", w.String(), want)
	}
}

func TestFollowCutOff(t *testing.T) {
	var w strings.Builder
	if _, err := follow(strings.NewReader(`{"Action":"run"`), &w); err == nil {
		t.Error("output that ends in the middle is no error")
	}
}

// Of a test that took too long go test says nothing but what it printed.
func TestFollowUnfinished(t *testing.T) {
	events := `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: test timed out after 30m0s\n"}
{"Action":"run","Package":"q","Test":"TestB"}
{"Action":"output","Package":"q","Test":"TestB","Output":"goes on\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t1800s\n"}
{"Action":"fail","Package":"p"}
`
	var w strings.Builder
	got, err := follow(strings.NewReader(events), &w)
	if err != nil {
		t.Fatal(err)
	}
	if want := (tally{bad: true}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	want := "--- UNFINISHED: TestA\npanic: test timed out after 30m0s\nFAIL\tp\t1800s\n"
	if w.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", w.String(), want)
	}
}
