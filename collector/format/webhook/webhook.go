package webhook

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/collector/format/instant"
	"github.com/stocktrace/stocktrace/collector/format/jsonread"
	"github.com/stocktrace/stocktrace/inventory"
)

// Vendor is a platform that sends webhooks.
type Vendor struct {
	// Format reads its bodies; the topic is taken from the source's header where
	// the vendor sends one.
	Format format.Format
	// Verify checks that the body was signed with the secret. url is the address
	// the vendor was given, exactly; header has canonical MIME names. The error is
	// one sentence that says what is wrong, and never holds the secret. Vendors
	// that sign nothing are checked by the Authorization header where a secret is
	// given, and not at all where none is.
	Verify func(secret, url string, header map[string]string, body []byte) error
}

// Vendors are all of them by the name of their format.
var Vendors = map[string]Vendor{
	Shopify.Name():       {Shopify, verifyShopify},
	Square.Name():        {Square, verifySquare},
	AdobeCommerce.Name(): {AdobeCommerce, verifyAdobe},
	Commercetools.Name(): {Commercetools, verifyToken},
	Dynamics365.Name():   {Dynamics365, verifyToken},
	AmazonSP.Name():      {AmazonSP, verifySNS},
}

// The formats, one for each vendor.
var (
	Shopify       format.Format = &reader{"shopify", detectShopify, readShopify}
	Square        format.Format = &reader{"square", detectSquare, readSquare}
	AdobeCommerce format.Format = &reader{"adobe_commerce", detectAdobe, readAdobe}
	Commercetools format.Format = &reader{"commercetools", detectCommercetools, readCommercetools}
	Dynamics365   format.Format = &reader{"dynamics365", detectDynamics, readDynamics}
	AmazonSP      format.Format = &reader{"amazon_sp", detectAmazon, readAmazon}
)

// Formats are all of them, in the order in which they are to be asked.
var Formats = []format.Format{Shopify, Square, AdobeCommerce, Commercetools, Dynamics365, AmazonSP}

// reader is the format of one vendor.
type reader struct {
	name   string
	detect func(names []string, head []byte, source format.Source) bool
	// read makes drafts of one message.
	read func(m *message)
}

// Name implements [format.Format].
func (r *reader) Name() string { return r.name }

// Detect implements [format.Format].
func (r *reader) Detect(head []byte, source format.Source) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(text) == 0 || (text[0] != '{' && text[0] != '[') {
		return false
	}
	return r.detect(jsonread.Names(head), head, source)
}

// Read implements [format.Format]. A list is read as one message after the
// other.
func (r *reader) Read(ctx context.Context, document io.Reader, source format.Source, yield func(format.Item) error) error {
	c := jsonread.New(document, jsonread.Limits{})
	one := func() error {
		v, err := c.Value()
		if err != nil && c.Broken() != nil {
			return err
		}
		m := &message{vendor: r.name, body: v, source: source}
		if err != nil {
			m.problem(v, strings.TrimPrefix(err.Error(), v.Path()+": "))
		} else {
			m.notes = v.Doubts()
			m.read(r.read)
		}
		for _, item := range m.items {
			if err := cmp.Or(ctx.Err(), yield(item)); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Kind() == '[' {
		if err := c.Elements(func(int) error { return one() }); err != nil {
			return err
		}
	} else if err := one(); err != nil {
		return err
	}
	return c.End()
}

// message is one webhook's body on its way to items.
type message struct {
	vendor string
	body   *jsonread.Value
	source format.Source
	notes  []format.Note // on the body as a whole
	items  []format.Item
}

func (m *message) read(read func(*message)) {
	if m.body.Kind != jsonread.Object {
		m.problem(m.body, "is no object, and so no message of "+m.vendor+".")
		return
	}
	read(m)
	ignored := m.body.Ignored()
	for i := range m.items {
		if m.items[i].Problem == nil {
			m.items[i].Ignored = ignored
			break
		}
	}
}

// header returns a header of the request.
func (m *message) header(name string) string { return header(m.source.Header, name) }

func header(h map[string]string, name string) string {
	if v, ok := h[http.CanonicalHeaderKey(name)]; ok {
		return strings.TrimSpace(v)
	}
	for have, v := range h {
		if strings.EqualFold(have, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// problem adds an item for what cannot be read.
func (m *message) problem(at *jsonread.Value, detail string) {
	m.items = append(m.items, format.Item{
		Path: path(at), Raw: at.Raw(), RawType: "application/json", Notes: m.noted(nil),
		Problem: &format.Problem{Path: path(at), Detail: detail},
	})
}

func (m *message) noted(more []format.Note) []format.Note {
	notes := append(slices.Clone(m.notes), more...)
	for i := range notes {
		notes[i].Path = cmp.Or(notes[i].Path, "/")
	}
	return notes
}

func path(v *jsonread.Value) string { return cmp.Or(v.Path(), "/") }

// draft is an event in the making. The first thing that is missing or wrong makes
// it a problem.
type draft struct {
	inventory.Event
	m   *message
	at  *jsonread.Value
	utc bool // the platform writes UTC without offset
	// dated says that the message has no time of its own, so that the request's has
	// to do. A repetition then says another time; it must not be judged by it.
	dated bool
	notes []format.Note
	wrong *format.Problem
}

// draft begins an event about the part of the body at.
func (m *message) draft(at *jsonread.Value, workflow, step, system string) *draft {
	return &draft{m: m, at: at, Event: inventory.Event{
		Source: cmp.Or(m.source.Name, "/"+m.vendor), SystemInstance: m.source.Instance,
		Workflow: workflow, Step: step, System: cmp.Or(m.source.System, system),
		Attributes: map[string]string{},
	}}
}

func (d *draft) fail(at *jsonread.Value, detail string) {
	if d.wrong == nil {
		d.wrong = &format.Problem{Path: path(at), Detail: detail}
	}
}

func (d *draft) note(code string, at *jsonread.Value, detail string) {
	d.notes = append(d.notes, format.Note{Code: code, Path: path(at), Detail: detail})
}

// utc matches the times of platforms that write UTC without saying so.
var utc = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)$`)

// when reads the time of the event from the first value that is given.
func (d *draft) when(values ...*jsonread.Value) {
	for _, v := range values {
		if !v.Given() || v.String() == "" {
			continue
		}
		text := v.String()
		if d.utc {
			text = utc.ReplaceAllString(text, "${1}T${2}Z")
		}
		t, err := instant.Read(text, d.m.source.ZoneFor(d.Location), path(v))
		if err != nil {
			d.fail(v, err.Error())
			return
		}
		d.Time, d.TimeAsSent = t.UTC(), v.String()
		d.notes = append(d.notes, t.Notes...)
		return
	}
	if sent := d.m.header("Date"); sent != "" && d.dated {
		if t, err := http.ParseTime(sent); err == nil {
			d.Time, d.TimeAsSent = t.UTC(), sent
			d.note(format.NotStandard, d.at, "says no time: read as "+sent+", when it was sent.")
			return
		}
	}
	// When Shopify raised it; a repetition of the delivery says the same.
	if sent := d.m.header("X-Shopify-Triggered-At"); sent != "" {
		if t, err := instant.Read(sent, nil, path(d.at)); err == nil {
			d.Time, d.TimeAsSent = t.UTC(), sent
			return
		}
	}
	if d.m.vendor == "shopify" {
		d.fail(d.at, "says no time, and no header X-Shopify-Triggered-At came beside it: hand on the header.")
		return
	}
	if d.dated {
		d.fail(d.at, "says no time, and no header Date came beside it: hand on the header.")
		return
	}
	d.fail(d.at, "says no time: send the time it happened.")
}

// place takes the location from the first value that names one.
func (d *draft) place(scheme string, values ...*jsonread.Value) {
	for _, v := range values {
		if id := d.text(v); id != "" && d.Location == "" {
			d.Location, d.LocationScheme = id, scheme
		}
	}
}

// text is an identifier as text, with a note where it may have been rounded.
func (d *draft) text(v *jsonread.Value) string { return v.Identifier(&d.notes) }

// identify names the event by what happened to what.
func (d *draft) identify(parts ...string) {
	d.ID = d.m.vendor + "/" + strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "/")
}

func (d *draft) key(name, value string) {
	k := inventory.Key{Name: name, Value: strings.TrimSpace(value)}
	if k.Value != "" && !slices.Contains(d.Keys, k) {
		d.Keys = append(d.Keys, k)
	}
}

func (d *draft) ref(rel, key, value string) {
	if value != "" {
		d.Refs = append(d.Refs, inventory.Ref{Rel: rel, Keys: []inventory.Key{{Name: key, Value: value}}})
	}
}

func (d *draft) keep(name string, v *jsonread.Value) {
	if v.Given() && v.JSON() != "" {
		d.Attributes[name] = v.Use().JSON()
	}
}

// quantity reads a number exactly; ok is false, and the draft wrong, where there
// is none.
func (d *draft) quantity(v *jsonread.Value, at *jsonread.Value) (q inventory.Decimal, ok bool) {
	if !v.Given() {
		d.fail(at, "says no quantity: nothing can be counted from it.")
		return q, false
	}
	q, err := v.Decimal()
	if err != nil {
		d.fail(v, "is "+strconv.Quote(short(v.JSON()))+", which is no quantity that can be kept exactly: write at most 15 digits before and 9 after the point.")
		return q, false
	}
	return q, true
}

// money reads an amount as text; one that is no plain number is left out and
// noted.
func (d *draft) money(v *jsonread.Value) string {
	if !v.Given() || v.JSON() == "" {
		return ""
	}
	amount, err := v.Decimal()
	if err != nil {
		d.note(format.NotStandard, v, strconv.Quote(short(v.JSON()))+" is no plain amount: left out.")
		return ""
	}
	return amount.String()
}

// line adds a line, numbered where it has no number.
func (d *draft) line(l inventory.Line) {
	l.Line = cmp.Or(l.Line, strconv.Itoa(len(d.Lines)+1))
	d.Lines = append(d.Lines, l)
}

// done finishes the event and adds it to the message's items.
func (d *draft) done() {
	if d.Location == "" {
		d.Location = d.m.source.Location
	}
	if d.Location == "" {
		d.fail(d.at, "names no location, and none is declared for its sender: declare the source's location.")
	}
	item := format.Item{Path: path(d.at), Raw: d.at.Raw(), RawType: "application/json", Notes: d.m.noted(dedupe(d.notes)), Problem: d.wrong}
	if d.wrong == nil {
		d.Type = "inventory." + d.Workflow + "." + d.Step
		d.Normalize()
		item.Event = d.Event
	}
	d.m.items = append(d.m.items, item)
}

// dedupe removes notes that are said twice.
func dedupe(notes []format.Note) []format.Note {
	var kept []format.Note
	for _, n := range notes {
		if !slices.Contains(kept, n) {
			kept = append(kept, n)
		}
	}
	return kept
}

func short(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// stepName makes of a vendor's word one that can name a step: OrderCreated and
// order.created become order_created.
func stepName(word string) string {
	var b strings.Builder
	for i, r := range word {
		switch {
		case r >= 'A' && r <= 'Z':
			if i > 0 && !strings.HasSuffix(b.String(), "_") && (word[i-1] < 'A' || word[i-1] > 'Z') {
				b.WriteByte('_')
			}
			b.WriteRune(r - 'A' + 'a')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return strings.Trim(b.String(), "_")
}

func has(names []string, all ...string) bool {
	for _, n := range all {
		if !slices.Contains(names, n) {
			return false
		}
	}
	return true
}
