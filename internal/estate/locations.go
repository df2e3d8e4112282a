package estate

import "github.com/stocktrace/stocktrace/inventory"

// Locations returns the stores a retailer of these options has, without making
// it: an instance wants to know them before there is anything to sell to.
func Locations(opts Options) ([]inventory.Location, error) {
	stores, _, err := buildStores(opts.Seed, opts.Stores, opts.BatchShare)
	if err != nil {
		return nil, err
	}
	locations := make([]inventory.Location, len(stores))
	for i, s := range stores {
		locations[i] = s.Location
	}
	return locations, nil
}
