package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sessionCookie is the cookie of a signed-in browser.
const sessionCookie = "stocktrace_session"

// sessionLife is how long a browser stays signed in.
const sessionLife = 7 * 24 * time.Hour

// sessions issues and checks session cookies. A cookie is an expiry and its
// HMAC under a key made of the token: nothing is stored, a restart keeps
// everyone signed in, and another token signs everyone out.
type sessions struct {
	token  string
	key    []byte
	secure bool
}

func newSessions(token string, secure bool) sessions {
	key := sha256.Sum256([]byte("stocktrace session\x00" + token))
	return sessions{token: token, key: key[:], secure: secure}
}

// cookie is one that no script reads and no other site sends. Over plain HTTP it
// is not Secure, because browsers would drop it.
func (s *sessions) cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.secure}
}

func (s *sessions) sign(expiry []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write(expiry)
	return m.Sum(nil)
}

// issue returns a cookie value valid until the given time. Sessions run on real
// time: a simulated estate's clock does not sign people out.
func (s *sessions) issue(until time.Time) string {
	expiry := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(expiry, s.sign(expiry)...))
}

func (s *sessions) valid(value string, now time.Time) bool {
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	return hmac.Equal(raw[8:], s.sign(raw[:8])) && now.Unix() < int64(binary.BigEndian.Uint64(raw))
}

// isToken compares in constant time, whatever the lengths.
func (s *sessions) isToken(given string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (s *sessions) allows(r *http.Request) bool {
	if s.token == "" {
		return true
	}
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.isToken(given)
	}
	c, err := r.Cookie(sessionCookie)
	return err == nil && s.valid(c.Value, time.Now())
}

// RequireToken lets only callers with the bearer token through; an empty token
// lets everyone. It is for handlers that stand beside the pages, such as
// metrics.
func RequireToken(token string, next http.Handler) http.Handler {
	s := newSessions(token, false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.allows(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="stocktrace"`)
			http.Error(w, "A bearer token is needed.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// mayLook reports whether who asks may see anything.
func (s *Server) mayLook(r *http.Request) bool {
	return s.sessions.allows(r) || s.ViewToken != "" && s.viewers.allows(r)
}

func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.mayLook(r) {
			next.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") || r.Header.Get("Authorization") != "" || r.URL.Path == "/live" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="stocktrace"`)
			s.problem(w, r, problem{Status: http.StatusUnauthorized, Detail: "Send the token of --auth-token as Authorization: Bearer …"})
			return
		}
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			// A link in Slack: browsers keep a SameSite=Strict cookie back on such a
			// navigation. A page of ours that reloads itself gets it sent.
			v := s.view(r)
			v.Title = "Opening"
			if err := s.render(w, r, http.StatusOK, reloadPage(v)); err != nil {
				s.fail(w, r, err)
			}
			return
		}
		http.Redirect(w, r, "/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusFound)
	})
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) {
	if s.mayLook(r) {
		http.Redirect(w, r, ownPath(r.FormValue("to")), http.StatusFound)
		return
	}
	s.renderLogin(w, r, http.StatusOK, "")
}

func (s *Server) renderLogin(w http.ResponseWriter, r *http.Request, status int, why string) {
	v := s.view(r)
	v.Title, v.Status, v.Login = "Sign in", Status{}, false
	if err := s.render(w, r, status, loginForm(v, ownPath(r.FormValue("to")), why)); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	given := strings.TrimSpace(r.PostFormValue("token"))
	who := &s.sessions
	if s.ViewToken != "" && s.viewers.isToken(given) {
		who = &s.viewers
	}
	if who.token != "" && !who.isToken(given) {
		s.renderLogin(w, r, http.StatusUnauthorized, "That is not the token. It is the value of --auth-token or STOCKTRACE_AUTH_TOKEN of this server.")
		return
	}
	if who.token != "" {
		until := time.Now().Add(sessionLife)
		c := who.cookie(sessionCookie, who.issue(until))
		c.Expires = until
		http.SetCookie(w, c)
	}
	http.Redirect(w, r, ownPath(r.PostFormValue("to")), http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	c := s.sessions.cookie(sessionCookie, "")
	c.MaxAge = -1
	http.SetCookie(w, c)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// ownPath returns where to go after signing in: a path of this server, never
// another one's address.
func ownPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) || strings.ContainsAny(to, "\r\n\t") {
		return "/"
	}
	return to
}
