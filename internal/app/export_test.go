package app

import "context"

// GoRun lets tests add a part to an App.
func GoRun(a *App, name string, run func(context.Context) error) { a.goRun(name, run) }
