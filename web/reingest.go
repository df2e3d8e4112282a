package web

import (
	"net/http"
	"strconv"
	"time"
)

// ReingestAsk says which entries of the quarantine are read again, and who wants
// it.
type ReingestAsk struct {
	Reason, Source string
	// To leaves out what was received at or after it, so that what is asked for is
	// what was seen.
	To time.Time
	// Expect is how many entries that is thought to be.
	Expect int
	By     string
}

// Reingested is what became of them.
type Reingested struct {
	Entries int // that were asked for; another number than expected: none was read
	Landed  int // of them, whole
	Events  int // that are on disk by it
	Still   []StillUnread
}

// StillUnread is an entry that cannot be read yet, and why.
type StillUnread struct{ ID, Detail string }

// reingest handles the form by which somebody has a sender's entries read again,
// and shows what came of it. Pressed twice it stores nothing twice.
func (s *Server) reingest(w http.ResponseWriter, r *http.Request) {
	if s.Reingest == nil || !s.mayAct(r) {
		s.fail(w, r, refuse(http.StatusForbidden, "You may look here, and not act."))
		return
	}
	d, err := formDeed(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.remember(w, d)
	to, err := time.Parse(time.RFC3339Nano, r.PostFormValue("to"))
	expect, err2 := strconv.Atoi(r.PostFormValue("expect"))
	ask := ReingestAsk{Reason: r.PostFormValue("reason"), Source: r.PostFormValue("source"), To: to, Expect: expect, By: d.By}
	if err != nil || err2 != nil || ask.Reason == "" || ask.By == "" {
		s.fail(w, r, refuse(http.StatusBadRequest, "Say whose entries, of which reason, up to when, how many they are, and your name."))
		return
	}
	// It takes as long as it takes.
	patience := http.NewResponseController(w)
	_ = patience.SetReadDeadline(time.Time{})
	_ = patience.SetWriteDeadline(time.Time{})
	out, err := s.Reingest(r.Context(), ask)
	if err == nil && out.Entries != expect {
		err = refuse(http.StatusConflict, "There were %d entries when the page was drawn, and now there are %d: go back and look again. Nothing was read.", expect, out.Entries)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.shared.forget()
	v := s.view(r)
	v.Title, v.Section = "Read again", "sources"
	if err := s.render(w, r, http.StatusOK, reingestedPage(v, ask, out)); err != nil {
		s.fail(w, r, err)
	}
}

// canReingest reports whether an entry of that reason can be read again at all: a
// message that our own code failed on is no input.
func (c *QuarantineCount) canReingest() bool { return c.Reason != "poison" }

// upTo is an instant after the last of them, and before whatever comes next.
func (c *QuarantineCount) upTo() string {
	return c.LastAt.Add(time.Microsecond).UTC().Format(time.RFC3339Nano)
}

type quarantineCountJSON struct {
	Reason    string `json:"reason"`
	Source    string `json:"source"`
	Count     int    `json:"count"`
	Different int    `json:"different"`
	Bytes     int64  `json:"bytes"`
	FirstAt   stamp  `json:"first_received_at"`
	LastAt    stamp  `json:"last_received_at"`
}

func (s *Server) apiQuarantineCounts(r *http.Request) (any, error) {
	const most = 10_000
	counts, err := s.Reader.QuarantineCounts(r.Context(), most)
	if err != nil {
		return nil, err
	}
	items := make([]quarantineCountJSON, len(counts))
	for i, c := range counts {
		items[i] = quarantineCountJSON{c.Reason, c.Source, c.Count, c.Different, c.Bytes, stamp(c.FirstAt), stamp(c.LastAt)}
	}
	return &list{
		Items: items, name: "quarantine-counts",
		columns: []string{"reason", "source", "count", "different", "bytes", "first_received_at", "last_received_at"},
		rows: func(yield func([]string)) {
			for _, i := range items {
				yield([]string{
					i.Reason, i.Source, strconv.Itoa(i.Count), strconv.Itoa(i.Different), strconv.FormatInt(i.Bytes, 10), i.FirstAt.String(), i.LastAt.String(),
				})
			}
		},
	}, nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, units := float64(n)/(1<<10), []string{"KiB", "MiB", "GiB", "TiB"}
	for f >= 1<<10 && len(units) > 1 {
		f, units = f/(1<<10), units[1:]
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[0]
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}
