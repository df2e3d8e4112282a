// Package slack tells a Slack channel: one message per incident, updated in
// place and struck through when it is over.
//
// The message carries the incident's id as metadata, so that a message whose
// sending was not remembered is found again in the channel's history.
//
// The bot needs the scopes chat:write and channels:history (groups:history for a
// private channel), and channels:read (groups:read) where the channel is given
// by name.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/stocktrace/stocktrace/alerts"
	"github.com/stocktrace/stocktrace/lifecycle"
)

// Options configure a Receiver.
type Options struct {
	Token string
	// Channel is a channel id such as C0123456789, or a name with or without #.
	Channel string
	// APIURL is another API address, with a slash at its end; empty means Slack's.
	APIURL string
	// Wall is the clock Slack's limits run on; nil means real time.
	Wall lifecycle.Clock
}

// Receiver posts to one channel. It implements [alerts.Receiver], with calls by
// one goroutine at a time.
type Receiver struct {
	client  *slack.Client
	channel string
	wall    lifecycle.Clock

	mu      sync.Mutex
	id      string    // of the channel, once known
	next    time.Time // when the next call may go out
	blocked time.Time // until when Slack wants none
}

var _ alerts.Receiver = (*Receiver)(nil)

const (
	// spacing keeps to Slack's one message per second and channel.
	spacing = time.Second
	// patience is how long a call waits for its turn; past that it is put off.
	patience = 5 * time.Second
	// callTimeout bounds one HTTP call.
	callTimeout = 15 * time.Second
	// skew is by how much our clock may be ahead of Slack's when we look for
	// messages since a time of ours.
	skew = 10 * time.Minute
	// pageSize and maxPages bound the look into the history: the newest 20,000
	// messages since the intent.
	pageSize, maxPages = 999, 20
	// eventType names our metadata.
	eventType = "stocktrace_incident"
	idKey     = "incident_id"
)

// New returns a receiver, or what is missing.
func New(o Options) (*Receiver, error) {
	if o.Token == "" || o.Channel == "" {
		return nil, errors.New("slack needs a token and a channel: set both --slack-token and --slack-channel")
	}
	if o.Wall == nil {
		o.Wall = realTime{}
	}
	options := []slack.Option{slack.OptionHTTPClient(&http.Client{Timeout: callTimeout})}
	if o.APIURL != "" {
		options = append(options, slack.OptionAPIURL(o.APIURL))
	}
	return &Receiver{client: slack.New(o.Token, options...), channel: o.Channel, wall: o.Wall}, nil
}

type realTime struct{}

func (realTime) Now() time.Time                         { return time.Now() }
func (realTime) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Name is "slack".
func (r *Receiver) Name() string { return "slack" }

// Find looks through the channel's history since the intent.
func (r *Receiver) Find(ctx context.Context, incidentID string, since time.Time) (alerts.Ref, bool, error) {
	channel, err := r.channelID(ctx)
	if err != nil {
		return alerts.Ref{}, false, err
	}
	params := &slack.GetConversationHistoryParameters{
		ChannelID: channel, Limit: pageSize, Inclusive: true, IncludeAllMetadata: true,
		Oldest: strconv.FormatInt(since.Add(-skew).Unix(), 10) + ".000000",
	}
	for range maxPages {
		var page *slack.GetConversationHistoryResponse
		err := r.call(ctx, func() (err error) {
			page, err = r.client.GetConversationHistoryContext(ctx, params)
			return err
		})
		if err != nil {
			return alerts.Ref{}, false, fmt.Errorf("read the channel's history: %w", err)
		}
		for _, m := range page.Messages {
			if m.Metadata.EventType == eventType && m.Metadata.EventPayload[idKey] == incidentID {
				return alerts.Ref{Place: channel, ID: m.Timestamp}, true, nil
			}
		}
		if params.Cursor = page.ResponseMetaData.NextCursor; params.Cursor == "" {
			break
		}
	}
	return alerts.Ref{}, false, nil
}

// Post sends a new message.
func (r *Receiver) Post(ctx context.Context, m alerts.Message) (alerts.Ref, error) {
	channel, err := r.channelID(ctx)
	if err != nil {
		return alerts.Ref{}, err
	}
	var ref alerts.Ref
	err = r.send(ctx, m, func(content slack.MsgOption) (err error) {
		ref.Place, ref.ID, err = r.client.PostMessageContext(ctx, channel, content)
		return err
	})
	return ref, err
}

// Update replaces a message in place.
func (r *Receiver) Update(ctx context.Context, ref alerts.Ref, m alerts.Message) error {
	err := r.send(ctx, m, func(content slack.MsgOption) error {
		_, _, _, err := r.client.UpdateMessageContext(ctx, ref.Place, ref.ID, content)
		return err
	})
	if code := errorCode(err); code == "message_not_found" || code == "cant_update_message" {
		return fmt.Errorf("%w: %w", alerts.ErrGone, err)
	}
	return err
}

// send sends the message as blocks, and as bare text where Slack will not have
// the blocks: told plainly is better than not told.
func (r *Receiver) send(ctx context.Context, m alerts.Message, do func(slack.MsgOption) error) error {
	text, attachment := render(&m)
	frame := slack.MsgOptionCompose(
		slack.MsgOptionText(text, false),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: eventType, EventPayload: map[string]any{idKey: m.IncidentID}}),
	)
	err := r.call(ctx, func() error {
		return do(slack.MsgOptionCompose(frame, slack.MsgOptionAttachments(attachment)))
	})
	if code := errorCode(err); code == "invalid_blocks" || code == "invalid_blocks_format" || code == "invalid_attachments" {
		plain := slack.Attachment{Color: attachment.Color, Text: fit(m.Lead+"\n"+m.Link, maxSection), Fallback: attachment.Fallback}
		err = r.call(ctx, func() error { return do(slack.MsgOptionCompose(frame, slack.MsgOptionAttachments(plain))) })
	}
	return err
}

func errorCode(err error) string {
	var response slack.SlackErrorResponse
	if errors.As(err, &response) {
		return response.Err
	}
	return ""
}

// Limited is the error of a call Slack wants later, or that we know it would.
type Limited struct{ After time.Duration }

func (e *Limited) Error() string {
	return fmt.Sprintf("slack wants no call for %v", e.After.Round(time.Second))
}

// RetryAfter is how long to leave Slack alone.
func (e *Limited) RetryAfter() time.Duration { return e.After }

// call makes one API call when its turn has come.
func (r *Receiver) call(ctx context.Context, do func() error) error {
	r.mu.Lock()
	now := r.wall.Now()
	turn := now
	if r.next.After(turn) {
		turn = r.next
	}
	if r.blocked.After(turn) {
		turn = r.blocked
	}
	wait := turn.Sub(now)
	if wait > patience {
		r.mu.Unlock()
		return &Limited{After: wait}
	}
	r.mu.Unlock()
	if wait > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.wall.After(wait):
		}
	}
	err := do()
	var limited *slack.RateLimitedError
	r.mu.Lock()
	// Counted from the answer: two calls a second apart may arrive closer.
	r.next = r.wall.Now().Add(spacing)
	if errors.As(err, &limited) {
		r.blocked = r.wall.Now().Add(limited.RetryAfter)
	}
	r.mu.Unlock()
	if limited != nil {
		return &Limited{After: limited.RetryAfter}
	}
	// A URL in an error would name the API address on every retry.
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		return fmt.Errorf("reach slack: %w", urlErr.Err)
	}
	return err
}

var channelPattern = regexp.MustCompile(`^[CG][A-Z0-9]{8,}$`)

// channelID returns the channel's id: reading the history needs it, a name will
// not do.
func (r *Receiver) channelID(ctx context.Context) (string, error) {
	if channelPattern.MatchString(r.channel) {
		return r.channel, nil
	}
	r.mu.Lock()
	known := r.id
	r.mu.Unlock()
	if known != "" {
		return known, nil
	}
	name := strings.TrimPrefix(r.channel, "#")
	params := &slack.GetConversationsParameters{
		Limit: pageSize, ExcludeArchived: true, Types: []string{"public_channel", "private_channel"},
	}
	for {
		var channels []slack.Channel
		var cursor string
		err := r.call(ctx, func() (err error) {
			channels, cursor, err = r.client.GetConversationsContext(ctx, params)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("find channel %s: %w; give its id to do without the scope channels:read", r.channel, err)
		}
		for _, c := range channels {
			if c.Name == name {
				r.mu.Lock()
				r.id = c.ID
				r.mu.Unlock()
				return c.ID, nil
			}
		}
		if cursor == "" {
			return "", fmt.Errorf("slack shows the bot no channel %q: invite it, or give the channel's id", r.channel)
		}
		params.Cursor = cursor
	}
}
