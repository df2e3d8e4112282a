package app

import "context"

// GoRun lets tests add a part to an App.
func GoRun(a *App, name string, run func(context.Context) error) { a.goRun(name, run) }

// OTLP is where an App takes OTLP.
func OTLP(a *App) (grpc, http string) { return a.otlpGRPC, a.otlpHTTP }
