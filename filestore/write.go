package filestore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"path"
	"sync"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
)

// Put implements driver.Store.
//
// With a journal it returns when the record is durable, and shares the flush
// with all others that wait. Once the record is in line for that, ctx has no say
// any more: the outcome is always told. A Put that was ended by its context has
// changed nothing.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	if s.j != nil {
		return s.j.put(ctx, k, data)
	}
	return s.change(ctx, nil, driver.Op{Key: k, Data: data})
}

// Delete implements driver.Deleter.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	if s.j != nil {
		return s.j.delete(ctx, k)
	}
	removed, err := s.changed(ctx, nil, driver.Op{Key: k, Delete: true})
	if err == nil && !removed {
		return driver.ErrNotFound
	}
	return err
}

// Apply implements driver.Applier: any keys in one record of the journal.
// Without a journal all conditions and changes must be of one key, else
// errors.ErrUnsupported.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if s.j != nil {
		return s.j.apply(ctx, conds, ops)
	}
	var k driver.Key
	switch {
	case len(ops) > 0:
		k = ops[0].Key
	case len(conds) > 0:
		k = conds[0].Key
	}
	for _, op := range ops {
		if err := validateOp(op); err != nil {
			return err
		}
		if op.Key != k {
			return wider()
		}
	}
	for _, c := range conds {
		if c.Key != k {
			return wider()
		}
	}
	if len(ops) == 0 {
		return s.checkOnly(ctx, k, conds)
	}
	return s.change(ctx, conds, ops[len(ops)-1])
}

func wider() error {
	return fmt.Errorf("%w: plain files change one value at a time", errors.ErrUnsupported)
}

func (s *Store) checkOnly(ctx context.Context, k driver.Key, conds []driver.Cond) error {
	done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.holds(k, conds)
}

func validateOp(op driver.Op) error {
	if err := driver.ValidateKey(op.Key); err != nil || op.Delete {
		return err
	}
	return driver.ValidateData(op.Data)
}

func (s *Store) change(ctx context.Context, conds []driver.Cond, op driver.Op) error {
	_, err := s.changed(ctx, conds, op)
	return err
}

// changed makes one change under conditions, and tells whether there was
// anything to change. Changes of one key follow each other; readers are never
// held up.
func (s *Store) changed(ctx context.Context, conds []driver.Cond, op driver.Op) (bool, error) {
	if err := validateOp(op); err != nil {
		return false, err
	}
	done, err := s.enterWrite(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return s.apply(ctx, conds, op)
}

// apply is changed for those who have entered.
func (s *Store) apply(ctx context.Context, conds []driver.Cond, op driver.Op) (did bool, err error) {
	mu := s.keyLock(op.Key)
	mu.Lock()
	defer mu.Unlock()
	if err := ctx.Err(); err != nil { // the wait for the lock may have been long
		return false, err
	}
	if cause := s.stopped.Load(); cause != nil {
		return false, *cause
	}
	if err := s.holds(op.Key, conds); err != nil {
		return false, err
	}
	if did = true; op.Delete {
		did, err = s.remove(op.Key)
	} else {
		err = s.write(op.Key, op.Data)
	}
	if err != nil {
		return false, s.failed(err)
	}
	if did {
		s.hub.Publish(op.Key, op.Delete)
	}
	return did, nil
}

// holds checks the conditions, all of which are on k.
func (s *Store) holds(k driver.Key, conds []driver.Cond) error {
	if len(conds) == 0 {
		return nil
	}
	rec, err := s.get(k)
	if err != nil && !errors.Is(err, driver.ErrNotFound) {
		return err
	}
	for _, c := range conds {
		if c.Rev != rec.Rev {
			return driver.ErrConflict
		}
	}
	return nil
}

// write puts a value in place. After each step, what a power cut leaves:
func (s *Store) write(k driver.Key, data []byte) error {
	file, others, err := s.locate(k)
	if err != nil {
		return err
	}
	if err := s.ensureDir(k.Entity, path.Dir(file)); err != nil { // the old value, and perhaps empty directories
		return err
	}
	if err := s.setAside(k, file); err != nil { // ErrDamaged, the damaged bytes in quarantine
		return err
	}
	o := &atomicfile.Options{Perm: 0o600, ModTime: s.clock.next()}
	err = atomicfile.Write(s.fs, file, data, o) // the old value or the new one; from its return on the new one
	if errors.Is(err, fs.ErrNotExist) && !isFlush(err) {
		// Somebody removed the directory by hand. Nothing has been written.
		s.dirs.forget(path.Dir(file))
		if err = s.ensureDir(k.Entity, path.Dir(file)); err == nil {
			err = atomicfile.Write(s.fs, file, data, o)
		}
	}
	if err != nil {
		return err
	}
	if s.caseBlind {
		s.exact.add(file)
	}
	for _, other := range others { // the new value in file; recovery sets the other aside
		if _, err := s.quarantineTwin(k, other); err != nil {
			return err
		}
	}
	// The new value. Recovery finds it beside the open mark and resolves that
	// itself; but a Delete that follows must not leave the mark behind, so it
	// is resolved before this call is acknowledged.
	return s.resolve(k, "put")
}

// ensureDir makes the directory of an entity exist durably. On a case-blind file
// system somebody else may have made it for another entity since it was chosen.
func (s *Store) ensureDir(entity, dir string) error {
	err := s.dirs.ensure(s.fs, dir)
	if err == nil && s.caseBlind {
		_, err = s.locateEntity(entity)
	}
	return err
}

// remove takes a value away. A damaged one goes to quarantine first, and is
// marked as resolved: it was removed on purpose. After a power cut within it the
// old value is there, or it answers ErrDamaged, or it is gone.
func (s *Store) remove(k driver.Key) (bool, error) {
	file, others, err := s.locate(k)
	if err != nil {
		return false, err
	}
	removed := false
	for _, f := range append(others, file) { // file last: another one alone would be an older value
		if err := s.setAside(k, f); err != nil {
			return false, err
		}
		err := atomicfile.Remove(s.fs, f)
		s.exact.drop(f)
		switch {
		case err == nil:
			removed = true
		case isFlush(err) || !errors.Is(err, fs.ErrNotExist):
			return false, err
		}
	}
	_, marked := s.marks.get(k) // by setAside, or before
	return removed || marked, s.resolve(k, "delete")
}

// Clear implements driver.Deleter: in one record of the journal, or, without
// one, one removal after the other.
func (s *Store) Clear(ctx context.Context, entity string) error {
	if s.j != nil {
		return s.j.clear(ctx, entity)
	}
	done, err := s.enterWrite(ctx)
	if err != nil {
		return err
	}
	defer done()
	ids, err := s.ids(entity)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := s.apply(ctx, nil, driver.Op{Key: driver.Key{Entity: entity, ID: id}, Delete: true}); err != nil {
			return err
		}
	}
	return nil
}

// failed decides what an error of a change means for those that follow. After a
// failed flush the kernel may have dropped what was written and called it clean,
// so that a second flush would succeed over nothing: no further change until
// the store is opened again and reads what is really there. Any other error
// came before the flush and concerns that change alone.
func (s *Store) failed(err error) error {
	if !isFlush(err) {
		return tooLong(err)
	}
	return s.stop(err)
}

// stop lets no further change in.
func (s *Store) stop(err error) error {
	stopped := fmt.Errorf("%w: %w", driver.ErrStopped, err)
	if s.stopped.CompareAndSwap(nil, &stopped) {
		s.log.Error("flush failed, no further writes until the store is opened again", "error", err)
	}
	return stopped
}

// keyLock returns the mutex of a key, shared with some other keys: on a
// case-blind file system with those that might share its file.
func (s *Store) keyLock(k driver.Key) *sync.Mutex {
	name := k.Entity + "\x00" + k.ID
	if s.caseBlind {
		name = fold(name)
	}
	return &s.keys[maphash.String(s.seed, name)%uint64(len(s.keys))]
}
