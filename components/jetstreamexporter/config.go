package jetstreamexporter

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/stocktrace/stocktrace/collector"
	"github.com/stocktrace/stocktrace/internal/stream"
)

// Config of the exporter.
type Config struct {
	// Endpoint is where NATS listens: "nats://host:4222", several servers of one
	// cluster separated by commas. Required.
	Endpoint string `mapstructure:"endpoint"`
	// CredentialsFile is a NATS credentials file (JWT and key).
	CredentialsFile string `mapstructure:"credentials_file"`
	// Username and Password, where NATS knows its clients by those.
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// TLS is how NATS is spoken to, where it demands TLS.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`

	// Partitions of the log. Where there is none yet it is created with as many, else
	// it must have them: another number is an error at the start. 0 takes what the
	// log has, or 8.
	Partitions int `mapstructure:"partitions"`
	// MaxBytes caps what the log holds. 0 takes the cap it has, or 16 GiB.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// Replicas is how many servers of the cluster keep each message: 1, 3 or 5. It
	// counts where the log is created. 0 means 1.
	Replicas int `mapstructure:"replicas"`

	// Timeout bounds how long a sender waits for its answer while the log does not
	// answer.
	Timeout time.Duration `mapstructure:"timeout"`

	// Privacy says how people are taken out before anything is stored.
	Privacy Privacy `mapstructure:"privacy"`
}

// Privacy names the rules by which people are taken out.
type Privacy struct {
	// File is in the form of the embedded collector's --privacy. None given: nobody
	// is taken out.
	File string `mapstructure:"file"`
	// Key opens the file's secret.
	Key configopaque.String `mapstructure:"key"`
}

func newConfig() component.Config {
	return &Config{Timeout: collector.DefaultPublishTimeout}
}

var schemes = []string{"nats", "tls", "ws", "wss"}

// Validate returns every mistake in the configuration, with what to do about it.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if c.Endpoint == "" {
		wrong("endpoint: name the NATS server that holds the log, such as nats://nats:4222")
	} else {
		for i, server := range strings.Split(c.Endpoint, ",") {
			// The URL may hold a password, so it is not repeated.
			if u, err := url.Parse(strings.TrimSpace(server)); err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" {
				wrong("endpoint: server %d is no address of NATS: write nats://host:4222, several separated by commas", i+1)
			}
		}
	}
	if c.CredentialsFile != "" && c.Username != "" {
		wrong("credentials_file and username: NATS takes one of the two")
	}
	if (c.Username == "") != (c.Password == "") {
		wrong("username and password: give both, or neither")
	}
	if c.Partitions < 0 || c.Partitions > stream.MaxPartitions {
		wrong("partitions: %d is not possible: 1 to %d, or 0 for what the log has", c.Partitions, stream.MaxPartitions)
	}
	if c.MaxBytes < 0 {
		wrong("max_bytes: %d is less than nothing: leave it out for the cap the log has", c.MaxBytes)
	}
	if !slices.Contains([]int{0, 1, 3, 5}, c.Replicas) {
		wrong("replicas: %d is not possible: 1, 3 or 5", c.Replicas)
	}
	if c.Timeout <= 0 {
		wrong("timeout: %s leaves no time to store anything: 15s is usual", c.Timeout)
	}
	if c.Privacy.Key != "" && c.Privacy.File == "" {
		wrong("privacy: there is a key and no file: name the file of the rules")
	}
	return errors.Join(errs...)
}
