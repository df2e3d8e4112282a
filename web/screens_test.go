package web_test

import (
	"context"
	"flag"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/slo"
	"github.com/stocktrace/stocktrace/web"
	"github.com/stocktrace/stocktrace/web/webtest"
)

var (
	shots   = flag.String("shots", "", "write screenshots of every page into this folder")
	running = flag.String("site", "", "with -shots: of this running instance, instead of the sample")
)

// theBrowser is shared by the tests of this package: starting one takes longer
// than most of them.
func theBrowser(tb testing.TB) *webtest.Browser {
	tb.Helper()
	webtest.Chromium(tb)
	browserOnce.Do(func() { browser, browserErr = webtest.Launch() })
	if browserErr != nil {
		tb.Fatal(browserErr)
	}
	return browser
}

var (
	browserOnce sync.Once
	browser     *webtest.Browser
	browserErr  error
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if browser != nil {
		browser.Close()
	}
	os.Exit(code)
}

// site is the pages over the sample.
type site struct {
	*httptest.Server
	memory *webtest.Memory
	clock  *webtest.Fixed
	news   chan struct{}
	server *web.Server
}

// serve starts the pages over the sample, or over what o asks for.
func serve(tb testing.TB, change ...func(*web.Options)) *site {
	tb.Helper()
	s := &site{memory: webtest.Sample(), clock: &webtest.Fixed{Time: webtest.Now}, news: make(chan struct{}, 1)}
	o := web.Options{
		Reader: s.memory, Clock: s.clock, Version: "0.1.0", Throttle: 50 * time.Millisecond,
		Objectives: func(context.Context) ([]slo.Result, error) { return webtest.Objectives(), nil },
		Report: func(_ context.Context, name string, first time.Time) (slo.Report, error) {
			return webtest.Report(name, first)
		},
		Incidents: func(context.Context, time.Time) ([]alerts.Incident, error) { return webtest.Incidents(), nil },
		Status: func(context.Context) web.Status {
			return web.Status{Through: webtest.Now.Add(-2 * time.Second), Backlog: 14}
		},
		Location: func(id string) (inventory.Location, bool) {
			l, ok := webtest.Locations[id]
			return l, ok
		},
		Record:    s.memory.Record,
		Live:      func(context.Context) <-chan struct{} { return s.news },
		Workflows: []*inventory.Workflow{webtest.Sale()},
		Zone:      webtest.Locations["0123"].Zone,
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if s.server, err = web.New(o); err != nil {
		tb.Fatal(err)
	}
	s.Server = httptest.NewServer(s.server)
	tb.Cleanup(func() {
		s.server.Close()
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// idOf returns the id of the lifecycle with that receipt.
func (s *site) idOf(tb testing.TB, receipt string) string {
	tb.Helper()
	found, err := s.memory.Search(context.Background(), receipt, 2)
	if err != nil || len(found) != 1 {
		tb.Fatalf("receipt %s: %d found, %v", receipt, len(found), err)
	}
	return found[0].Lifecycle.ID
}

// pageList names every page worth looking at.
func (s *site) pageList(tb testing.TB) map[string]string {
	tb.Helper()
	trace := func(receipt string) string { return "/trace/" + url.PathEscape(s.idOf(tb, receipt)) }
	return map[string]string{
		"tower":          "/",
		"find":           "/find",
		"find-several":   "/find?q=778",
		"find-nothing":   "/find?q=9999999",
		"trace-failed":   trace(webtest.OverdueReceipt),
		"trace-twice":    trace(webtest.TwiceReceipt),
		"trace-late":     trace(webtest.LateReceipt),
		"trace-dead":     trace(webtest.DeadReceipt),
		"trace-open":     trace(webtest.OpenReceipt),
		"trace-unsure":   trace(webtest.UnsureReceipt),
		"findings":       "/findings",
		"findings-none":  "/findings?location=9999",
		"findings-group": "/findings?group=g-mapping-4006381333931",
		"stores":         "/stores",
		"sales":          "/sales",
		"sources":        "/sources",
		"sales-wrong":    "/sales?verdict=conflicted,stalled,failed,overdue",
		"record":         "/records/" + url.PathEscape(s.memory.RecordList[0].ID),
		"lost":           "/no/such/page",
	}
}

// TestScreens writes what the pages look like, for people to look at.
func TestScreens(t *testing.T) {
	if *shots == "" {
		t.Skip("no -shots folder given")
	}
	browser := theBrowser(t)
	if *running != "" {
		for look, l := range webtest.Looks {
			tab := browser.Open(t, l)
			tab.Go(*running + "/find?q=778")
			trace := webtest.Eval[string](tab, `document.querySelector(".candidate")?.getAttribute("href") ?? "/"`)
			for name, path := range map[string]string{
				"tower": "/", "findings": "/findings", "stores": "/stores", "sales": "/sales", "find": "/find?q=778", "trace": trace,
				"trace-wrong": "/sales?verdict=failed,stalled,overdue,conflicted",
			} {
				tab.Go(*running + path)
				if name == "trace-wrong" {
					if href := webtest.Eval[string](tab, `document.querySelector("tbody a")?.getAttribute("href") ?? ""`); href != "" {
						tab.Go(*running + href)
					}
				}
				file := filepath.Join(*shots, strings.ReplaceAll(look, " ", "-")+"-"+name+".png")
				if err := os.WriteFile(file, tab.Screenshot(true), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		return
	}
	s := serve(t)
	empty := serve(t, func(o *web.Options) { o.Reader, o.Objectives, o.Incidents = &webtest.Memory{}, nil, nil })
	for look, l := range webtest.Looks {
		tab := browser.Open(t, l)
		tab.Tolerate(func(c string) bool { return strings.Contains(c, "404") })
		shoot := func(name, address string) {
			tab.Go(address)
			file := filepath.Join(*shots, strings.ReplaceAll(look, " ", "-")+"-"+name+".png")
			if err := os.WriteFile(file, tab.Screenshot(true), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for name, path := range s.pageList(t) {
			shoot(name, s.URL+path)
		}
		shoot("empty", empty.URL+"/")
	}
}
