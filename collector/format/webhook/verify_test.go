package webhook

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
)

// The HMAC-SHA256 of RFC 4231, test case 2.
const (
	rfcKey  = "Jefe"
	rfcData = "what do ya want for nothing?"
	rfcMAC  = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
)

func rfcSignature(t *testing.T) string {
	t.Helper()
	mac, err := hex.DecodeString(rfcMAC)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(mac)
}

// TestKnownSignatures: Shopify signs the body, Square the URL and the body.
func TestKnownSignatures(t *testing.T) {
	s := rfcSignature(t)
	for name, c := range map[string]struct{ vendor, header, url, body string }{
		"shopify":            {"shopify", "X-Shopify-Hmac-Sha256", "", rfcData},
		"shopify lower case": {"shopify", "x-shopify-hmac-sha256", "https://ignored", rfcData},
		"square":             {"square", "X-Square-Hmacsha256-Signature", rfcData[:16], rfcData[16:]},
		"adobe":              {"adobe_commerce", "X-Adobe-Signature", "", rfcData},
	} {
		verify := Vendors[c.vendor].Verify
		if err := verify(rfcKey, c.url, map[string]string{c.header: s}, []byte(c.body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, err := range map[string]error{
			"another body":   verify(rfcKey, c.url, map[string]string{c.header: s}, []byte(c.body+" ")),
			"another secret": verify(rfcKey+"x", c.url, map[string]string{c.header: s}, []byte(c.body)),
			"no secret":      verify("", c.url, map[string]string{c.header: s}, []byte(c.body)),
			"no header":      verify(rfcKey, c.url, nil, []byte(c.body)),
			"no base64":      verify(rfcKey, c.url, map[string]string{c.header: "%%%"}, []byte(c.body)),
			"half of it":     verify(rfcKey, c.url, map[string]string{c.header: s[:20]}, []byte(c.body)),
		} {
			if err == nil || !strings.HasSuffix(err.Error(), ".") || strings.Contains(err.Error(), rfcKey) {
				t.Errorf("%s with %s: %v", name, what, err)
			}
		}
	}
	if err := Vendors["square"].Verify(rfcKey, "https://other", map[string]string{"X-Square-Hmacsha256-Signature": s}, []byte(rfcData[16:])); err == nil {
		t.Error("square: another URL is accepted")
	}
	if err := Vendors["square"].Verify(rfcKey, "", map[string]string{"X-Square-Hmacsha256-Signature": s}, []byte(rfcData)); err == nil {
		t.Error("square: no URL is accepted")
	}
}

func TestEveryVendorHasBoth(t *testing.T) {
	if len(Vendors) != len(Formats) {
		t.Errorf("%d vendors, %d formats", len(Vendors), len(Formats))
	}
	for _, f := range Formats {
		if v := Vendors[f.Name()]; v.Format != f || v.Verify == nil {
			t.Errorf("%s is not whole", f.Name())
		}
	}
}

func TestTokens(t *testing.T) {
	for _, name := range []string{"commercetools", "dynamics365"} {
		verify := Vendors[name].Verify
		for _, c := range []struct {
			secret, sent string
			ok           bool
		}{
			{"", "", true},
			{"s3cret", "", false},
			{"s3cret", "Bearer s3cret", true},
			{"s3cret", "s3cret", true},
			{"Basic dXNlcg==", "Basic dXNlcg==", true},
			{"s3cret", "Bearer other", false},
			{"s3cret", "Basic s3cret", false},
		} {
			if err := verify(c.secret, "", map[string]string{"Authorization": c.sent}, nil); (err == nil) != c.ok {
				t.Errorf("%s: %q against %q: %v", name, c.sent, c.secret, err)
			}
		}
	}
}

func keys(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestAdobePublicKey(t *testing.T) {
	key, public := keys(t)
	body := []byte(`{"a":1}`)
	digest := sha256.Sum256(body)
	signed, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	s := base64.StdEncoding.EncodeToString(signed)
	for _, name := range []string{"X-Adobe-Commerce-Webhook-Signature", "X-Adobe-Digital-Signature-2"} {
		if err := verifyAdobe(public, "", map[string]string{"X-Adobe-Digital-Signature-1": "b2xk", name: s}, body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verifyAdobe(public, "", map[string]string{name: s}, append(body, ' ')); err == nil {
			t.Errorf("%s: another body is accepted", name)
		}
	}
	if err := verifyAdobe(public, "", nil, body); err == nil {
		t.Error("no header is accepted")
	}
	if err := verifyAdobe("-----BEGIN NONSENSE", "", map[string]string{"X-Adobe-Digital-Signature-1": s}, body); err == nil {
		t.Error("a key that is none is accepted")
	}
}

func TestSNS(t *testing.T) {
	key, public := keys(t)
	message := map[string]string{
		"Type": "Notification", "MessageId": "m", "TopicArn": "arn:x", "Message": `{"NotificationType":"ORDER_CHANGE"}`, "Timestamp": "2026-11-23T10:00:00Z",
	}
	text := "Message\n" + message["Message"] + "\nMessageId\nm\nTimestamp\n2026-11-23T10:00:00Z\nTopicArn\narn:x\nType\nNotification\n"
	for version, sign := range map[string]func() ([]byte, error){
		"1": func() ([]byte, error) {
			sum := sha1.Sum([]byte(text))
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA1, sum[:])
		},
		"2": func() ([]byte, error) {
			sum := sha256.Sum256([]byte(text))
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		},
	} {
		signed, err := sign()
		if err != nil {
			t.Fatal(err)
		}
		message["SignatureVersion"], message["Signature"] = version, base64.StdEncoding.EncodeToString(signed)
		body, _ := json.Marshal(message)
		if err := verifySNS(public, "", nil, body); err != nil {
			t.Errorf("version %s: %v", version, err)
		}
		if err := verifySNS(public, "", nil, []byte(strings.Replace(string(body), "ORDER_CHANGE", "OTHER", 1))); err == nil {
			t.Errorf("version %s: another message is accepted", version)
		}
	}
	if err := verifySNS(public, "", nil, []byte(`{}`)); err == nil {
		t.Error("an unsigned message is accepted")
	}
	if err := verifySNS("", "", nil, []byte(`{}`)); err != nil {
		t.Errorf("without a certificate: %v", err)
	}
}
