package filestore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// History implements driver.Historian: the states of a value that the journal
// still has, and the present one. Without a journal: errors.ErrUnsupported.
//
// It reads the journal from its end, so the newest states come at once. A
// damaged stretch of it is an error in its place.
func (s *Store) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		done, err := s.enter(ctx)
		if err != nil {
			yield(driver.Version{}, err)
			return
		}
		// The store is not held open while the consumer runs: one that calls
		// Close would wait for itself.
		stopped := false
		err = s.history(ctx, k, func(v driver.Version, _ error) bool {
			done()
			if stopped = !yield(v, nil); stopped {
				return false
			}
			var again error
			if done, again = s.enter(ctx); again != nil {
				stopped = true
				yield(driver.Version{}, again)
			}
			return !stopped
		})
		if stopped {
			return
		}
		done()
		if err != nil {
			yield(driver.Version{}, err)
		}
	}
}

func (s *Store) history(ctx context.Context, k driver.Key, yield func(driver.Version, error) bool) error {
	if err := s.admits(k); err != nil {
		return err
	}
	past, err := s.past()
	if err != nil {
		return err
	}
	var present *driver.Record
	if rec, err := s.Get(ctx, k); err == nil {
		present = &rec
	} else if !errors.Is(err, driver.ErrNotFound) && !errors.Is(err, driver.ErrDamaged) {
		return err
	}
	for v, err := range versionsOf(k, past) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if present != nil && v.Rev != present.Rev {
			if v.ModTime.After(present.ModTime) {
				continue // came after the present was read
			}
			if !yield(driver.Version{Record: *present}, nil) {
				return nil
			}
		}
		present = nil
		if !yield(v, nil) {
			return nil
		}
	}
	if present != nil {
		yield(driver.Version{Record: *present}, nil)
	}
	return nil
}

// past returns where old records are read from.
func (s *Store) past() (backward, error) {
	switch {
	case s.j != nil:
		return s.j.past, nil
	case s.f != nil:
		j, err := s.f.current()
		if err != nil {
			return nil, err
		}
		if j != nil {
			return j.past, nil
		}
	}
	return nil, fmt.Errorf("%w: without a journal only the present state is kept", errors.ErrUnsupported)
}

// backward is what a journal and a reader of one have in common.
type backward func(match func(payload []byte) bool) iter.Seq2[journal.Record, error]

// backward reads old records without a journal that is open for writing. There
// may be none yet.
func (s *Store) backward(match func(payload []byte) bool) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		r, err := journal.OpenReader(s.fs, journalDir)
		if err != nil {
			if ignoreNotExist(err) != nil {
				yield(journal.Record{}, err)
			}
			return
		}
		defer r.Close()
		r.Backward(match)(yield)
	}
}

// versionsOf turns records into versions. A removal of what is not there, as the
// clearing of an entity may be, is none.
func versionsOf(k driver.Key, records backward) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		var removal *driver.Version // the oldest of those that follow each other
		sure := false               // it removed something
		for rec, err := range records(func(payload []byte) bool { return mentions(payload, k) }) {
			if err != nil {
				yield(driver.Version{}, damagedHistory(k, err))
				return
			}
			v, explicit, ok := versionIn(&rec, k)
			switch {
			case !ok:
			case v.Deleted:
				removal, sure = &v, explicit
			default:
				if removal != nil && !yield(*removal, nil) || !yield(v, nil) {
					return
				}
				removal = nil
			}
		}
		if removal != nil && sure {
			yield(*removal, nil)
		}
	}
}

func damagedHistory(k driver.Key, err error) error {
	var damage *journal.DamageError
	if errors.As(err, &damage) {
		return &driver.DamagedError{Path: path.Join(journalDir, damage.Damage.File), Reason: "older states of " + k.String() + " may be in a damaged stretch of the journal: " + damage.Damage.Detail,
			Way: "newer states are told before it"}
	}
	return err
}

// mentions tells whether a record changes a value.
func mentions(payload []byte, k driver.Key) bool {
	for len(payload) > 0 {
		o, rest, _, err := nextOp(payload)
		if err != nil {
			return false
		}
		if o.concerns(k) {
			return true
		}
		payload = rest
	}
	return false
}

// versionIn returns the state that a record leaves a value in. explicit is
// false for a removal that was meant for the whole entity.
func versionIn(rec *journal.Record, k driver.Key) (v driver.Version, explicit, ok bool) {
	for b := rec.Payload; len(b) > 0; {
		o, rest, whole, err := nextOp(b)
		if err != nil || !whole {
			break
		}
		b = rest
		if !o.concerns(k) {
			continue
		}
		ok, explicit = true, o.kind != opClear
		v = driver.Version{Record: driver.Record{Key: k, ModTime: rec.Time}, Deleted: true}
		if o.kind == opPut || o.kind == opAdopt {
			v.Deleted = false
			v.Data = append([]byte(nil), o.data...)
			v.Rev = formatRev(rec.Time.UnixNano(), o.crc)
		}
	}
	return v, explicit, ok
}
