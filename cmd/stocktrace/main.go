// Command stocktrace is a control tower for inventory events in retail. See
// `stocktrace --help`.
package main

import (
	"os"

	"github.com/stocktrace/stocktrace/internal/app/cli"
)

// version is set when a release is built (-ldflags "-X main.version=…").
var version = "0.1.0-dev"

func main() { os.Exit(cli.Main(version)) }
