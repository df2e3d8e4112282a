package poslog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/format/xmlread"
	"github.com/stocktrace/stocktrace/inventory"
)

// transaction is one being read.
type transaction struct {
	root   xmlread.Node
	path   string
	source format.Source

	event   inventory.Event
	notes   []format.Note
	problem *format.Problem
	// unread says what of it was not read although it may have moved stock.
	unread, unreadAt string
	currency         string
}

func (t *transaction) note(code, path, detail string) {
	t.notes = append(t.notes, format.Note{Code: code, Path: path, Detail: detail})
}

func (t *transaction) fail(at, detail string) {
	if t.problem == nil {
		t.problem = &format.Problem{Path: t.path + at, Detail: detail}
	}
}

// first is the text of the first of these children that has one. All of them
// count as read: where they say the same, nothing is lost.
func first(n xmlread.Node, names ...string) string {
	found := ""
	for _, name := range names {
		found = cmp.Or(found, n.Child(name).Text())
	}
	return found
}

// flag reads an attribute that is true or false.
func flag(s string) bool {
	return s == "1" || strings.EqualFold(s, "true") || strings.EqualFold(s, "yes")
}

func (t *transaction) read() {
	t.header()
	if t.problem != nil {
		return
	}
	retail := t.root.Child("RetailTransaction")
	switch {
	case retail.Exists():
		t.retail(retail)
	default:
		t.control()
	}
	e := &t.event
	e.Type = "inventory." + e.Workflow + "." + e.Step
}

// header reads who, where, when and which number.
func (t *transaction) header() {
	e, root := &t.event, t.root
	e.Source, e.System, e.SystemInstance = t.source.Name, cmp.Or(t.source.System, "pos"), t.source.Instance
	for _, name := range []string{"MajorVersion", "MinorVersion", "FixVersion"} {
		root.Attr(name)
	}
	e.Location = cmp.Or(root.Child("RetailStoreID").Text(), unit(root), t.source.Location)
	if e.Location == "" {
		t.fail("", "The transaction names no store (RetailStoreID or BusinessUnit/UnitID), and none is declared for its sender: declare the source's location.")
		return
	}
	e.LocationScheme = "store"
	e.Register = root.Child("WorkstationID").Text()
	e.Operator = root.Child("OperatorID").Text()
	root.Child("OperatorID").Attr("OperatorName")
	t.currency = first(root, "CurrencyCode")
	e.Transaction.Sequence = root.Child("SequenceNumber").Text()
	e.Transaction.FiscalSequence = first(root, "FiscalSequenceNumber", "FiscalReceiptNumber")
	e.EnteredOffline = flag(root.Attr("OfflineFlag")) || flag(root.Attr("KeyedOfflineFlag")) || strings.EqualFold(first(root, "KeyedOfflineCode"), "OffLine")
	e.Transaction.Mode = "live"
	if flag(root.Attr("TrainingModeFlag")) {
		e.Transaction.Mode = "training"
	}
	t.businessDate()
	t.time()
	receipt := first(root, "ReceiptNumber")
	if receipt == "" {
		receipt = root.At("RetailTransaction", "ReceiptNumber").Text()
	}
	if receipt = cmp.Or(receipt, e.Transaction.Sequence); receipt != "" {
		e.Keys = append(e.Keys, inventory.Key{Name: inventory.KeyReceipt, Value: receipt})
	}
	t.key("pos_transaction", first(root, "TransactionID", "InternalTransactionID"))
	t.key("invoice", root.Child("InvoiceNumber").Text())
	t.key("order", root.At("RetailTransaction", "SpecialOrderNumber").Text())
	t.key("file", t.source.Document)
}

// key adds an identifier once.
func (t *transaction) key(name, value string) {
	k := inventory.Key{Name: name, Value: value}
	if value != "" && !slices.Contains(t.event.Keys, k) {
		t.event.Keys = append(t.event.Keys, k)
	}
}

// unit is the store of a version 6 document: of several units the one that is
// called a store, else the first.
func unit(n xmlread.Node) string {
	found := ""
	for u := range n.Children("BusinessUnit") {
		id := u.Child("UnitID")
		if found == "" || strings.HasSuffix(id.Attr("TypeCode"), "RetailStore") {
			found = cmp.Or(id.Text(), u.Text())
		}
	}
	return found
}

// businessDate reads the day the till says it is: data, never derived. Tills
// roll it over after midnight.
func (t *transaction) businessDate() {
	n := t.root.Child("BusinessDayDate")
	sent := cmp.Or(n.Text(), n.Child("Date").Text())
	if sent == "" {
		return
	}
	day, rest := sent, ""
	if len(sent) > len(time.DateOnly) {
		day, rest = sent[:len(time.DateOnly)], sent[len(time.DateOnly):]
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		t.note(format.NotStandard, t.path+n.Path(), fmt.Sprintf("%q is no day: the business date was left empty. Write it as 2026-11-23.", show(sent)))
		return
	}
	if rest != "" {
		t.note(format.NotStandard, t.path+n.Path(), fmt.Sprintf("%q is a day with more behind it: read as %s.", show(sent), day))
	}
	t.event.BusinessDate = day
}

// time reads when the transaction ended, by its own clock.
func (t *transaction) time() {
	e, root := &t.event, t.root
	var at xmlread.Node
	for _, n := range []xmlread.Node{
		root.Child("EndDateTime"), logged(root), root.At("RetailTransaction", "ReceiptDateTime"), root.Child("ReceiptDateTime"), root.Child("BeginDateTime"),
	} {
		if n.Text() != "" && !at.Exists() {
			at = n
		}
	}
	sent := at.Text()
	if sent == "" {
		t.fail("", "The transaction says no time (EndDateTime, POSLogDateTime, ReceiptDateTime or BeginDateTime): send when it happened.")
		return
	}
	// Retalix writes the wall time and its offset apart.
	if offset := at.Attr("Offset"); offset != "" {
		sent += joinOffset(offset)
	}
	path := t.path + at.Path()
	zone := t.source.ZoneFor(e.Location)
	read, err := instant.Read(sent, zone, path)
	if err != nil {
		t.fail(at.Path(), at.Name()+" "+err.Error())
		return
	}
	e.Time, e.TimeAsSent = read.Time.UTC().Truncate(time.Microsecond), sent
	t.notes = append(t.notes, read.Notes...)
	if read.HasOffset && !read.Zulu && zone != nil {
		if _, said := read.Zone(); said != offsetIn(read.Time, zone) {
			t.note(format.OffsetDoubtful, path, fmt.Sprintf("%s has the offset %s, but the clock in %s, the declared zone, is at %s then: read as sent. One of the two is wrong.",
				sent, instant.OffsetOf(read.Time), zone, instant.OffsetOf(read.In(zone))))
		}
	}
}

// logged is the POSLogDateTime of the transaction; others are of the message.
func logged(n xmlread.Node) xmlread.Node {
	for c := range n.Children("POSLogDateTime") {
		if kind := c.Attr("TypeCode"); kind == "" || strings.EqualFold(unprefixed(kind), "Transaction") {
			return c
		}
	}
	return xmlread.Node{}
}

func offsetIn(t time.Time, zone *time.Location) int {
	_, seconds := t.In(zone).Zone()
	return seconds
}

// joinOffset writes 07:00:00 or -05:30:00, a duration, as an offset.
func joinOffset(s string) string {
	sign := "+"
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = "-", rest
	}
	s = strings.TrimPrefix(s, "+")
	if strings.Count(s, ":") == 2 {
		s = strings.TrimSuffix(s, ":00")
	}
	return sign + s
}

// id is made of what names a transaction at the till; without a number, of its
// bytes.
func (t *transaction) id(raw []byte) string {
	e := &t.event
	number := e.Transaction.Sequence
	if number == "" {
		number = e.KeyValue(inventory.KeyReceipt)
	}
	if number == "" {
		sum := sha256.Sum256(raw)
		number = hex.EncodeToString(sum[:8])
	}
	id := strings.Join([]string{e.Location, e.Register, e.BusinessDate, number}, "-") + "/" + e.Workflow + "." + e.Step
	if e.Outcome != "" {
		// Told again as one that was taken back, it is another event than the sale was.
		id += "/" + string(e.Outcome)
	}
	return id
}

// link is a TransactionLink: which transaction this one speaks of.
type link struct {
	reason, receipt, line, date string
}

func (t *transaction) link(n xmlread.Node) (link, bool) {
	l := link{
		reason: strings.ToLower(unprefixed(n.Attr("ReasonCode"))), line: first(n, "LineItemSequenceNumber"),
		date: cmp.Or(first(n, "BusinessDayDate"), n.At("BusinessDayDate", "Date").Text()),
	}
	if l.reason == "" {
		l.reason = strings.ToLower(first(n, "ReasonCode"))
	}
	store := cmp.Or(n.Child("RetailStoreID").Text(), unit(n))
	register, number := n.Child("WorkstationID").Text(), n.Child("SequenceNumber").Text()
	first(n, "BeginDateTime", "EndDateTime")
	if receipt := first(n, "ReceiptNumber"); receipt != "" && len(inventory.ReceiptParts(receipt)) >= 3 {
		l.receipt = receipt
		return l, true
	} else if receipt != "" {
		number = receipt
	}
	if number = cmp.Or(number, first(n, "TransactionID")); number == "" {
		return l, false
	}
	same := func(a, b string) bool { return a == "" || inventory.Unpad(a) == inventory.Unpad(b) }
	if l.receipt = number; !same(store, t.event.Location) || !same(register, t.event.Register) {
		// Of another till: as printed, it names its own store and register.
		l.receipt = strings.Join([]string{cmp.Or(store, t.event.Location), cmp.Or(register, t.event.Register), number}, "-")
	}
	return l, true
}

func (t *transaction) refer(rel string, l link) {
	ref := inventory.Ref{Rel: rel, Line: l.line, Keys: []inventory.Key{{Name: inventory.KeyReceipt, Value: l.receipt}}}
	if l.date != "" {
		ref.Keys = append(ref.Keys, inventory.Key{Name: "business_date", Value: l.date})
	}
	for _, r := range t.event.Refs {
		if r.Rel == ref.Rel && r.Line == ref.Line && r.Keys[0] == ref.Keys[0] {
			return
		}
	}
	t.event.Refs = append(t.event.Refs, ref)
}

// unprefixed takes a vendor's prefix off a code: SES:Voided, X:EAN.
func unprefixed(code string) string {
	if i := strings.LastIndexByte(code, ':'); i >= 0 {
		return code[i+1:]
	}
	return code
}

// show keeps a message readable, whatever was sent.
func show(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
