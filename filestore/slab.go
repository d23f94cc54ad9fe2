package filestore

import "strings"

// slab has room for the entries that an index is filled with, for what the
// snapshot has of them, and for their ids, many in one piece: 100,000 pieces each
// of its own take longer to allocate than to fill. A piece stays in memory as
// long as anything in it is used, so a version with data, which the cache is to
// be able to give up, is never part of one.
type slab struct {
	entries []entry   // that are not given away yet
	bases   []version // the same
	ids     strings.Builder
}

const (
	slabEntries = 64
	slabText    = 1 << 10
)

func (s *slab) entry() *entry { return nextOf(&s.entries) }

// base returns a version for what an entry's base is: one without data.
func (s *slab) base() *version { return nextOf(&s.bases) }

// nextOf gives away one of a piece, of a new one if there is none left.
func nextOf[T any](piece *[]T) *T {
	if len(*piece) == 0 {
		*piece = make([]T, slabEntries)
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
