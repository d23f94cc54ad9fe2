package mongostore_test

import (
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/storetest"
)

// mayRefuse is what the README says: entities too long for the name of a
// collection. (FerretDB takes less than MongoDB, which takes 255 bytes with the
// name of the database.)
func mayRefuse(k driver.Key) bool { return len(k.Entity) > 200 }

func TestStore(t *testing.T) { conformance(t, newHost(t)) }

func conformance(t *testing.T, h *host) {
	t.Helper()
	places := map[string]*place{} // by location
	storetest.Run(t, func(t *testing.T) driver.Store {
		p := h.place(t)
		s := openAny(t, p.url)
		places[location(s)] = p
		return s
	}, &storetest.Options{
		Reopen: func(t *testing.T, s driver.Store) driver.Store {
			p := places[location(s)]
			must(t, s.(store).Close())
			return openAny(t, p.url)
		},
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			places[location(s)].damage(t, k)
			return s
		},
		MayRefuse: mayRefuse,
	})
}

// openAny keeps the store as what it is: a driver.Watcher, or none.
func openAny(t *testing.T, url string) driver.Store {
	t.Helper()
	s, err := driver.Open(context.Background(), url, driver.OpenOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, s.(store).Close()) })
	return s
}

func location(s driver.Store) string { return s.(driver.Describer).Properties().Location }

// damage cuts the value's text off, as no driver does and a hand may.
func (p *place) damage(t *testing.T, k driver.Key) {
	t.Helper()
	cut := bson.D{{Key: "$set", Value: bson.D{{Key: "data", Value: `{"cut":`}, {Key: "encoding", Value: "json"}}}}
	res, err := p.db.Collection(strings.ReplaceAll(k.Entity, "$", "%{24}")).UpdateOne(t.Context(), bson.D{{Key: "entityId", Value: k.ID}}, cut)
	must(t, err)
	if res.MatchedCount != 1 {
		t.Fatalf("no document of %s to damage", k)
	}
}
