package webhook

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs so in its version 1
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/stocktrace/stocktrace/collector/format/jsonread"
)

// refused is why a message is not believed: one sentence for people.
type refused string

func (r refused) Error() string { return string(r) }

// verifyShopify checks the header X-Shopify-Hmac-Sha256: the base64 of the
// HMAC-SHA256 of the body under the app's secret (shopify.dev, "Verify webhook
// deliveries").
func verifyShopify(secret, _ string, h map[string]string, body []byte) error {
	return verifyHMAC(secret, "X-Shopify-Hmac-Sha256", h, body)
}

// verifySquare checks the header X-Square-Hmacsha256-Signature: the base64 of the
// HMAC-SHA256 of notification URL and body under the subscription's signature key
// (developer.squareup.com, "Validate webhook notifications").
func verifySquare(secret, url string, h map[string]string, body []byte) error {
	if url == "" {
		return refused("Square signs the notification URL too: configure the public URL this webhook was given.")
	}
	return verifyHMAC(secret, "X-Square-Hmacsha256-Signature", h, []byte(url), body)
}

func verifyHMAC(secret, name string, h map[string]string, signed ...[]byte) error {
	if secret == "" {
		return refused(fmt.Sprintf("no secret is configured to check %s with: configure the one the vendor shows.", name))
	}
	sent := header(h, name)
	if sent == "" {
		return refused(fmt.Sprintf("the header %s is missing, so nothing says who sent this: it was not signed.", name))
	}
	got, err := base64.StdEncoding.DecodeString(sent)
	if err != nil {
		return refused(fmt.Sprintf("the header %s is not base64.", name))
	}
	mac := hmac.New(sha256.New, []byte(secret))
	for _, part := range signed {
		_, _ = mac.Write(part)
	}
	if !hmac.Equal(got, mac.Sum(nil)) {
		return refused(fmt.Sprintf("the signature in %s is not that of this body under the configured secret: it was sent by somebody else, changed on its way, or signed with another secret.", name))
	}
	return nil
}

// verifyAdobe checks either of Adobe's signatures. With a public key in PEM as
// secret: RSA-SHA256 of the body in X-Adobe-Commerce-Webhook-Signature (Commerce
// webhooks) or X-Adobe-Digital-Signature-1 and -2 (I/O Events). With any other
// secret: the HMAC-SHA256 in X-Adobe-Signature (I/O Events before 2023).
func verifyAdobe(secret, _ string, h map[string]string, body []byte) error {
	if !strings.Contains(secret, "-----BEGIN") {
		return verifyHMAC(secret, "X-Adobe-Signature", h, body)
	}
	key, err := publicKey(secret)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	given := false
	for _, name := range []string{"X-Adobe-Commerce-Webhook-Signature", "X-Adobe-Digital-Signature-1", "X-Adobe-Digital-Signature-2"} {
		sent := header(h, name)
		given = given || sent != ""
		signature, err := base64.StdEncoding.DecodeString(sent)
		if sent != "" && err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil {
			return nil
		}
	}
	if !given {
		return refused("none of Adobe's signature headers is there, so nothing says who sent this: it was not signed.")
	}
	return refused("the signature is not that of this body under the configured public key: it was sent by somebody else, changed on its way, or signed with another key.")
}

// verifyToken checks the Authorization header against the secret: commercetools
// and Dynamics 365 sign nothing, but can be told to send one.
func verifyToken(secret, _ string, h map[string]string, _ []byte) error {
	if secret == "" {
		return nil
	}
	sent := header(h, "Authorization")
	if sent == "" {
		return refused("the header Authorization is missing, and a secret is configured: have the vendor send it.")
	}
	bare := sent
	if kind, rest, ok := strings.Cut(sent, " "); ok && strings.EqualFold(kind, "Bearer") {
		bare = strings.TrimSpace(rest)
	}
	// Both comparisons are made, whatever the first says.
	if subtle.ConstantTimeCompare([]byte(sent), []byte(secret))|subtle.ConstantTimeCompare([]byte(bare), []byte(secret)) != 1 {
		return refused("the header Authorization is not the configured secret.")
	}
	return nil
}

// verifySNS checks a notification that Amazon SNS delivers, under the
// certificate its SigningCertURL names, given as PEM in place of a secret. What
// comes from a queue is not signed: without a certificate nothing is checked.
// Source: Amazon SNS, "Verifying the signatures of messages".
func verifySNS(secret, _ string, _ map[string]string, body []byte) error {
	if secret == "" {
		return nil
	}
	key, err := publicKey(secret)
	if err != nil {
		return err
	}
	v, err := jsonread.Parse(body, "", 0)
	if err != nil || v.Get("Signature").String() == "" {
		return refused("it is no signed message of Amazon SNS, and a certificate is configured to check one with.")
	}
	fields := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if v.Get("Type").String() != "Notification" {
		fields = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text strings.Builder
	for _, name := range fields {
		if f := v.Get(name); f.Given() {
			text.WriteString(name + "\n" + f.String() + "\n")
		}
	}
	signature, err := base64.StdEncoding.DecodeString(v.Get("Signature").String())
	if err == nil {
		if v.Get("SignatureVersion").String() == "2" {
			sum := sha256.Sum256([]byte(text.String()))
			err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
		} else {
			sum := sha1.Sum([]byte(text.String())) //nolint:gosec // see above
			err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
		}
	}
	if err != nil {
		return refused("the signature is not Amazon's for this message under the configured certificate: fetch the certificate its SigningCertURL names, if it has changed.")
	}
	return nil
}

// publicKey reads an RSA public key, or that of a certificate, from PEM.
func publicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, refused("the configured key is not PEM: paste it with its BEGIN and END lines.")
	}
	var key any
	var err error
	switch block.Type {
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if k, ok := key.(*rsa.PublicKey); ok && err == nil {
		return k, nil
	}
	return nil, refused("the configured key is no RSA public key or certificate.")
}
