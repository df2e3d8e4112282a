// Package static holds what the pages are made of besides HTML: one style
// sheet, one script, icons, and a few files of other people under vendor/,
// which are copied from node_modules (see Vendored) and not kept in version
// control.
package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed app.css app.js icon.svg vendor
var files embed.FS

// File is a file taken from an npm package. Licenses travel with what they are
// about.
type File struct {
	// From is its path in node_modules, To its path in this folder.
	From, To string
	// Needed: without it the pages do not work. The others are done without.
	Needed bool
}

// Vendored lists the files of other people.
var Vendored = []File{
	{From: "htmx.org/dist/htmx.min.js", To: "vendor/htmx.min.js", Needed: true},
	{From: "htmx.org/dist/ext/hx-sse.min.js", To: "vendor/hx-sse.min.js", Needed: true},
	{From: "htmx.org/LICENSE", To: "vendor/htmx.LICENSE.txt"},
	{From: "@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2", To: "vendor/plex-sans-latin.woff2"},
	{From: "@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-ext-wght-normal.woff2", To: "vendor/plex-sans-latin-ext.woff2"},
	{From: "@fontsource-variable/ibm-plex-sans/LICENSE", To: "vendor/plex-sans.LICENSE.txt"},
	{From: "@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-400-normal.woff2", To: "vendor/plex-mono-latin-400.woff2"},
	{From: "@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-500-normal.woff2", To: "vendor/plex-mono-latin-500.woff2"},
	{From: "@fontsource/ibm-plex-mono/LICENSE", To: "vendor/plex-mono.LICENSE.txt"},
}

// ErrIncomplete means the binary was built before the vendored files were
// copied.
var ErrIncomplete = errors.New("this binary was built without the parts of its pages that come from npm")

// Check returns ErrIncomplete, naming file and remedy, where a needed file was
// not there at build time.
func Check() error {
	for _, f := range Vendored {
		if !f.Needed {
			continue
		}
		if _, err := fs.Stat(files, f.To); err != nil {
			return fmt.Errorf("%w: web/static/%s is missing; run `make build`, which runs `npm ci` and `go generate ./web` first", ErrIncomplete, f.To)
		}
	}
	return nil
}

// Has reports whether the named file was there at build time.
func Has(name string) bool {
	_, err := fs.Stat(files, name)
	return err == nil
}

// Server serves the files under the URL prefix it is mounted at. A file asked
// for by its own version (see Server.URL) may be kept for ever.
type Server struct {
	prefix   string
	content  map[string][]byte
	versions map[string]string
}

// NewServer reads all files once.
func NewServer(prefix string) (*Server, error) {
	s := &Server{prefix: prefix, content: map[string][]byte{}, versions: map[string]string{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		// The style sheet names its fonts by their plain addresses; each of them
		// gets its version here, so that an update is never mixed with a cached
		// file of the release before.
		sum := sha256.Sum256(body)
		s.content[name] = body
		s.versions[name] = hex.EncodeToString(sum[:6])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded files: %w", err)
	}
	css := string(s.content["app.css"])
	for _, f := range Vendored {
		if v, ok := s.versions[f.To]; ok && strings.HasSuffix(f.To, ".woff2") {
			css = strings.ReplaceAll(css, `"`+f.To+`"`, `"`+f.To+"?v="+v+`"`)
		}
	}
	s.content["app.css"] = []byte(css)
	sum := sha256.Sum256([]byte(css))
	s.versions["app.css"] = hex.EncodeToString(sum[:6])
	return s, nil
}

// URL returns the address of a file, with its version.
func (s *Server) URL(name string) string {
	return s.prefix + name + "?v=" + s.versions[name]
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, s.prefix)
	body, ok := s.content[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("ETag", `"`+s.versions[name]+`"`)
	if r.URL.Query().Get("v") == s.versions[name] {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Type", contentType(name))
	http.ServeContent(w, r, name, time.Time{}, strings.NewReader(string(body)))
}

// contentType does not ask the operating system, whose tables differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}
