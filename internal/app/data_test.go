package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stocktrace/stocktrace/internal/app"
)

// TestDataWithoutAnInstance opens the directory of an instance that has stopped,
// as a command does.
func TestDataWithoutAnInstance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	i := start(t, dir, map[string]string{"auth-token": ""})
	i.post("1", "pos", "completed", "0123-04-000778", time.Now())
	i.find("778", func(l lifecycles) bool { return passed(l) == 1 })

	o := app.Options{Settings: settings(t, dir, nil)}
	_, _, err := app.OpenData(t.Context(), o)
	if _, inUse := errors.AsType[*app.InUseError](err); !inUse {
		t.Fatalf("a directory in use: %v", err)
	}
	i.stop()

	handler, closeData, err := app.OpenData(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	var l lifecycles
	status, body := ask(http.MethodGet, "/api/v1/lifecycles?key=778", "")
	if err := json.Unmarshal([]byte(body), &l); status != http.StatusOK || err != nil || passed(l) != 1 {
		t.Errorf("lifecycles: %d %s", status, body)
	}
	for _, path := range []string{"/api/v1/status", "/api/v1/objectives", "/api/v1/findings/groups"} {
		if status, body := ask(http.MethodGet, path, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	var v app.VerifyReport
	if status, body := ask(http.MethodPost, "/api/v1/verify", ""); status != http.StatusOK || json.Unmarshal([]byte(body), &v) != nil || v.Count != 0 || v.Records != 1 {
		t.Errorf("verify: %d %s", status, body)
	}
	var b app.BackupReport
	backup := filepath.Join(t.TempDir(), "backup")
	if status, body := ask(http.MethodPost, "/api/v1/backup", fmt.Sprintf(`{"dir":%q}`, backup)); status != http.StatusOK || json.Unmarshal([]byte(body), &b) != nil || b.Events != 1 {
		t.Errorf("backup: %d %s", status, body)
	}
	if err := closeData(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Restore(t.Context(), app.Options{Settings: settings(t, filepath.Join(t.TempDir(), "new"), nil)}, backup); err != nil {
		t.Errorf("restore: %v", err)
	}
	start(t, dir, nil).find("778", func(l lifecycles) bool { return passed(l) == 1 })
}
