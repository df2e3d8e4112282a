package privacy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// secret is what hashes are made with, and the id that stands in them.
type secret struct {
	id  string
	key []byte
}

// hashed is how a value looks that was taken out: hmac-<secret>-<128 bits in hex>.
var hashed = regexp.MustCompile(`^hmac-[0-9a-f]{8}-[0-9a-f]{32}$`)

// hash returns the hash of a value. What is a hash already stays, so that what
// was stored may be read again.
func (s *secret) hash(value string) string {
	if value = strings.TrimSpace(value); value == "" || hashed.MatchString(value) {
		return value
	}
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(value))
	return "hmac-" + s.id + "-" + hex.EncodeToString(m.Sum(nil)[:16])
}

// NewKey returns a wrapping key, as it is given in settings.
func NewKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it does not fail
	return base64.StdEncoding.EncodeToString(key[:])
}

var errKey = errors.New("is no key as `stocktrace privacy init` prints it: 32 bytes in base64")

func sealer(key string) (cipher.AEAD, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key))
	if err != nil || len(raw) != 32 {
		return nil, errKey
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Init writes a new secret, wrapped under the key, to a file that does not exist
// yet. Every collector of a retailer needs the same file.
func Init(file, key string) error {
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s exists: hashes made with its secret would never be found again; rotate its key instead", file)
	}
	var s [32]byte
	_, _ = rand.Read(s[:])
	return wrap(file, key, s[:])
}

// Rotate wraps the file's secret under another key. Hashes stay as they are.
func Rotate(file, oldKey, newKey string) error {
	s, err := open(file, oldKey)
	if err != nil {
		return err
	}
	return wrap(file, newKey, s.key)
}

// wrap writes: SECRET-ID WRAPPED-IN-BASE64. The id is the secret's own digest.
func wrap(file, key string, s []byte) error {
	seal, err := sealer(key)
	if err != nil {
		return err
	}
	id := secretID(s)
	nonce := make([]byte, seal.NonceSize())
	_, _ = rand.Read(nonce)
	line := "# The secret of stocktrace's hashes of people, wrapped by `stocktrace privacy`. Lose it, and old and new hashes do not compare.\n" +
		id + " " + base64.StdEncoding.EncodeToString(seal.Seal(nonce, nonce, s, []byte(id))) + "\n"
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, []byte(line), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}

func secretID(s []byte) string {
	sum := sha256.Sum256(append([]byte("stocktrace privacy secret\x00"), s...))
	return hex.EncodeToString(sum[:4])
}

// open reads a file's secret.
func open(file, key string) (*secret, error) {
	seal, err := sealer(key)
	if err != nil {
		return nil, fmt.Errorf("the privacy key %w", err)
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist: make it with `stocktrace privacy init`, or copy it from another collector", file)
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] == "#" {
			continue
		}
		wrapped, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || len(wrapped) < seal.NonceSize() {
			break
		}
		s, err := seal.Open(nil, wrapped[:seal.NonceSize()], wrapped[seal.NonceSize():], []byte(fields[0]))
		if err != nil {
			return nil, fmt.Errorf("%s is not wrapped under this privacy key", file)
		}
		return &secret{fields[0], s}, nil
	}
	return nil, fmt.Errorf("%s holds no secret", file)
}
