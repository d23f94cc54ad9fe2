package journal

import (
	"errors"
	"path"
	"slices"
	"time"
)

// wantSpare asks for the successor of s to be prepared. It asks once: on a full
// disk every flush would try anew to fill a file otherwise.
func (j *Journal) wantSpare(s *segment) {
	if j.asked == s.head.number {
		return
	}
	j.asked = s.head.number
	select {
	case j.need <- struct{}{}:
	default: // it is at it
	}
}

// prepare gets the next segment ready while the active one is still being
// filled, so that no flush has to wait for that. It takes no history for it that
// MaxSize or MaxAge does not ask for, and leaves every failure to the flush that
// finds nothing prepared.
func (j *Journal) prepare() {
	j.space.Lock()
	defer j.space.Unlock()
	if j.Failed() != nil {
		return
	}
	if _, err := j.acquire(0, false); err != nil && !errors.Is(err, ErrFull) {
		j.opt.Logger.Warn("cannot prepare a journal segment", "error", err)
	}
}

// takeSpare removes a spare segment that can hold n bytes of records from the
// list of spares, made or made free for it if need be.
func (j *Journal) takeSpare(n int64) (*segment, error) {
	for asked := false; ; asked = true {
		j.space.Lock()
		s, err := j.acquire(n, true)
		if err == nil {
			j.mu.Lock()
			j.spares = slices.DeleteFunc(j.spares, func(o *segment) bool { return o == s })
			j.taken = s
			j.mu.Unlock()
		}
		j.space.Unlock()
		full := errors.Is(err, ErrFull)
		if err == nil || asked || j.opt.MakeRoom == nil || !full && !isFull(err) {
			return s, err
		}
		if rerr := j.opt.MakeRoom(); rerr != nil {
			if full {
				return nil, rerr
			}
			return nil, errors.Join(err, rerr) // a full disk, and no history that could yield
		}
	}
}

// putBack adds a spare segment, a new one or one that could not be put to use.
func (j *Journal) putBack(s *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.spares = append(j.spares, s)
	if j.taken == s {
		j.taken = nil
	}
}

// acquire returns a spare segment that can hold n bytes of records and leaves it
// in the list of spares. With yield, a full disk takes history that MaxSize
// would have left. With space held.
func (j *Journal) acquire(n int64, yield bool) (*segment, error) {
	if err := j.makeSure(); err != nil {
		return nil, err
	}
	for {
		if s := j.spare(n); s != nil {
			return s, nil
		}
		if gone, err := j.giveUpAged(n); gone || err != nil {
			if err != nil {
				return nil, j.finally(err)
			}
			continue
		}
		err := error(ErrFull)
		if size := j.newSize(n); j.mayGrow(size) {
			err = j.create(size)
			if err == nil {
				continue
			}
			if !isFull(err) || !yield {
				return nil, j.finally(err)
			}
		}
		gone, gerr := j.giveUp(n)
		if gerr != nil {
			return nil, j.finally(gerr)
		}
		if !gone {
			return nil, err
		}
	}
}

// finally ends the journal if err is a failed flush.
func (j *Journal) finally(err error) error {
	if isFlushError(err) {
		return j.fail(err)
	}
	return err
}

// spare returns the smallest spare segment that can hold n bytes.
func (j *Journal) spare(n int64) *segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	var best *segment
	for _, s := range j.spares {
		if s.capacity() >= n && (best == nil || s.size < best.size) {
			best = s
		}
	}
	return best
}

// makeSure makes durable, once, what earlier processes have done to the files
// found at the opening: whoever created, gave up or removed them may have been
// killed before the flush. It comes before anything relies on that. A power cut
// would take a name that is not durable with all that will have been acknowledged
// in the file. If it took the header that calls a segment spare, or brought a
// removed one back, while a later one is gone for good, then the hole between
// them would be called damage. With space held.
func (j *Journal) makeSure() error {
	if j.sure {
		return nil
	}
	j.mu.Lock()
	spares := slices.Clone(j.spares)
	j.mu.Unlock()
	for _, s := range spares {
		if !s.unflushed {
			continue
		}
		if err := s.rewriteHeader(j.fsys, j.dir); err != nil {
			return j.finally(err)
		}
	}
	if err := j.fsys.SyncDir(j.dir); err != nil {
		return j.finally(flushError(err))
	}
	j.sure = true
	return nil
}

// newSize returns the size of the next new segment, for a record of n bytes.
func (j *Journal) newSize(n int64) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	size := min(max(j.size(), j.opt.MinSegment), j.opt.MaxSegment)
	return roundUp(max(size, dataStart+n+recordHeader))
}

// mayGrow reports whether a new segment of that size keeps to MaxSize.
func (j *Journal) mayGrow(size int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.count() < 2 || j.size()+size <= j.opt.MaxSize
}

// create makes a new spare segment.
func (j *Journal) create(size int64) error {
	j.mu.Lock()
	j.slot++
	name := slotName(j.slot)
	j.mu.Unlock()
	s, err := createSegment(j.fsys, j.dir, name, size)
	if err == nil {
		j.putBack(s)
	}
	return err
}

// giveUpAged gives up the oldest segment if it is released and beyond MaxAge.
func (j *Journal) giveUpAged(n int64) (bool, error) {
	s := j.oldest()
	if s == nil || !j.aged(s) {
		return false, nil
	}
	return true, j.giveUpSegment(s, n)
}

func (j *Journal) aged(s *segment) bool {
	return j.opt.MaxAge >= 0 && j.opt.Now().Sub(time.Unix(0, s.newest)) > j.opt.MaxAge
}

// oldest returns the oldest segment if it is released: never the active one.
func (j *Journal) oldest() *segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.chain) < 2 || j.chain[0].next > j.released+1 {
		return nil
	}
	return j.chain[0]
}

// giveUp frees the space of what is needed least: a spare segment too small for
// n bytes, else the oldest that is released, files that cannot be read included.
// It reports whether there was any.
func (j *Journal) giveUp(n int64) (bool, error) {
	j.mu.Lock()
	var small *segment
	for _, s := range j.spares {
		if s.capacity() < n {
			small = s
		}
	}
	var broken *segment
	for _, b := range j.bad {
		if b.seg.next <= j.released+1 {
			broken = b.seg
		}
	}
	j.mu.Unlock()
	if small != nil {
		return true, j.remove(small)
	}
	s := j.oldest()
	switch {
	case broken != nil && (s == nil || s.next >= broken.next):
		return true, j.remove(broken)
	case s != nil:
		return true, j.giveUpSegment(s, n)
	}
	return false, nil
}

// giveUpSegment makes the oldest segment spare, or removes it where it is too
// small for n bytes or not whole.
func (j *Journal) giveUpSegment(s *segment, n int64) error {
	if s.capacity() < n || s.size < s.head.size {
		return j.remove(s)
	}
	back := j.drop(s) // first, so that whoever reads it knows why it changes
	h, err := s.retire(j.fsys, j.dir)
	if err != nil {
		back()
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.head, s.place = h, s.place^1
	j.spares = append(j.spares, s)
	return nil
}

// remove deletes a segment, durably before the next one goes: were a later one's
// removal on disk and this one's not, a restart would find a hole and call it
// damage.
func (j *Journal) remove(s *segment) error {
	back := j.drop(s)
	if err := j.fsys.Remove(path.Join(j.dir, s.name)); err != nil {
		back()
		return err
	}
	return flushError(j.fsys.SyncDir(j.dir))
}

// drop takes a segment out of the lists. The function it returns undoes that.
func (j *Journal) drop(s *segment) (back func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	same := func(o *segment) bool { return o == s }
	chain, spares, broken := j.chain, j.spares, j.bad
	j.chain = slices.DeleteFunc(slices.Clone(chain), same)
	j.spares = slices.DeleteFunc(slices.Clone(spares), same)
	j.bad = slices.DeleteFunc(slices.Clone(broken), func(b bad) bool { return b.seg == s })
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		switch {
		case len(chain) != 0 && chain[0] == s:
			j.chain = slices.Insert(j.chain, 0, s)
		case slices.Contains(spares, s):
			j.spares = append(j.spares, s)
		default:
			j.bad = broken
		}
	}
}

// Trim gives up released segments that are beyond MaxAge, or beyond MaxSize if
// that is less than it was, and keeps one of them as a spare. What is given up is
// gone when Trim returns nil.
func (j *Journal) Trim() error {
	j.space.Lock()
	defer j.space.Unlock()
	for {
		if err := j.Failed(); err != nil {
			return err
		}
		j.mu.Lock()
		spares, over := len(j.spares), j.size() > j.opt.MaxSize
		j.mu.Unlock()
		s := j.oldest()
		switch {
		case spares > 1:
			j.mu.Lock()
			s = j.spares[0]
			j.mu.Unlock()
		case s == nil || !over && !j.aged(s):
			return nil
		}
		if err := j.makeSure(); err != nil {
			return err
		}
		var err error
		if spares == 0 && !over {
			err = j.giveUpSegment(s, 0)
		} else {
			err = j.remove(s)
		}
		if err != nil {
			return j.finally(err)
		}
	}
}
