package storetest

import (
	"io"

	"github.com/holdfast-go/holdfast/driver"
)

// need is a set of what a case cannot do without.
type need uint

const (
	deleter need = 1 << iota
	lister
	applier  // of single keys at least
	anyBatch // over keys and entities
	loader
	scanner
	appender
	historian
	watcher
	checker
	closer
	reopener
	damager
)

// lacks names the first thing needed that is not there, or "".
func (su *suite) lacks(s driver.Store, n need) string {
	scope := batchScope(s)
	for _, c := range []struct {
		need need
		met  bool
		name string
	}{
		{deleter, is[driver.Deleter](s), "driver.Deleter"},
		{lister, is[driver.Lister](s), "driver.Lister"},
		{applier, scope != driver.BatchNone, "driver.Applier"},
		{anyBatch, scope == driver.BatchAny, "driver.Applier over several keys"},
		{loader, is[driver.Loader](s), "driver.Loader"},
		{scanner, is[driver.Scanner](s), "driver.Scanner"},
		{appender, is[driver.AppendGetter](s), "driver.AppendGetter"},
		{historian, is[driver.Historian](s) && keepsHistory(s), "driver.Historian"},
		{watcher, is[driver.Watcher](s), "driver.Watcher"},
		{checker, is[driver.Checker](s), "driver.Checker"},
		{closer, is[io.Closer](s), "io.Closer"},
		{reopener, su.Reopen != nil, "Options.Reopen"},
		{damager, su.Damage != nil, "Options.Damage"},
	} {
		if n&c.need != 0 && !c.met {
			return c.name
		}
	}
	return ""
}

func is[C any](s driver.Store) bool {
	_, ok := driver.As[C](s)
	return ok
}

// batchScope is how wide Apply is: as the backend says, and if it does not
// say, as wide as the contract.
func batchScope(s driver.Store) driver.BatchScope {
	if !is[driver.Applier](s) {
		return driver.BatchNone
	}
	if d, ok := driver.As[driver.Describer](s); ok {
		return d.Properties().Batch
	}
	return driver.BatchAny
}

// exactBytes tells whether data must come back byte for byte.
func exactBytes(s driver.Store) bool {
	d, ok := driver.As[driver.Describer](s)
	return ok && d.Properties().ExactBytes
}

// keepsHistory tells whether history is open to be judged: a backend that says
// nothing of itself is held to what its methods promise.
func keepsHistory(s driver.Store) bool {
	d, ok := driver.As[driver.Describer](s)
	return !ok || d.Properties().History
}
