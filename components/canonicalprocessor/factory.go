// Package canonicalprocessor is the processor "canonical" for a Collector of
// one's own: of whatever telemetry comes, it passes on what speaks of inventory,
// each record with all that its resource and scope say for it. README.md says how
// it is used; the code is package collector's, which the embedded Collector runs.
package canonicalprocessor

import (
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/processor"

	"github.com/stocktrace/stocktrace/collector"
)

// ScopeName is the scope of the processor's own metrics.
const ScopeName = "github.com/stocktrace/stocktrace/components/canonicalprocessor"

// Config of the processor. There is nothing to configure: what speaks of
// inventory is the contract's to say.
type Config struct{}

// Validate never fails.
func (*Config) Validate() error { return nil }

// NewFactory returns the processor's factory.
func NewFactory() processor.Factory {
	return collector.NewProcessorFactory(func() component.Config { return &Config{} }, ScopeName)
}
