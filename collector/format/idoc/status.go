package idoc

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
	"github.com/stocktrace/stocktrace/inventory"
)

// Statuses of SAP table TEDS1: 01 to 42 of outbound IDocs, 50 to 75 of inbound
// ones. What they mean for stock is domain rule 5.
var outcomes = map[string]inventory.Outcome{
	// Sent, and perhaps heard: nothing is known of what the receiver did.
	"01": inventory.Pending, "03": inventory.Pending, "06": inventory.Pending, "08": inventory.Pending, "10": inventory.Pending,
	"12": inventory.Pending, "13": inventory.Pending, "14": inventory.Pending, "18": inventory.Pending, "19": inventory.Pending,
	"22": inventory.Pending, "24": inventory.Pending, "25": inventory.Pending, "30": inventory.Pending, "35": inventory.Pending,
	"38": inventory.Pending, "39": inventory.Pending, "42": inventory.Pending,
	"16": inventory.OK, "41": inventory.OK, // the receiver has processed it
	"02": inventory.Failed, "04": inventory.Failed, "05": inventory.Failed, "07": inventory.Failed, "09": inventory.Failed,
	"11": inventory.Failed, "15": inventory.Failed, "17": inventory.Failed, "20": inventory.Failed, "21": inventory.Failed,
	"23": inventory.Failed, "26": inventory.Failed, "27": inventory.Failed, "29": inventory.Failed, "34": inventory.Failed,
	"36": inventory.Failed, "37": inventory.Failed, "40": inventory.Failed,
	"31": inventory.Discarded,
	// Edited, and the copy of what was edited: 33 and 70 are no duplicates.
	"32": inventory.Pending, "33": inventory.Pending, "69": inventory.Pending, "70": inventory.Pending,
	"50": inventory.Pending, "61": inventory.Pending, "62": inventory.Pending, "64": inventory.Pending, "71": inventory.Pending, "75": inventory.Pending,
	"66": inventory.Pending, // waits for the one before it
	"74": inventory.Pending, // a test
	"51": inventory.Failed, "52": inventory.Partial, "53": inventory.OK, "54": inventory.Failed, "55": inventory.Pending,
	"56": inventory.Failed, "60": inventory.Failed, "63": inventory.Failed, "65": inventory.Failed,
	"57": inventory.Failed, "58": inventory.Pending, "68": inventory.Discarded,
}

// meanings are how people say statuses that come without a text.
var meanings = map[string]string{
	"51": "The application document was not posted", "52": "The application document was posted in part",
	"53": "The application document was posted", "56": "The IDoc has errors and was added", "60": "The IDoc's syntax is wrong",
	"63": "The IDoc could not be passed to the application", "64": "The IDoc is ready to be passed to the application",
	"65": "The service for the IDoc fails", "66": "The IDoc waits for the one before it", "68": "Discarded by hand: no further processing",
	"69": "The IDoc was edited", "70": "The original of an IDoc that was edited", "74": "The IDoc was made by a test",
	"31": "Discarded by hand: no further processing", "02": "The data could not be passed to the port",
}

// errorTexts are what the text of a 51 says beside its number, in the languages
// whose messages were at hand. Locks pass by themselves; the rest somebody has to
// mend. They are narrow on purpose: a text that is not known says only that it
// failed.
var errorTexts = []struct {
	code string
	text *regexp.Regexp
}{
	{"erp_lock", regexp.MustCompile(`(?i)locked by|object .*is locked|is (already|currently) (locked|being processed)|being processed by|gesperrt (durch|von)|(durch|von) .*gesperrt|wird (gerade |bereits )?(durch|von) .*bearbeitet|verrouillé par|bloqueado por`)},
	{"posting_period_closed", regexp.MustCompile(`(?i)posting only possible in periods|period .*(not open|closed)|buchung(en)? (ist )?nur in .*periode|periode .*(nicht offen|geschlossen)`)},
	{"deficit", regexp.MustCompile(`(?i)deficit of|unterschritten|bestandsunterdeckung`)},
	{"not_in_assortment", regexp.MustCompile(`(?i)not listed|nicht gelistet|not maintained in plant|im werk .*nicht gepflegt`)},
	{"item_unmapped", regexp.MustCompile(`(?i)\b(ean|gtin|article|material)\b.*(does not exist|not found|could not be determined|unknown)|\b(ean|artikel|material)\b.*(nicht vorhanden|existiert nicht|nicht gefunden|nicht ermittelt)`)},
	{"location_unmapped", regexp.MustCompile(`(?i)\b(plant|store|site|storage location)\b.*(does not exist|not found|unknown)|\b(werk|betrieb|lagerort)\b.*(nicht vorhanden|existiert nicht|nicht gefunden)`)},
	{"uom_unmapped", regexp.MustCompile(`(?i)\bunit\b.*(not defined|does not exist|not found)|mengeneinheit.*(nicht definiert|nicht vorhanden|nicht gefunden)`)},
}

// judge says what a status means, with its text.
func (d *draft) judge(status, text, code string) {
	outcome, known := outcomes[status]
	if !known {
		if status != "" {
			d.note(format.NotStandard, d.p.path, "The IDoc status %s is none of SAP's: read as pending.", show(status))
		}
		outcome = inventory.Pending
	}
	if text == "" {
		text = meanings[status]
	}
	e := &d.event
	e.Outcome = outcome
	d.keep("status", status)
	d.keep("status_text", text)
	switch status {
	case "74":
		e.Transaction.Mode = "training"
	case "68", "31":
		e.Error = &inventory.Error{Code: "discarded", Value: status, Message: text}
	}
	if outcome != inventory.Failed && outcome != inventory.Partial {
		return
	}
	e.Error = &inventory.Error{Code: "idoc_status_" + status, Value: status, Message: text}
	for _, t := range errorTexts {
		if t.text.MatchString(text) {
			e.Error.Code = t.code
			break
		}
	}
	if e.Error.Code == "erp_lock" && status == "51" {
		e.Outcome = inventory.Retrying
	}
	d.keep("status_code", code)
}

// message is the text of a status with its parameters in it.
func message(s *segment) string {
	text := s.get("STATXT", "STATXT_LNG")
	for i := 1; i <= 4; i++ {
		v := s.get(fmt.Sprintf("STAPA%d_LNG", i), fmt.Sprintf("STAPA%d", i))
		numbered := fmt.Sprintf("&%d", i)
		switch {
		case strings.Contains(text, numbered):
			text = strings.ReplaceAll(text, numbered, v)
		case strings.Contains(text, "&"):
			text = strings.Replace(text, "&", v, 1)
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

// about is the lifecycle that the statuses of one IDoc are told in: the number is
// unique in the system that gave it. IDocs of one number in two systems are two.
func about(system, number string) string {
	return "idoc/" + system + "/" + inventory.Unpad(number)
}

// workflowOf is the workflow in which the statuses of a message type are told. A
// store's day is a posting; everything else a document, of which nothing more is
// owed than that it is received.
func workflowOf(message string) (workflow, step string) {
	if strings.HasPrefix(message, "WPU") {
		return "posting_batch", "posted"
	}
	return "document", "received"
}

// statuses reads status records: EDI_DS40, or the segments of a STATUS IDoc.
func (r *reader) statuses(p *piece) error {
	found := false
	for _, s := range append(p.all("E1STATS"), p.all("EDI_DS40")...) {
		found = true
		workflow, step := workflowOf("")
		d := r.draft(p, workflow, step, "erp")
		d.event.Keys = nil // the STATUS IDoc's own number says nothing
		system := p.control.get("RCVPRN")
		if system == "" {
			system = cmp.Or(r.source.Instance, s.get("MANDT"))
		}
		number := s.get("DOCNUM")
		if blank(number) {
			d.fail(s.path, "The status names no IDoc (DOCNUM): nobody knows what it is about.")
		}
		d.key(inventory.KeyIDoc, number)
		d.event.CorrelationID = about(system, number)
		d.event.Location = cmp.Or(r.source.Location, p.control.get("SNDPRN"), r.source.Instance, s.get("MANDT"))
		d.keep("reference", s.get("ARCKEY"))
		d.keep("segment", s.get("SEGNUM"))
		d.event.Operator = s.get("UNAME")
		d.at(s.get("LOGDAT"), s.get("LOGTIM"), "", s.path)
		code := s.get("STACOD")
		if code == "" {
			code = s.get("STAMID") + s.get("STAMNO")
		}
		d.judge(s.get("STATUS"), message(s), code)
		s.get("STATYP")
		s.get("TABNAM")
		if err := d.emit(ignored([]*segment{s})); err != nil {
			return err
		}
	}
	if !found {
		return r.refuse(p, p.path, "The STATUS IDoc has no status segment (E1STATS): send it whole.")
	}
	return nil
}

// audit reads an ALEAUD: what the receiver did with IDocs, up to 500 in one.
func (r *reader) audit(p *piece) error {
	found := false
	for _, h := range p.all("E1ADHDR") {
		kind := h.get("MESTYP_LNG", "MESTYP")
		for _, s := range h.below("E1STATE") {
			found = true
			workflow, step := workflowOf(kind)
			d := r.draft(p, workflow, step, "erp")
			d.event.Keys = nil
			number := s.get("DOCNUM")
			if blank(number) {
				d.fail(s.path, "The confirmation names no IDoc (DOCNUM): nobody knows what it is about.")
			}
			d.key(inventory.KeyIDoc, number)
			d.event.CorrelationID = about(p.control.get("RCVPRN"), number)
			d.event.Location = cmp.Or(r.source.Location, p.control.get("RCVPRN"))
			d.keep("message", kind)
			code := s.get("STACOD")
			if code == "" {
				code = s.get("STAMID") + s.get("STAMNO")
			}
			d.judge(s.get("STATUS"), message(s), code)
			for _, o := range s.below("E1PRTOB") {
				d.keep("receiver_idoc", strings.TrimLeft(o.get("DOCNUM"), "0"))
				d.keep("object_type", o.get("OBJTYPE"))
				if object := o.get("OBJKEY"); object != "" && d.event.Outcome == inventory.OK {
					if o.get("OBJTYPE") == "BUS2017" && len(object) == 14 { // a material document and its year
						d.keep("document_year", object[10:])
						object = object[:10]
					}
					d.key(inventory.KeyERPDocument, object)
				}
			}
			s.get("STATYP")
			if err := d.emit(ignored([]*segment{s})); err != nil {
				return err
			}
		}
	}
	if !found {
		return r.refuse(p, p.path, "The ALEAUD IDoc confirms nothing: it has no E1STATE segment.")
	}
	return nil
}
