package filestore

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// detach says, durably, that from here on the files are changed directly: what
// journal and snapshot know of them does not count any more. The files are
// current before. Both say so: somebody may delete the journal, which is of no
// use any more, and leave the snapshot.
func (j *journaled) detach(ctx context.Context) error {
	if err := j.flushFiles(ctx); err != nil {
		return err
	}
	payload, _ := appendOp(nil, opDetach, driver.Key{}, nil)
	if err := j.append(ctx, payload); err != nil {
		return err
	}
	j.behind.pass.Lock()
	defer j.behind.pass.Unlock()
	n := j.snap.Load()
	if n == nil {
		return nil
	}
	n.detached = true
	return j.s.failed(n.commit(j.last, true, time.Now()))
}

// attach says, durably, that all of what the files had has been taken over.
func (j *journaled) attach(ctx context.Context) error {
	payload, _ := appendOp(nil, opAttach, driver.Key{}, nil)
	if err := j.append(ctx, payload); err != nil {
		return err
	}
	j.order.Lock()
	defer j.order.Unlock()
	j.detached = false
	return nil
}

// gone takes over that a value went while the files were changed directly: at
// the time when its damage was found, if it has a mark, which then stays.
func (j *journaled) gone(ctx context.Context, e *entry) error {
	payload, crc := appendOp(nil, opDelete, e.key(), nil)
	c := &change{e: e, version: version{kind: opDelete, crc: crc}}
	if err := j.log.Reserve(ctx, len(payload)); err != nil {
		return j.failed(err)
	}
	t := j.s.clock.next().UnixNano()
	if m, marked := j.s.marks.get(e.key()); marked {
		t = m.Found.UnixNano()
	}
	j.order.Lock()
	flush := j.enqueueAt(payload, t, c, c)
	j.order.Unlock()
	return j.failed(flush.Wait())
}
