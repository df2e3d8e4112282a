package estate

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/inventory"
)

// Workflows of the documents that a file of baskets holds.
const (
	workflowSale       = "sale"
	workflowReturn     = "return"
	workflowAdjustment = "adjustment"
)

// Item is something sold.
type Item struct {
	SKU     string // its name at the till
	Article string // its name in the ERP
	Name    string
	UOM     string
	Price   string
	// Stock is false for what moves no stock: services, fees, gift cards.
	Stock bool
}

// Basket is what one document says.
type Basket struct {
	Document string // its number in the file it came from; empty for one made up
	Workflow string
	Lines    []BasketLine
	// owed is what the ERP has to book: net per item in order of first
	// appearance, what moves no stock and what nets to nothing left out.
	owed []booking
}

// BasketLine is one line as it was rung up. Equal lines may repeat.
type BasketLine struct {
	Item *Item
	// Quantity at the till: an issue is negative, a return positive.
	Quantity inventory.Decimal
	Price    string
}

// booking is a quantity of an item in the ledger.
type booking struct {
	item     *Item
	quantity inventory.Decimal
}

func newBasket(document, workflow string, lines []BasketLine) *Basket {
	b := &Basket{Document: document, Workflow: workflow, Lines: lines}
	at := map[*Item]int{}
	var net []booking
	for _, l := range lines {
		if !l.Item.Stock {
			continue
		}
		i, ok := at[l.Item]
		if !ok {
			i = len(net)
			at[l.Item] = i
			net = append(net, booking{item: l.Item})
		}
		net[i].quantity = net[i].quantity.Add(l.Quantity)
	}
	b.owed = slices.DeleteFunc(net, func(k booking) bool { return k.quantity.IsZero() })
	return b
}

// Items counts the stock keeping units of baskets.
func Items(baskets []*Basket) int {
	seen := map[*Item]bool{}
	for _, b := range baskets {
		for _, l := range b.Lines {
			seen[l.Item] = true
		}
	}
	return len(seen)
}

var basketColumns = []string{"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}

// noStock are the stock codes of the UCI file that are no goods.
var noStock = map[string]bool{
	"POST": true, "DOT": true, "M": true, "D": true, "C2": true, "BANK CHARGES": true, "AMAZONFEE": true, "S": true,
}

// ReadBaskets reads the documents of a file in the columns of the UCI data set
// "Online Retail", plain or gzipped, in order of appearance. An InvoiceNo with a
// leading C is a return; one with a negative quantity at price 0 is a stock
// adjustment; every other one is a sale.
func ReadBaskets(r io.Reader) ([]*Basket, error) {
	buffered := bufio.NewReader(r)
	if magic, err := buffered.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read baskets: %w", err)
		}
		buffered = bufio.NewReader(unzipped)
	}
	rows := csv.NewReader(buffered)
	rows.ReuseRecord = true
	rows.FieldsPerRecord = -1
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("read baskets: %w", err)
	}
	if !slices.Equal(header, basketColumns) {
		return nil, fmt.Errorf("read baskets: the columns are %s, expected %s", strings.Join(header, ","), strings.Join(basketColumns, ","))
	}
	rows.FieldsPerRecord = len(basketColumns)

	type document struct {
		number string
		lines  []BasketLine
		// adjusts: every line is a negative quantity at no price.
		adjusts bool
	}
	var documents []*document
	byNumber := map[string]*document{}
	items := map[string]*Item{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read baskets: %w", err)
		}
		line, _ := rows.FieldPos(0)
		number, sku, price := strings.Clone(row[0]), strings.Clone(row[1]), strings.Clone(row[5])
		quantity, err := strconv.ParseInt(row[3], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read baskets: line %d: the quantity %q is no whole number", line, row[3])
		}
		amount, err := inventory.ParseDecimal(price)
		if err != nil {
			return nil, fmt.Errorf("read baskets: line %d: the unit price: %w", line, err)
		}
		if number == "" || sku == "" {
			return nil, fmt.Errorf("read baskets: line %d: InvoiceNo and StockCode must not be empty", line)
		}
		item := items[sku]
		if item == nil {
			item = &Item{SKU: sku, UOM: "EA", Stock: !noStock[sku] && !strings.HasPrefix(strings.ToLower(sku), "gift")}
			items[sku] = item
		}
		if item.Name == "" {
			item.Name, item.Price = strings.Clone(row[2]), price
		}
		d := byNumber[number]
		if d == nil {
			d = &document{number: number, adjusts: true}
			byNumber[number] = d
			documents = append(documents, d)
		}
		d.lines = append(d.lines, BasketLine{Item: item, Quantity: inventory.DecimalOf(quantity), Price: price})
		d.adjusts = d.adjusts && quantity < 0 && amount.IsZero()
	}
	if len(documents) == 0 {
		return nil, errors.New("read baskets: the file has no documents")
	}
	numberArticles(items)

	baskets := make([]*Basket, len(documents))
	for i, d := range documents {
		workflow := workflowSale
		switch {
		case strings.HasPrefix(d.number, "C"):
			workflow = workflowReturn
		case d.adjusts:
			workflow = workflowAdjustment
		}
		if workflow != workflowAdjustment {
			// The file counts what the customer takes; the till, what leaves stock.
			for j := range d.lines {
				d.lines[j].Quantity = d.lines[j].Quantity.Neg()
			}
		}
		baskets[i] = newBasket(d.number, workflow, d.lines)
	}
	return baskets, nil
}

// numberArticles gives every item its ERP article, in order of SKU.
func numberArticles(items map[string]*Item) {
	skus := make([]string, 0, len(items))
	for sku := range items {
		skus = append(skus, sku)
	}
	slices.Sort(skus)
	for i, sku := range skus {
		items[sku].Article = strconv.Itoa(10_000_000 + i)
	}
}

// catalogue is the range of a retailer that sells no given baskets.
type catalogue struct {
	seed   uint64
	goods  []*Item
	reach  []float64 // cumulative popularity
	others []*Item   // what moves no stock
}

var (
	adjectives = []string{"Oak", "Linen", "Steel", "Glass", "Cotton", "Paper", "Walnut", "Wool", "Stone", "Copper", "Bamboo", "Enamel", "Felt", "Cork", "Ceramic", "Birch"}
	nouns      = []string{"Lantern", "Mug", "Bowl", "Towel", "Basket", "Candle", "Notebook", "Frame", "Cushion", "Teapot", "Tray", "Vase", "Clock", "Blanket", "Jar", "Hook", "Apron", "Plate", "Box", "Mirror", "Rug", "Spoon", "Bottle", "Ladder", "Stool"}
	styles     = []string{"small", "large", "white", "natural", "green"}
	weighed    = []string{"Coffee Beans", "Almonds", "Dried Apricots", "Oats", "Walnuts", "Olives", "Loose Tea", "Lentils"}
)

const catalogueSize = 2000

func newCatalogue(seed uint64) *catalogue {
	c := &catalogue{seed: seed}
	d := roll(seed, "catalogue")
	items := map[string]*Item{}
	reach := 0.0
	for i := range catalogueSize {
		item := &Item{
			SKU: strconv.Itoa(210_000 + i*7), UOM: "EA", Stock: true,
			Price: fmt.Sprintf("%d.%02d", 1+int(math.Exp(2+0.8*d.NormFloat64())), []int{0, 25, 49, 50, 95, 99}[d.IntN(6)]),
			Name: styles[i%len(styles)] + " " + adjectives[i/len(styles)%len(adjectives)] + " " +
				nouns[i/len(styles)/len(adjectives)%len(nouns)],
		}
		if i%25 == 24 {
			item.UOM, item.Name = "KGM", weighed[i/25%len(weighed)]+" "+strconv.Itoa(i/200+1)
		}
		reach += 1 / (float64(d.IntN(catalogueSize)) + 20) // a few sell often, most seldom
		c.goods = append(c.goods, item)
		c.reach = append(c.reach, reach)
		items[item.SKU] = item
	}
	for i, name := range []string{"Gift card 25", "Home delivery", "Extended warranty", "Donation"} {
		item := &Item{SKU: "9000" + strconv.Itoa(i+1), Name: name, UOM: "EA", Price: []string{"25.00", "9.90", "14.00", "1.00"}[i]}
		c.others = append(c.others, item)
		items[item.SKU] = item
	}
	numberArticles(items)
	return c
}

// basket makes up the basket of the given number.
func (c *catalogue) basket(number uint64) *Basket {
	d := roll(c.seed, "basket", number)
	if d.chance(0.004) {
		return newBasket("", workflowSale, []BasketLine{c.other(d)})
	}
	count := 1
	for count < 30 && d.chance(0.68) { // three lines on average
		count++
	}
	lines := make([]BasketLine, 0, count+1)
	for range count {
		item := c.goods[search(c.reach, d.Float64())]
		quantity := inventory.DecimalOf(-1)
		switch {
		case item.UOM == "KGM":
			quantity = inventory.Milli(-int64(80 + d.IntN(1800)))
		case d.chance(0.25):
			quantity = inventory.DecimalOf(-int64(2 + d.IntN(5)))
		case d.chance(0.01):
			quantity = inventory.DecimalOf(1) // brought back in the same receipt
		}
		lines = append(lines, BasketLine{Item: item, Quantity: quantity, Price: item.Price})
	}
	if d.chance(0.02) {
		lines = append(lines, c.other(d))
	}
	if b := newBasket("", workflowSale, lines); len(b.owed) > 0 {
		return b
	}
	// One thing sold and the same brought back owe nothing; a plain sale instead.
	return newBasket("", workflowSale, []BasketLine{{Item: c.goods[0], Quantity: inventory.DecimalOf(-1), Price: c.goods[0].Price}})
}

func (c *catalogue) other(d dice) BasketLine {
	item := c.others[d.IntN(len(c.others))]
	return BasketLine{Item: item, Quantity: inventory.DecimalOf(-1), Price: item.Price}
}

// search returns the index that a share of the last cumulative weight falls on.
func search(reach []float64, share float64) int {
	i, _ := slices.BinarySearch(reach, share*reach[len(reach)-1])
	return min(i, len(reach)-1)
}
