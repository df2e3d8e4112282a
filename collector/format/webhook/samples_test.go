package webhook

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/formattest"
	"github.com/stocktrace/stocktrace/inventory"
)

// say writes what a person gets to know of a body, a line each.
func say(items []format.Item, err error) string {
	var b strings.Builder
	for _, i := range items {
		if i.Problem != nil {
			fmt.Fprintf(&b, "problem %s: %s\n", i.Problem.Path, i.Problem.Detail)
		} else {
			e := i.Event
			fmt.Fprintf(&b, "%s %s at %s %s, %s", e.System, strings.TrimPrefix(e.Type, "inventory."), e.LocationScheme, e.Location, e.TimeAsSent)
			if e.Outcome != "" {
				fmt.Fprintf(&b, " %s", e.Outcome)
			}
			if e.Transaction != (inventory.Transaction{}) {
				fmt.Fprintf(&b, " %s/%s", e.Transaction.Mode, e.Transaction.Status)
			}
			if e.CorrelationID != "" {
				fmt.Fprintf(&b, " for %s", e.CorrelationID)
			}
			for _, k := range e.Keys {
				fmt.Fprintf(&b, " %s=%s", k.Name, k.Value)
			}
			fmt.Fprintf(&b, "\n  id %s\n", e.ID)
			for _, l := range e.Lines {
				fmt.Fprintf(&b, "  %s %s", strings.TrimSpace(l.ItemScheme+" "+l.Item), l.Quantity)
				for _, more := range []string{l.UOM, l.Measure, l.Bucket, l.Status, l.Stock, l.Activity} {
					if more != "" {
						fmt.Fprintf(&b, " %s", more)
					}
				}
				b.WriteString("\n")
			}
		}
		for _, n := range i.Notes {
			fmt.Fprintf(&b, "  note %s %s: %s\n", n.Code, n.Path, n.Detail)
		}
	}
	if err != nil {
		fmt.Fprintf(&b, "error %v\n", err)
	}
	return b.String()
}

// TestSamples holds what people are told of the published bodies. They come
// without headers, as files.
func TestSamples(t *testing.T) {
	for _, c := range []struct {
		path     string
		vendor   format.Format
		location string
		want     string
	}{
		// The item's number was rounded to a double; available is null, which is not 0.
		{"shopify/2023-07_inventory_levels_update.json", Shopify, "", `
ecommerce snapshot.reported at shopify 24826418, 2021-12-31T19:00:00-05:00 inventory_item=271878346596884015
  id shopify/inventory_levels/update/24826418/271878346596884015/2021-12-31T19:00:00-05:00
  note not_standard /: came without the header X-Shopify-Topic: read as inventory_levels/update by its shape.
  note id_rounded /inventory_item_id: 271878346596884000 was rounded on its way, since gid://shopify/InventoryItem/271878346596884015 stands beside it: the latter was read.
  note not_standard /available: available is null: the shop does not track this item there. Nothing was counted; it is not 0.
`},
		// A test order that is cancelled already: it owes nothing.
		{"shopify/2023-07_orders_create.json", Shopify, "web", `
oms fulfilment.ordered at  web, 2021-12-31T19:00:00-05:00 training/cancelled for gid://shopify/Order/820982911946154508 order=#9999 order=820982911946154508 sales_order=1234
  id shopify/orders/create/820982911946154508
  sku IPOD2008PINK -1 EA
  sku IPOD2008PINK -1 EA
  note not_standard /: came without the header X-Shopify-Topic: read as orders/create by its shape.
  note id_rounded /id: 820982911946154500 was rounded on its way, since gid://shopify/Order/820982911946154508 stands beside it: the latter was read.
  note id_rounded /line_items/0/id: 866550311766439000 was rounded on its way, since gid://shopify/LineItem/866550311766439020 stands beside it: the latter was read.
  note id_rounded /line_items/1/id: 141249953214522980 was rounded on its way, since gid://shopify/LineItem/141249953214522974 stands beside it: the latter was read.
`},
		{"shopify/2026-04_inventory_transfers_complete.json", Shopify, "web", `
oms transfer.received at  web, 2023-09-01T08:19:56-04:00 inventory_transfer=2921201 transfer=gid://shopify/InventoryTransfer/2921201
  id shopify/inventory_transfers/complete/2921201/2023-09-01T08:19:56-04:00
  note not_standard /: came without the header X-Shopify-Topic: read as inventory_transfers/complete by its shape.
`},
		{"shopify/2026-04_inventory_transfers_ready_to_ship.json", Shopify, "", "problem /: names no location, and none is declared for its sender: declare the source's location.\n" +
			"  note not_standard /: came without the header X-Shopify-Topic: read as inventory_transfers/ready_to_ship by its shape.\n"},
		{"shopify/2026-04_inventory_transfers_ready_to_ship.json", Shopify, "web", `
oms transfer.ready_to_ship at  web, 2023-09-01T08:19:56-04:00 inventory_transfer=2921201 transfer=gid://shopify/InventoryTransfer/2921201
  id shopify/inventory_transfers/ready_to_ship/2921201/2023-09-01T08:19:56-04:00
  shopify_transfer_line_item 72243 10 EA none
  shopify_transfer_line_item 81958 8 EA none
  note not_standard /: came without the header X-Shopify-Topic: read as inventory_transfers/ready_to_ship by its shape.
`},
		// Nothing goes back on stock; the order's number was rounded, and nothing beside
		// it says what it was.
		{"shopify/2026-04_refunds_create.json", Shopify, "web", `
oms online_return.refunded at  web, 2021-12-31T19:00:00-05:00 order=820982911946154500 refund=890088186047892319 rma=gid://shopify/Refund/890088186047892319
  id shopify/refunds/890088186047892319
  sku SKU2006-001 1 EA none no_restock
  sku LENS-PROTECT-2YR 1 EA none no_restock
  sku CASE-LEATHER-PREM 1 EA none no_restock
  sku SKU2006-020 1 EA none no_restock
  sku SKU2006-035 1 EA none no_restock
`},
		{"square/BatchChangeInventoryRequest.json", Square, "", `
pos count.counted at square C6W5YS5QM06F5, 2016-11-16T22:25:24.878Z count=square/physical_count/1536bfbf-efed-48bf-b17d-a197141b2a92/C6W5YS5QM06F5/W62UWFY35CWMYGVWK6TWJDNI/2016-11-16T22:25:24.878Z square_reference=1536bfbf-efed-48bf-b17d-a197141b2a92
  id square/physical_count/1536bfbf-efed-48bf-b17d-a197141b2a92/C6W5YS5QM06F5/W62UWFY35CWMYGVWK6TWJDNI/2016-11-16T22:25:24.878Z
  square_variation W62UWFY35CWMYGVWK6TWJDNI 53 EA absolute sellable
`},
		{"square/InventoryCountUpdatedEvent.json", Square, "", `
pos snapshot.reported at square YYQR03DGCTXA4, 2019-10-29T18:38:45.10296Z
  id square/count/YYQR03DGCTXA4/FGQ5JJWT2PYTHF35CKZ2DSKP/IN_STOCK/2019-10-29T18:38:45.10296Z
  square_variation FGQ5JJWT2PYTHF35CKZ2DSKP 10 EA absolute on_hand sellable
`},
		// Published with an hour that does not exist.
		{"square/RetrieveInventoryTransferResponse.json", Square, "", `
problem /transfer/occurred_at: 2016-11-16T25:44:22.837Z has hour 25, which does not exist: correct it at its source.
`},
		// An entry without channel counts the stock of the whole project.
		{"commercetools/inventory.example.json", Commercetools, "", `
problem /: names no location, and none is declared for its sender: declare the source's location.
`},
		{"commercetools/inventory.example.json", Commercetools, "web", `
ecommerce snapshot.reported at  web, 2015-03-11T13:36:20.720Z inventory_entry=aea4caed-accf-4667-adfe-be08ba6fdf91
  id commercetools/inventory_entry/aea4caed-accf-4667-adfe-be08ba6fdf91/1/2015-03-11T13:36:20.720Z
  sku sku_GIRLS_CREW_variant1_1421832124541 4 EA absolute on_hand
  sku sku_GIRLS_CREW_variant1_1421832124541 4 EA absolute available
`},
		{"dynamics365/onhand_change_event.json", Dynamics365, "", `
problem /: says no time, and no header Date came beside it: hand on the header.
`},
	} {
		t.Run(c.path, func(t *testing.T) {
			body := formattest.Sample(t, c.path)
			for _, f := range Formats {
				if f.Detect(body[:min(len(body), 4<<10)], format.Source{}) != (f == c.vendor) {
					t.Errorf("%s says otherwise whose it is", f.Name())
				}
			}
			got := say(formattest.Collect(c.vendor, bytes.NewReader(body), format.Source{Name: "/x", Location: c.location}))
			if want := strings.TrimPrefix(c.want, "\n"); !strings.HasPrefix(got, want) || (got != want && !strings.Contains(c.path, "refunds")) {
				t.Errorf("said\n%s", got)
			}
			formattest.Check(t, c.vendor, body, format.Source{Location: c.location})
		})
	}
}

// TestRoundedRefund holds the notes on the published refund: each number that may
// have been rounded is named, and where the exact one stands beside it that is
// read.
func TestRoundedRefund(t *testing.T) {
	items, err := formattest.Collect(Shopify, bytes.NewReader(formattest.Sample(t, "shopify/2026-04_refunds_create.json")), format.Source{Name: "/x", Location: "web"})
	if err != nil || len(items) != 1 {
		t.Fatal(say(items, err))
	}
	count := 0
	for _, n := range items[0].Notes {
		if n.Code == format.IDRounded {
			count++
		}
	}
	if line := items[0].Event.Lines[0].Line; line != "487817672276298554" || count < 7 {
		t.Errorf("line %s, %d notes", line, count)
	}
}
