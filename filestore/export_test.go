package filestore

import (
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// FS is the file system that the store works on.
func (s *Store) FS() vfs.FS { return s.fs }

// SameLock tells whether changes of two keys wait for each other.
func (s *Store) SameLock(a, b driver.Key) bool { return s.keyLock(a) == s.keyLock(b) }

// Naming is how names are formed on a system that the tests may not run on.
type Naming struct{ naming }

// The kinds of names.
const (
	IDName      = idName
	ElementName = elementName
	FirstName   = firstName
)

func NewNaming(windows bool) Naming { return Naming{naming{windows: windows}} }

func (n Naming) Forms(name string, kind nameKind) []string { return n.forms(name, kind) }

func (n Naming) Decode(file string, kind nameKind) (string, bool) { return n.decode(file, kind) }

// Still ends the writing of files behind the journal: from here on only Flush
// and Close do it.
func Still(s *Store) {
	if s.j != nil && s.j.running {
		close(s.j.behind.stop)
		<-s.j.behind.done
		s.j.running = false
	}
}

// Kill ends a store as kill -9 ends its process: goroutines, open files and the
// lock go, and nothing more is written.
func Kill(s *Store) {
	s.once.Do(func() {
		Still(s)
		s.life.end()
		s.hub.Close()
		if s.j != nil {
			s.j.release()
		}
		s.release()
	})
}

// Op is a change within a record of the journal.
type Op struct {
	Kind       uint8
	Entity, ID []byte
	Data       []byte
}

// The kinds of changes.
const (
	OpPut    = uint8(opPut)
	OpDelete = uint8(opDelete)
	OpClear  = uint8(opClear)
	OpAdopt  = uint8(opAdopt)
	OpDetach = uint8(opDetach)
)

func AppendOp(b []byte, kind uint8, k driver.Key, data []byte) []byte {
	b, _ = appendOp(b, opKind(kind), k, data)
	return b
}

func NextOp(b []byte) (o Op, rest []byte, whole bool, err error) {
	next, rest, whole, err := nextOp(b)
	return Op{uint8(next.kind), next.entity, next.id, next.data}, rest, whole, err
}

// Small makes the first files of the journal so large, in bytes, and lets
// HistorySize be less than a store otherwise works with.
func Small(o Options, segment int64) Options {
	o.segment = segment
	return o
}

// Waiting is how many changes of a value are on their way to the journal.
func Waiting(s *Store, k driver.Key) int {
	s.j.order.Lock()
	defer s.j.order.Unlock()
	return s.j.index.find(k).waiting
}

// BehindEnds is closed when nothing is written behind the journal any more.
func BehindEnds(s *Store) <-chan struct{} { return s.j.behind.done }
