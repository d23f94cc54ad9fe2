package filestore

import "context"

// Cached tells how many entries the cache counts.
func (s *Store) Cached() int {
	s.j.cache.mu.Lock()
	defer s.j.cache.mu.Unlock()
	return len(s.j.cache.ring)
}

// Placeholders tells how many entries of the index have never had a value.
func (s *Store) Placeholders() (n int) {
	for _, ent := range s.j.index.all() {
		for _, e := range ent.list() {
			if e.cur.Load() == nil {
				n++
			}
		}
	}
	return n
}

// Options are what the store goes by, defaults filled in.
func (s *Store) Options() Options { return s.opt }

// LoadAgain makes a follower forget what it has loaded.
func (s *Store) LoadAgain(ctx context.Context) error { return s.f.load(ctx) }
