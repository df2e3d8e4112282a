package lifecycle

import "context"

// A transaction may stay open for days, and a large retailer has a million open at
// a time. What memory must hold of each is when to look at it again and by which
// keys it may be spoken of; its records are in the store. So an open component
// that nothing was said about for a while rests: its records are let go of, and
// read again when it is touched.

// A component weighs as many units as it has records and lines: one takes about
// half a kilobyte. Of a book's record only what it owes is kept, and that is a few
// lines.
const bookRecordWeight = 4

func (c *component) weigh() int {
	w := 0
	for i := range c.entries {
		w += 1 + len(c.entries[i].Event.Lines)
	}
	if c.book != nil {
		w += bookRecordWeight * c.book.size()
	}
	return w
}

// weigh notes how heavy a component is that was just judged.
func (h *hot) weigh(c *component) {
	w := c.weigh()
	h.weight += w - c.weight
	c.weight, c.used = w, true
	if w > 0 && !c.queued {
		c.queued = true
		h.awake = append(h.awake, c)
	}
}

// rest lets components rest until those awake weigh no more than most: the ones
// longest untouched, or nearly (a second chance for each that was used since it
// was last asked). Everything of them must have been written.
func (h *hot) rest(most int) {
	for h.weight > most && len(h.awake) > 0 {
		c := h.awake[0]
		h.awake[0] = nil
		h.awake = h.awake[1:]
		switch {
		case len(c.keys) == 0 || c.away || c.dirty || h.byKey[c.root] != c:
			// Merged into another, moved away, about to be judged and weighed then, or
			// forgotten.
			h.weight -= c.weight
			c.weight, c.queued = 0, false
		case c.used:
			c.used = false
			h.awake = append(h.awake, c)
		default:
			h.weight -= c.weight
			c.weight, c.queued = 0, false
			c.entries, c.book, c.resting = nil, nil, true
		}
	}
}

// wake brings back the records of every component that is about to be judged. To
// read them may join components, and touch others.
func (o *owner) wake(ctx context.Context) error {
	for {
		var resting []*component
		for _, c := range o.dirty {
			if c.resting && len(c.keys) > 0 && len(resting) < coldBatch {
				resting = append(resting, c)
			}
		}
		if len(resting) == 0 {
			return nil
		}
		if err := o.gather(ctx, resting); err != nil {
			return err
		}
	}
}
