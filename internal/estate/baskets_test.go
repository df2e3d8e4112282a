package estate

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/inventory"
)

// uciBaskets reads the real baskets, or skips.
func uciBaskets(tb testing.TB) []*Basket {
	tb.Helper()
	// Beside the repository.
	name := filepath.Join("..", "..", "..", "shared", "data", "uci-online-retail-2010-12.csv.gz")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skipf("SKIPPED: the real baskets are not there (%s)", name)
	}
	if err != nil {
		tb.Fatal(err)
	}
	baskets, err := ReadBaskets(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	return baskets
}

// The facts were counted from the file by another program.
func TestRealBaskets(t *testing.T) {
	baskets := uciBaskets(t)
	lines, saleLines, longest, withoutStock, repeating, withOther, priceless := 0, 0, 0, 0, 0, 0, 0
	byWorkflow := map[string]int{}
	for _, b := range baskets {
		byWorkflow[b.Workflow]++
		lines += len(b.Lines)
		for _, l := range b.Lines {
			if outward := l.Quantity.Sign() < 0; outward == (b.Workflow == workflowReturn) {
				t.Fatalf("%s (%s): quantity %s", b.Document, b.Workflow, l.Quantity)
			}
		}
		if b.Workflow != workflowSale {
			continue
		}
		saleLines += len(b.Lines)
		longest = max(longest, len(b.Lines))
		seen := map[string]bool{}
		other, free := 0, 0
		for _, l := range b.Lines {
			seen[l.Item.SKU] = true
			if !l.Item.Stock {
				other++
			}
			if p, _ := inventory.ParseDecimal(l.Price); p.IsZero() {
				free++
			}
		}
		if len(seen) < len(b.Lines) {
			repeating++
		}
		if other > 0 {
			withOther++
		}
		if len(b.owed) == 0 {
			withoutStock++
		}
		if free == len(b.Lines) {
			priceless++
		}
	}
	for _, fact := range []struct {
		what      string
		got, want int
	}{
		{"documents", len(baskets), 1230},
		{"lines", lines, 26732},
		{"stock codes", Items(baskets), 2573},
		{"returns", byWorkflow[workflowReturn], 150},
		{"stock adjustments", byWorkflow[workflowAdjustment], 67},
		{"sales", byWorkflow[workflowSale], 1013},
		{"lines of sales", saleLines, 26254},
		{"lines of the longest sale", longest, 675},
		{"sales that repeat an item", repeating, 168},
		{"sales with a line that moves no stock", withOther, 84},
		{"sales that move no stock at all", withoutStock, 4},
		{"sales at price 0", priceless, 58},
	} {
		if fact.got != fact.want {
			t.Errorf("%s: %d, want %d", fact.what, fact.got, fact.want)
		}
	}
}

func TestReadBaskets(t *testing.T) {
	const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
	baskets, err := ReadBaskets(strings.NewReader(header +
		"1,A,,2,d,1.50,,\n1,A,,3,d,1.50,,\n1,gift_0001_20,,1,d,20,,\n1,POST,,1,d,3,,\n" +
		"C2,A,,-2,d,1.50,,\n3,A,,-7,d,0.0,,\n4,A,,-7,d,1,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, b := range baskets {
		got.WriteString(b.Document + " " + b.Workflow)
		for _, k := range b.owed {
			got.WriteString(" " + k.item.SKU + " " + k.quantity.String())
		}
		got.WriteString("\n")
	}
	if want := "1 sale A -5\nC2 return A 2\n3 adjustment A -7\n4 sale A 7\n"; got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}

	for _, bad := range []struct{ file, says string }{
		{"", "read baskets: EOF"},
		{"a,b\n", "columns"},
		{header, "no documents"},
		{header + "1,A,,many,d,1,,\n", `line 2: the quantity "many" is no whole number`},
		{header + "1,A,,1,d,dear,,\n", "line 2: the unit price"},
		{header + ",A,,1,d,1,,\n", "line 2: InvoiceNo and StockCode must not be empty"},
		{header + "1,A,,1\n", "wrong number of fields"},
		{"\x1f\x8bnot gzip", "read baskets"},
	} {
		if _, err := ReadBaskets(strings.NewReader(bad.file)); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%q: got error %v, want %q", bad.file, err, bad.says)
		}
	}
}

func TestMadeUpBaskets(t *testing.T) {
	c := newCatalogue(7)
	lines, weighed, other, none := 0, 0, 0, 0
	const n = 20_000
	for i := range uint64(n) {
		b := c.basket(i)
		lines += len(b.Lines)
		if len(b.owed) == 0 {
			none++
		}
		for _, l := range b.Lines {
			if l.Item.UOM == "KGM" {
				weighed++
			}
			if !l.Item.Stock {
				other++
			}
			if l.Item.Article == "" || l.Item.Name == "" {
				t.Fatalf("item without article or name: %+v", l.Item)
			}
			if p, err := inventory.ParseDecimal(l.Price); err != nil || p.Sign() <= 0 {
				t.Fatalf("price %q of %s", l.Price, l.Item.SKU)
			}
		}
	}
	if mean := float64(lines) / n; mean < 2.5 || mean > 3.5 {
		t.Errorf("%.2f lines in a basket, want about 3", mean)
	}
	if weighed == 0 || other == 0 || none == 0 {
		t.Errorf("%d weighed lines, %d that move no stock, %d baskets without any", weighed, other, none)
	}
	if a, b := c.basket(3), newCatalogue(7).basket(3); len(a.Lines) != len(b.Lines) || a.Lines[0].Item.SKU != b.Lines[0].Item.SKU {
		t.Error("the same number makes two baskets")
	}
}
