package web

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/stocktrace/stocktrace/inventory"
)

const (
	// habitRows is how many sources the page of sources lists with what is expected
	// of them, the quietest first; most is how many the answer does.
	habitRows, mostHabits = 12, 10_000
)

// Habit is how much was heard of a source in an hour, and how much of it is usual.
type Habit struct {
	System, Location, Register string
	// Hour is the newest that is over and kept, UTC.
	Hour time.Time
	// Seen is in how many of its minutes something came; Weeks the same of this hour
	// in the weeks before, the latest first, where it was kept.
	Seen  int
	Weeks []int
}

// usual is what is expected; ok is false before two weeks are known.
func (h *Habit) usual() (minutes int, ok bool) {
	if len(h.Weeks) < 2 {
		return 0, false
	}
	return inventory.UsualMinutes(slices.Clone(h.Weeks)), true
}

// missing is how many minutes were expected and not heard; below zero where
// more came than is usual, or nothing is known of it.
func (h *Habit) missing() int {
	usual, _ := h.usual()
	return usual - h.Seen
}

// quietest puts the sources first of which most is missing.
func quietest(habits []Habit) {
	slices.SortStableFunc(habits, func(a, b Habit) int { return cmp.Compare(b.missing(), a.missing()) })
}

type habitJSON struct {
	System   string `json:"system"`
	Location string `json:"location"`
	Register string `json:"register"`
	Hour     stamp  `json:"hour"`
	Seen     int    `json:"seen_minutes"`
	Expected number `json:"expected_minutes"`
	Weeks    []int  `json:"weeks_before"`
}

func (s *Server) apiHabits(r *http.Request) (any, error) {
	habits, err := s.Reader.Habits(r.Context(), mostHabits)
	if err != nil {
		return nil, err
	}
	quietest(habits)
	items := make([]habitJSON, len(habits))
	for i := range habits {
		h := &habits[i]
		items[i] = habitJSON{h.System, h.Location, h.Register, stamp(h.Hour), h.Seen, number(math.NaN()), append([]int{}, h.Weeks...)}
		if usual, ok := h.usual(); ok {
			items[i].Expected = number(usual)
		}
	}
	return &list{
		Items: items, name: "heard", columns: []string{"system", "location", "register", "hour", "seen_minutes", "expected_minutes"},
		rows: func(yield func([]string)) {
			for _, j := range items {
				expected := ""
				if n := float64(j.Expected); !math.IsNaN(n) {
					expected = strconv.Itoa(int(n))
				}
				yield([]string{j.System, j.Location, j.Register, j.Hour.String(), strconv.Itoa(j.Seen), expected})
			}
		},
	}, nil
}
