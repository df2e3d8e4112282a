package app

import "github.com/stocktrace/stocktrace/web"

type unread struct{ web.Reader }

func (a *App) reader() web.Reader {
	if r, ok := any(a.store).(web.Reader); ok {
		return r
	}
	return unread{}
}
