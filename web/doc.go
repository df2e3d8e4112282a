// Package web is what people and programs see of stocktrace: the pages and the
// JSON API under /api/v1.
//
// One page is one .go file (what it asks, what it makes of the answer) and one
// .templ file (how it looks). Pages and API ask the same [Reader], so they
// cannot disagree. The package knows neither the database nor the log: the
// application injects what it declares here.
//
//	Reader      lifecycles, findings, store-days, hops, feeds: implemented over ClickHouse
//	Objectives  the promises and what is left of their budgets: implemented over package slo
//	Status      how our own pipeline does: implemented by the application
//
// The pages run under a content security policy without inline script, inline
// style or eval. They work without script except for live updates, search as
// you type and keyboard shortcuts.
package web

//go:generate go run ./static/copy
//go:generate go tool templ generate -path .
