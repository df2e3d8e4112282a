package idoc

import (
	"cmp"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Movement is what a movement type means.
type Movement struct {
	// Workflow, and the step it is when the ERP tells of it (Posted) and when another
	// system does (Done).
	Workflow, Posted, Done string
	// Sign is what it does to the stock of the plant: -1, +1, or 0 where goods only
	// change their status.
	Sign int
	// From and To are the stock's status, where it is not simply sellable.
	From, To string
	// Arrives is the step in which the receiving plant tells of the same movement,
	// where one document books both.
	Arrives string
	// Reverses is the movement type that this one takes back.
	Reverses string
}

// movements are SAP's movement types (table T156) as retail uses them. A type and
// its reversal are one apart, except for differences found by counting.
var movements = func() map[string]Movement {
	all := map[string]Movement{}
	for line := range strings.Lines(`
101 receipt posted received +
103 receipt posted received + >blocked
105 putaway posted stored 0 blocked>sellable
107 receipt posted received + >blocked
109 putaway posted stored 0 blocked>sellable
122 vendor_return posted shipped -
124 vendor_return posted shipped - blocked>
161 vendor_return posted shipped -
201 adjustment posted adjusted -
221 adjustment posted adjusted -
251 sale posted completed -
261 adjustment posted adjusted -
301 transfer issue_posted shipped - arrives receipt_posted
303 transfer issue_posted shipped -
305 transfer receipt_posted received +
309 adjustment posted adjusted -
311 putaway posted stored 0
313 transfer issue_posted shipped -
315 transfer receipt_posted received +
321 putaway posted stored 0 inspection>sellable
323 putaway posted stored 0 inspection>inspection
325 putaway posted stored 0 blocked>blocked
331 adjustment posted adjusted - inspection>
333 adjustment posted adjusted -
335 adjustment posted adjusted - blocked>
343 putaway posted stored 0 blocked>sellable
349 putaway posted stored 0 blocked>inspection
351 transfer issue_posted shipped -
451 return posted received +
453 putaway posted stored 0 inspection>sellable
457 putaway posted stored 0 inspection>inspection
459 putaway posted stored 0 inspection>blocked
501 receipt posted received +
503 receipt posted received + >inspection
505 receipt posted received + >blocked
511 receipt posted received +
521 receipt posted received +
523 receipt posted received + >inspection
525 receipt posted received + >blocked
531 receipt posted received +
551 adjustment posted adjusted -
553 adjustment posted adjusted - inspection>
555 adjustment posted adjusted - blocked>
561 adjustment posted adjusted +
563 adjustment posted adjusted + >inspection
565 adjustment posted adjusted + >blocked
601 fulfilment posted shipped -
641 transfer issue_posted shipped -
643 transfer issue_posted shipped -
645 transfer issue_posted shipped -
647 transfer issue_posted shipped - arrives receipt_posted
651 return posted received + >inspection
653 return posted received +
655 return posted received + >inspection
657 return posted received + >blocked
701 count posted counted +
703 count posted counted + >inspection
707 count posted counted + >blocked
712 count posted counted +
714 count posted counted + >inspection
718 count posted counted + >blocked
`) {
		w := strings.Fields(line)
		if len(w) < 5 {
			continue
		}
		m := Movement{Workflow: w[1], Posted: w[2], Done: w[3], Sign: map[string]int{"+": 1, "-": -1}[w[4]]}
		for i := 5; i < len(w); i++ {
			if w[i] == "arrives" {
				i++
				m.Arrives = w[i]
				continue
			}
			m.From, m.To, _ = strings.Cut(w[i], ">")
		}
		all[w[0]] = m
		if m.Workflow == "count" {
			continue
		}
		back := w[0][:2] + string(w[0][2]+1)
		m.Reverses = w[0]
		all[back] = m
	}
	// A difference found by counting has a type for more and one for less; neither
	// takes the other back.
	for more, less := range map[string]string{"701": "702", "703": "704", "707": "708", "712": "711", "714": "713", "718": "717"} {
		m := all[more]
		m.Sign, m.From, m.To = -1, m.To, ""
		all[less] = m
	}
	return all
}()

var (
	moveType = []string{"BWART", "MOVE_TYPE", "BEWART"}
	material = []string{"MATNR_LONG", "MATERIAL_LONG", "MATNR", "MATERIAL", "ARTNR_LONG", "ARTNR"}
	plant    = []string{"WERKS", "PLANT", "ZFILIALE"}
	document = []string{"MBLNR", "MAT_DOC", "MATERIALDOCUMENT"}
)

// moves reports whether anything in the piece says how goods moved.
func (p *piece) moves() bool { return len(p.items()) > 0 }

// items are the segments that say how goods moved, whatever they are called:
// E1MBXYI, E1BP2017_GM_ITEM_CREATE, E1WPG02, those of INVCON, customers' own.
func (p *piece) items() []*segment {
	var all []*segment
	for _, top := range p.segments {
		top.each(func(s *segment) {
			if s.has(moveType...) && s.has(material...) {
				all = append(all, s)
			}
		})
	}
	return all
}

// booked is what makes items of a document one event.
type booked struct {
	movement  string
	location  string
	document  string
	delivery  string
	order     string
	reference string
	arriving  bool
	reversing bool
}

// movements reads goods movements: MBGMCR, WMMBXY, WPUWBW, INVCON. A document may
// hold movements of several kinds and plants, each of which is an event.
func (r *reader) movements(p *piece) error {
	var order []booked
	drafts := map[booked]*draft{}
	for _, s := range p.items() {
		code := s.get(moveType...)
		m, known := r.format.Movements[code]
		if !known {
			m, known = movements[code]
		}
		reversing := s.get("XSTOB") == "X"
		if reversing && known {
			// The same as the type one above: this one is taken back, or a reversal is.
			if m.Reverses == "" {
				m.Reverses = code
			} else {
				m.Reverses = ""
			}
		}
		b := booked{
			reversing: reversing, movement: code, location: cmp.Or(s.up(plant...), p.control.get("SNDPRN")), document: s.up(document...),
			order: s.get("EBELN", "PO_NUMBER"), delivery: s.up("VBELN_IM", "DELIV_NUMB", "VBELN", "VLIEF_AVIS"), reference: s.up("XBLNR", "REF_DOC_NO", "BONNUMMER", "REFERENZNR"),
		}
		if _, ok := drafts[b]; !ok {
			order, drafts[b] = append(order, b), r.movement(p, s, b, m, known)
		}
		drafts[b].moved(s, m)
		if to := s.get("UMWRK", "MOVE_PLANT"); m.Arrives != "" && to != "" && to != b.location {
			a := b
			a.location, a.arriving = to, true
			in := m
			in.Posted, in.Done, in.Sign, in.From, in.To = m.Arrives, "received", 1, "", ""
			if _, ok := drafts[a]; !ok {
				order, drafts[a] = append(order, a), r.movement(p, s, a, in, known)
			}
			drafts[a].moved(s, in)
		}
	}
	for i, b := range order {
		var rest map[string]int
		if i == len(order)-1 {
			rest = ignored(p.segments)
		}
		if err := drafts[b].emit(rest); err != nil {
			return err
		}
	}
	return nil
}

// movement begins the event of a movement.
func (r *reader) movement(p *piece, s *segment, b booked, m Movement, known bool) *draft {
	if !known {
		m = Movement{Workflow: "goods_movement", Posted: "posted", Done: "posted"}
	}
	d := r.draft(p, m.Workflow, m.Posted, "erp")
	e := &d.event
	if !known {
		d.note(format.NotStandard, s.path, "The movement type %s is not known here: kept as a goods movement, with which nothing is compared. Declare what it means.", show(b.movement))
	}
	if e.System != "erp" && e.System != "ledger" {
		e.Step = m.Done
	}
	e.Location, e.LocationScheme = b.location, "plant"
	d.key(inventory.KeyERPDocument, b.document)
	d.key("order", b.order)
	d.key("reference", b.reference)
	d.key(inventory.KeyDelivery, b.delivery)
	if m.Workflow == "sale" || m.Workflow == "return" {
		// The POS interface names the receipt; elsewhere a reference may be anything.
		if slip := s.up("BONNUMMER"); slip != "" {
			d.key(inventory.KeyReceipt, slip)
		}
		e.Register = s.up("KASSID")
	}
	if m.Workflow == "transfer" {
		// The stock transport order is what people call the transfer.
		d.key(inventory.KeyTransfer, b.order)
	}
	if m.Workflow == "sale" && e.Step == "posted" && e.KeyValue(inventory.KeyReceipt) == "" {
		// A sale's document without a receipt is one for many: it is a posting of a
		// store's day, and no sale that a register should know.
		e.Workflow = "posting_batch"
	}
	d.keep("movement_type", b.movement)
	d.keep("document_year", s.up("MJAHR", "DOC_YEAR", "MATDOCUMENTYEAR"))
	e.PostingDate = day(cmp.Or(s.up("BUDAT", "PSTNG_DATE", "BELEGDATUM"), p.headed("BUDAT", "PSTNG_DATE", "BELEGDATUM")))
	if b.document == "" {
		d.key(inventory.KeyERPDocument, p.headed(document...))
	}
	d.key("reference", p.headed("XBLNR", "REF_DOC_NO"))
	e.Operator = cmp.Or(s.up("USNAM"), p.headed("USNAM", "PR_UNAME"))
	d.keep("text", p.headed("BKTXT", "HEADER_TXT"))
	d.at(cmp.Or(s.up("CPUDT"), p.headed("CPUDT")), cmp.Or(s.up("CPUTM"), p.headed("CPUTM")), "", s.path)
	if p.control.get("CREDAT") == "" {
		d.at(p.headed("BUDAT", "PSTNG_DATE", "BELEGDATUM", "BLDAT", "DOC_DATE"), "", "", s.path)
	}
	e.ReasonCode = s.get("GRUND", "MOVE_REAS")
	d.outcome(m)
	return d
}

// headed is the first value of the fields in the head of the document, where
// items stand beside it and not below. A piece with many heads has them above
// their items.
func (p *piece) headed(names ...string) string {
	if p.heads == nil {
		for _, top := range p.segments {
			top.each(func(s *segment) {
				if len(p.heads) < mostHeads && !s.has(moveType...) {
					p.heads = append(p.heads, s)
				}
			})
		}
	}
	if len(p.heads) >= mostHeads {
		return ""
	}
	for _, s := range p.heads {
		if v := s.get(names...); v != "" {
			return v
		}
	}
	return ""
}

const mostHeads = 32

// outcome says how far the posting is. What an ERP sends out it has posted; what
// it is sent waits, until its status says otherwise. Other systems tell of what
// they did.
func (d *draft) outcome(m Movement) {
	e, c := &d.event, d.p.control
	switch status := c.get("STATUS"); {
	case e.System != "erp" && e.System != "ledger":
	case c.get("DIRECT") == "1" || e.KeyValue(inventory.KeyERPDocument) != "" && outcomes[status] != inventory.Failed:
		d.keep("status", status)
	default:
		d.judge(status, "", "")
	}
	if m.Reverses != "" {
		d.keep("reverses", m.Reverses)
		if e.Outcome == "" || e.Outcome == inventory.OK {
			// The ledger's arithmetic takes a reversal's lines away again, so they say
			// what the reversed document said.
			e.Outcome = inventory.Reversed
		}
	}
}

// moved adds an item.
func (d *draft) moved(s *segment, m Movement) {
	l := inventory.Line{Line: cmp.Or(s.get("ZEILE", "MATDOC_ITM", "LINE_ID", "POSITION"), numbered(s))}
	number := s.get(material...)
	if strings.HasPrefix(s.get("QUALARTNR"), "EAN") {
		d.article(&l, "", number, s.path)
	} else {
		d.article(&l, number, s.get("EAN11", "EAN"), s.path)
	}
	// The unit of entry is what was counted; the base unit comes with its own
	// quantity.
	quantity, unit := s.get("ERFMG", "ENTRY_QNT"), s.get("ERFME", "ENTRY_UOM", "ENTRY_UOM_ISO")
	if blank(quantity) {
		if base := s.get("MENGE", "BASE_QNT"); base != "" {
			quantity, unit = base, cmp.Or(s.get("MEINS", "MEINH", "BASE_UOM"), unit)
		}
	}
	if quantity == "" {
		d.fail(s.path, "The item has no quantity.")
		return
	}
	q := d.quantity(quantity, s.path)
	switch side := s.get("SHKZG", "DB_CR_IND"); {
	case m.Workflow == "" && side == "H", m.Workflow == "" && side == "-":
		q = q.Abs().Neg()
	case m.Workflow == "" && side == "S":
		q = q.Abs()
	case q.Sign() < 0 && m.Sign != 0 && m.Workflow != "":
		// Its direction is that of its movement type; some senders sign it besides.
		q = q.Neg()
	}
	if m.Sign < 0 {
		q = q.Neg()
	}
	l.Quantity = q
	l.UOM = d.unit(unit, s.path)
	l.Activity = m.Workflow
	switch {
	case m.Sign == 0 && m.Workflow != "":
		l.StatusFrom, l.StatusTo = cmp.Or(m.From, "sellable"), cmp.Or(m.To, "sellable")
	default:
		l.Status = cmp.Or(m.From, m.To)
	}
	switch s.get("INSMK", "STCK_TYPE") {
	case "X", "2":
		l.Status = "inspection"
	case "S", "3":
		l.Status = "blocked"
	}
	if s.get("SOBKZ", "SPEC_STOCK") == "K" {
		l.Ownership = "consignment"
	}
	if to := s.get("UMWRK", "MOVE_PLANT"); to != "" && to != s.up(plant...) {
		l.LocationFrom, l.LocationTo = s.up(plant...), to
	}
	for name, fields := range map[string][]string{
		"storage_location": {"LGORT", "STGE_LOC"}, "storage_location_to": {"UMLGO", "MOVE_STLOC"}, "batch": {"CHARG", "BATCH"},
		"supplier_batch": {"LICHA"}, "text": {"SGTXT", "ITEM_TEXT"}, "vendor": {"LIFNR", "VENDOR"}, "customer": {"KUNNR", "CUSTOMER"},
		"serial": {"SERNR", "SERIALNO"}, "order_item": {"EBELP", "PO_ITEM"}, "delivery_item": {"POSNR", "DELIV_ITEM"},
	} {
		keep(&l.Attributes, name, s.get(fields...))
	}
	for _, k := range s.kids {
		if serial := k.get("SERNR", "SERIALNO"); serial != "" {
			keep(&l.Attributes, "serial", strings.TrimPrefix(l.Attributes["serial"]+","+serial, ","))
		}
	}
	d.event.Lines = append(d.event.Lines, l)
	if other := s.get("UMMAT_LONG", "MOVE_MAT_LONG", "UMMAT", "MOVE_MAT"); other != "" && m.Sign != 0 && m.Workflow == "adjustment" && inventory.Unpad(other) != inventory.Unpad(number) {
		// One article becomes another: what the one loses the other gains.
		gained := inventory.Line{Line: l.Line + ".1", UOM: l.UOM, Activity: l.Activity, Quantity: l.Quantity.Neg()}
		d.article(&gained, other, "", s.path)
		keep(&gained.Attributes, "storage_location", s.get("UMLGO", "MOVE_STLOC"))
		keep(&gained.Attributes, "batch", s.get("UMCHA", "MOVE_BATCH"))
		d.event.Lines = append(d.event.Lines, gained)
	}
}
