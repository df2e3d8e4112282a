package flat

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format"
)

const (
	// mostRecord bounds one record, in bytes.
	mostRecord = 1 << 20
	// mostQuoted bounds in how many lines a quoted field may stand. Beyond it the
	// quote is taken for a stray one, which spoils its own line and no other.
	mostQuoted = 100
	// kept is how much of a record that is too long is kept for people to see.
	kept = 64 << 10
)

// record is one record as it stands in the file.
type record struct {
	number int // of its first line, or of the record where no lines are
	raw    []byte
	fields []string // of a delimited record
	body   []byte   // of a fixed-width record: raw without its line end
	text   string   // decoded
	wrong  string   // why it cannot be read, as a sentence
}

// cutter cuts a document into records. The document is never held: only the
// lines of one record are.
type cutter struct {
	in     *bufio.Reader
	layout *Layout
	number int
	begun  bool
	// again are lines that were read to find the end of a quote which has none.
	again [][]byte
}

func newCutter(in io.Reader, l *Layout) *cutter {
	return &cutter{in: bufio.NewReaderSize(in, 64<<10), layout: l}
}

// unit is what the cutter counts.
func (c *cutter) unit() string {
	if c.layout.RecordLength > 0 {
		return "record"
	}
	return "line"
}

func (c *cutter) at(number int) string { return fmt.Sprintf("%s %d", c.unit(), number) }

// next returns the next record that is not blank; io.EOF at the end. Any other
// error is a *format.Problem: nothing behind it can be read.
func (c *cutter) next() (record, error) {
	// Blank lines belong to the fragment they stand in.
	var blank []byte
	for {
		raw, long, err := c.line()
		if err != nil {
			return record{}, err
		}
		r := record{number: c.number, raw: raw}
		if !c.begun {
			c.begun = true
			if bytes.HasPrefix(raw, []byte{0xFF, 0xFE}) || bytes.HasPrefix(raw, []byte{0xFE, 0xFF}) {
				return record{}, &format.Problem{Path: c.at(1), Detail: "The file is UTF-16, which no layout reads: save it as UTF-8."}
			}
			raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
		}
		if long {
			r.wrong = fmt.Sprintf("It is longer than the %d bytes a record may have, so it was not read; its beginning is kept.", mostRecord)
			return r, nil
		}
		r.body = c.trim(raw)
		var ok bool
		if r.text, ok = c.layout.chars.text(r.body); !ok {
			r.wrong = c.layout.chars.wrongBytes()
			return r, nil
		}
		if strings.Trim(r.text, " \t\x1a\x00") == "" && c.layout.RecordLength == 0 {
			if blank = append(blank, r.raw...); len(blank) > kept {
				r.raw, r.wrong = blank, "So many lines are blank that the file seems to be damaged here."
				return r, nil
			}
			continue
		}
		if len(blank) > 0 {
			r.raw = append(blank, r.raw...)
		}
		if c.layout.comma != 0 {
			return c.split(r)
		}
		return r, nil
	}
}

// line returns the next line with its end. long says that it was too long, and
// is its beginning only.
func (c *cutter) line() (raw []byte, long bool, err error) {
	c.number++
	if len(c.again) > 0 {
		raw, c.again = c.again[0], c.again[1:]
		return raw, false, nil
	}
	if n := c.layout.RecordLength; n > 0 {
		raw = make([]byte, n)
		got, err := io.ReadFull(c.in, raw)
		switch {
		case err == nil:
			return raw, false, nil
		case errors.Is(err, io.EOF):
			return nil, false, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			// A line end or the padding of a block may follow the last record.
			if text, _ := c.layout.chars.text(raw[:got]); strings.Trim(text, " \r\n\x1a\x00\u0085") == "" {
				return nil, false, io.EOF
			}
			return nil, false, &format.Problem{Path: c.at(c.number), Detail: fmt.Sprintf("The file ends after %d of the record's %d bytes: it was cut off, or its records have another length. Send it again, whole.", got, n)}
		default:
			return nil, false, c.stopped(err)
		}
	}
	for {
		part, err := c.slice()
		if !long {
			raw = append(raw, part...)
			if long = len(raw) > mostRecord; long {
				raw = bytes.Clone(raw[:kept])
			}
		}
		switch {
		case err == nil:
			return raw, long, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if len(raw) == 0 {
				return nil, false, io.EOF
			}
			return raw, long, nil
		default:
			return nil, false, c.stopped(err)
		}
	}
}

// slice is bufio's ReadSlice for several line ends.
func (c *cutter) slice() ([]byte, error) {
	ends := c.layout.chars.newline
	if len(ends) == 1 {
		return c.in.ReadSlice(ends[0])
	}
	for n := 1; ; {
		_, err := c.in.Peek(n) // reads on until there are n bytes
		n = max(n, c.in.Buffered())
		part, _ := c.in.Peek(n)
		if i := bytes.IndexAny(part, "\x15\x25\n"); i >= 0 {
			part = part[:i+1]
			_, _ = c.in.Discard(len(part))
			return part, nil
		}
		if err != nil {
			_, _ = c.in.Discard(len(part))
			return part, err
		}
		if n == c.in.Size() {
			_, _ = c.in.Discard(len(part))
			return part, bufio.ErrBufferFull
		}
		n++
	}
}

func (c *cutter) stopped(err error) error {
	return &format.Problem{Path: c.at(c.number), Detail: "Reading the file stopped: " + err.Error() + ". Send it again."}
}

// trim removes the line end.
func (c *cutter) trim(raw []byte) []byte {
	if c.layout.RecordLength > 0 {
		return raw
	}
	if n := len(raw); n > 0 && bytes.IndexByte(c.layout.chars.newline, raw[n-1]) >= 0 {
		raw = raw[:n-1]
	}
	if n := len(raw); n > 0 && raw[n-1] == c.layout.chars.ret {
		raw = raw[:n-1]
	}
	return raw
}

// split cuts a delimited record into fields, reading on while a quote is open.
func (c *cutter) split(r record) (record, error) {
	fields, open := splitFields(r.text, c.layout.comma, c.layout.quote)
	first, text, lines := r, r.text, [][]byte{r.raw}
	for open && len(lines) < mostQuoted && len(r.raw) < mostRecord {
		raw, long, err := c.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return record{}, err
		}
		if err != nil || long {
			break
		}
		more, ok := c.layout.chars.text(c.trim(raw))
		if !ok {
			r.wrong = c.layout.chars.wrongBytes()
		}
		text += "\n" + more
		lines = append(lines, raw)
		r.raw = append(r.raw[:len(r.raw):len(r.raw)], raw...)
		fields, open = splitFields(text, c.layout.comma, c.layout.quote)
	}
	if open {
		// The lines behind it are read as if the quote had not been.
		c.again = append(lines[1:], c.again...)
		c.number = first.number
		first.wrong = fmt.Sprintf("A quote is opened and not closed within %d lines: double a quote that is meant as text, or say \"quote: none\".", mostQuoted)
		return first, nil
	}
	r.fields = fields
	return r, nil
}

// splitFields cuts text at the delimiter. A field that begins with the quote
// ends with it, and has it doubled within; elsewhere a quote is text. open says
// that the last field's quote is not closed.
func splitFields(text string, comma, quote byte) (fields []string, open bool) {
	fields = make([]string, 0, 1+strings.Count(text, string(comma)))
	for {
		lead := strings.TrimLeft(text, " ")
		if quote == 0 || lead == "" || lead[0] != quote {
			i := strings.IndexByte(text, comma)
			if i < 0 {
				return append(fields, text), false
			}
			fields, text = append(fields, text[:i]), text[i+1:]
			continue
		}
		rest := lead[1:]
		var b strings.Builder
		for {
			i := strings.IndexByte(rest, quote)
			if i < 0 {
				return append(fields, b.String()+rest), true
			}
			b.WriteString(rest[:i])
			rest = rest[i+1:]
			if rest == "" || rest[0] != quote {
				break
			}
			b.WriteByte(quote)
			rest = rest[1:]
		}
		// Text behind the closing quote belongs to the field, as spreadsheets read it.
		i := strings.IndexByte(rest, comma)
		if i < 0 {
			return append(fields, b.String()+strings.TrimRight(rest, " ")), false
		}
		fields, text = append(fields, b.String()+strings.TrimRight(rest[:i], " ")), rest[i+1:]
	}
}
