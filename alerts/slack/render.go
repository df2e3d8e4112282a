package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/inventory"
)

// Slack's limits on what a message may hold, in characters.
const (
	maxSection = 3000
	maxField   = 2000
	maxFields  = 10
	maxTitle   = 300 // ours: a title is one line
	maxNote    = 300 // ours: an example is one line
)

// Colours of the bar beside the message.
const (
	red    = "#d92d20"
	orange = "#e58e1a"
	green  = "#2e9e5b"
)

// render returns the message's text, which is also what a notification shows,
// and an attachment of Block Kit blocks beside a coloured bar.
func render(m *alerts.Message) (text string, attachment slack.Attachment) {
	title := fit(m.Title, maxTitle)
	attachment.Fallback = fit(m.Title+". "+m.Lead, maxSection)
	switch {
	case m.State == alerts.Resolved:
		text, attachment.Color = ":large_green_circle: ~"+title+"~", green
	case m.Severity == inventory.Critical:
		text, attachment.Color = ":red_circle: *"+title+"*", red
	default:
		text, attachment.Color = ":large_orange_circle: *"+title+"*", orange
	}
	var blocks []slack.Block
	section := func(lines ...string) {
		if text := join(lines, maxSection); text != "" {
			blocks = append(blocks, slack.NewSectionBlock(mrkdwn(text), nil, nil))
		}
	}
	section(fit(m.Lead, maxSection))
	var fields []*slack.TextBlockObject
	for _, f := range m.Facts[:min(len(m.Facts), maxFields)] {
		fields = append(fields, mrkdwn("*"+fit(f.Name, maxNote)+"*\n"+fit(f.Value, maxField-maxNote-3)))
	}
	if len(fields) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
	}
	if m.Burn != "" {
		section("*Promise* " + fit(m.Burn, maxSection-10))
	}
	if len(m.Groups) > 0 {
		lines := []string{"*Inside*"}
		for _, g := range m.Groups {
			lines = append(lines, "• "+fit(g, maxNote))
		}
		section(lines...)
	}
	if len(m.Examples) > 0 {
		lines := []string{"*Examples*"}
		for _, e := range m.Examples {
			line := "• " + link(e.URL, e.Text)
			if e.Note != "" {
				line += " " + fit(e.Note, maxNote)
			}
			lines = append(lines, line)
		}
		section(lines...)
	}
	if m.Action != "" && m.State == alerts.Firing {
		section("*Next* " + fit(m.Action, maxSection-10))
	}
	parts := []string{link(m.Link, "Open in stocktrace")}
	if m.Runbook != "" {
		parts = append(parts, link(m.Runbook, "Runbook"))
	}
	parts = append(parts, "since "+date(m.OpenedAt))
	if !m.ClosedAt.IsZero() {
		parts = append(parts, "over "+date(m.ClosedAt))
	}
	blocks = append(blocks, slack.NewContextBlock("", mrkdwn(strings.Join(parts, " · "))))
	attachment.Blocks = slack.Blocks{BlockSet: blocks}
	return text, attachment
}

func mrkdwn(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, text, false, false)
}

// escape takes their meaning from Slack's control characters: an item called
// <!channel> must not wake the channel.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// fit escapes plain text and cuts it to limit characters as sent, with an
// ellipsis, never inside an escape.
func fit(text string, limit int) string {
	escaped := escape.Replace(text)
	if utf8.RuneCountInString(escaped) <= limit {
		return escaped
	}
	var b strings.Builder
	left := limit - 1
	for _, r := range text {
		piece := escape.Replace(string(r))
		n := utf8.RuneCountInString(piece)
		if n > left {
			break
		}
		b.WriteString(piece)
		left -= n
	}
	return b.String() + "…"
}

// join puts whole lines together as long as they fit.
func join(lines []string, limit int) string {
	var kept []string
	left := limit
	for _, line := range lines {
		n := utf8.RuneCountInString(line) + 1
		if n > left+1 {
			break
		}
		kept, left = append(kept, line), left-n
	}
	return strings.Join(kept, "\n")
}

// link is an address with a text; an address that would break out of the markup
// is left away.
func link(address, text string) string {
	if address == "" || strings.ContainsAny(address, "<>| \n") || len(address) > 1000 {
		return fit(text, maxNote)
	}
	return "<" + escape.Replace(address) + "|" + fit(strings.NewReplacer("|", "¦", "\n", " ").Replace(text), maxNote) + ">"
}

// date is shown in each reader's own zone.
func date(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04 UTC"))
}
