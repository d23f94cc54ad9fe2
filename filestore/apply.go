package filestore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// Conditions, and whether there is anything to delete, are judged by what is
// durable. A value with a change on its way is waited for: that change may
// still fail, and then an answer that rests on it would be wrong.

// apply makes all changes in one record, if the conditions hold.
func (j *journaled) apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	for _, op := range ops {
		if err := validateOp(op); err != nil {
			return err
		}
	}
	for _, c := range conds {
		if err := driver.ValidateKey(c.Key); err != nil {
			return err
		}
	}
	if len(ops) == 0 {
		return j.checkOnly(ctx, conds)
	}
	done, err := j.s.enterWrite(ctx)
	if err != nil {
		return err
	}
	defer done()
	ops = lastOfEach(ops)
	if err := j.write(ctx, conds, ops); err != nil {
		return err
	}
	for _, op := range ops {
		how := "put"
		if op.Delete {
			how = "delete"
		}
		if err := j.settleMarks(op.Key, how); err != nil {
			return err
		}
	}
	return nil
}

// lastOfEach keeps the last op of every key.
func lastOfEach(ops []driver.Op) []driver.Op {
	if len(ops) == 1 {
		return ops
	}
	last := make(map[driver.Key]int, len(ops))
	for i, op := range ops {
		last[op.Key] = i
	}
	if len(last) == len(ops) {
		return ops
	}
	kept := make([]driver.Op, 0, len(last))
	for i, op := range ops {
		if last[op.Key] == i {
			kept = append(kept, op)
		}
	}
	return kept
}

// write makes one record of ops.
func (j *journaled) write(ctx context.Context, conds []driver.Cond, ops []driver.Op) (err error) {
	b, payload, err := j.compose(ops)
	all := b.changes
	defer func() {
		if err != nil || len(b.changes) < len(all) {
			j.unused(all)
		}
	}()
	if err != nil {
		return err
	}
	for {
		if err := j.log.Reserve(ctx, len(payload)); err != nil {
			return j.failed(err)
		}
		flush, wait, err := j.tryWrite(payload, conds, b)
		switch {
		case wait != nil:
			j.log.Cancel(len(payload))
			wait.Wait() // whatever became of it, look again
		case err != nil:
			j.log.Cancel(len(payload))
			return err
		case flush == nil: // nothing to change
			j.log.Cancel(len(payload))
			return nil
		default:
			return j.failed(flush.Wait())
		}
	}
}

// compose makes the changes of a record, and the record. With an error it
// returns the changes before the one that cannot be.
func (j *journaled) compose(ops []driver.Op) (*batch, []byte, error) {
	b := &batch{}
	var payload []byte
	for _, op := range ops {
		e, err := j.find(op.Key)
		if err != nil {
			return b, nil, err
		}
		c := &change{e: e, version: version{kind: opPut, size: uint32(len(op.Data))}}
		if op.Delete {
			c.kind, op.Data = opDelete, nil
		}
		payload, c.crc = appendOp(payload, c.kind, op.Key, op.Data)
		if !op.Delete {
			c.data = append([]byte(nil), op.Data...)
		}
		b.changes = append(b.changes, c)
	}
	return b, payload, nil
}

// tryWrite enqueues the record if its conditions hold, or returns the flush
// after which to look again.
func (j *journaled) tryWrite(payload []byte, conds []driver.Cond, b *batch) (flush, wait *journal.Flush, err error) {
	now := time.Now()
	j.order.Lock()
	defer j.order.Unlock()
	for _, c := range conds {
		if wait, err := j.holds(c); wait != nil || err != nil {
			return nil, wait, err
		}
	}
	for _, c := range b.changes {
		if c.e.dead {
			c.e = j.revive(c.e)
		}
	}
	if kept := slices.DeleteFunc(slices.Clone(b.changes), (*change).idle); len(kept) < len(b.changes) {
		if b.changes = kept; len(kept) == 0 {
			return nil, nil, nil
		}
		reserved := len(payload)
		payload = nil
		for _, c := range kept {
			payload, _ = appendOp(payload, c.kind, c.e.key(), c.data)
		}
		j.log.Cancel(reserved - len(payload))
	}
	return j.enqueue(payload, now, b, b.changes...), nil, nil
}

// idle tells of the removal of what is not there: history is to have none of a
// value that never was. The caller holds order.
func (c *change) idle() bool {
	return c.kind == opDelete && c.e.waiting == 0 && !c.e.cur.Load().live()
}

// holds judges one condition. The caller holds order.
func (j *journaled) holds(c driver.Cond) (wait *journal.Flush, err error) {
	var v *version
	if e := j.index.find(c.Key); e != nil {
		if e.waiting > 0 {
			return e.flush, nil
		}
		v = e.cur.Load()
	}
	switch rev := ""; {
	case v.live():
		if rev = v.rev(); rev == c.Rev {
			return nil, nil
		}
		return nil, driver.ErrConflict
	default:
		if err := j.s.marked(c.Key); err != nil {
			return nil, err
		}
		if c.Rev != rev {
			return nil, driver.ErrConflict
		}
		return nil, nil
	}
}

func (j *journaled) checkOnly(ctx context.Context, conds []driver.Cond) error {
	done, err := j.s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	for i := 0; i < len(conds); {
		j.order.Lock()
		wait, err := j.holds(conds[i])
		j.order.Unlock()
		if err != nil {
			return err
		}
		if wait == nil {
			i++
			continue
		}
		wait.Wait() // whatever became of it, look again
		i = 0
	}
	return nil
}

// delete removes one value.
func (j *journaled) delete(ctx context.Context, k driver.Key) error {
	if err := driver.ValidateKey(k); err != nil {
		return err
	}
	done, err := j.s.enterWrite(ctx)
	if err != nil {
		return err
	}
	defer done()
	payload, crc := appendOp(nil, opDelete, k, nil)
	for {
		if err := j.log.Reserve(ctx, len(payload)); err != nil {
			return j.failed(err)
		}
		flush, wait, found := j.tryDelete(payload, crc, k)
		switch {
		case wait != nil:
			j.log.Cancel(len(payload))
			wait.Wait() // whatever became of it, look again
		case !found:
			j.log.Cancel(len(payload))
			err := j.deleteMarked(ctx, k)
			if !errors.Is(err, driver.ErrNotFound) || !j.index.find(k).seen().live() {
				return err
			} // else a Put has just replaced what was damaged
		default:
			if err := flush.Wait(); err != nil {
				return j.failed(err)
			}
			return j.settleMarks(k, "delete")
		}
	}
}

func (j *journaled) tryDelete(payload []byte, crc uint32, k driver.Key) (flush, wait *journal.Flush, found bool) {
	now := time.Now()
	j.order.Lock()
	defer j.order.Unlock()
	e := j.index.find(k)
	if e == nil {
		return nil, nil, false
	}
	// A value that only further values are on their way for is one whatever becomes
	// of them. To wait for those might take as long as others write.
	live := e.cur.Load().live()
	if e.waiting > 0 && (!live || e.leaving > 0) {
		return nil, e.flush, false
	}
	if !live {
		return nil, nil, false
	}
	c := &change{e: e, version: version{kind: opDelete, crc: crc}}
	return j.enqueue(payload, now, c, c), nil, true
}

// deleteMarked removes a value that is known only as damaged.
func (j *journaled) deleteMarked(ctx context.Context, k driver.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, marked := j.s.marks.get(k); !marked {
		return driver.ErrNotFound
	}
	return j.settleMarks(k, "delete")
}

// clear removes all values of an entity in one record.
func (j *journaled) clear(ctx context.Context, name string) error {
	if err := j.s.admits(driver.Key{Entity: name, ID: "x"}); err != nil {
		return err
	}
	done, err := j.s.enterWrite(ctx)
	if err != nil {
		return err
	}
	defer done()
	payload, _ := appendOp(nil, opClear, driver.Key{Entity: name}, nil)
	if err := j.log.Reserve(ctx, len(payload)); err != nil {
		return j.failed(err)
	}
	if flush := j.tryClear(payload, name); flush == nil {
		j.log.Cancel(len(payload))
	} else if err := flush.Wait(); err != nil {
		return j.failed(err)
	}
	for _, k := range j.s.marks.keys() {
		if k.Entity == name {
			if err := j.settleMarks(k, "delete"); err != nil {
				return err
			}
		}
	}
	return nil
}

// tryClear enqueues the removal of all that is there or on its way; nil if
// nothing is.
func (j *journaled) tryClear(payload []byte, name string) *journal.Flush {
	ent := j.index.entity(name)
	if ent == nil {
		return nil
	}
	now := time.Now()
	j.order.Lock()
	defer j.order.Unlock()
	b := &batch{}
	for _, e := range ent.list() {
		if e.waiting > 0 || e.cur.Load().live() {
			b.changes = append(b.changes, &change{e: e, version: version{kind: opDelete}})
		}
	}
	if len(b.changes) == 0 {
		return nil
	}
	return j.enqueue(payload, now, b, b.changes...)
}
