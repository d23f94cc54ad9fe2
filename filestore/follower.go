package filestore

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs"
)

// follower reads a directory without its lock, while another process may be
// writing to it: it has an index of its own, which every call brings up to what
// the journal says was acknowledged. It changes nothing on the disk.
type follower struct {
	s *Store

	mu    sync.Mutex // one call at a time brings it up to date
	state *followed  // nil where there is no journal
}

// followed is what was loaded at one time, and what followed since.
type followed struct {
	j       *journaled
	l       *loader
	r       *reconciliation
	reader  *journal.Reader
	last    uint64
	bytes   int64                // of values that have been replayed since the load
	told    bool                 // that the journal's end cannot be read
	damaged map[driver.Key]error // whose file cannot be read and whose value nobody knows
	hidden  *driver.DamagedError // a place that may hide values; nil if there is none
}

// maxFollowed bounds the memory for what was replayed since the last load: beyond
// it, all is loaded again, from a newer snapshot. (What the load itself replays
// does not count: where there is no newer snapshot, to load again is of no use.)
const maxFollowed = 64 << 20

func newFollower(s *Store) *follower { return &follower{s: s} }

// load reads what there is.
func (f *follower) load(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reload(ctx)
}

// reloads bounds how often a load begins again because the owner was faster.
const reloads = 20

// errOvertaken says that what was read first does not fit any more to what was
// read last.
var errOvertaken = errors.New("the owner was faster")

func overtaken(err error) bool {
	return errors.Is(err, journal.ErrGap) || errors.Is(err, errOvertaken)
}

func (f *follower) reload(ctx context.Context) error {
	for try := 1; ; try++ {
		// Opening for writing would fail for a place that may hide values.
		// Looking need not, as long as nobody takes them for absent.
		var hidden *driver.DamagedError
		state, err := f.s.follow(ctx, false, func(d *driver.DamagedError) error {
			hidden = d
			return nil
		}, nil)
		if overtaken(err) && try < reloads {
			continue
		}
		if err != nil {
			return err
		}
		if state != nil {
			state.hidden = hidden
		}
		err = f.drop()
		f.state = state
		return err
	}
}

func (f *follower) drop() error {
	if f.state == nil {
		return nil
	}
	state := f.state
	f.state = nil
	return state.close()
}

func (f *follower) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.drop()
}

// outOfUse tells whether the files alone count.
func (w *followed) outOfUse() bool { return w.l.detached || w.r != nil && w.r.right }

func (w *followed) close() error {
	var errs []error
	if w.reader != nil {
		errs = append(errs, w.reader.Close())
	}
	if w.l.snap != nil {
		errs = append(errs, w.l.snap.close())
	}
	if w.l.broken != nil {
		errs = append(errs, w.l.broken.close())
	}
	return errors.Join(errs...)
}

// current returns the index as of now; nil where the files alone count.
func (f *follower) current() (*journaled, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == nil {
		if err := f.reload(context.Background()); err != nil {
			return nil, err
		}
	}
	if f.state == nil {
		return nil, nil
	}
	w, before, right := f.state, f.state.last, f.state.outOfUse()
	err := w.catchUp((*journal.Reader).Read)
	if errors.Is(err, journal.ErrGap) || w.bytes > maxFollowed || right && w.last != before {
		err = f.reload(context.Background())
	}
	if err != nil || f.state == nil || f.state.outOfUse() {
		return nil, err
	}
	return f.state.j, nil
}

// catchUp takes over what the journal has that the index has not.
func (w *followed) catchUp(read func(*journal.Reader, uint64, func(journal.Record) error) (uint64, error)) error {
	if w.reader == nil { // the first change makes the journal's first file
		reader, err := journal.OpenReader(w.j.s.fs, journalDir)
		if err != nil {
			return ignoreNotExist(err)
		}
		w.reader = reader
	}
	for {
		last, err := read(w.reader, w.last, func(r journal.Record) error {
			w.bytes += int64(len(r.Payload))
			return w.l.record(r)
		})
		w.last = max(w.last, last)
		var lost *journal.DamageError
		if !errors.As(err, &lost) {
			return err
		}
		more, err := w.damage(lost.Damage)
		if err != nil || !more {
			return err
		}
	}
}

// damage passes over what cannot be read: who only looks sees what there is.
func (w *followed) damage(d journal.Damage) (more bool, err error) {
	if d.To <= w.last { // nobody can tell where it ends
		if !w.told {
			w.told = true
			err = w.l.damage(d)
		}
		return false, err
	}
	w.last = d.To
	if err := w.l.damage(d); err != nil {
		return false, err
	}
	if w.l.following {
		return true, w.losses()
	}
	return true, nil
}

// losses makes values whose last change is lost damaged, but for those that
// their files have.
func (w *followed) losses() error {
	for _, loss := range w.l.lost {
		k, file := loss.e.key(), w.j.path(loss.e)
		if !loss.last() || w.damaged[k] != nil {
			continue
		}
		c, err := w.j.s.read(file)
		if ignoreNotExist(err) != nil {
			return err
		}
		v := &version{kind: opDelete, seq: loss.damage.From, mod: loss.damage.Time.UnixNano()}
		if err == nil && loss.in(c) {
			v.kind, v.data, v.size, v.crc = opPut, c.data, uint32(len(c.data)), loss.op.crc
		} else {
			w.damaged[k] = &driver.DamagedError{Path: w.j.s.path(loss.damage.File), Reason: loss.damage.Detail}
		}
		loss.e.cur.Store(v)
	}
	return nil
}

// follow loads snapshot and journal and compares them with the files, as
// opening for writing would, but only in memory. nil: there is no journal.
//
// The files are listed first: whatever is found in them was in the journal
// before.
func (s *Store) follow(ctx context.Context, verify bool, refuse func(*driver.DamagedError) error, progress func(int)) (*followed, error) {
	if used, err := s.hasJournal(); err != nil || !used {
		return nil, err
	}
	v := &survey{report: newReport()}
	files, twins, err := s.sightings(ctx, v, refuse)
	if err != nil {
		return nil, err
	}
	j := &journaled{s: s, index: newIndex(), stuck: map[*entry]error{}, past: s.backward}
	j.cache.limit = s.opt.Cache
	w := &followed{j: j, l: newLoader(j), damaged: map[driver.Key]error{}}
	if err := w.open(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.r = &reconciliation{l: w.l, verify: verify, right: w.filesAreRight(), progress: progress}
	w.r.twins = twins
	w.r.refresh = func() error { return w.catchUp((*journal.Reader).Read) }
	err = w.r.compare(ctx, files)
	if err == nil {
		err = w.adopt()
	}
	if err == nil {
		err = w.miss()
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	if w.r.right != w.filesAreRight() { // the first change has come, or the mode is another now
		return nil, errors.Join(errOvertaken, w.close())
	}
	w.bytes = 0
	return w, nil
}

// miss leaves only those missing that are missed still: not what the owner has
// written since the files were listed, or removed again. A removal is in the
// journal before its file goes, so the look at the file comes first. What the
// journal tells now comes after the files were compared, and counts for more than
// what was found in them.
func (w *followed) miss() error {
	w.l.following = true
	w.r.missing = slices.DeleteFunc(w.r.missing, func(e *entry) bool {
		_, err := w.j.s.fs.Lstat(w.j.path(e))
		return err == nil
	})
	if len(w.r.missing) == 0 {
		return nil
	}
	before := make(map[*entry]*version, len(w.r.missing))
	for _, e := range w.r.missing {
		before[e] = e.cur.Load()
	}
	err := w.r.refresh()
	w.r.missing = slices.DeleteFunc(w.r.missing, func(e *entry) bool { return e.cur.Load() != before[e] })
	return err
}

// filesAreRight is that of an opening.
func (w *followed) filesAreRight() bool {
	fresh := w.l.snap == nil && w.l.broken == nil && w.last == 0
	return fresh || w.l.detached
}

// hasJournal tells whether there is anything but files to read.
func (s *Store) hasJournal() (bool, error) {
	for _, dir := range []string{snapshotDir, journalDir} {
		entries, err := s.fs.ReadDir(dir)
		if ignoreNotExist(err) != nil {
			return false, err
		}
		if len(entries) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// open reads snapshot and journal.
func (w *followed) open() error {
	if err := w.l.readSnapshot(); err != nil {
		return err
	}
	w.last = w.l.seq
	owned, err := w.j.s.owned()
	if err != nil {
		return err
	}
	if !owned {
		// Nobody writes: then what lies whole at the end is what a recovery
		// would find, proved to be acknowledged or not. A power cut takes the
		// proof with it.
		err := w.catchUp((*journal.Reader).ReadAll)
		if errors.Is(err, journal.ErrGap) { // the snapshot is missing or damaged
			w.l.forget(errSnapshotDamaged)
			w.last = w.reader.Usage().First - 1
			err = w.catchUp((*journal.Reader).ReadAll)
		}
		if err == nil {
			owned, err = w.j.s.owned()
		}
		if err == nil && owned { // somebody has begun to write meanwhile
			err = errOvertaken
		}
		return err
	}
	return w.catchUp((*journal.Reader).Read)
}

// owned tells whether some process has the directory open for writing. It takes
// the lock for a moment to find out (see acquire), and looks more than once: another
// reader that does the same is no owner.
func (s *Store) owned() (bool, error) {
	if s.lock != nil {
		return true, nil
	}
	f, err := s.fs.OpenFile(lockFile, os.O_RDONLY, 0)
	if err != nil {
		return false, ignoreNotExist(err)
	}
	defer f.Close()
	for range readerLooks {
		if !errors.Is(f.TryLock(), vfs.ErrLocked) {
			return false, nil
		}
		time.Sleep(readerPause)
	}
	return true, nil
}

// A reader holds the lock for some microseconds.
const (
	readerLooks = 5
	readerPause = time.Millisecond
)

// adopt makes the index show what opening for writing would make of the files.
func (w *followed) adopt() error {
	if w.r.right {
		return nil
	}
	for _, f := range w.r.adopted {
		e := f.e
		if e == nil {
			e = w.j.place(f.key, f.file)
		}
		data, mod := f.content.data, f.info.ModTime
		if cur := e.cur.Load(); cur != nil { // an edit is newer, whatever its file's time says
			mod = max(mod, cur.mod+1)
		}
		e.cur.Store(&version{data: data, mod: mod, size: uint32(len(data)), crc: checksum(data), kind: opPut})
	}
	for _, f := range w.r.damaged {
		if f.e == nil || !f.e.cur.Load().live() {
			w.damaged[f.key] = &driver.DamagedError{Path: w.j.s.path(f.file), Reason: f.content.reason()}
		}
	}
	return w.losses()
}

// get is Store.Get.
func (f *follower) get(ctx context.Context, k driver.Key) (driver.Record, error) {
	for again := true; ; again = false {
		j, err := f.current()
		if err != nil {
			return driver.Record{}, err
		}
		if j == nil {
			return f.s.get(k)
		}
		if err := f.damage(k); err != nil {
			return driver.Record{}, err
		}
		rec, err := j.get(ctx, k, nil)
		switch {
		case errors.Is(err, errSnapshotGone): // somebody has loaded all again meanwhile
		case !errors.Is(err, driver.ErrNotFound) && !errors.Is(err, driver.ErrDamaged):
			return rec, err
		case !again:
			return driver.Record{}, f.unless(k, err)
		}
		if err := f.s.loadMarks(); err != nil { // the owner may have opened or resolved some
			return driver.Record{}, err
		}
	}
}

// damage returns what is known to be wrong with a value.
func (f *follower) damage(k driver.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == nil {
		return nil
	}
	err := f.state.damaged[k]
	if err == nil {
		return nil
	}
	if e := f.state.j.index.find(k); e != nil && e.cur.Load().live() { // put since
		return nil
	}
	return err
}

// unless is err, unless a place that may hide values is in the way: then it is
// for the file system to say whether it hides this one.
func (f *follower) unless(k driver.Key, err error) error {
	f.mu.Lock()
	hides := f.state != nil && f.state.hidden != nil
	f.mu.Unlock()
	if hides && errors.Is(err, driver.ErrNotFound) {
		_, err = f.s.get(k)
		if err == nil {
			err = driver.ErrNotFound // a file that is not acknowledged, or one that is removed behind
		}
	}
	return err
}

// ids and entities list what is there, damaged values included.
func (f *follower) ids(name string) ([]string, error) {
	j, err := f.current()
	if err != nil {
		return nil, err
	}
	if j == nil {
		return f.s.ids(name)
	}
	if err := f.s.loadMarks(); err != nil {
		return nil, err
	}
	ids := j.ids(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != nil {
		for k := range f.state.damaged {
			if k.Entity == name {
				ids = append(ids, k.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (f *follower) entities(ctx context.Context) ([]string, error) {
	j, err := f.current()
	if err != nil {
		return nil, err
	}
	if j == nil {
		return f.s.entities(ctx)
	}
	if err := f.s.loadMarks(); err != nil {
		return nil, err
	}
	names := j.entities()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != nil && f.state.hidden != nil {
		return nil, f.state.hidden
	}
	if f.state != nil {
		for k := range f.state.damaged {
			names = append(names, k.Entity)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
