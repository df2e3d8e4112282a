package app

import (
	"context"
	"errors"
	"net/http"
)

// OpenData opens the data directory, which no instance uses, for one command:
// the API without a network.
func OpenData(_ context.Context, _ *Settings) (http.Handler, func() error, error) {
	return nil, nil, errors.New("the data directory cannot be opened yet")
}

// VerifyReport is what a recomputation found.
type VerifyReport struct {
	Records     int          `json:"records"`
	Lifecycles  int          `json:"lifecycles"`
	Findings    int          `json:"findings"`
	Count       int          `json:"count"` // differences, also those not listed
	Differences []Difference `json:"differences"`
}

// Difference is one thing stored otherwise than computed.
type Difference struct {
	Where    string `json:"where"`
	Stored   string `json:"stored"`
	Computed string `json:"computed"`
}

// BackupRequest asks an instance for a backup.
type BackupRequest struct {
	Dir string `json:"dir"` // absolute, on the instance's machine; must not exist
}

// BackupReport says what is in a backup.
type BackupReport struct {
	Events   uint64 `json:"events"`
	Messages uint64 `json:"messages"`
}

// Restore puts a backup into the data directory, which must be empty.
func Restore(_ context.Context, _ *Settings, _ string) (BackupReport, error) {
	return BackupReport{}, errors.New("restoring does not work yet")
}

// Check reads every file the settings name and returns what is well.
func Check(s *Settings) ([]string, error) {
	var lines []string
	if s.Locations != "" {
		locations, err := LoadLocations(s.Locations)
		if err != nil {
			return lines, err
		}
		lines = append(lines, plural(len(locations), "location", "locations")+" in "+s.Locations)
	}
	return lines, nil
}

// Simulate runs the simulated retailer against another instance.
func Simulate(_ context.Context, _ Options, _ func(line string)) error {
	return errors.New("the simulated retailer does not run yet")
}
