package x12

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// hop is what an answer is about: the workflow and step of the set it answers,
// by the set's number and its functional group.
type hop struct{ workflow, step, system string }

var hops = map[string]hop{
	"846": {"snapshot", "reported", "erp"}, "IB": {"snapshot", "reported", "erp"},
	"852": {"posting_batch", "reported", "erp"}, "PD": {"posting_batch", "reported", "erp"},
	"856": {"receipt", "shipped", "supplier"}, "SH": {"receipt", "shipped", "supplier"},
	"861": {"receipt", "received", "wms"}, "RC": {"receipt", "received", "wms"},
	"867": {"posting_batch", "reported", "erp"}, "PT": {"posting_batch", "reported", "erp"},
	"940": {"fulfilment", "accepted", "wms"}, "OW": {"fulfilment", "accepted", "wms"},
	"943": {"transfer", "shipped", "wms"}, "AR": {"transfer", "shipped", "wms"},
	"944": {"receipt", "received", "wms"}, "RE": {"receipt", "received", "wms"},
	"945": {"fulfilment", "shipped", "wms"}, "SW": {"fulfilment", "shipped", "wms"},
	"947": {"adjustment", "adjusted", "wms"}, "AW": {"adjustment", "adjusted", "wms"},
}

// applicationAdvice reads an 824: for each document it answers (OTI), whether it
// was accepted. A rejection is one of the hop that sent the document, so that it
// joins the transaction it stops; an acceptance takes nothing from anybody and is
// a step of its own, save that of an order to ship, which is the step accepted.
func (r *reading) applicationAdvice() {
	var at edi.Said
	var parties []edi.Place
	var d *edi.Draft
	var texts []string
	reference := ""
	flush := func() {
		if d != nil && len(texts) > 0 {
			if d.Error != nil {
				d.Error.Message = strings.Join(texts, "; ")
			} else {
				d.Say("text", strings.Join(texts, "; "))
			}
		}
		texts = nil
	}
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BGN":
			r.Use(i)
			reference = s.Text(2)
			at, _ = r.when("BGN", s.Text(3), s.Text(4), s.Text(5))
		case "N1":
			parties = append(parties, r.party(i, s))
		case "OTI":
			r.Use(i)
			flush()
			place := r.Loop("OTI")
			h, known := hops[s.Text(10)]
			if !known {
				h = hop{"document", "received", "middleware"}
			}
			d = r.Draft(h.workflow, "acknowledged", h.system)
			if known {
				d.System = h.system
			}
			d.Place = place
			d.Number = reference + "-" + s.Text(3)
			code := s.Text(1) // element 110: T a set, I an item, G a group, B a batch
			accepted := strings.HasSuffix(code, "A") || strings.HasSuffix(code, "C") || code == "TE" || code == "IE"
			if !accepted || h.step == "accepted" || h.workflow == "document" {
				d.Step = h.step
			}
			if strings.HasSuffix(code, "E") {
				d.Outcome = inventory.Partial
			}
			if !accepted {
				d.Outcome = inventory.Rejected
			}
			if !accepted || d.Outcome == inventory.Partial {
				d.Error = &inventory.Error{Code: "document_rejected", Field: place, Value: code}
				if accepted {
					d.Error.Code = "document_doubted"
				}
			}
			answerKeys(d, s.Text(10), s.Text(2), s.Text(3))
			d.Say("answers", fmt.Sprintf("group %s, set %s", s.Text(8), s.Text(9)))
			d.Say("acknowledgment", code)
		case "REF":
			if d != nil {
				r.reference(d, i, s)
			}
		case "TED":
			r.Use(i)
			if d == nil {
				return
			}
			text := strings.TrimSpace(s.Text(1) + " " + s.Text(2))
			if s.Text(3) != "" {
				text += " (" + s.Text(3)
				if s.Text(5) != "" {
					text += " element " + s.Text(5)
				}
				if s.Text(7) != "" {
					text += ": " + s.Text(7)
				}
				text += ")"
			}
			texts = append(texts, text)
			if d.Error != nil && d.Error.Field == r.In("OTI") && s.Text(3) != "" {
				d.Error.Field, d.Error.Value = s.Text(3)+s.Part(5, 1), s.Text(7)
			}
		case "NTE":
			r.Use(i)
			texts = append(texts, strings.TrimSpace(s.Text(2)))
		}
	})
	flush()
	for _, d := range r.Drafts {
		d.Locate(parties, "ST", "WH", "BY", "SF")
		r.Happened(d, at)
	}
	if len(r.Drafts) == 0 {
		r.Fail("", "it answers nothing (OTI)")
	}
}

// answerKeys are the keys of the document that is answered, as that document
// itself has them.
func answerKeys(d *edi.Draft, set, qualifier, value string) {
	switch qualifier {
	case "PO":
		d.Key("order", value)
	case "BM":
		d.Key("shipment", value)
	case "SI", "SH", "TN", "DO", "ZZ", "2I", "IX":
		switch set {
		case "856", "861", "940", "943", "944", "945":
			d.Key(inventory.KeyDelivery, value)
		case "947":
			d.Key("adjustment", value)
		default:
			d.Key("transaction", value)
		}
	default:
		d.Key("transaction", value)
	}
}

// verdicts are the codes of AK5 and AK9 (elements 717 and 715).
var verdicts = map[string]inventory.Outcome{
	"A": inventory.OK, "E": inventory.Partial, "P": inventory.Partial, "R": inventory.Rejected, "M": inventory.Rejected, "W": inventory.Rejected, "X": inventory.Rejected,
}

// functionalAcknowledgment reads a 997 or 999. It names documents by their
// control numbers alone, so it is told of as the answer to a document: one event
// for each set it names, or for the group where it names none.
func (r *reading) functionalAcknowledgment() {
	var d *edi.Draft
	var texts []string
	group, groupType, version := "", "", ""
	begin := func(set, control string) {
		d = r.Draft("document", "received", "middleware")
		d.Place = "AK1"
		if control != "" {
			d.Place = r.Loop("AK2")
		}
		texts = nil
		name := "group " + group
		d.Key("edi_document", strings.Join(nonEmpty(r.partner(), group, control), "/"))
		if control != "" {
			name = fmt.Sprintf("%s %s of group %s", set, control, group)
		}
		d.Say("answers", name)
		d.Say("answers_type", cmp.Or(set, groupType))
		d.Say("answers_version", version)
		d.Number = strings.Join(nonEmpty(group, control), "-")
	}
	end := func(field, code string, errors []string) {
		outcome, ok := verdicts[code]
		if !ok {
			r.Fail(field, fmt.Sprintf("its answer %q is none of those of X12", code))
			return
		}
		texts = append(texts, errors...)
		if outcome == inventory.OK {
			return
		}
		d.Outcome = outcome
		d.Error = &inventory.Error{Code: "document_rejected", Field: field, Value: code, Message: strings.Join(texts, "; ")}
		if outcome == inventory.Partial {
			d.Error.Code = "document_doubted"
		}
		if d.Error.Message == "" {
			d.Error.Message = "the partner's system gives no reason"
		}
	}
	sets := 0
	where := ""
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "AK1":
			r.Use(i)
			groupType, group, version = s.Text(1), s.Text(2), s.Text(3)
		case "AK2":
			r.Use(i)
			sets++
			begin(s.Text(1), s.Text(2))
		case "AK3", "IK3":
			r.Use(i)
			where = fmt.Sprintf("segment %s at %s", s.Text(1), s.Text(2))
			if s.Text(4) != "" {
				texts = append(texts, where+": "+name(segmentErrors, s.Text(4)))
			}
		case "AK4", "IK4":
			r.Use(i)
			text := fmt.Sprintf("%s, element %s: %s", where, s.Part(1, 1), name(elementErrors, s.Text(3)))
			if s.Text(4) != "" {
				text += fmt.Sprintf(" (%q)", s.Text(4))
			}
			texts = append(texts, text)
		case "AK5", "IK5":
			r.Use(i)
			if d == nil {
				r.Fail(s.Tag, "it stands before any set it could answer (AK2)")
				return
			}
			end(s.Tag, s.Text(1), errorsFrom(s, 2, setErrors))
			d = nil
		case "AK9":
			r.Use(i)
			if sets == 0 || s.Text(1) != "A" && r.noneRejected() {
				begin("", "")
				end("AK9", s.Text(1), errorsFrom(s, 5, groupErrors))
			}
			if said := s.Text(3); said != "" && sets > 0 {
				r.Count("AK903", said, sets, "sets answered (AK2)")
			}
		}
	})
	if len(r.Drafts) == 0 {
		r.Fail("", "it answers nothing (AK2 or AK9)")
	}
}

// noneRejected reports whether no set was answered otherwise than accepted: then
// what the group was answered is news.
func (r *reading) noneRejected() bool {
	for _, d := range r.Drafts {
		if d.Outcome != "" {
			return false
		}
	}
	return true
}

// partner is who sent what is answered: the receiver of the answer.
func (r *reading) partner() string {
	if r.Group != nil && r.Group.Receiver.ID != "" {
		return r.Group.Receiver.ID
	}
	return r.Interchange.Receiver.ID
}

// interchangeAcknowledgment reads a TA1: whether an interchange as a whole was
// accepted.
func (r *reading) interchangeAcknowledgment() {
	s := &r.Body[0]
	r.Use(0)
	d := r.Draft("document", "received", "middleware")
	d.Key("edi_document", strings.Join(nonEmpty(r.Interchange.Receiver.ID, s.Text(1)), "/"))
	d.Number = s.Text(1)
	d.Say("answers", "interchange "+s.Text(1))
	switch s.Text(4) {
	case "A":
	case "E":
		d.Outcome = inventory.Partial
	case "R":
		d.Outcome = inventory.Rejected
	default:
		r.Fail("TA104", fmt.Sprintf("its answer %q is none of A, E and R", s.Text(4)))
	}
	if d.Outcome != "" {
		d.Error = &inventory.Error{Code: "document_rejected", Field: "TA105", Value: s.Text(5), Message: "interchange note code " + s.Text(5)}
	}
}

func nonEmpty(values ...string) []string {
	var all []string
	for _, v := range values {
		if v != "" {
			all = append(all, v)
		}
	}
	return all
}

func errorsFrom(s *edi.Segment, from int, names map[string]string) []string {
	var all []string
	for e := from; e <= s.Len(); e++ {
		if code := s.Text(e); code != "" {
			all = append(all, name(names, code))
		}
	}
	return all
}

func name(names map[string]string, code string) string {
	if n, ok := names[code]; ok {
		return n
	}
	return "error " + code
}

// The commonest codes of elements 720, 723, 718 and 716.
var (
	segmentErrors = map[string]string{
		"1": "unknown segment", "2": "unexpected segment", "3": "required segment missing", "4": "loop occurs too often", "5": "segment occurs too often",
		"6": "segment not in the set", "7": "segment out of order", "8": "segment has faulty elements",
	}
	elementErrors = map[string]string{
		"1": "required element missing", "2": "conditional element missing", "3": "too many elements", "4": "element too short", "5": "element too long",
		"6": "invalid character", "7": "invalid code", "8": "invalid date", "9": "invalid time", "10": "exclusion condition violated",
	}
	setErrors = map[string]string{
		"1": "set not supported", "2": "trailer missing", "3": "control numbers of header and trailer differ", "4": "wrong number of segments",
		"5": "segments in error", "6": "invalid set identifier", "7": "invalid control number",
	}
	groupErrors = map[string]string{
		"1": "group not supported", "2": "version not supported", "3": "trailer missing", "4": "control numbers of header and trailer differ",
		"5": "wrong number of sets", "6": "invalid control number",
	}
)
