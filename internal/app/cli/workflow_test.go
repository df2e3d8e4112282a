package cli

import (
	"strings"
	"testing"
)

func TestWorkflowIsExplainedAndDrawn(t *testing.T) {
	for file, args := range map[string][]string{
		"workflow-list.txt":       {"workflow"},
		"workflow-return.txt":     {"workflow", "return"},
		"workflow-transfer.txt":   {"workflow", "draw", "transfer"},
		"workflow-transfer.mmd":   {"workflow", "draw", "transfer", "--format", "mermaid"},
		"workflow-adjustment.txt": {"workflow", "adjustment"},
	} {
		code, out, errs := run(t, nil, args...)
		if code != ExitYes {
			t.Fatalf("%v: exit %d, %s", args, code, errs)
		}
		golden(t, file, out)
	}
}

func TestWorkflowErrorsHelp(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"workflow", "retrun"}, `no workflow is called "retrun": there are adjustment,`},
		{[]string{"workflow", "draw"}, "`stocktrace workflow` lists them"},
		{[]string{"workflow", "draw", "sale", "--format", "pdf"}, `"pdf" is neither text nor mermaid`},
		{[]string{"workflow", "--workflows", "testdata/nothing-here"}, "read workflows"},
	} {
		code, _, errs := run(t, nil, c.args...)
		if code != ExitError || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d, %q; want %q", c.args, code, errs, c.says)
		}
	}
}
