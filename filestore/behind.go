package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// How often checkpoints run by themselves. Somebody who looks at the files
// should not have to wait long; but a checkpoint takes disk and processor from
// the writers, so one that took long is followed by a long rest.
const (
	shortRest = 100 * time.Millisecond
	longRest  = 10 * time.Second
	restRatio = 60 // rest, as a multiple of what the last one took
	stuckRest = time.Second
	startRest = 2 * time.Second // after a start that finds much to do: first the application reads its state
)

// behind is the goroutine that runs checkpoints, and what others tell it.
type behind struct {
	pass   sync.Mutex // held through a checkpoint
	awake  chan struct{}
	urgent chan struct{}
	stop   chan struct{}
	done   chan struct{}
	limit  int64 // backlog of the journal from which on there is no rest
}

func (b *behind) init(limit int64) {
	b.awake, b.urgent = make(chan struct{}, 1), make(chan struct{}, 1)
	b.stop, b.done = make(chan struct{}), make(chan struct{})
	b.limit = limit
}

// wake says that there is something to write.
func (b *behind) wake() { signal(b.awake) }

// hurry ends the rest.
func (b *behind) hurry() {
	b.wake()
	signal(b.urgent)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run is the goroutine; it rests before the first checkpoint. Close ends it by
// closing stop, and waits for done.
func (j *journaled) run(rest time.Duration) {
	b := &j.behind
	defer close(b.done)
	for {
		select {
		case <-b.stop:
			return
		case <-b.awake:
		}
		if !b.pause(rest) {
			return
		}
		began := time.Now()
		err := j.checkpoint(context.Background())
		rest = min(max(restRatio*time.Since(began), shortRest), longRest)
		if err != nil {
			j.s.log.Error("files could not be brought up to date, the journal has their values", "error", err)
			rest = max(rest, stuckRest)
		}
		if j.s.stopped.Load() != nil {
			return // until the store is opened again
		}
		if j.behindhand() {
			rest = max(rest, shortRest)
			b.wake()
		}
		if j.stuckFile() != nil {
			rest = max(rest, stuckRest)
		}
	}
}

// pause rests until it is over or urgent; false when the store closes.
func (b *behind) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-b.stop:
		return false
	case <-t.C:
	case <-b.urgent:
	}
	return true
}

// behindhand tells whether there is anything to write.
func (j *journaled) behindhand() bool {
	j.order.Lock()
	defer j.order.Unlock()
	return len(j.dirty) > 0
}

// makeRoom is what the journal calls when it has no space left that it may
// reuse. Its writers wait for that: they are slowed, not refused.
func (j *journaled) makeRoom() error {
	if j.opening.Load() && !j.detached {
		// A checkpoint now would cover only what has been looked at so far, and
		// give up the records of the rest.
		return errNoRoom
	}
	return j.checkpoint(context.Background())
}

// errNoRoom says that what is found when a store is opened does not fit into its
// journal.
var errNoRoom = errors.New("the journal has no room for all that has changed in the files: open once with more (history=1GiB, for instance)")

// stuckFile returns why a file could not be written, nil if all could.
func (j *journaled) stuckFile() error {
	j.order.Lock()
	defer j.order.Unlock()
	for e, err := range j.stuck {
		return fmt.Errorf("the file of %s cannot be written, its value is kept in the journal: %w", e.key(), err)
	}
	return nil
}

// path returns the file of an entry.
func (j *journaled) path(e *entry) string {
	j.order.Lock()
	renamed := j.renamed[e]
	j.order.Unlock()
	switch {
	case renamed != "":
		return renamed
	case plain(e.id) && !j.s.names.windows:
		return e.ent.dir + "/" + e.id + suffix
	}
	return path.Join(e.ent.dir, j.s.names.forms(e.id, idName)[0])
}

// openSnapshot returns the snapshot to append to; fresh if it is a new one,
// which has no name yet.
func (j *journaled) openSnapshot() (n *snapshot, fresh bool, err error) {
	if n := j.snap.Load(); n != nil {
		return n, false, nil
	}
	n, err = newSnapshot(j.s.fs, j.nextNumber)
	return n, true, err
}

// slack is how much of a snapshot may be out of date beside half of it.
const slack = 4 << 20

// renewSnapshot writes the snapshot anew when more than half of it is out of
// date. So the cost of a change does not grow with what is stored.
func (j *journaled) renewSnapshot() error {
	old := j.snap.Load()
	if old == nil || old.size <= 2*old.live+slack {
		return nil
	}
	n, err := newSnapshot(j.s.fs, old.number+1)
	if err != nil {
		return j.s.failed(err)
	}
	moved, err := j.copyEntries(n, old)
	if err == nil {
		n.detached = old.detached
		if err = n.commit(old.seq, old.closed, time.Now()); err == nil {
			err = n.publish(j.s.fs)
		}
	}
	if err != nil {
		return j.s.failed(errors.Join(err, n.discard(j.s.fs)))
	}
	j.moveTo(n, moved)
	if err := old.close(); err != nil {
		return err
	}
	// A power cut brings the old one back: the higher number counts.
	if err := j.s.fs.Remove(snapName(old.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// relocated is an entry of a snapshot and its place in the next.
type relocated struct {
	e    *entry
	base *version
	off  int64
}

// copyEntries copies what is up to date, in the order of the keys, so that it
// is listed without sorting after the next start.
func (j *journaled) copyEntries(n, old *snapshot) ([]relocated, error) {
	var moved []relocated
	var b []byte
	for _, ent := range j.index.all() {
		entries := ent.list()
		slices.SortFunc(entries, func(a, b *entry) int { return strings.Compare(a.id, b.id) })
		for _, e := range entries {
			j.order.Lock()
			base := e.base
			j.order.Unlock()
			if base == nil {
				continue
			}
			copied, err := j.copyEntry(b, n, old, e, base)
			if err != nil {
				return nil, err
			}
			moved = append(moved, relocated{e, base, n.size + int64(len(b))})
			if b = copied; len(b) > 1<<20 {
				if err := n.append(b); err != nil {
					return nil, err
				}
				b = b[:0]
			}
		}
	}
	if err := n.append(b); err != nil {
		return nil, err
	}
	n.live = n.size
	return moved, n.flush()
}

func (j *journaled) copyEntry(b []byte, n, old *snapshot, e *entry, base *version) ([]byte, error) {
	if !base.live() {
		return n.appendEntry(b, e.key(), snapEntry{kind: entryRemoved, flags: flagLeft, seq: base.seq, mod: base.mod, crc: base.crc}), nil
	}
	data, err := j.data(e.key(), base)
	if errors.Is(err, driver.ErrDamaged) {
		data, err = old.rest(base) // it stays damaged, and keeps nothing else from moving on
	}
	if err != nil {
		return nil, err
	}
	return n.appendEntry(b, e.key(), snapEntry{kind: entryValue, seq: base.seq, mod: base.mod, crc: base.crc, data: data, file: e.file}), nil
}

// moveTo makes the entries point into the next snapshot.
func (j *journaled) moveTo(n *snapshot, moved []relocated) {
	j.snap.Store(n)
	j.order.Lock()
	defer j.order.Unlock()
	for _, m := range moved {
		if m.e.base != m.base {
			continue
		}
		v := *m.base
		v.snap, v.off = n, m.off
		m.e.base = &v
		for { // the cache or a reader may be faster
			cur := m.e.cur.Load()
			if cur == nil || cur.seq != v.seq || cur.mod != v.mod || cur.snap == nil {
				break
			}
			next := v
			next.data = cur.data
			if m.e.cur.CompareAndSwap(cur, &next) {
				break
			}
		}
	}
}

// place puts an entry into the index, and notes its file if that has not the
// usual name.
func (j *journaled) place(k driver.Key, file string) *entry {
	e := j.index.add(k, func() string { return path.Dir(file) })
	if usual := j.path(e); usual != file {
		j.order.Lock()
		if j.renamed == nil {
			j.renamed = map[*entry]string{}
		}
		j.renamed[e] = file
		j.order.Unlock()
	}
	return e
}
