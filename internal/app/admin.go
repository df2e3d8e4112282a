package app

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/stocktrace/stocktrace/web"
)

// admin adds what commands ask of an instance and pages do not show. A page of
// another site cannot ask it in a visitor's name.
func (a *App) admin(mux *http.ServeMux) {
	guard := func(h http.HandlerFunc) http.Handler {
		return http.NewCrossOriginProtection().Handler(web.RequireToken(a.settings.AuthToken, h))
	}
	mux.Handle("POST /api/v1/verify", guard(a.serveVerify))
	mux.Handle("POST /api/v1/preview", guard(a.servePreview))
	mux.Handle("POST /api/v1/backup", guard(a.serveBackup))
	if a.settings.Has(RoleCollector) {
		mux.Handle("POST /api/v1/quarantine/reingest", guard(a.serveReingest))
	}
}

// serveVerify answers POST /api/v1/verify with a VerifyReport. It takes as long
// as it takes.
func (a *App) serveVerify(w http.ResponseWriter, r *http.Request) {
	unhurried(w)
	report, err := a.verify(r.Context())
	respond(w, report, err)
}

// serveBackup answers POST /api/v1/backup, whose body is a BackupRequest, with a
// BackupReport.
func (a *App) serveBackup(w http.ResponseWriter, r *http.Request) {
	unhurried(w)
	var ask BackupRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&ask); err != nil {
		refuse(w, http.StatusBadRequest, `The body is {"dir": "/an/absolute/path"}.`)
		return
	}
	report, err := a.backup(r.Context(), ask.Dir)
	respond(w, report, err)
}

// unhurried lifts the server's time limits from a request that may take minutes.
func unhurried(w http.ResponseWriter) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
}

func respond(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(text, '\n'))
}

// refuse writes a problem document (RFC 9457).
func refuse(w http.ResponseWriter, status int, detail string) {
	text, _ := json.Marshal(map[string]any{ // strings and a number: it cannot fail
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
