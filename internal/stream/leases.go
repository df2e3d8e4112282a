package stream

import "context"

func (l *Log) forgetSessions(context.Context) error { return nil }
