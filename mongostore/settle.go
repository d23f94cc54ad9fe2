package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
)

// This file finds out what became of a change whose answer was lost: the
// connection broke, or time ran out. On a replica set the driver has then
// repeated the command, under a number by which the server makes it once only,
// until the time was over. A server that stands alone knows no such numbers, and
// to repeat a change blindly could make it twice, the second time over another
// one. So the document is read, and it says: rev is a token that this change
// alone has made.

// settling is how long that may take, beyond the time limit of the change;
// settlingLate, for a caller whose context has ended.
const (
	settling     = 5 * time.Second
	settlingLate = time.Second
)

// settlePut returns nil if the change is in place, durably, else ErrUnknown.
func (s *Store) settlePut(ctx context.Context, k driver.Key, token bson.ObjectID, lost error) error {
	op, cancel := s.settlingTime(ctx)
	defer cancel()
	d, err := s.findAgain(op, k)
	switch {
	case err != nil:
		return s.unknown("the answer was lost, and "+s.location+" cannot be asked", lost)
	case d == nil || !d.isFrom(token):
		return s.unknown("the answer was lost, and another value is there now", lost)
	}
	return s.confirm(op, k, token, lost)
}

// confirm makes durable what was found in place. A majority has it already where
// there is a replica set, but a server alone may show what is not yet in its
// journal: a change of the token alone, acknowledged, is in the journal behind
// it. If the document is another's by now, then the change was made and
// followed.
func (s *Store) confirm(ctx context.Context, k driver.Key, token bson.ObjectID, lost error) error {
	if s.server.replicated {
		return nil
	}
	filter := append(byID(k.ID), bson.E{Key: fieldRev, Value: token})
	renewed := bson.D{{Key: "$set", Value: bson.D{{Key: fieldRev, Value: bson.NewObjectID()}}}}
	if _, err := s.collection(k.Entity).UpdateOne(ctx, filter, renewed); err != nil {
		return s.unknown("the answer was lost, and the value is there but perhaps not durable", lost)
	}
	return nil
}

// settleRemoval returns nil if there is nothing, else ErrUnknown.
func (s *Store) settleRemoval(ctx context.Context, k driver.Key, lost error) error {
	op, cancel := s.settlingTime(ctx)
	defer cancel()
	d, err := s.findAgain(op, k)
	switch {
	case err != nil:
		return s.unknown("the answer was lost, and "+s.location+" cannot be asked", lost)
	case d != nil:
		return s.unknown("the answer was lost, and there is a value now", lost)
	}
	return s.flush(op, k.Entity, lost)
}

// settleClear returns nil if no value is left, else ErrUnknown.
func (s *Store) settleClear(ctx context.Context, entity string, lost error) error {
	op, cancel := s.settlingTime(ctx)
	defer cancel()
	some, err := s.holdsAny(op, escapeName(entity))
	for err != nil && again(op) {
		some, err = s.holdsAny(op, escapeName(entity))
	}
	switch {
	case err != nil:
		return s.unknown("the answer was lost, and "+s.location+" cannot be asked", lost)
	case some:
		return s.unknown("the answer was lost, and there are values now", lost)
	}
	return s.flush(op, entity, lost)
}

// flush waits for the journal of a server that stands alone: it is asked for a
// durable change that finds nothing to change.
func (s *Store) flush(ctx context.Context, entity string, lost error) error {
	if s.server.replicated {
		return nil
	}
	nobody := bson.D{{Key: fieldID, Value: bson.NewObjectID()}}
	if _, err := s.collection(entity).DeleteOne(ctx, nobody); err != nil {
		return s.unknown("the answer was lost, and the removal is perhaps not durable", lost)
	}
	return nil
}

func (s *Store) settlingTime(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := settling
	if ctx.Err() != nil {
		limit = settlingLate
	}
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// findAgain is find for a server that may be on its way back.
func (s *Store) findAgain(ctx context.Context, k driver.Key) (*document, error) {
	d, err := s.find(ctx, k)
	for err != nil && again(ctx) {
		d, err = s.find(ctx, k)
	}
	return d, err
}

// again waits a little: false if there is no time left.
func again(ctx context.Context) bool {
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
