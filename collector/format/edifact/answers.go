package edifact

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/edi"
	"github.com/stocktrace/stocktrace/inventory"
)

// control reads a CONTRL: whether an interchange (UCI) and its messages (UCM)
// were accepted. It names documents by their control numbers alone.
func (r *reading) control() {
	var d *edi.Draft
	var texts []string
	interchange := ""
	begin := func(place, message, kind string) {
		d = r.Draft("document", "received", "middleware")
		d.Place = place
		texts = nil
		keys := []string{}
		for _, k := range []string{r.Interchange.Receiver.ID, interchange, message} {
			if k != "" {
				keys = append(keys, k)
			}
		}
		d.Key("edi_document", strings.Join(keys, "/"))
		d.Number = strings.Trim(interchange+"-"+message, "-")
		if message != "" {
			d.Say("answers", fmt.Sprintf("%s %s of interchange %s", kind, message, interchange))
		} else {
			d.Say("answers", "interchange "+interchange)
		}
	}
	answer := func(field, action, code string) {
		switch action {
		case "7", "8", "1", "2", "3", "6":
			if code == "" {
				return
			}
			d.Outcome = inventory.Partial
		case "4", "5":
			d.Outcome = inventory.Rejected
		default:
			r.Fail(field, fmt.Sprintf("its answer %q is none of those of element 0083", action))
			return
		}
		d.Error = &inventory.Error{Code: "document_rejected", Field: field, Value: code}
		if d.Outcome == inventory.Partial {
			d.Error.Code = "document_doubted"
		}
		if code != "" {
			texts = append(texts, syntaxError(code))
		}
		if d.Error.Message = strings.Join(texts, "; "); d.Error.Message == "" {
			d.Error.Message = "the partner's system gives no reason"
		}
	}
	more := func(text string) {
		if d == nil {
			return
		}
		texts = append(texts, text)
		if d.Error != nil {
			d.Error.Message = strings.Join(texts, "; ")
		} else {
			d.Say("text", strings.Join(texts, "; "))
		}
	}
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "UCI":
			r.Use(i)
			interchange = s.Text(1)
			begin("UCI", "", "")
			answer("UCI", s.Text(4), s.Text(5))
		case "UCF":
			r.Use(i)
			begin(r.Loop("UCF"), s.Text(1), "group")
			answer("UCF", s.Text(4), s.Text(5))
		case "UCM":
			r.Use(i)
			begin(r.Loop("UCM"), s.Text(1), s.Part(2, 1))
			answer("UCM", s.Text(3), s.Text(4))
		case "UCS":
			r.Use(i)
			if text := "segment " + s.Text(1); s.Text(2) != "" {
				more(text + ": " + syntaxError(s.Text(2)))
			} else {
				more(text)
			}
		case "UCD":
			r.Use(i)
			more(fmt.Sprintf("element %s: %s", strings.Trim(s.Part(2, 1)+"."+s.Part(2, 2), "."), syntaxError(s.Text(1))))
		}
	})
	if len(r.Drafts) == 0 {
		r.Fail("", "it answers nothing (UCI)")
	}
}

// syntaxErrors are the commonest codes of element 0085.
var syntaxErrors = map[string]string{
	"2": "syntax version or level not supported", "7": "the recipient is not the actual one", "12": "invalid value", "13": "a mandatory segment or element is missing",
	"14": "value not supported here", "15": "not supported here", "16": "too many constituents", "17": "no agreement", "18": "unspecified error",
	"19": "invalid decimal notation", "20": "character invalid as service character", "21": "invalid character", "22": "invalid service character", "23": "unknown sender",
	"24": "too old", "25": "test indicator not supported", "26": "duplicate", "28": "references do not match", "29": "control count does not match", "32": "lower level empty",
	"35": "too many repetitions", "36": "too many repetitions of a group", "37": "invalid type of character", "39": "element too long", "40": "element too short",
}

func syntaxError(code string) string {
	if t, ok := syntaxErrors[code]; ok {
		return t
	}
	return "error " + code
}

// applicationError reads an APERAK: whether what a document says was accepted. A
// rejection is one of the hop that sent the document, so that it joins the
// transaction it stops.
func (r *reading) applicationError() {
	d := r.Draft("document", "received", "middleware")
	kind := ""
	var texts, codes []string
	r.Each(func(i int, s *edi.Segment) {
		switch s.Tag {
		case "BGM":
			kind = s.Part(1, 1)
			r.header(nil, i, s)
		case "RFF":
			switch q := s.Part(1, 1); q {
			case "ACW", "TN":
				r.Use(i)
				d.Key("edi_document", s.Part(1, 2))
			default:
				if name, _ := r.reference(d, i, s); name == inventory.KeyDelivery || name == "receiving_advice" {
					d.Workflow, d.System = "receipt", "supplier"
					d.Say("answers_step", "shipped")
					if name == "receiving_advice" {
						d.System = "wms"
						d.Say("answers_step", "received")
					}
				}
			}
		case "ERC":
			r.Use(i)
			codes = append(codes, s.Part(1, 1))
		case "FTX":
			r.Use(i)
			var words []string
			for c := 1; c <= 5; c++ {
				if t := s.Part(4, c); t != "" {
					words = append(words, t)
				}
			}
			if t := cmp.Or(strings.Join(words, " "), s.Part(3, 1)); t != "" {
				texts = append(texts, t)
			}
		default:
			r.header(nil, i, s)
		}
	})
	d.Number = r.number
	rejected := r.function == "27" || r.function == "63" || kind == "313" || len(codes) > 0
	switch r.function {
	case "29", "44":
		rejected = false
	}
	step := d.Attributes["answers_step"]
	delete(d.Attributes, "answers_step")
	switch {
	case step == "":
	case rejected:
		d.Step = step
	default:
		d.Step = "acknowledged"
	}
	if rejected {
		d.Outcome = inventory.Rejected
		d.Error = &inventory.Error{Code: "document_rejected", Field: "ERC", Value: strings.Join(codes, " "), Message: cmp.Or(strings.Join(texts, "; "), "the partner's system gives no reason")}
	} else {
		d.Say("text", strings.Join(texts, "; "))
	}
	d.Locate(r.parties, "DP", "ST", "BY", "MS")
	r.Happened(d, r.first("137", "334"))
}
