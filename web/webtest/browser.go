package webtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Chromium returns the path of a Chromium to test pages with. Without one the
// test is skipped, saying how to get it.
func Chromium(t testing.TB) string {
	t.Helper()
	path := chromium()
	if path == "" {
		t.Skip("no Chromium on this machine, so the pages are not tested: install it with `apt-get install chromium` or your system's own way")
	}
	return path
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Browser is a running Chromium with a profile of its own.
type Browser struct {
	ctx   context.Context
	close func()
}

// Start starts a browser that ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	Chromium(t)
	b, err := Launch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Launch starts a browser; Close ends it and removes its profile.
func Launch() (*Browser, error) {
	profile, err := os.MkdirTemp("", "stocktrace-chromium-")
	if err != nil {
		return nil, err
	}
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromium()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(profile), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("force-color-profile", "srgb"),
	)
	// The library logs protocol events newer than itself.
	ctx, stop := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	b := &Browser{ctx: ctx, close: func() {
		// Cancel waits for the process, so that its directory can be removed.
		_ = chromedp.Cancel(ctx)
		stop()
		stopAlloc()
		_ = os.RemoveAll(profile)
	}}
	if err := chromedp.Run(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

// Close ends the browser.
func (b *Browser) Close() { b.close() }

// Look is how a page is looked at.
type Look struct {
	Width, Height int64
	Dark          bool
}

// Looks are the ones pages are held to.
var Looks = map[string]Look{
	"wide light":  {1440, 900, false},
	"wide dark":   {1440, 900, true},
	"phone light": {390, 844, false},
	"phone dark":  {390, 844, true},
}

// Tab is one page. Whatever it complains about, a script error, a refused
// resource, a violated policy, fails the test when it ends.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	tolerated  func(string) bool
}

// Open opens a tab with the given look.
func (b *Browser) Open(t testing.TB, look Look) *Tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	tab := &Tab{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			tab.complain("exception: " + e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				text := "console:"
				for _, a := range e.Args {
					text += " " + string(a.Value) + a.Description
				}
				tab.complain(text)
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
				tab.complain(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
			}
		}
	})
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	t.Cleanup(func() {
		stop()
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, c := range tab.complaints {
			t.Errorf("the page complained: %s", c)
		}
	})
	tab.Run(
		runtime.Enable(), log.Enable(), network.ClearBrowserCookies(), // cookies do not tell ports apart
		emulation.SetDeviceMetricsOverride(look.Width, look.Height, 1, look.Width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}),
	)
	return tab
}

// Tolerate lets complaints pass that a test provokes.
func (tab *Tab) Tolerate(f func(complaint string) bool) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.tolerated = f
}

func (tab *Tab) complain(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	if tab.tolerated == nil || !tab.tolerated(text) {
		tab.complaints = append(tab.complaints, text)
	}
}

// patience is how long a page may take for anything.
const patience = 20 * time.Second

// Run runs actions, failing the test where one fails.
func (tab *Tab) Run(actions ...chromedp.Action) {
	tab.t.Helper()
	if tab.ctx.Err() == nil && chromedp.FromContext(tab.ctx).Target == nil {
		// The first run creates the tab, and must not carry a deadline: the tab
		// would end with it.
		if err := chromedp.Run(tab.ctx); err != nil {
			tab.t.Fatalf("open a tab: %v", err)
		}
	}
	ctx, stop := context.WithTimeout(tab.ctx, patience)
	defer stop()
	if err := chromedp.Run(ctx, actions...); err != nil {
		tab.t.Fatalf("browser: %v", err)
	}
}

// Go opens an address and waits for the page and its scripts.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	tab.Run(chromedp.Navigate(url), chromedp.WaitReady("body", chromedp.ByQuery))
	tab.Until(`document.readyState === "complete" && document.fonts.status === "loaded"`)
}

// Until waits until a script expression is true, across navigations: an error
// is an answer not to be had yet.
func (tab *Tab) Until(expression string) {
	tab.t.Helper()
	deadline := time.Now().Add(patience)
	var last error
	for {
		var yes bool
		ctx, stop := context.WithDeadline(tab.ctx, deadline)
		err := chromedp.Run(ctx, chromedp.Evaluate("Boolean("+expression+")", &yes))
		stop()
		if err == nil && yes {
			return
		}
		if err != nil {
			last = err
		}
		if time.Now().After(deadline) {
			tab.t.Fatalf("not so within %s: %s (%v)", patience, expression, last)
		}
		select {
		case <-tab.ctx.Done():
			tab.t.Fatalf("the tab is gone: %v", tab.ctx.Err())
		case <-time.After(15 * time.Millisecond):
		}
	}
}

// Eval returns the value of a script expression.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	var v T
	tab.Run(chromedp.Evaluate(expression, &v))
	return v
}

// Press types one key.
func (tab *Tab) Press(keys ...string) {
	tab.t.Helper()
	for _, k := range keys {
		tab.Run(chromedp.KeyEvent(k))
	}
}

// Screenshot returns the whole page as PNG.
func (tab *Tab) Screenshot(whole bool) []byte {
	tab.t.Helper()
	var png []byte
	if whole {
		tab.Run(chromedp.FullScreenshot(&png, 100))
	} else {
		tab.Run(chromedp.CaptureScreenshot(&png))
	}
	if len(png) == 0 {
		tab.t.Fatal(errors.New("an empty screenshot"))
	}
	return png
}

// Axe returns the accessibility checker's script, from the project's
// node_modules. Without it the test is skipped, saying how to get it.
func Axe(t testing.TB, root string) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(root, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Skipf("no accessibility checker, so it is not asked: run `npm ci` (%v)", err)
	}
	return string(script)
}

// Violations returns what axe-core finds wrong with the page as it stands, in
// both themes.
//
// The page's policy forbids foreign scripts; the debugger's evaluation is not
// the page's.
func (tab *Tab) Violations(axe string) []string {
	tab.t.Helper()
	Eval[bool](tab, axe+"; true")
	was := Eval[string](tab, `document.documentElement.dataset.theme ?? ""`)
	var list []string
	for _, theme := range []string{"light", "dark"} {
		var text string
		tab.Run(
			chromedp.Evaluate(fmt.Sprintf(`document.documentElement.dataset.theme = %q; true`, theme), nil),
			chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, &text,
				func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
		)
		var found []struct {
			ID, Help string
			Nodes    []struct{ HTML, FailureSummary string }
		}
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			tab.t.Fatalf("accessibility checker: %v", err)
		}
		for _, v := range found {
			for _, n := range v.Nodes {
				list = append(list, fmt.Sprintf("%s: %s (%s): %s\n%s", theme, v.ID, v.Help, n.HTML, n.FailureSummary))
			}
		}
	}
	tab.Run(chromedp.Evaluate(fmt.Sprintf(`document.documentElement.dataset.theme = %q; true`, was), nil))
	return list
}
