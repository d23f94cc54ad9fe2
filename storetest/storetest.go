// Package storetest judges a backend of Holdfast: anybody's, with one call.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) driver.Store {
//			return mystore.New(t.TempDir())
//		}, nil)
//	}
//
// The names of the subtests read like the contract in package driver, and a
// subtest that fails names the promise that is broken. The required four
// methods are enough: what needs a capability that the backend lacks is
// skipped, and it is checked that package holdfast then answers
// errors.ErrUnsupported. What a backend says of itself in its Properties is
// what it is held to.
package storetest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// Options of Run. Nil stands for the zero value.
type Options struct {
	// Reopen closes s and opens a store over the same data. Nil: the backend
	// keeps nothing over a restart.
	Reopen func(t *testing.T, s driver.Store) driver.Store

	// Damage makes the stored value of k unreadable behind the back of s,
	// together with every copy that the backend could heal it from, and
	// returns the store to go on with: s itself where it sees the damage at
	// once, else one opened again over the same data. Nil: cannot be done.
	Damage func(t *testing.T, s driver.Store, k driver.Key) driver.Store

	// MayRefuse tells which keys the backend may refuse with ErrInvalidName,
	// as its documentation says, beside those that driver.ValidateKey refuses.
	// The rest must round-trip. Nil: none.
	MayRefuse func(k driver.Key) bool

	// Seed replays the random part of a run that failed. 0: a random one. It
	// is logged in any case.
	Seed uint64

	// Patience is how long to wait for what must come, such as a change that a
	// watcher is to be told of. Default: 10 s.
	Patience time.Duration
}

// Run judges a backend. open returns a new, empty store for the subtest t, and
// leaves to t.Cleanup what must be cleaned up; some subtests close the store
// themselves.
func Run(t *testing.T, open func(t *testing.T) driver.Store, o *Options) {
	t.Helper()
	su := &suite{open: open}
	if o != nil {
		su.Options = *o
	}
	if su.Seed == 0 {
		su.Seed = rand.Uint64()
	}
	if su.Patience == 0 {
		su.Patience = 10 * time.Second
	}
	t.Logf("storetest: Options.Seed: %d", su.Seed)
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) { c.run(su.subject(t, c.needs)) })
			}
		})
	}
}

// suite is one run over one backend.
type suite struct {
	Options
	open func(t *testing.T) driver.Store
}

// group is a chapter of the contract.
type group struct {
	name  string
	cases []testCase
}

// testCase is one sentence of the contract, judged on a new store.
type testCase struct {
	name  string
	needs need
	run   func(*subject)
}

func groups() []group {
	return []group{
		{"Value", valueCases()},
		{"Null", nullCases()},
		{"Damage", damageCases()},
		{"List", listCases()},
		{"JSON", jsonCases()},
		{"Name", nameCases()},
		{"Context", contextCases()},
		{"Ownership", ownershipCases()},
		{"Revision", revisionCases()},
		{"Apply", applyCases()},
		{"Load", loadCases()},
		{"Scan", scanCases()},
		{"AppendGet", appendGetCases()},
		{"History", historyCases()},
		{"Concurrency", concurrencyCases()},
		{"Watch", watchCases()},
		{"Properties", propertyCases()},
		{"Restart", restartCases()},
		{"Portable", portableCases()},
		{"Close", closeCases()},
		{"Model", modelCases()},
	}
}
