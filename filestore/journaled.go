package filestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// The directories of a journalled store.
const (
	journalDir  = own + "/journal"
	snapshotDir = own + "/snapshot"
)

// journaled is the journalled way of writing, for the one process that has the
// lock:
//
//	Put ──> journal (one flush for all that wait) ──> acknowledged, visible
//	                 └─ behind: files and snapshot ──> journal space is free
//
// What is true is, in this order: the records of the journal, the snapshot, the
// files. The index holds what they come to.
type journaled struct {
	s     *Store
	log   *journal.Journal
	index *index
	cache cache
	past  backward // what the journal still has

	order   sync.Mutex        // the order of changes; never held across I/O
	last    uint64            // the latest record that readers see
	dirty   []*entry          // what the files or the snapshot do not have yet
	stuck   map[*entry]error  // files that could not be written, and why
	renamed map[*entry]string // files that have not the usual name
	keep    map[*entry]stamp  // files that are right as they are, for the next checkpoint

	detached bool // the files have been changed directly, and that is not taken over yet

	snap       atomic.Pointer[snapshot]
	nextNumber uint64      // of the next snapshot, where there is none
	each       atomic.Bool // flush files one by one: the file system has nothing else
	closing    bool        // the checkpoint under way is that of Close
	running    bool        // run has been started
	force      bool        // the next checkpoint is made though nothing has changed
	folds      folds
	spares     spares
	behind     behind
	opening    atomic.Bool // not all that was found has been settled yet
}

// change is one version on its way to the journal.
type change struct {
	version
	e    *entry
	file stamp // of the file that has it already, by another hand; zero for none
}

// batch is a record of several changes, or of none.
type batch struct {
	changes []*change
	seq     uint64
}

// find returns the entry of a key that is to be changed, a new one if there is
// none, and refuses a key that no file can hold.
func (j *journaled) find(k driver.Key) (*entry, error) {
	if e := j.index.find(k); e != nil {
		return e, nil
	}
	file, _, err := j.s.locate(k)
	if err != nil {
		return nil, err
	}
	// The look tells what else a file system may have against a name: eCryptfs
	// takes 143 bytes. Written behind, it would be found out too late.
	if _, err := j.s.fs.Lstat(file); ignoreNotExist(err) != nil {
		return nil, tooLong(err)
	}
	if err := j.folds.claim(j.s, k); err != nil {
		return nil, err
	}
	return j.place(k, file), nil
}

// put stores one value.
func (j *journaled) put(ctx context.Context, k driver.Key, data []byte) error {
	if err := j.s.beginWrite(ctx); err != nil {
		return err
	}
	defer j.s.life.leave()
	e, err := j.find(k)
	if err != nil {
		return err
	}
	c := &change{e: e}
	if err := driver.ValidateData(data); err != nil {
		j.unused([]*change{c})
		return err
	}
	// One allocation holds the record, and the value as its end.
	payload, crc := appendOp(make([]byte, 0, opSize(k, data)), opPut, k, data)
	c.version = version{kind: opPut, crc: crc, size: uint32(len(data)),
		data: payload[len(payload)-len(data) : len(payload) : len(payload)]}
	if err := j.log.Reserve(ctx, len(payload)); err != nil {
		j.unused([]*change{c})
		return j.failed(err)
	}
	now := time.Now()
	j.order.Lock()
	if e.dead {
		e = j.revive(e)
		c.e = e
	}
	flush := j.enqueue(payload, now, c, c)
	j.order.Unlock()
	if err := flush.Wait(); err != nil {
		return j.failed(err)
	}
	return j.settleMarks(k, "put")
}

// revive puts an entry that was dropped after it was looked up back into the
// index. The caller holds order.
func (j *journaled) revive(old *entry) *entry {
	return j.index.add(old.key(), func() string { return old.ent.dir })
}

// enqueue hands a record to the journal. item is what committed gets, changes
// are those in it. The caller holds order.
func (j *journaled) enqueue(payload []byte, now time.Time, item any, changes ...*change) *journal.Flush {
	return j.enqueueAt(payload, j.s.clock.at(now).UnixNano(), item, changes...)
}

// enqueueAt is enqueue with a time of its own.
func (j *journaled) enqueueAt(payload []byte, t int64, item any, changes ...*change) *journal.Flush {
	flush, seq := j.log.Enqueue(payload, t, item)
	if b, ok := item.(*batch); ok {
		b.seq = seq
	}
	for _, c := range changes {
		c.mod, c.seq = t, seq
		if seq != 0 { // else the journal has failed, and nobody will be told
			c.e.wait(c.kind, 1)
			c.e.flush = flush
		}
	}
	return flush
}

// committed makes versions visible, in their order: they are durable now.
func (j *journaled) committed(items []any) {
	j.order.Lock()
	clean := len(j.dirty) == 0
	for _, item := range items {
		switch x := item.(type) {
		case *change:
			j.publish(x)
		case *batch:
			j.publishAll(x)
			j.last = x.seq
		}
	}
	kick := clean && len(j.dirty) > 0
	j.order.Unlock()
	j.announce(items)
	switch {
	case j.log.Backlog() > j.behind.limit:
		j.behind.hurry()
	case kick:
		j.behind.wake()
	}
}

func (j *journaled) publish(c *change) {
	e := c.e
	e.wait(c.kind, -1)
	e.cur.Store(&c.version)
	j.last = c.seq
	delete(j.keep, e) // it was for the version before
	if c.file != (stamp{}) {
		j.keepFile(e, c.file)
	}
	j.soil(e)
}

// publishAll makes the changes of a batch visible at once. The caller holds
// order.
func (j *journaled) publishAll(b *batch) {
	if len(b.changes) == 1 {
		j.publish(b.changes[0])
		return
	}
	before := make(map[*entry]*version, len(b.changes))
	for _, c := range b.changes {
		before[c.e] = c.e.cur.Load()
	}
	g := &group{}
	g.before.Store(&before)
	for _, c := range b.changes {
		c.with = g
		j.publish(c)
	}
	g.before.Store(nil)
}

// soil notes that an entry's file or snapshot is behind. The caller holds order.
func (j *journaled) soil(e *entry) {
	if !e.dirty {
		e.dirty = true
		j.dirty = append(j.dirty, e)
	}
}

// keepFile notes that the file of an entry is right as it is. The caller holds
// order.
func (j *journaled) keepFile(e *entry, looks stamp) {
	if j.keep == nil {
		j.keep = map[*entry]stamp{}
	}
	j.keep[e] = looks
}

// announce tells the watchers.
func (j *journaled) announce(items []any) {
	if !j.s.hub.Watched() {
		return
	}
	for _, item := range items {
		switch x := item.(type) {
		case *change:
			j.s.hub.Publish(x.e.key(), !x.live())
		case *batch:
			for _, c := range x.changes {
				j.s.hub.Publish(c.e.key(), !c.live())
			}
		}
	}
}

// refused forgets changes that will never be durable.
func (j *journaled) refused(items []any, _ error) {
	j.order.Lock()
	defer j.order.Unlock()
	for _, item := range items {
		switch x := item.(type) {
		case *change:
			j.forget(x)
		case *batch:
			for _, c := range x.changes {
				j.forget(c)
			}
		}
	}
}

func (j *journaled) forget(c *change) {
	c.e.wait(c.kind, -1)
	j.dropIfEmpty(c.e)
}

// dropIfEmpty takes out an entry that never had a value, or has none any more
// that the disk does not know of. One that a checkpoint has stays: given back, it
// would stand beside a new one of the same key, and its removal would take away
// what that has put. The caller holds order.
func (j *journaled) dropIfEmpty(e *entry) {
	if e.waiting > 0 || e.dirty || e.passing || e.dead || e.base != nil || e.file != (stamp{}) || e.cur.Load().live() {
		return
	}
	e.dead = true
	delete(j.renamed, e)
	j.index.drop(e)
}

// unused takes entries out that were placed for a change that was not made.
func (j *journaled) unused(changes []*change) {
	j.order.Lock()
	defer j.order.Unlock()
	for _, c := range changes {
		j.dropIfEmpty(c.e)
	}
}

// failed says what an error of the journal means to the caller. After a failed
// flush nobody knows what the disk has, so nothing more is written.
func (j *journaled) failed(err error) error {
	var flush *journal.FlushError
	switch {
	case errors.As(err, &flush):
		return j.s.stop(err)
	case errors.Is(err, journal.ErrClosed):
		return driver.ErrClosed
	case errors.Is(err, journal.ErrTooLarge):
		return fmt.Errorf("the changes of one batch are too large together: at most %d MiB: use several batches: %w", journal.MaxPayload>>20, err)
	}
	return err
}

// settleMarks notes that a damaged value has been replaced or removed. The
// journal has the new state already: recovery would come to the same.
func (j *journaled) settleMarks(k driver.Key, how string) error {
	if j.s.marks.none() {
		return nil
	}
	if _, marked := j.s.marks.get(k); !marked {
		return nil
	}
	mu := j.s.keyLock(k)
	mu.Lock()
	defer mu.Unlock()
	if err := j.s.resolve(k, how); err != nil {
		return j.s.failed(err)
	}
	return nil
}

// ids lists an entity, damaged values included, in byte order.
func (j *journaled) ids(name string) []string {
	marked := j.s.marks.keys() // before the values: what is healed meanwhile is one of them
	ids := j.index.ids(name)
	for _, k := range marked {
		if k.Entity == name {
			ids = append(ids, k.ID)
		}
	}
	if !slices.IsSorted(ids) { // after a snapshot was read they are
		slices.Sort(ids)
	}
	return slices.Compact(ids)
}

func (j *journaled) entities() []string {
	marked := j.s.marks.keys()
	names := j.index.names()
	for _, k := range marked {
		names = append(names, k.Entity)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// count tells how many entities and values there are, damaged ones included.
func (j *journaled) count() (entities, values int) {
	names := map[string]bool{}
	for _, ent := range j.index.all() {
		for _, e := range ent.list() {
			if e.seen().live() {
				names[ent.name] = true
				values++
			}
		}
	}
	for _, k := range j.s.marks.keys() {
		names[k.Entity] = true
		if e := j.index.find(k); e == nil || !e.seen().live() {
			values++
		}
	}
	return len(names), values
}

// append writes a record that changes no value.
func (j *journaled) append(ctx context.Context, payload []byte) error {
	if err := j.log.Reserve(ctx, len(payload)); err != nil {
		return j.failed(err)
	}
	now := time.Now()
	j.order.Lock()
	flush := j.enqueue(payload, now, &batch{})
	j.order.Unlock()
	return j.failed(flush.Wait())
}

// adopt makes what another hand has written to a file a change of its value.
// The file stays as it is.
func (j *journaled) adopt(ctx context.Context, f *sighting) error {
	e, err := j.find(f.key)
	if err != nil {
		return err
	}
	data := f.content.data
	payload, crc := appendOp(nil, opAdopt, f.key, data)
	c := &change{e: e, version: version{kind: opPut, data: data, size: uint32(len(data)), crc: crc}, file: stampOf(f.info)}
	if err := j.log.Reserve(ctx, len(payload)); err != nil {
		return j.failed(err)
	}
	now := time.Now()
	j.order.Lock()
	flush := j.enqueue(payload, now, c, c)
	j.order.Unlock()
	return j.failed(flush.Wait())
}

// soilAll makes the next checkpoint look at everything.
func (j *journaled) soilAll() {
	for _, ent := range j.index.all() {
		for _, e := range ent.list() {
			j.order.Lock()
			if e.cur.Load() != nil {
				j.soil(e)
			}
			j.order.Unlock()
		}
	}
}

// close leaves all files current, and says so in the snapshot: then the next
// opening trusts them by their looks.
func (j *journaled) close() error {
	if j.running {
		close(j.behind.stop)
		<-j.behind.done
	}
	err := j.failed(j.log.Close())
	if err == nil && j.s.stopped.Load() == nil {
		j.closing = true
		err = j.finish()
	}
	if cause := j.s.stopped.Load(); cause != nil && err == nil {
		err = *cause
	}
	return errors.Join(err, j.closeSnapshot())
}

// finish is the last checkpoint.
func (j *journaled) finish() error {
	if err := j.flushFiles(context.Background()); err != nil {
		return err
	}
	if err := j.s.dropSpares(); err != nil {
		return err
	}
	n := j.snap.Load()
	if n == nil {
		return nil
	}
	if !n.closed || n.seq != j.last {
		n.detached = j.detached
		if err := n.commit(j.last, true, time.Now()); err != nil {
			return j.unsealed(err)
		}
	}
	return j.unsealed(n.seal(time.Now()))
}

// unsealed says what it means that the last words of a snapshot could not be written
// when all files are current: a full disk costs the next opening some time, and
// nothing else. Any other error is one.
func (j *journaled) unsealed(err error) error {
	if isNoSpace(err) && !isFlush(err) {
		j.s.log.Warn("no room to say that all files are current: the next opening takes longer", "error", err)
		return nil
	}
	return j.s.failed(err)
}

// abandon ends the use of the journal without another checkpoint.
func (j *journaled) abandon() error {
	close(j.behind.stop)
	<-j.behind.done
	return j.release()
}

// release lets go of what is open.
func (j *journaled) release() error {
	var errs []error
	if j.log != nil {
		errs = append(errs, j.log.Close())
	}
	return errors.Join(append(errs, j.closeSnapshot())...)
}

func (j *journaled) closeSnapshot() error {
	if n := j.snap.Load(); n != nil {
		return n.close()
	}
	return nil
}
