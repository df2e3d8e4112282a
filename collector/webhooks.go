package collector

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/stocktrace/stocktrace/collector/canonical"
)

// Vendor is a system that calls a URL of ours when something happens in it, and
// signs what it sends.
type Vendor interface {
	DocumentReader
	// Verify returns nil if the body was signed with the secret, as the vendor
	// signs. url is the address the vendor was given; names of the header are
	// canonical. The error is a sentence that tells nothing of the secret.
	Verify(secret, url string, header map[string]string, body []byte) error
}

// webhooksHandler answers POST /v1/webhooks/{vendor}/{source}. The signature says
// who sends: vendors cannot send a token.
type webhooksHandler struct {
	*documentsHandler
	vendors map[string]Vendor
	base    string // of the URLs that vendors are given
}

func (h *webhooksHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem{Status: http.StatusMethodNotAllowed, Title: "Use POST"}.write(w)
		return
	}
	vendor, known := h.vendors[r.PathValue("vendor")]
	if !known {
		problem{Status: http.StatusNotFound, Title: "No such vendor", Detail: fmt.Sprintf("%q is no vendor whose webhooks are read here.", r.PathValue("vendor"))}.write(w)
		return
	}
	// Who may not know whether a source exists learns nothing from the answer.
	unsigned := func(why string) {
		problem{Status: http.StatusUnauthorized, Title: "The signature does not hold", Detail: why}.write(w)
	}
	source := h.intake.gate.Named(r.PathValue("source"))
	if source == nil || source.SecretFile == "" {
		unsigned("Declare the source with its webhook_secret_file, and give the vendor that secret.")
		return
	}
	r, ok := h.welcome(w, r, canonical.TransportDocuments, source)
	if !ok {
		return
	}
	secrets, err := readSecrets(source.SecretFile)
	if err != nil {
		problem{Status: http.StatusServiceUnavailable, Title: "Nothing was stored", Detail: "The secret of this source cannot be read."}.write(w)
		return
	}
	// Signatures are over the bytes as sent, so a stranger's body is held once,
	// within bounds; nothing of it is kept.
	b, err := h.bodies.read(r)
	defer b.release()
	if err != nil {
		problem{Status: http.StatusBadRequest, Title: "The body cannot be read", Detail: err.Error()}.write(w)
		return
	}
	from := h.from(source, r.Header)
	if err := verify(vendor, secrets, h.base+r.URL.RequestURI(), r.Header, b.bytes); err != nil {
		h.intake.metrics.refused(1, canonical.TransportDocuments, "signature")
		unsigned(err.Error())
		return
	}
	from.Document = cmp.Or(r.Header.Get("Webhook-Id"), r.Header.Get("X-Request-Id"))
	h.take(w, r, b.bytes, from, "", vendor)
}

// verify asks the vendor whether any of the secrets holds.
func verify(vendor Vendor, secrets []string, url string, header http.Header, body []byte) error {
	flat := make(map[string]string, len(header))
	for name := range header {
		flat[name] = header.Get(name)
	}
	err := errors.New("no secret is declared for this source")
	for _, secret := range secrets {
		if err = vendor.Verify(secret, url, flat, body); err == nil {
			return nil
		}
	}
	return err
}

// readSecrets reads the secrets of a file, one a line, or one key or certificate
// in PEM. It is read at every request, so that a new secret counts at once.
func readSecrets(file string) ([]string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(raw), "-----BEGIN") {
		return []string{string(raw)}, nil
	}
	var secrets []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" {
			secrets = append(secrets, line)
		}
	}
	return secrets, nil
}
