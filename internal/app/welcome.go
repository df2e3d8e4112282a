package app

import (
	"fmt"
	"time"
)

// Welcome returns the lines a person wants to see once the instance runs.
func (a *App) Welcome() []string {
	s := a.settings
	lines := []string{fmt.Sprintf("stocktrace %s is ready", a.version), ""}
	say := func(what, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %-10s", what)+fmt.Sprintf(format, args...))
	}
	if s.Has(RoleWeb) {
		say("pages", "%s", a.url)
	} else {
		say("health", "%s/readyz", a.url)
	}
	if s.Has(RoleCollector) {
		say("events", "OTLP gRPC %s · OTLP HTTP %s · CloudEvents %s/v1/events", a.otlpGRPC, a.otlpHTTP, a.url)
	}
	if a.lock != nil {
		say("data", "%s, kept for %d days", s.DataDir, int(s.Retention/(24*time.Hour)))
	} else {
		say("data", "NATS and ClickHouse elsewhere")
	}
	if c, ok := a.clock.(*SimulatedClock); ok {
		say("clock", "simulated, at %s, %gx", c.Now().Format("2006-01-02 15:04:05"), c.Speed())
	}
	if s.Simulate {
		say("retailer", "simulated: %s selling %g times a second", plural(s.Simulation.Stores, "store", "stores"), s.Simulation.Rate)
	} else if len(a.rules.locations) > 0 {
		say("retailer", "%s", plural(len(a.rules.locations), "location", "locations"))
	}
	return append(lines, "", "Ctrl-C stops it.")
}
