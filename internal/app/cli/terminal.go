package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// screen is where an answer is drawn: a terminal in colour, or plain text in a
// pipe, in a file and where NO_COLOR is set.
type screen struct {
	w      io.Writer
	colour bool
	zone   *time.Location
	now    time.Time
}

func (p *Program) screen() *screen {
	s := &screen{w: p.Stdout, zone: p.Zone, now: time.Now()}
	if s.zone == nil {
		s.zone = time.Local
	}
	if p.Now != nil {
		s.now = p.Now()
	}
	if f, ok := p.Stdout.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		s.colour = true
	}
	for _, entry := range p.Environ {
		name, value, _ := strings.Cut(entry, "=")
		if (name == "NO_COLOR" && value != "") || (name == "TERM" && value == "dumb") {
			s.colour = false
		}
	}
	return s
}

func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }

// style is an ANSI colour; bold and dim are styles too.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
)

func (s *screen) in(st style, text string) string {
	if !s.colour || st == plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// cell is a piece of a table row; its width is counted in characters, without
// the colours.
type cell struct {
	text  string
	style style
	right bool
	loose bool // the last of its row, and no measure for its column
}

// table draws rows with aligned columns, two blanks apart, indented by two.
func (s *screen) table(rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if !c.loose {
				widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
			}
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c.text)))
			b.WriteString("  ")
			if c.right {
				b.WriteString(pad)
			}
			b.WriteString(s.in(c.style, c.text))
			if !c.right {
				b.WriteString(pad)
			}
		}
		s.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// duration writes a span as people say it: 47 min, 2 h 05 min, 3 d 4 h, 1.2 s.
func duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%s%d ms", sign, d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%s%.1f s", sign, d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%s%d s", sign, int(d.Seconds()))
	case d < time.Hour:
		m, sec := int(d/time.Minute), int(d%time.Minute/time.Second)
		if m < 10 && sec > 0 {
			return fmt.Sprintf("%s%d min %02d s", sign, m, sec)
		}
		return fmt.Sprintf("%s%d min", sign, m)
	case d < 24*time.Hour:
		h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
		if m == 0 {
			return fmt.Sprintf("%s%d h", sign, h)
		}
		return fmt.Sprintf("%s%d h %02d min", sign, h, m)
	default:
		days, h := int(d/(24*time.Hour)), int(d%(24*time.Hour)/time.Hour)
		if h == 0 {
			return fmt.Sprintf("%s%d d", sign, days)
		}
		return fmt.Sprintf("%s%d d %d h", sign, days, h)
	}
}

// clock writes a time of day; with its date where it is not the day of ref.
func (s *screen) clock(t, ref time.Time) string {
	t, ref = t.In(s.zone), ref.In(s.zone)
	if t.Format(time.DateOnly) != ref.Format(time.DateOnly) {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("15:04:05")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
