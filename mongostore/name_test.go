package mongostore_test

import (
	"testing"

	"github.com/holdfast-go/holdfast/mongostore"
)

func TestNamesOfCollections(t *testing.T) {
	for entity, collection := range map[string]string{
		"signal": "signal", "signal/strategy-a": "signal/strategy-a", "risk/conservative": "risk/conservative",
		"100%": "100%", "a%2Fb": "a%2Fb", "AB": "AB", "日本/東京": "日本/東京", "x.json": "x.json", "a.b/c": "a.b/c",
		"$where": "%{24}where", "a$b": "a%{24}b", ".x": "%{2E}x", "x.": "x%{2E}", "a..b": "a.%{2E}b", "...": "%{2E}%{2E}%{2E}",
		"system.profile": "%{73}ystem.profile", "systems": "systems", "a/system.x": "a/system.x", `a"b`: "a%{22}b",
		"%{24}": "%{25}{24}", "{a}": "{a}", "%{": "%{25}{",
	} {
		if got := mongostore.EscapeName(entity); got != collection {
			t.Errorf("%q is kept in %q, want %q", entity, got, collection)
		}
		if got, ok := mongostore.UnescapeName(collection); !ok || got != entity {
			t.Errorf("%q holds %q, %v, want %q", collection, got, ok, entity)
		}
	}
	for _, other := range []string{"system.views", "a$b", ".x", "a..b", "%{41}", "%{24", "%{zz}", "%{2f}", "%{}", "a//b", "/a", "../x", "", "%{2e}x", "%{00}"} {
		if entity, ok := mongostore.UnescapeName(other); ok {
			t.Errorf("%q passes for the collection of %q", other, entity)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a%{24}b", "system.x")
	f.Fuzz(func(t *testing.T, a, b string) {
		if x, ok := mongostore.UnescapeName(mongostore.EscapeName(a)); ok && x != a {
			t.Errorf("%q comes back as %q", a, x)
		}
		if a != b && mongostore.EscapeName(a) == mongostore.EscapeName(b) {
			t.Errorf("%q and %q have one collection", a, b)
		}
	})
}
