package xmlread

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/stocktrace/stocktrace/collector/format"
)

// Limits bound what one document may cost. A zero field means its default.
type Limits struct {
	// Fragment is how many bytes an element that is taken may have; default 16 MiB.
	// A larger one becomes a fragment with a Problem, and reading goes on behind it.
	Fragment int
	// Depth is how deep elements may nest; default 128. Deeper ends reading.
	Depth int
}

const (
	defaultFragment = 16 << 20
	defaultDepth    = 128
	// largestTag bounds a tag outside of fragments.
	largestTag = 1 << 20
	// window is what is read at once.
	window = 64 << 10
	// head is how much of a fragment that is too large is kept for people to see.
	head = 64 << 10
)

// Action is what is done with an element.
type Action int

const (
	// Skip passes over the element and what is in it.
	Skip Action = iota
	// Enter asks again for each of its children.
	Enter
	// Take reads it whole.
	Take
)

// Fragment is an element that was taken.
type Fragment struct {
	// Root is the element. It and what is below it are valid until the next call
	// of Next; texts that were got from it stay.
	Root Node
	// Path is where it stands: /POSLog/Transaction[3]. All but the outermost have
	// their number among siblings of their name.
	Path string
	// Raw are its bytes as they stand in the document, the caller's to keep.
	Raw []byte
	// Problem is set where the fragment as such cannot be read; Root is then of no
	// use. Of a fragment that is too large, Raw is the beginning.
	Problem *format.Problem
}

// Reader reads one document. It is not for concurrent use.
type Reader struct {
	in     io.Reader
	inErr  error
	limits Limits

	// buf[keep:] is the window: keep moves forward only between tokens outside of
	// fragments. Positions are relative to it, so that making room moves none.
	buf  []byte
	keep int
	pos  int

	charset charset
	tree    tree
	// open are the elements around the position, outermost first.
	open []level
	// documents counts the roots seen: some senders join several into one file.
	documents int
	failed    error
}

// level is an element that was entered.
type level struct {
	at   *place
	path string
	seen map[string]int // how many children of each name
}

// New returns a reader of document. It finds out the encoding from a byte order
// mark or the declaration, and returns a *format.Problem for one that is unknown.
func New(document io.Reader, limits Limits) (*Reader, error) {
	if limits.Fragment <= 0 {
		limits.Fragment = defaultFragment
	}
	if limits.Depth <= 0 {
		limits.Depth = defaultDepth
	}
	r := &Reader{in: document, limits: limits, buf: make([]byte, 0, window)}
	if err := r.detect(); err != nil {
		return nil, err
	}
	r.tree.charset = &r.charset
	return r, nil
}

// Documents is how many roots were seen so far. More than one is not XML, but
// what joining files makes.
func (r *Reader) Documents() int { return r.documents }

// Next returns the next element for which choose says Take; io.EOF where the
// document has ended as it should; or a *format.Problem where it cannot be read
// any further. choose sees an element's name and attributes only.
func (r *Reader) Next(choose func(tag Node) Action) (Fragment, error) {
	if r.failed != nil {
		return Fragment{}, r.failed
	}
	f, err := r.next(choose)
	if err != nil {
		r.failed = err
	}
	return f, err
}

func (r *Reader) next(choose func(tag Node) Action) (Fragment, error) {
	for {
		// Nothing before this token is needed any more.
		r.keep, r.pos = r.keep+r.pos, 0
		switch kind, err := r.peek(); {
		case err != nil:
			return Fragment{}, err
		case kind == atEnd:
			if len(r.open) > 0 {
				return Fragment{}, cutOffIn(r.here())
			}
			if r.documents == 0 {
				return Fragment{}, r.problem("the document has no element: it is empty or no XML")
			}
			return Fragment{}, io.EOF
		case kind == atText:
			if err := r.passOutside(); err != nil {
				return Fragment{}, err
			}
		case kind == atOther:
			if err := r.otherOutside(); err != nil {
				return Fragment{}, err
			}
		case kind == atClose:
			if err := r.close(); err != nil {
				return Fragment{}, err
			}
		default:
			f, taken, err := r.element(choose)
			if err != nil || taken {
				return f, err
			}
		}
	}
}

// element begins the element at the position and does what choose says.
func (r *Reader) element(choose func(tag Node) Action) (Fragment, bool, error) {
	if len(r.open) == 0 {
		r.documents++
	}
	r.tree.reset(r.around())
	end, err := r.tag()
	if err != nil {
		return Fragment{}, false, r.full(err)
	}
	n := &r.tree.nodes[0]
	path := r.pathOf(n.at)
	r.tree.raw = r.view()
	closed := n.end > 0
	action := choose(Node{&r.tree, 0})
	if action == Take {
		f, err := r.take(path, end, closed)
		return f, true, err
	}
	if r.tree.problem != "" {
		return Fragment{}, false, &format.Problem{Path: path, Detail: r.tree.problem}
	}
	r.pos = end
	switch {
	case closed:
		return Fragment{}, false, nil
	case action == Skip:
		return Fragment{}, false, r.skip(path, n.at.raw)
	case len(r.open) >= r.limits.Depth:
		return Fragment{}, false, r.tooDeep()
	}
	r.open = append(r.open, level{n.at, path, map[string]int{}})
	return Fragment{}, false, nil
}

// take reads the element whose start tag ends at end into the tree.
func (r *Reader) take(path string, end int, closed bool) (Fragment, error) {
	r.pos = end
	current := int32(0) // the innermost open node
	if closed {
		current = none
	}
	for depth := len(r.open) + 1; current != none; {
		if r.pos > r.limits.Fragment || len(r.tree.nodes) > 1024+r.limits.Fragment/32 {
			return r.tooLarge(path, current)
		}
		start, before := r.pos, current
		var err error
		switch current, err = r.inside(path, current, depth); {
		case errors.Is(err, errFull):
			r.pos = start
			return r.tooLarge(path, before)
		case err != nil:
			return Fragment{}, err
		case current == before:
		case current > before:
			depth++
		default:
			depth--
		}
	}
	r.tree.raw = r.view()[:r.pos]
	return r.fragment(path), nil
}

// inside reads one token within the fragment, whose innermost open node is
// current, and returns which one it is then.
func (r *Reader) inside(path string, current int32, depth int) (int32, error) {
	kind, err := r.peek()
	if err != nil {
		return current, err
	}
	switch kind {
	case atEnd:
		return current, cutOffIn(path)
	case atText:
		start := r.pos
		if err := r.passText(false); err != nil {
			return current, err
		}
		r.tree.check(r.view()[start:r.pos])
		return current, nil
	case atOther:
		r.tree.nodes[current].mixed = true
		return current, r.passOther(false)
	case atClose:
		n := &r.tree.nodes[current]
		start := r.pos
		name, after, err := r.endTag()
		if err != nil {
			return current, err
		}
		if string(name) != n.at.raw {
			return current, mismatch(path, string(name), n.at.raw)
		}
		n.inner[1], n.end, r.pos = int32(start), int32(after), after
		return n.parent, nil
	default:
		if depth >= r.limits.Depth {
			return current, r.tooDeep()
		}
		nodes := len(r.tree.nodes)
		child := r.tree.add(current)
		after, err := r.tag()
		if err != nil {
			if errors.Is(err, errFull) {
				r.tree.nodes = r.tree.nodes[:nodes]
			}
			return current, err
		}
		r.pos = after
		if r.tree.nodes[child].end > 0 {
			return current, nil
		}
		return child, nil
	}
}

func (r *Reader) fragment(path string) Fragment {
	f := Fragment{Root: Node{&r.tree, 0}, Path: path, Raw: r.charset.original(r.tree.raw)}
	if why := r.charset.valid(r.tree.raw); why != "" && r.tree.problem == "" {
		r.tree.problem = why
	}
	if r.tree.problem != "" {
		f.Problem = &format.Problem{Path: path, Detail: r.tree.problem}
	}
	return f
}

// tooLarge gives up the fragment, but not what comes behind it.
func (r *Reader) tooLarge(path string, current int32) (Fragment, error) {
	raw := r.charset.original(r.charset.whole(r.view()[:min(head, r.pos)]))
	var names []string
	for i := current; i >= 0; i = r.tree.nodes[i].parent {
		names = append(names, r.tree.nodes[i].at.raw)
	}
	for _, name := range names {
		if err := r.skip(path, name); err != nil {
			return Fragment{}, err
		}
	}
	return Fragment{Path: path, Raw: raw, Problem: &format.Problem{Path: path, Detail: fmt.Sprintf(
		"The element is larger than the %d bytes allowed for one, so it was not read; its beginning is kept.", r.limits.Fragment)}}, nil
}

// skip passes to behind the end of the element of that name which has just begun.
func (r *Reader) skip(path, name string) error {
	names := []string{name}
	for len(names) > 0 {
		r.keep, r.pos = r.keep+r.pos, 0
		kind, err := r.peek()
		if err != nil {
			return err
		}
		switch kind {
		case atEnd:
			return cutOffIn(path)
		case atText:
			err = r.passText(true)
		case atOther:
			err = r.passOther(true)
		case atClose:
			got, after, err := r.endTag()
			if err != nil {
				return r.full(err)
			}
			if want := names[len(names)-1]; string(got) != want {
				return mismatch(path, string(got), want)
			}
			names, r.pos = names[:len(names)-1], after
		default:
			if len(r.open)+len(names) >= r.limits.Depth {
				return r.tooDeep()
			}
			r.tree.reset(nil)
			if r.pos, err = r.tag(); err == nil && r.tree.nodes[0].end == 0 {
				names = append(names, r.tree.nodes[0].at.raw)
			}
		}
		if err != nil {
			return r.full(err)
		}
	}
	return nil
}

func mismatch(path, got, want string) error {
	return &format.Problem{Path: path, Detail: fmt.Sprintf(
		"</%s> stands where the element <%s> has to be closed first: nothing behind this place can be read.", show(got), show(want))}
}

func cutOffIn(path string) error {
	return &format.Problem{Path: path, Detail: "The document ends within this element: it was cut off. Send it again, whole."}
}

// full says of a token outside of fragments that it does not fit.
func (r *Reader) full(err error) error {
	if errors.Is(err, errFull) {
		return r.problem("a tag is larger than any business document has: it was refused")
	}
	return err
}

// close ends the innermost element that was entered.
func (r *Reader) close() error {
	name, end, err := r.endTag()
	if err != nil {
		return r.full(err)
	}
	if len(r.open) == 0 {
		return r.problem(fmt.Sprintf("</%s> closes an element that was never opened", show(string(name))))
	}
	if inner := r.open[len(r.open)-1]; inner.at.raw != string(name) {
		return mismatch(inner.path, string(name), inner.at.raw)
	}
	r.open, r.pos = r.open[:len(r.open)-1], end
	return nil
}

// around is the place of the innermost element that was entered.
func (r *Reader) around() *place {
	if len(r.open) == 0 {
		return nil
	}
	return r.open[len(r.open)-1].at
}

// pathOf counts a child of the innermost element and names it.
func (r *Reader) pathOf(at *place) string {
	if len(r.open) == 0 {
		if r.documents == 1 {
			return "/" + at.name
		}
		return fmt.Sprintf("/%s[%d]", at.name, r.documents)
	}
	in := &r.open[len(r.open)-1]
	in.seen[at.name]++
	if len(in.seen) > 1<<12 {
		clear(in.seen) // nobody's document; only memory is at stake
	}
	return fmt.Sprintf("%s/%s[%d]", in.path, at.name, max(1, in.seen[at.name]))
}

func (r *Reader) here() string {
	if len(r.open) == 0 {
		return "/"
	}
	return r.open[len(r.open)-1].path
}

func (r *Reader) problem(detail string) error {
	return &format.Problem{Path: r.here(), Detail: upper(detail) + "."}
}

func (r *Reader) tooDeep() error {
	return r.problem(fmt.Sprintf("elements nest more than %d levels deep here: no business document does, so it was refused", r.limits.Depth))
}

// view is the window: what is in memory from keep on.
func (r *Reader) view() []byte { return r.buf[r.keep:] }

// errFull says that a token does not fit.
var errFull = errors.New("token too large")

// more reads on. It returns false at the end of the document.
func (r *Reader) more() (bool, error) {
	if r.inErr != nil {
		if errors.Is(r.inErr, io.EOF) {
			return false, nil
		}
		return false, r.problem("reading the document stopped: " + r.inErr.Error() + ". Send it again")
	}
	if len(r.buf) == cap(r.buf) {
		switch {
		case r.keep > len(r.buf)/2:
			r.buf = r.buf[:copy(r.buf, r.buf[r.keep:])]
			r.keep = 0
		case len(r.buf)-r.keep > max(r.limits.Fragment, largestTag)+largestTag:
			return false, errFull
		default:
			grown := make([]byte, len(r.buf)-r.keep, max(window, 2*(len(r.buf)-r.keep)))
			copy(grown, r.buf[r.keep:])
			r.buf, r.keep = grown, 0
		}
	}
	// Filling the buffer to its end keeps the work linear however little comes at
	// a time.
	for empty := 0; len(r.buf) < cap(r.buf) && r.inErr == nil; {
		n, err := r.in.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf, r.inErr = r.buf[:len(r.buf)+n], err
		if n > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			r.inErr = io.ErrNoProgress
		}
	}
	return true, nil
}

// need makes sure that n bytes are in the window behind the position, if the
// document has them.
func (r *Reader) need(n int) error {
	for len(r.view())-r.pos < n {
		if ok, err := r.more(); err != nil || !ok {
			return err
		}
	}
	return nil
}

// find returns where pattern is next, from the position on, or -1. With discard
// it forgets what it has passed, so that nothing is too long for it; positions
// before its result then mean nothing.
func (r *Reader) find(pattern string, from int, discard bool) (int, error) {
	for {
		w := r.view()
		if from <= len(w) {
			if i := bytes.Index(w[from:], []byte(pattern)); i >= 0 {
				return from + i, nil
			}
			from = max(from, len(w)-len(pattern)+1)
		}
		if discard && from > 0 {
			passed := min(from, len(w))
			r.keep, r.pos, from = r.keep+passed, 0, from-passed
		}
		if ok, err := r.more(); err != nil || !ok {
			return -1, err
		}
	}
}
