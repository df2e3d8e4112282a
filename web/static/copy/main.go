// Command copy brings the files of other people that the pages need from
// node_modules into web/static/vendor, where the build embeds them. It runs by
// `go generate ./web` after `npm ci`, in the folder web.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/stocktrace/stocktrace/web/static"
)

func main() {
	for _, f := range static.Vendored {
		if err := bring(f); err != nil {
			fmt.Fprintf(os.Stderr, "copy %s: %v\nRun `npm ci` first.\n", f.From, err)
			os.Exit(1)
		}
	}
}

// bring copies one file, and leaves it alone where it is the same already: the
// build cache goes by modification times as well.
func bring(f static.File) error {
	body, err := os.ReadFile(filepath.Join("..", "node_modules", filepath.FromSlash(f.From)))
	if err != nil {
		return err
	}
	to := filepath.Join("static", filepath.FromSlash(f.To))
	if have, err := os.ReadFile(to); err == nil && bytes.Equal(have, body) {
		return nil
	}
	return os.WriteFile(to, body, 0o644) //nolint:gosec // G306: a part of the source tree, read by whoever builds it
}
