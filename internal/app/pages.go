package app

import (
	"github.com/stocktrace/stocktrace/web"
)

// pagesServer makes the pages and the API over the instance's tables.
func (a *App) pagesServer() (*web.Server, error) {
	o := web.Options{
		Reader: a.store.Pages(), Clock: a.clock, Objectives: a.objectives.Latest, Report: a.objectives.Report, Incidents: a.store.Incidents,
		Status: a.pulse.status, Location: a.rules.locate(), Workflows: a.rules.workflows,
		PublicURL: a.settings.PublicURL, Token: a.settings.AuthToken, ViewToken: a.settings.ViewToken, Version: a.version, Log: a.log.With("part", "pages"),
	}
	if a.stream != nil { // a directory that nobody runs has no log
		o.Record = a.stream.Publisher().Publish
	}
	if a.settings.Has(RoleCollector) && a.stream != nil { // it knows the formats and mappings
		o.Reingest = a.pressReingest
	}
	if a.settings.Has(RoleEngine) {
		// Only who writes knows when something was written; other processes look
		// every few seconds.
		o.Live = a.news.subscribe
	}
	return web.New(o)
}
