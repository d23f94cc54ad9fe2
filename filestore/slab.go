package filestore

import "strings"

// slab has room for what an index is filled with when a store is opened, many in
// one piece: 100,000 pieces each of its own take longer to allocate than to fill.
//
// A piece stays in memory as long as anything in it is used. For values that the
// cache gives up one by one that is dear: in the worst case one small value holds
// a whole piece, so that beside the cache's limit there may be as much again as
// was read at the start. The cache gives up in the order in which it was filled,
// neighbours together; and a piece is small.
type slab struct {
	entries []entry   // that are not given away yet
	bases   []version // the same
	fulls   []version // the same
	ids     strings.Builder
	data    []byte   // the rest of a piece
	ready   [][]byte // pieces for data that were allocated before
	ballast []byte   // see reserve
}

const (
	slabEntries = 64
	slabText    = 1 << 10
	slabData    = 64 << 10
	slabShare   = 2 << 10 // the largest value that shares a piece with others
)

func (s *slab) entry() *entry { return nextOf(&s.entries, func(e *entry) { e.hash = 0 }) }

// base returns a version for what an entry's base is: one without data.
func (s *slab) base() *version { return nextOf(&s.bases, touch) }

func touch(v *version) { v.seq = 0 }

// full returns base with a copy of data. It shares no piece with bases, which stay
// for as long as their entries do, and a large value shares none at all.
func (s *slab) full(base *version, data []byte) *version {
	var v *version
	if len(data) > slabShare {
		v = &version{}
	} else {
		v = nextOf(&s.fulls, touch)
	}
	*v = *base
	v.data = s.bytes(data)
	return v
}

func (s *slab) bytes(b []byte) []byte {
	n := len(b)
	if n > slabShare {
		return append(make([]byte, 0, n), b...)
	}
	if n > len(s.data) {
		s.data = s.piece()
	}
	copied := s.data[:n:n]
	copy(copied, b)
	s.data = s.data[n:]
	return copied
}

// nextOf gives away one of a piece, of a new one if there is none left. Memory that
// the system has just given is written to, by touch, before anything reads it, be it
// the garbage collector: of a page that is read first the system makes a second one
// when it is written, and interrupts all processors for it.
func nextOf[T any](piece *[]T, touch func(*T)) *T {
	if len(*piece) == 0 {
		*piece = make([]T, slabEntries)
		for i := range *piece {
			touch(&(*piece)[i])
		}
	}
	x := &(*piece)[0]
	*piece = (*piece)[1:]
	return x
}

// text returns a copy of b.
func (s *slab) text(b []byte) string {
	if s.ids.Cap()-s.ids.Len() < len(b) {
		s.ids = strings.Builder{}
		s.ids.Grow(max(slabText, len(b)))
	}
	at := s.ids.Len()
	s.ids.Write(b) // within what it has: the strings before are not moved
	return s.ids.String()[at:]
}

func (s *slab) piece() []byte {
	if n := len(s.ready); n > 0 {
		p := s.ready[n-1]
		s.ready = s.ready[:n-1]
		return p
	}
	return make([]byte, slabData)
}

// reserve allocates the pieces for so many bytes of data before anything else is,
// and as much again for nothing. What the garbage collector does while a heap
// grows depends on how large it is already: so it looks once at an index that
// fills, in the place of each time that it has doubled. Memory of which nothing is
// used costs no page.
func (s *slab) reserve(size int64) {
	s.ballast = make([]byte, size)
	s.ready = make([][]byte, size/slabData)
	for i := range s.ready {
		s.ready[i] = make([]byte, slabData)
	}
}

// release gives up what was reserved and is not used.
func (s *slab) release() { s.ready, s.ballast = nil, nil }
