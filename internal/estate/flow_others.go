package estate

import (
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

// What owes little: orders to suppliers, movements of the house's own in the
// ledger, and what a register says besides selling.

var orderFlow = flow{
	workflow: "order", share: 1,
	begin: func(d *dealing) bool {
		d.place = d.depot()
		ordered(d, "p")
		d.pack(4, 60)
		return true
	},
	legs: []leg{
		{name: "any placed", system: "erp", owed: true, says: moved(1, "")},
		{name: "any confirmed", system: "supplier", after: "any placed", from: time.Hour, to: 30 * time.Hour, says: moved(1, "")},
	},
}

var movementFlow = flow{
	workflow: "goods_movement", share: 1,
	begin: func(d *dealing) bool {
		d.place = d.depot()
		d.correlation = "g-" + d.number
		d.pack(3, 20)
		return true
	},
	legs: []leg{{name: "any posted", system: "erp", owed: true, says: booked(1, "")}},
}

var controlFlow = flow{
	workflow: "pos", share: 2,
	begin: func(d *dealing) bool { return atDesk(d, "ctl") },
	legs: []leg{{name: "pos control", owed: true, says: func(d *dealing, e *inventory.Event) {
		e.Register, e.BusinessDate, e.Operator = d.register, d.businessDate(), "31"
		kinds := []string{"no_sale", "sign_on", "pickup", "price_check"}
		e.Transaction = inventory.Transaction{Kind: kinds[digest("control/"+d.number)%4], Mode: "live", Status: "completed"}
	}}},
}
