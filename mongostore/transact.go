package mongostore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/holdfast-go/holdfast/driver"
)

// transact makes changes of several keys in one transaction: all of them are
// there once the commit is acknowledged, by a majority and in its journal, and
// none if it is not. The driver repeats a commit whose answer was lost, which
// the server makes once only. (It repeats it with majority, but without journal:
// true; a majority journals before it answers unless the set was told not to,
// with writeConcernMajorityJournalDefault: false.)
func (s *Store) transact(ctx context.Context, all []change) error {
	op, cancel := s.writing(ctx)
	defer cancel()
	session, err := s.client.StartSession()
	if err != nil {
		return s.fault(err)
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	o := options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(durable()).SetReadPreference(readpref.Primary())
	token := bson.NewObjectID()
	committing := false
	for attempt := 1; ; attempt++ {
		_, err = session.WithTransaction(op, func(tx context.Context) (any, error) {
			committing = false
			err := s.within(tx, all, token)
			committing = err == nil
			return nil, err
		}, o)
		// A second upsert of one id, or a second creation: the next attempt
		// sees the first.
		if committing || !mongo.IsDuplicateKeyError(err) || attempt == attempts || !pause(op, attempt) {
			break
		}
	}
	if committing && err != nil {
		return s.settleCommit(ctx, all, token, err)
	}
	return s.fault(err)
}

// within is what the transaction does.
func (s *Store) within(tx context.Context, all []change, token bson.ObjectID) error {
	for i := range all {
		c := &all[i]
		if len(c.revs) == 0 {
			continue
		}
		d, err := s.find(tx, c.key)
		if err == nil {
			err = s.holdsFor(c, d)
		}
		if err == nil && c.op == nil {
			err = s.hold(tx, c.key, d, token)
		}
		if err != nil {
			return err
		}
	}
	for i := range all {
		if c := &all[i]; c.op != nil {
			if err := s.changeWithin(tx, c, token); err != nil {
				return err
			}
		}
	}
	return nil
}

// hold has the transaction collide with any change of a key that it has only
// looked at. Reading alone would not: a transaction sees the moment at which it
// began, and another could change what it saw before it commits. What is there
// is marked; what is absent is made and removed again, since of two documents
// with one id the index refuses the second.
func (s *Store) hold(tx context.Context, k driver.Key, d *document, token bson.ObjectID) error {
	coll := s.collection(k.Entity)
	if d == nil {
		if _, err := coll.InsertOne(tx, append(byID(k.ID), bson.E{Key: fieldLock, Value: token})); err != nil {
			return err
		}
		_, err := coll.DeleteOne(tx, byID(k.ID))
		return err
	}
	mark := bson.D{{Key: "$set", Value: bson.D{{Key: fieldLock, Value: bson.NewObjectID()}}}}
	_, err := coll.UpdateOne(tx, bson.D{{Key: fieldID, Value: d.id}, {Key: fieldEntityID, Value: k.ID}}, mark)
	return err
}

func (s *Store) changeWithin(tx context.Context, c *change, token bson.ObjectID) error {
	if c.op.Delete {
		_, err := s.collection(c.key.Entity).DeleteOne(tx, byID(c.key.ID))
		return err
	}
	_, err := s.write(tx, c.key, byID(c.key.ID), encode(c.op.Data, s.limits), token, true)
	return err
}

// settleCommit tells what became of a transaction whose commit has failed: the
// server has said no, or its answer was lost for good. Then a value that the
// transaction has put tells: all of it is there, or nothing.
func (s *Store) settleCommit(ctx context.Context, all []change, token bson.ObjectID, err error) error {
	if refused(err) && !errors.As(err, new(topology.ServerSelectionError)) {
		return s.fault(err)
	}
	op, cancel := s.settlingTime(ctx)
	defer cancel()
	for _, c := range all {
		if c.op == nil || c.op.Delete {
			continue
		}
		if d, finding := s.findAgain(op, c.key); finding == nil && d != nil && d.isFrom(token) {
			return nil
		}
		break
	}
	return s.unknown("the answer to the commit was lost", err)
}

// pause lets another transaction finish: false if there is no time left.
func pause(ctx context.Context, attempt int) bool {
	t := time.NewTimer(rand.N(time.Duration(attempt) * 5 * time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
