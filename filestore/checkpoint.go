package filestore

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// A checkpoint brings the files and the snapshot up to what readers see, and
// then lets the journal have its space back. Of every value it writes the
// latest version only.
//
// In which order, and what a power cut leaves after each step:
//
//  1. new files, beside or as spares     the old files; what is left over goes at the next opening
//  2. their bytes made durable           the same
//  3. renames and removals               each file old or new, whole
//  4. those made durable                 new files; the snapshot knows the old ones
//  5. entries of the snapshot            the same: without a commit they count for nothing
//  6. the commit, made durable           the new state; from here on the journal may go
//
// Up to step 6 the journal has every version that a file may be found with, so
// that a restart knows them for ours, and not for an edit by hand.

// manyFiles is from how many files on one flush of the whole file system is
// used in the place of one for each: with that many it is several times faster,
// and with few it would make a checkpoint wait for what other programs have
// written.
const manyFiles = 24

// pass is one checkpoint.
type pass struct {
	warned bool // of a file that is stuck
	j      *journaled
	items  []*item
	last   uint64 // every change up to here is in items or was in a pass before
	all    bool   // flush the file system as a whole

	detached bool // the files count still, and not all of them have been looked at
}

// item is one value in a pass.
type item struct {
	e      *entry
	v      *version
	file   string
	data   []byte // of v; nil for a removal
	staged *atomicfile.Staged
	spare  string // in the place of staged: the spare file that holds the new one, then the old one
	there  bool   // there is an old file
	kept   bool   // the file is right as it is, and looks like stamp
	moved  bool   // damaged bytes were in the way, and have gone to quarantine
	lost   bool   // nothing has the value any more: the snapshot keeps what it has of it
	stuck  error  // why its file cannot be written now
	stamp  stamp
	off    int64 // in the snapshot
}

// checkpoint runs one pass. One at a time: the others wait.
func (j *journaled) checkpoint(ctx context.Context) error {
	j.behind.pass.Lock()
	defer j.behind.pass.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if cause := j.s.stopped.Load(); cause != nil {
		return *cause
	}
	p := j.gather()
	if len(p.items) == 0 && !j.force {
		if n := j.snap.Load(); n != nil {
			j.log.Release(n.seq) // whatever of it is not released yet
		}
		if len(j.spares.left) > 0 {
			return j.tidy(p)
		}
		return nil
	}
	err := p.run()
	if errors.Is(err, errors.ErrUnsupported) && p.all { // this file system has no flush as a whole
		p.giveUp()
		j.each.Store(true)
		p = j.gather()
		err = p.run()
	}
	if err != nil {
		p.giveUp()
		return j.s.failed(err)
	}
	j.force = false
	p.settle()
	j.log.Release(p.last)
	return j.tidy(p)
}

// tidy gives up what is out of date. That it cannot now is no reason to say that
// the checkpoint has failed.
func (j *journaled) tidy(p *pass) error {
	err := errors.Join(j.spares.keep(j.s.fs, p.items), j.spares.dropLeft(j.s.fs))
	if err == nil {
		err = j.log.Trim()
	}
	if err == nil {
		err = j.renewSnapshot()
	}
	if cause := j.s.stopped.Load(); cause != nil {
		return *cause
	}
	if err != nil {
		j.s.log.Warn("what is out of date could not be given up", "error", err)
	}
	return nil
}

// gather takes what is dirty.
func (j *journaled) gather() *pass {
	j.order.Lock()
	defer j.order.Unlock()
	p := &pass{j: j, last: j.last, detached: j.detached, all: len(j.dirty) >= manyFiles && !j.each.Load()}
	for _, e := range j.dirty {
		e.dirty, e.passing = false, true
		it := &item{e: e, v: e.cur.Load()}
		it.stamp, it.kept = j.keep[e]
		delete(j.keep, e)
		p.items = append(p.items, it)
	}
	j.dirty = nil
	return p
}

// giveUp puts back what the pass had taken. What is in place already is written
// once more.
func (p *pass) giveUp() {
	for _, it := range p.items {
		p.discard(it)
	}
	p.j.order.Lock()
	defer p.j.order.Unlock()
	for _, it := range p.items {
		it.e.passing = false
		p.j.soil(it.e)
		if cur := it.e.cur.Load(); it.kept && cur.seq == it.v.seq && cur.mod == it.v.mod {
			p.j.keep[it.e] = it.stamp
		}
	}
}

func (p *pass) run() error {
	for _, it := range p.items {
		if err := p.load(it); err != nil {
			return err
		}
		if err := p.stuck(it, p.stage(it)); err != nil {
			return err
		}
	}
	if p.all {
		if err := p.syncAll(); err != nil {
			return err
		}
		p.j.s.dirs.promote()
	}
	for _, it := range p.items {
		if err := p.stuck(it, p.place(it)); err != nil {
			return err
		}
	}
	sync := p.syncDirs
	if p.all {
		sync = p.syncAll
	}
	if err := sync(); err != nil {
		return err
	}
	return p.record()
}

// stuck decides which errors concern one file and which the pass. A file that
// cannot be written (another user's directory, a quota) must not keep the journal
// from being freed: the snapshot holds its value until it can. On a full disk
// the snapshot cannot grow either; then it is the pass that fails.
func (p *pass) stuck(it *item, err error) error {
	if err == nil || isFlush(err) {
		return err
	}
	p.discard(it)
	it.stuck = err
	if p.warned {
		return nil // one line for all of them
	}
	p.warned = true
	p.j.s.log.Warn("file cannot be written now, its value is kept in the snapshot",
		"filePath", p.j.s.path(it.file), "entityName", it.e.ent.name, "error", err)
	return nil
}

// stage makes the new file beside the old one.
func (p *pass) stage(it *item) error {
	s := p.j.s
	it.file = p.j.path(it.e)
	if it.lost {
		return nil
	}
	if err := p.clear(it); err != nil || !it.v.live() || it.kept {
		return err
	}
	dir := path.Dir(it.file)
	if err := p.ensure(dir); err != nil {
		return err
	}
	if p.all && it.there && !p.j.spares.off && len(it.data) <= maxSpare && it.e.file.size <= maxSpare {
		return p.stageSpare(it)
	}
	o := &atomicfile.Options{Perm: 0o600, ModTime: it.v.time()}
	var err error
	it.staged, err = atomicfile.Stage(s.fs, it.file, it.data, !p.all, o)
	if errors.Is(err, fs.ErrNotExist) && !isFlush(err) { // the directory was removed by hand
		s.dirs.forget(dir)
		if err = p.ensure(dir); err == nil {
			it.staged, err = atomicfile.Stage(s.fs, it.file, it.data, !p.all, o)
		}
	}
	return err
}

// load sees to it that the value is at hand. It is, but for one that is put back
// after its file had gone. It comes before all else, since the snapshot needs it
// even if the file is stuck.
func (p *pass) load(it *item) (err error) {
	if it.data = it.v.data; it.data != nil || !it.v.live() {
		return nil
	}
	it.data, err = p.j.data(it.e.key(), it.v)
	if errors.Is(err, driver.ErrDamaged) { // it says so to whoever asks for it
		p.j.s.log.Error("a value is damaged beyond repair", "entityName", it.e.ent.name, "error", err)
		it.lost, err = true, nil
	}
	return err
}

func (p *pass) ensure(dir string) error {
	if p.all {
		return p.j.s.dirs.create(p.j.s.fs, dir)
	}
	return p.j.s.dirs.ensure(p.j.s.fs, dir)
}

// clear looks whether the old file is still what we left there. What somebody
// has damaged since is evidence, and goes to quarantine.
func (p *pass) clear(it *item) error {
	info, err := vfs.Stat(p.j.s.fs, it.file)
	it.there = err == nil && info.Mode.IsRegular()
	if err == nil && it.kept && stampOf(info) == it.stamp {
		return nil
	}
	it.kept = false
	if errors.Is(err, fs.ErrNotExist) || err == nil && stampOf(info) == it.e.file {
		return nil
	}
	if err != nil {
		return err
	}
	it.moved = true
	return p.j.s.setAside(it.e.key(), it.file)
}

// place puts the new file in the place of the old one, or removes that.
func (p *pass) place(it *item) error {
	if it.stuck != nil || it.kept || it.lost {
		return nil
	}
	s := p.j.s
	if !it.v.live() {
		return ignoreNotExist(s.fs.Remove(it.file))
	}
	if err := p.swap(it); err != nil {
		return err
	}
	info, err := vfs.Stat(s.fs, it.file)
	if err != nil {
		return ignoreNotExist(err) // removed by hand this moment
	}
	it.stamp = stampOf(info)
	return nil
}

// swap puts the new file in its place.
func (p *pass) swap(it *item) error {
	if it.spare != "" {
		return p.placeSpare(it)
	}
	if err := it.staged.Commit(it.file); err != nil {
		return err
	}
	it.staged = nil
	return nil
}

// discard removes what an item has staged.
func (p *pass) discard(it *item) {
	if it.staged != nil {
		it.staged.Discard()
		it.staged = nil
	}
	if it.spare != "" {
		p.j.s.fs.Remove(it.spare) // else the next opening does
		it.spare = ""
	}
}

func (p *pass) syncAll() error {
	err := vfs.SyncAll(p.j.s.fs)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return &atomicfile.FlushError{Err: err}
	}
	return err
}

// syncDirs makes the names durable, directory by directory.
func (p *pass) syncDirs() error {
	done := map[string]bool{}
	for _, it := range p.items {
		dir := path.Dir(it.file)
		if it.stuck != nil || it.lost || done[dir] {
			continue
		}
		done[dir] = true
		if err := ignoreNotExist(p.j.s.fs.SyncDir(dir)); err != nil { // gone by hand: nothing to lose
			return &atomicfile.FlushError{Err: err}
		}
	}
	return nil
}

// record puts the new state into the snapshot.
func (p *pass) record() error {
	n, fresh, err := p.j.openSnapshot()
	if err != nil {
		return err
	}
	before := n.size
	if err := p.append(n); err != nil {
		n.size = before // the next entries take their place
		if fresh {
			return errors.Join(err, n.discard(p.j.s.fs))
		}
		return err
	}
	if fresh {
		if err := n.publish(p.j.s.fs); err != nil {
			return errors.Join(err, n.discard(p.j.s.fs))
		}
		p.j.snap.Store(n)
	}
	return p.j.settleAside(p.items)
}

// append writes the entries, then the commit.
func (p *pass) append(n *snapshot) error {
	var b []byte
	for _, it := range p.items {
		if it.lost || it.has(n) {
			continue
		}
		it.off = n.size + int64(len(b))
		b = n.appendEntry(b, it.e.key(), it.entry())
		if len(b) > 1<<20 {
			if err := n.append(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	if err := n.append(b); err != nil {
		return err
	}
	if err := n.flush(); err != nil { // before the commit says that they are there
		return err
	}
	n.detached = p.detached
	return n.commit(p.last, p.j.closing, time.Now())
}

// has tells of a file that was stuck before, and still is: the snapshot has its
// value already.
func (it *item) has(n *snapshot) bool {
	base := it.e.base
	if it.stuck == nil || base == nil || base.snap != n || base.seq != it.v.seq || base.mod != it.v.mod || it.e.file != (stamp{}) {
		return false
	}
	it.off = base.off
	return true
}

// entry is what the snapshot gets of an item.
func (it *item) entry() snapEntry {
	e := snapEntry{kind: entryRemoved, seq: it.v.seq, mod: it.v.mod, crc: it.v.crc}
	if it.v.live() {
		e.kind, e.data = entryValue, it.data
		if it.stuck == nil {
			e.file = it.stamp
		}
	} else if it.stuck != nil {
		e.flags = flagLeft
	}
	return e
}

// settleAside resolves the marks of damaged bytes that were in the way: a good
// value is in their place.
func (j *journaled) settleAside(items []*item) error {
	for _, it := range items {
		if it.moved && it.stuck == nil {
			if err := j.settleMarks(it.e.key(), "the value as it was acknowledged"); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle notes what the disk has now.
func (p *pass) settle() {
	n := p.j.snap.Load()
	var clean []*item
	p.j.order.Lock()
	for _, it := range p.items {
		if p.settleOne(n, it) {
			clean = append(clean, it)
		}
	}
	p.j.order.Unlock()
	for _, it := range clean {
		p.j.cache.add(it.e, len(it.data))
	}
	for _, it := range p.items {
		if !it.v.live() {
			p.j.cache.drop(it.e)
		}
	}
}

// settleOne does so for one value, and tells whether its data may now be given
// up by the cache. The caller holds order.
func (p *pass) settleOne(n *snapshot, it *item) (cached bool) {
	e := it.e
	e.passing = false
	if it.lost {
		return false
	}
	n.live -= e.footprint(e.base)
	e.file, e.base = it.stamp, nil
	if !it.v.live() && it.stuck != nil { // the next snapshot is to know of it, too
		base := *it.v
		base.snap, base.off, base.with = n, it.off, nil
		e.base = &base
		n.live += e.footprint(e.base)
	}
	if it.v.live() {
		base := *it.v
		base.snap, base.off, base.with = n, it.off, nil
		cur := base
		base.data = nil
		e.base = &base
		n.live += e.footprint(e.base)
		cached = e.cur.CompareAndSwap(it.v, &cur) && cur.data != nil
	}
	delete(p.j.stuck, e)
	if it.stuck != nil {
		e.file = stamp{}
		p.j.stuck[e] = it.stuck
		p.j.soil(e)
	}
	p.j.dropIfEmpty(e)
	return cached
}

// footprint is what a version of the entry takes in a snapshot.
func (e *entry) footprint(v *version) int64 {
	if v == nil {
		return 0
	}
	n := entryHead + len(e.ent.name) + len(e.id) + int(v.size)
	return int64(n + padding(n))
}
