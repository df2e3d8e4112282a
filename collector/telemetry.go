package collector

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newTelemetryFactory gives the Collector's own log to slog. Upstream's factory
// would bring the resource detectors of every cloud, ten megabytes of them; the
// counters that matter here are ours (see metrics).
func newTelemetryFactory(logger *slog.Logger) telemetry.Factory {
	return telemetry.NewFactory(noConfig,
		telemetry.WithCreateLogger(func(context.Context, telemetry.LoggerSettings, component.Config) (*zap.Logger, component.ShutdownFunc, error) {
			return zap.New(newLogCore(logger)), nil, nil
		}))
}

// logCore writes zap entries to slog. What a Collector calls info (starting,
// stopping, each component) is debug to the process it is embedded in.
type logCore struct {
	logger *slog.Logger
}

func newLogCore(logger *slog.Logger) zapcore.Core {
	return &logCore{logger}
}

func level(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

// Enabled reports whether slog would write an entry of that level.
func (c *logCore) Enabled(l zapcore.Level) bool {
	return c.logger.Enabled(context.Background(), level(l))
}

// With returns a core that adds fields to every entry.
func (c *logCore) With(fields []zapcore.Field) zapcore.Core {
	return &logCore{logger: c.logger.With(attributes(fields)...)}
}

// Check adds the core to an entry it would write.
func (c *logCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write writes one entry.
func (c *logCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.logger.Log(context.Background(), level(e.Level), e.Message, attributes(fields)...)
	return nil
}

// Sync does nothing: slog handlers do not buffer.
func (c *logCore) Sync() error { return nil }

func attributes(fields []zapcore.Field) []any {
	encoded := zapcore.NewMapObjectEncoder()
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		f.AddTo(encoded)
		names = append(names, f.Key)
	}
	all := make([]any, 0, len(fields))
	for _, name := range names {
		if v, ok := encoded.Fields[name]; ok {
			all = append(all, slog.Any(name, v))
		}
	}
	return all
}
