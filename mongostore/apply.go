package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/holdfast-go/holdfast/driver"
)

// change is what Apply makes of one key: its conditions, and its op, if any.
type change struct {
	key  driver.Key
	revs []string // that the value must have; "" for none
	op   *driver.Op
}

// changes gathers conditions and ops by key. Of several ops on one key the last
// counts.
func changes(conds []driver.Cond, ops []driver.Op) []change {
	var all []change
	at := map[driver.Key]int{}
	of := func(k driver.Key) *change {
		i, ok := at[k]
		if !ok {
			i = len(all)
			at[k] = i
			all = append(all, change{key: k})
		}
		return &all[i]
	}
	for _, c := range conds {
		change := of(c.Key)
		change.revs = append(change.revs, c.Rev)
	}
	for i := range ops {
		of(ops[i].Key).op = &ops[i]
	}
	return all
}

// Apply implements driver.Applier: changes of one key as one update or deletion
// that finds the document only as it was when the conditions were checked;
// changes of several in a transaction, where the server has them.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	done, err := s.beginWrite(ctx, s.checkBatch(conds, ops))
	if err != nil {
		return err
	}
	defer done()
	all := changes(conds, ops)
	switch {
	case len(all) == 0:
		return nil
	case len(all) > 1:
		return s.transact(ctx, all)
	}
	defer s.steps.lock(all[0].key)()
	return s.applyOne(ctx, &all[0])
}

// checkBatch refuses what cannot be applied, before anything is.
func (s *Store) checkBatch(conds []driver.Cond, ops []driver.Op) error {
	var one *driver.Key
	several := false
	check := func(k driver.Key) error {
		several = several || one != nil && *one != k
		one = &k
		return s.checkKey(k)
	}
	for _, c := range conds {
		if err := check(c.Key); err != nil {
			return err
		}
	}
	for _, op := range ops {
		err := check(op.Key)
		if err == nil && !op.Delete {
			err = checkData(op.Data)
		}
		if err != nil {
			return err
		}
	}
	if several && !s.server.replicated {
		return fmt.Errorf("changing several values at once: %w: %s has no transactions: use a replica set", errors.ErrUnsupported, s.server.kind)
	}
	return nil
}

func (s *Store) applyOne(ctx context.Context, c *change) error {
	switch {
	case len(c.revs) > 0:
		return s.applyChecked(ctx, c)
	case c.op.Delete:
		_, err := s.remove(ctx, c.key)
		return err
	}
	return s.put(ctx, c.key, c.op.Data)
}

// holdsFor tells whether the conditions hold for what is there.
func (s *Store) holdsFor(c *change, d *document) error {
	rev := ""
	if d != nil {
		if _, err := s.record(c.key, d); err != nil && len(c.revs) > 0 {
			return err
		}
		rev = d.revision()
	}
	for _, want := range c.revs {
		if want != rev {
			return driver.ErrConflict
		}
	}
	return nil
}

// applyChecked reads, checks, and changes the document if it is still the one
// that was read. If the answer is lost, it looks again: the token says that the
// change was made, the very document that was read that it was not.
func (s *Store) applyChecked(ctx context.Context, c *change) error {
	op, cancel := s.writing(ctx)
	defer cancel()
	before, err := s.find(op, c.key)
	if err == nil {
		err = s.holdsFor(c, before)
	}
	if err != nil || c.op == nil {
		return err
	}
	if before != nil && before.size > maxChecked && s.server.replicated {
		return s.transact(ctx, []change{*c})
	}
	filter, err := unchanged(before)
	if err != nil {
		return err
	}
	token := bson.NewObjectID()
	for {
		err := s.changeFrom(op, c, filter, token)
		if err == nil || errors.Is(err, driver.ErrConflict) || refused(err) {
			return s.conflict(op, c, err)
		}
		again, settled := s.settleChecked(ctx, c, before, token, err)
		switch {
		case !again:
			return settled
		case op.Err() != nil: // the last attempt may still be under way
			return s.unknown("the answer was lost, and time ran out", err)
		}
	}
}

// conflict is an error of changeFrom as the caller is told it. A value that has
// come between and is damaged is more than a conflict.
func (s *Store) conflict(ctx context.Context, c *change, err error) error {
	if !errors.Is(err, driver.ErrConflict) {
		return s.fault(err)
	}
	if d, finding := s.find(ctx, c.key); finding == nil && d != nil {
		if _, damaged := s.record(c.key, d); damaged != nil {
			return damaged
		}
	}
	return err
}

// changeFrom makes the change of what the filter finds: nil stands for nothing.
func (s *Store) changeFrom(ctx context.Context, c *change, filter bson.D, token bson.ObjectID) error {
	switch {
	case filter == nil && c.op.Delete:
		return nil // of nothing, nothing is to be removed: it held when it was checked
	case filter == nil:
		return s.create(ctx, c, token)
	case c.op.Delete:
		res, err := s.collection(c.key.Entity).DeleteOne(ctx, filter)
		return oneOf(res != nil && res.DeletedCount == 1, err)
	}
	n, err := s.write(ctx, c.key, filter, encode(c.op.Data, s.limits), token, false)
	return oneOf(n == 1, err)
}

func oneOf(found bool, err error) error {
	if err == nil && !found {
		return driver.ErrConflict
	}
	return err
}

// create makes a document that must not be there yet: an upsert whose filter
// finds no document that is, so that the unique index refuses a second one.
func (s *Store) create(ctx context.Context, c *change, token bson.ObjectID) error {
	filter := append(byID(c.key.ID), bson.E{Key: fieldRev, Value: token})
	_, err := s.write(ctx, c.key, filter, encode(c.op.Data, s.limits), token, true)
	if mongo.IsDuplicateKeyError(err) {
		return driver.ErrConflict
	}
	return err
}

// unchanged finds a document only as it was read: by the fields that the
// revision is made of. (Of numbers MongoDB compares the value alone, which is
// what counts.)
func unchanged(d *document) (bson.D, error) {
	if d == nil {
		return nil, nil
	}
	if d.size > maxChecked {
		return nil, fmt.Errorf("mongodb: %w: a value of %d bytes under a condition: %d is the limit without a transaction",
			errors.ErrUnsupported, d.size, maxChecked)
	}
	filter := bson.D{{Key: fieldID, Value: d.id}, {Key: fieldEntityID, Value: d.entityID}}
	for _, f := range d.state() {
		condition := bson.D{{Key: "$exists", Value: false}}
		switch {
		case f.value.Type == bson.TypeNull: // which $eq finds where there is nothing, too
			condition = bson.D{{Key: "$type", Value: "null"}}
		case f.value.Type != 0:
			condition = bson.D{{Key: "$eq", Value: f.value}}
		}
		filter = append(filter, bson.E{Key: f.name, Value: condition})
	}
	return filter, nil
}

// maxChecked is the largest document that fits into a command beside its
// successor.
const maxChecked = 7 << 20

// settleChecked finds out what became of a checked change whose answer was
// lost: again says that it was not made, and can be made from what is there.
func (s *Store) settleChecked(ctx context.Context, c *change, before *document, token bson.ObjectID, lost error) (again bool, err error) {
	op, cancel := s.settlingTime(ctx)
	defer cancel()
	now, err := s.findAgain(op, c.key)
	switch {
	case err != nil:
		return false, s.unknown("the answer was lost, and "+s.location+" cannot be asked", lost)
	case now != nil && now.isFrom(token):
		return false, s.confirm(op, c.key, token, lost)
	case now != nil && before != nil && now.revision() == before.revision() && ctx.Err() == nil:
		return true, nil // the same token: nothing of ours has come since
	}
	return false, s.unknown("the answer was lost, and the value is another now", lost)
}
