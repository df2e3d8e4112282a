package app_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/stocktrace/stocktrace/web/webtest"
)

// TestPagesOfAWholeInstance looks at a real instance through a real browser: a
// sale comes in through the public port, is found by what is on the receipt,
// and becomes complete before one's eyes.
func TestPagesOfAWholeInstance(t *testing.T) {
	browser := webtest.Start(t)
	axe := webtest.Axe(t, filepath.Join("..", ".."))
	i := start(t, filepath.Join(t.TempDir(), "data"), nil)
	tab := browser.Open(t, webtest.Look{Width: 1440, Height: 900})
	fine := func(page string) {
		t.Helper()
		for _, v := range tab.Violations(axe) {
			t.Errorf("%s: %s", page, v)
		}
	}
	tab.Go(i.url + "/")
	tab.Until(`document.querySelector("h1").textContent === "Nothing has arrived yet"`)
	tab.Until(`!!document.querySelector("#fresh").dataset.seen`) // the live connection stands

	sold := time.Now().UTC().Truncate(time.Second)
	i.post("1", "pos", "completed", "0123-04-000778", sold)
	tab.Until(`document.querySelector(".flow")?.textContent.includes("Middleware")`)
	fine("tower")

	tab.Press("/")
	tab.Run(chromedp.SendKeys(`[data-find]`, "123/4/778"+kb.Enter, chromedp.ByQuery))
	tab.Until(`location.pathname.startsWith("/trace/")`)
	tab.Until(`document.querySelector(".verdict .badge")?.textContent.includes("Under way")`)
	tab.Until(`!!document.querySelector("#fresh").dataset.seen`)
	fine("a sale under way")
	i.post("2", "middleware", "accepted", "0123-04-000778", sold.Add(time.Second))
	i.post("3", "middleware", "mapped", "0123-04-000778", sold.Add(2*time.Second))
	i.post("4", "oms", "availability_updated", "0123-04-000778", sold.Add(2*time.Second))
	i.post("5", "erp", "posted", "123-4-778", sold.Add(3*time.Second))
	tab.Until(`document.querySelector(".verdict .badge").textContent.includes("Complete")`)
	tab.Until(`document.querySelectorAll(".timeline .done").length === 5 && document.querySelectorAll(".records > li").length === 5`)
	tab.Run(chromedp.Click(`.records summary`, chromedp.ByQuery))
	tab.Until(`document.querySelector(".records .raw")?.textContent.includes("4006381333931")`)
	fine("a complete sale")

	for path, said := range map[string]string{"/stores": "0123", "/sales": "0123-04-000778", "/findings": "Nothing is open", "/find?q=778": "0123-04-000778"} {
		tab.Go(i.url + path)
		if text := webtest.Eval[string](tab, `document.querySelector("main").textContent`); !strings.Contains(text, said) {
			t.Errorf("%s does not say %q: %s", path, said, text)
		}
		fine(path)
	}
}
