package canonical

import (
	"iter"
	"maps"
	"os"
	"strings"
	"testing"
)

// The contract's documents name every field that is read, and where they name
// an attribute it exists.
func TestDocumentsNameEveryField(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile("../../docs/contract/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	events, attributes := read("cloudevent.md"), read("attributes.md")
	for _, names := range []iter.Seq[string]{
		maps.Keys(cloudEventFields), maps.Keys(eventFields), maps.Keys(lineFields), maps.Keys(transactionFields),
		maps.Keys(mappingFields), maps.Keys(errorFields), maps.Keys(refFields), maps.Keys(coversFields),
		maps.Keys(totalsFields), maps.Keys(approvalFields), maps.Keys(quantityFields),
	} {
		for name := range names {
			if !strings.Contains(events, "`"+name+"`") {
				t.Errorf("cloudevent.md does not name %s", name)
			}
		}
	}
	for name := range attributeFields {
		if object, _, member := strings.Cut(name, "."); member {
			name = object
		}
		if !strings.Contains(attributes, "`inventory."+name+"`") {
			t.Errorf("attributes.md does not name inventory.%s", name)
		}
	}
	for _, word := range strings.Split(attributes, "`") {
		name, ours := strings.CutPrefix(word, prefix)
		if !ours || name == "" || strings.ContainsAny(name, "<*") || strings.HasPrefix(name, keyPrefix) || strings.HasPrefix(name, "feed.") {
			continue
		}
		if _, ok := attributeFields[name]; !ok {
			t.Errorf("attributes.md names inventory.%s, which is not read", name)
		}
	}
	for _, outcome := range outcomes {
		if !strings.Contains(events, outcome) {
			t.Errorf("cloudevent.md does not name the outcome %s", outcome)
		}
	}
}
