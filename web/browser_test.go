package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/stocktrace/stocktrace/inventory"
	"github.com/stocktrace/stocktrace/web"
	"github.com/stocktrace/stocktrace/web/webtest"
)

// TestPagesAreAccessible asks axe-core about every page, in both themes and at
// both widths. A page that complains in its console fails too.
func TestPagesAreAccessible(t *testing.T) {
	script := webtest.Axe(t, "..")
	browser := theBrowser(t)
	s := serve(t)
	empty := serve(t, func(o *web.Options) { o.Reader, o.Objectives, o.Incidents = &webtest.Memory{}, nil, nil })
	signIn := serve(t, func(o *web.Options) { o.Token = "secret" })
	addresses := map[string]string{"login": signIn.URL + "/login"}
	for _, path := range []string{"/", "/findings", "/stores", "/sales", "/sources"} {
		addresses["empty "+path] = empty.URL + path
	}
	for name, path := range s.pageList(t) {
		addresses[name] = s.URL + path
	}
	for width, l := range map[string]webtest.Look{"wide": {Width: 1440, Height: 900}, "phone": {Width: 390, Height: 844}} {
		t.Run(width, func(t *testing.T) {
			tab := browser.Open(t, l)
			tab.Tolerate(func(c string) bool { return strings.Contains(c, "404") && strings.Contains(c, "/no/such/page") })
			for _, name := range slices.Sorted(maps.Keys(addresses)) {
				tab.Go(addresses[name])
				for _, v := range tab.Violations(script) {
					t.Errorf("%s: %s", name, v)
				}
				if w := webtest.Eval[int](tab, `document.documentElement.scrollWidth`); w > int(l.Width) {
					t.Errorf("%s: %d px wide on a screen of %d", name, w, l.Width)
				}
			}
		})
	}
}

func TestKeyboard(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t)
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})
	at := func(path string) {
		t.Helper()
		tab.Until(`location.pathname === ` + quote(path) + ` && document.readyState === "complete" && !!window.htmx`)
	}
	focused := func(what string) {
		t.Helper()
		tab.Until(`document.activeElement.matches(` + quote(what) + `)`)
	}
	tab.Go(s.URL + "/")
	tab.Press("g", "f")
	at("/findings")
	tab.Press("g", "t")
	at("/")
	tab.Press("g", "d")
	at("/stores")

	tab.Press(kb.ArrowDown)
	focused(`tr:nth-child(1) [data-row]`)
	tab.Press(kb.ArrowDown)
	focused(`tr:nth-child(2) [data-row]`)
	tab.Press("k")
	focused(`tr:nth-child(1) [data-row]`)
	tab.Press(kb.Enter)
	at("/sales")

	tab.Press("?")
	tab.Until(`document.querySelector("#help").open`)
	tab.Press(kb.Escape)
	tab.Until(`!document.querySelector("#help").open`)

	tab.Press("/")
	focused(`[data-find]`)
	tab.Press(kb.Escape)
	tab.Until(`document.activeElement === document.body`)

	tab.Press("d")
	tab.Until(`document.documentElement.dataset.theme === "dark"`)
	tab.Go(s.URL + "/stores")
	if theme := webtest.Eval[string](tab, `document.documentElement.dataset.theme`); theme != "dark" {
		t.Errorf("after reloading the theme is %q, want it kept: dark", theme)
	}
	tab.Press("d")
	tab.Until(`document.documentElement.dataset.theme === "light"`)
}

func TestFindFlow(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t)
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})

	// From any page: type what is on the receipt, press Enter.
	tab.Go(s.URL + "/")
	tab.Press("/")
	tab.Run(chromedp.SendKeys(`[data-find]`, "123/4/778"+kb.Enter, chromedp.ByQuery))
	tab.Until(`location.pathname.startsWith("/trace/")`)
	tab.Until(`document.querySelector("h1")?.textContent.includes("no ERP item for 4006381333931")`)
	tab.Until(`!!document.querySelector(".timeline .missing .mark-hollow")`)

	// While typing candidates appear; the arrow leads into them.
	tab.Go(s.URL + "/find")
	tab.Run(chromedp.SendKeys(`.find input`, "4900012301", chromedp.ByQuery))
	tab.Until(`document.querySelectorAll(".candidate").length === 1`)
	tab.Until(`location.search.includes("4900012301")`)
	tab.Press(kb.ArrowDown)
	tab.Until(`document.activeElement.matches(".candidate")`)
	tab.Press(kb.Enter)
	tab.Until(`location.pathname.startsWith("/trace/")`)

	// What was received opens in place.
	tab.Until(`document.readyState === "complete" && !!window.htmx`)
	tab.Run(chromedp.Click(`.records summary`, chromedp.ByQuery))
	tab.Until(`document.querySelector(".records .raw")?.textContent.includes("specversion")`)
}

func TestFilters(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t)
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})
	tab.Go(s.URL + "/findings")
	tab.Until(`!!window.htmx`)
	before := webtest.Eval[int](tab, `document.querySelectorAll(".group").length`)
	tab.Run(chromedp.SetValue(`select[name=region]`, "Iberia", chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector("select[name=region]").dispatchEvent(new Event("change", {bubbles: true}))`, nil))
	tab.Until(`location.search === "?region=Iberia"`)
	tab.Until(fmt.Sprintf(`document.querySelectorAll(".group").length > 0 && document.querySelectorAll(".group").length < %d`, before))

	// The address alone shows the same to whoever gets it.
	shown := webtest.Eval[int](tab, `document.querySelectorAll(".group").length`)
	tab.Go(webtest.Eval[string](tab, `location.href`))
	if again := webtest.Eval[int](tab, `document.querySelectorAll(".group").length`); again != shown {
		t.Errorf("the shared address shows %d causes, the page showed %d", again, shown)
	}

	// A cause opens to its members, which lead to their sales.
	tab.Go(s.URL + "/findings")
	tab.Until(`!!window.htmx`)
	tab.Run(chromedp.Click(`.group summary`, chromedp.ByQuery))
	tab.Until(`document.querySelectorAll(".group[open] .members tbody tr").length > 5`)
	tab.Run(chromedp.Click(`.group[open] .members tbody a`, chromedp.ByQuery))
	tab.Until(`location.pathname.startsWith("/trace/")`)
}

// announce says there is news, as the engine does.
func (s *site) announce() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func TestLiveUpdates(t *testing.T) {
	browser := theBrowser(t)
	backlog := 14
	s := serve(t, func(o *web.Options) {
		o.Status = func(context.Context) web.Status { return web.Status{Through: webtest.Now, Backlog: uint64(backlog)} }
	})
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})

	t.Run("a sale under way becomes complete before one's eyes", func(t *testing.T) {
		id := s.idOf(t, webtest.OpenReceipt)
		tab.Go(s.URL + "/trace/" + url.PathEscape(id))
		tab.Until(`document.querySelector(".verdict .badge").textContent.includes("Under way")`)
		webtest.Eval[bool](tab, `document.querySelector(".records summary").click(); true`)
		tab.Until(`document.querySelector(".records .raw") !== null`)
		s.change(func(l *inventory.Lifecycle) {
			l.Verdict, l.State, l.Sentence = inventory.Complete, inventory.StateClosed, "Sold 10:49; in ERP 10:50 (document 4900099999)."
		}, id)
		s.announce()
		tab.Until(`document.querySelector(".verdict .badge").textContent.includes("Complete")`)
		if !webtest.Eval[bool](tab, `document.querySelector(".records details").open && document.querySelector(".records .raw") !== null`) {
			t.Error("the update closed what the reader had opened")
		}
	})

	t.Run("a list does not move under the reader", func(t *testing.T) {
		tab.Go(s.URL + "/sales?verdict=open")
		first := webtest.Eval[string](tab, `document.querySelector("tbody a").textContent`)
		tab.Until(`!!window.htmx`)
		tab.Press(kb.ArrowDown) // someone is in the list
		tab.Until(`document.activeElement.matches("[data-row]")`)
		s.change(func(l *inventory.Lifecycle) { l.Verdict = inventory.Complete }, s.idByKey(t, first))
		s.announce()
		tab.Until(`!document.querySelector("[data-newer]").hidden`)
		if now := webtest.Eval[string](tab, `document.querySelector("tbody a").textContent`); now != first {
			t.Errorf("the first row changed from %s to %s under the reader", first, now)
		}
		tab.Press("r")
		tab.Until(`document.querySelector("tbody a").textContent !== ` + quote(first))
		tab.Until(`document.querySelector("[data-newer]").hidden`)
	})

	t.Run("a list nobody is in follows by itself", func(t *testing.T) {
		tab.Go(s.URL + "/sales?verdict=open")
		first := webtest.Eval[string](tab, `document.querySelector("tbody a").textContent`)
		s.change(func(l *inventory.Lifecycle) { l.Verdict = inventory.Complete }, s.idByKey(t, first))
		s.announce()
		tab.Until(`document.querySelector("tbody a").textContent !== ` + quote(first))
	})

	t.Run("a broken connection is said", func(t *testing.T) {
		tab.Tolerate(func(c string) bool { return strings.Contains(c, "ERR_") || strings.Contains(c, "htmx:sse:error") })
		tab.Go(s.URL + "/")
		tab.Until(`!!document.querySelector("#fresh").dataset.seen`)
		s.Listener.Close()
		s.server.Close()
		s.CloseClientConnections()
		tab.Until(`!document.querySelector("#offline").hidden`)
	})
}

// change changes lifecycles of the sample while pages are open.
func (s *site) change(f func(*inventory.Lifecycle), ids ...string) {
	s.memory.Lock()
	defer s.memory.Unlock()
	for i := range s.memory.LifecycleList {
		if l := &s.memory.LifecycleList[i]; slices.Contains(ids, l.ID) {
			f(l)
		}
	}
}

func (s *site) idByKey(tb testing.TB, receipt string) string {
	tb.Helper()
	return s.idOf(tb, receipt)
}

func TestProblemsAreSaid(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t, func(o *web.Options) {
		o.Status = func(context.Context) web.Status {
			return web.Status{Log: web.LogFull, Through: webtest.Now.Add(-3 * time.Minute), Backlog: 120_000}
		}
	})
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})
	tab.Go(s.URL + "/")
	tab.Until(`document.querySelector("#banners").textContent.includes("The log is full.")`)
	tab.Until(`document.querySelector("#banners").textContent.includes("3")`)

	tab.Tolerate(func(c string) bool { return strings.Contains(c, "503") })
	s.memory.Lock()
	s.memory.Err = fmt.Errorf("no connection: %w", web.ErrUnavailable)
	s.memory.Unlock()
	tab.Go(s.URL + "/sales")
	tab.Until(`document.querySelector("h1").textContent === "The database does not answer"`)
}

// TestDownload takes the file the button on the page leads to.
func TestDownload(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t)
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})
	tab.Go(s.URL + "/stores?region=Nord")
	href := webtest.Eval[string](tab, `document.querySelector("a[download]").href`)
	res, err := http.Get(href)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	rows, err := csv.NewReader(res.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 5 || rows[0][0] != "location" || rows[1][0] != "0123" || rows[1][1] != "Nord" {
		t.Errorf("got %d rows, beginning %v; want a header and the four stores of Nord", len(rows), rows[:min(2, len(rows))])
	}
}

func TestSignIn(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t, func(o *web.Options) { o.Token = "open sesame" })
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})
	tab.Tolerate(func(c string) bool { return strings.Contains(c, "401") })
	tab.Go(s.URL + "/findings?region=Nord")
	tab.Until(`location.pathname === "/login"`)
	tab.Run(chromedp.SendKeys(`#token`, "wrong"+kb.Enter, chromedp.ByQuery))
	tab.Until(`document.querySelector("[role=alert]")?.textContent.includes("not the token")`)
	tab.Run(chromedp.SendKeys(`#token`, "open sesame"+kb.Enter, chromedp.ByQuery))
	tab.Until(`location.pathname === "/findings" && location.search === "?region=Nord"`)
	tab.Until(`document.querySelector("h1").textContent === "Findings"`)
	tab.Run(chromedp.Click(`[aria-label="Sign out"]`, chromedp.ByQuery))
	tab.Until(`location.pathname === "/login"`)
	tab.Go(s.URL + "/")
	tab.Until(`location.pathname === "/login"`)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestHandlingFlow: a person acknowledges what is wrong with a sale, resolves it
// with a reason, sees that on the trail, and opens it again.
func TestHandlingFlow(t *testing.T) {
	browser := theBrowser(t)
	s := serve(t)
	tab := browser.Open(t, webtest.Look{Width: 1280, Height: 800})
	shows := func(where, what string) {
		t.Helper()
		tab.Until(`document.readyState === "complete" && !!document.querySelector(` + quote(where) + `)?.textContent.includes(` + quote(what) + `)`)
	}
	press := func(form, verb string) {
		t.Helper()
		tab.Run(chromedp.Click(form+` [value="`+verb+`"]`, chromedp.ByQuery))
	}
	tab.Go(s.URL + "/trace/" + url.PathEscape(s.idOf(t, webtest.OverdueReceipt)))
	const handle = `.finding .handle`
	tab.Run(
		chromedp.Click(handle+` summary`, chromedp.ByQuery),
		chromedp.SendKeys(handle+` [name="by"]`, "ada", chromedp.ByQuery),
		chromedp.SendKeys(handle+` [name="ticket"]`, "INC-77", chromedp.ByQuery),
	)
	press(handle, "acknowledge")
	shows(".trail", "ada acknowledged a finding")
	shows(".finding", "INC-77")

	// The browser remembers who it is; Enter in a field acknowledges, and never
	// resolves.
	tab.Run(chromedp.Click(handle+` summary`, chromedp.ByQuery), chromedp.SetValue(handle+` [name="resolution"]`, "corrected_manually", chromedp.ByQuery),
		chromedp.SendKeys(handle+` [name="note"]`, "booked by hand", chromedp.ByQuery))
	if by := webtest.Eval[string](tab, `document.querySelector('`+handle+` [name="by"]').value`); by != "ada" {
		t.Errorf("the browser takes the person for %q", by)
	}
	press(handle, "resolve")
	shows(".finding.closed", "booked by hand")
	shows(".trail", "ada resolved a finding: corrected manually")

	tab.Run(chromedp.Click(handle+` summary`, chromedp.ByQuery))
	press(handle, "reopen")
	shows(".trail", "ada opened a finding again")
	tab.Until(`!!document.querySelector(".finding.open")`)

	// All members of a cause at once.
	group := s.finding(t, webtest.OverdueReceipt).Group
	tab.Go(s.URL + "/findings?state=open&group=" + url.QueryEscape(group))
	tab.Run(chromedp.Click(`#members .handle summary`, chromedp.ByQuery))
	press(`#members .handle`, "acknowledge")
	tab.Until(`document.readyState === "complete" && [...document.querySelectorAll("#members tbody tr")].length > 1 &&
		[...document.querySelectorAll("#members tbody tr")].every(tr => tr.textContent.includes("seen by ada"))`)
}
