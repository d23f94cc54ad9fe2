package mongostore

import (
	"hash/maphash"
	"sync"

	"github.com/holdfast-go/holdfast/driver"
)

// stepLocks let the changes of one key follow one another within this process.
type stepLocks struct {
	all  sync.RWMutex // written: a change of a whole entity
	keys [64]sync.Mutex
	seed maphash.Seed
	once sync.Once
}

// lock makes one key this caller's; a nil stepLocks locks nothing.
func (l *stepLocks) lock(k driver.Key) (unlock func()) {
	if l == nil {
		return func() {}
	}
	l.once.Do(func() { l.seed = maphash.MakeSeed() })
	m := &l.keys[maphash.Comparable(l.seed, k)%uint64(len(l.keys))]
	l.all.RLock()
	m.Lock()
	return func() {
		m.Unlock()
		l.all.RUnlock()
	}
}

// lockAll makes all keys this caller's.
func (l *stepLocks) lockAll() (unlock func()) {
	if l == nil {
		return func() {}
	}
	l.all.Lock()
	return l.all.Unlock
}
