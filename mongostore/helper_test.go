package mongostore_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	_ "github.com/holdfast-go/holdfast/mongostore"
	"github.com/holdfast-go/holdfast/mongostore/internal/fakeset"
)

// serverEnv names a real MongoDB server to be tested against, such as
// "mongodb://127.0.0.1:27017/?replicaSet=rs0". Databases called holdfast_test_…
// are made and dropped there.
const serverEnv = "HOLDFAST_TEST_MONGODB"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var databases atomic.Int64

// host is the server that one test runs against.
type host struct {
	url    string
	ferret *testserver.Ferret // nil on a real server
}

// newHost is the real server, if there is one, else a FerretDB of its own.
func newHost(t testing.TB) *host {
	t.Helper()
	if real := os.Getenv(serverEnv); real != "" {
		return &host{url: real}
	}
	return newFerret(t, testserver.FerretOptions{})
}

// newFerret is for what a test does to its own server.
func newFerret(t testing.TB, o testserver.FerretOptions) *host {
	t.Helper()
	f := testserver.StartFerret(t, o)
	return &host{f.URL("", ""), f}
}

// fakeSet is a stand-in for a replica set, of a test's own.
type fakeSet struct{ *fakeset.Set }

func newFakeSet(t testing.TB) *fakeSet {
	t.Helper()
	f, err := fakeset.Listen("127.0.0.1:0", fakeset.Lifetime)
	must(t, err)
	t.Cleanup(f.Close)
	return &fakeSet{f}
}

func (f *fakeSet) host() *host { return &host{url: f.URL()} }

// place is a database of its own for one test.
type place struct {
	*host
	url string // of the store
	db  *mongo.Database
}

func newPlace(t testing.TB) *place {
	t.Helper()
	return newHost(t).place(t)
}

func (h *host) place(t testing.TB) *place {
	t.Helper()
	u, err := url.Parse(h.url)
	must(t, err)
	name := fmt.Sprintf("holdfast_test_%d_%d", os.Getpid(), databases.Add(1))
	client, err := mongo.Connect(options.Client().ApplyURI(h.url).SetTimeout(30 * time.Second).
		SetReadConcern(readconcern.Majority()).SetWriteConcern(majority()))
	must(t, err)
	p := &place{host: h, db: client.Database(name)}
	u.Path = "/" + name
	if u.User != nil && u.Query().Get("authSource") == "" {
		q := u.Query()
		q.Set("authSource", "admin")
		u.RawQuery = q.Encode()
	}
	p.url = u.String()
	t.Cleanup(func() {
		ctx := context.Background()
		if h.ferret == nil || h.ferret.Running() {
			if err := p.db.Drop(ctx); err != nil {
				t.Error(err)
			}
		}
		client.Disconnect(ctx)
	})
	return p
}

func majority() *writeconcern.WriteConcern {
	journal := true
	return &writeconcern.WriteConcern{W: "majority", Journal: &journal}
}

// with adds a parameter to the URL.
func (p *place) with(parameter string) string {
	if strings.Contains(p.url, "?") {
		return p.url + "&" + parameter
	}
	return p.url + "?" + parameter
}

// store is everything that a store of this package can do.
type store interface {
	driver.Store
	driver.Deleter
	driver.Lister
	driver.Applier
	driver.Checker
	driver.Recoverer
	driver.Describer
	Close() error
}

func open(t testing.TB, rawURL string) store {
	t.Helper()
	d, err := driver.Open(context.Background(), rawURL, driver.OpenOptions{})
	must(t, err)
	s := d.(store)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

var signals = "signal/strategy-a"

func key(id string) driver.Key { return driver.Key{Entity: signals, ID: id} }

// raw is the collection of an ordinary entity, as other hands see it.
func (p *place) raw() *mongo.Collection { return p.db.Collection(signals) }

func (p *place) insert(t testing.TB, fields ...bson.E) {
	t.Helper()
	_, err := p.raw().InsertOne(t.Context(), bson.D(fields))
	must(t, err)
}
