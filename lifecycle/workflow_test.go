package lifecycle

import (
	"errors"
	"strings"
	"testing"
)

// TestWorkflowErrors: whatever is wrong in a workflow file is said with its line.
func TestWorkflowErrors(t *testing.T) {
	const head = "workflow: x\nanchor: pos completed\nsteps:\n  - step: pos completed\n"
	cases := []struct {
		name, text string
		line       int
		says       string
	}{
		{"no name", "anchor: pos completed\n", 0, "needs a name"},
		{"no steps", "workflow: x\n", 0, "needs steps"},
		{"unknown key", head + "    dedline: 5m\n", 5, `unknown key "dedline"`},
		{"anchor elsewhere", strings.Replace(head, "anchor: pos completed", "anchor: pos sold", 1), 2, "none of the workflow's steps"},
		{"not a step", head + "  - step: erp\n", 5, "is not a step"},
		{"twice", head + "  - step: pos completed\n", 5, "declared twice"},
		{"deadline without clock", head + "  - step: erp posted\n    deadline: 5m\n", 6, "needs a clock"},
		{"no such clock", head + "  - step: erp posted\n    deadline: 5m\n    clock: lunar\n", 7, "is no clock"},
		{"no duration", head + "  - step: erp posted\n    deadline: soon\n    clock: continuous\n", 6, "is not a duration"},
		{"no posting mode", head + "  - step: erp posted\n    deadline: {nightly: 5m}\n    clock: continuous\n", 6, "is no posting mode"},
		{"after nothing", head + "  - step: erp posted\n    after: [middleware mapped]\n", 6, "none of the workflow's steps"},
		{"cycle", head + "  - step: a b\n    after: [c d]\n  - step: c d\n    after: [a b]\n", 5, "comes after itself"},
		{"two postings", head + "    posts: true\n  - step: erp posted\n    posts: true\n", 6, "only one step"},
		{"no weekday", head + "runs:\n  - {run: r, at: [\"02:00\"], days: [moonday]}\n", 6, "is no weekday"},
		{"no holiday", head + "runs:\n  - {run: r, at: [\"02:00\"], except: [christmas]}\n", 6, "is no day"},
		{"one run twice", head + "runs:\n  - {run: r, at: [\"02:00\"]}\n  - {run: r, at: [\"03:00\"]}\n", 7, "declared twice"},
		{"no condition", head + "    only: full_moon\n", 5, "is no condition"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseWorkflow("x.yaml", []byte(c.text))
			var e *WorkflowError
			if !errors.As(err, &e) {
				t.Fatalf("have %v", err)
			}
			if e.Line != c.line || !strings.Contains(e.Detail, c.says) {
				t.Errorf("have %v; want line %d, %q", e, c.line, c.says)
			}
		})
	}
}
