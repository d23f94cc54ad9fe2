package mongostore

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
)

// grace is how long a change that was sent is waited for after its context has
// ended. To go away at once would leave it under way, and it might be made
// after a later one.
const grace = 2 * time.Second

// attempts bounds how often a change is made again that the server has refused
// because another one came between.
const attempts = 20

// writing is the context of a change: it ends with the store's time limit, and
// a little after ctx.
func (s *Store) writing(ctx context.Context) (context.Context, context.CancelFunc) {
	op, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	stop := context.AfterFunc(ctx, func() {
		late := time.NewTimer(grace)
		defer late.Stop()
		select {
		case <-late.C:
			cancel()
		case <-op.Done():
		}
	})
	return op, func() { stop(); cancel() }
}

// checkData refuses what cannot be held.
func checkData(data []byte) error {
	if err := driver.ValidateData(data); err != nil {
		return err
	}
	if len(data) > MaxData {
		return fmt.Errorf("mongodb: a value of %d bytes: %d is the limit, as a document holds 16 MiB", len(data), MaxData)
	}
	return nil
}

// Put implements driver.Store. One update with a write concern of majority and
// journal: it is made by the server in one step, whole, and acknowledged once a
// majority of the set has it in its journal. Nothing is changed before that
// command; if the connection fails behind it, see settlePut.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	done, err := s.beginWrite(ctx, first(s.checkKey(k), checkData(data)))
	if err != nil {
		return err
	}
	defer done()
	defer s.steps.lock(k)()
	return s.put(ctx, k, data)
}

func (s *Store) put(ctx context.Context, k driver.Key, data []byte) error {
	token := bson.NewObjectID()
	v := encode(data, s.limits)
	op, cancel := s.writing(ctx)
	defer cancel()
	var err error
	for range attempts {
		_, err = s.write(op, k, byID(k.ID), v, token, true)
		if !mongo.IsDuplicateKeyError(err) {
			break
		}
		// Two upserts of one id have both seen none, and one of them was second:
		// now there is one to update.
	}
	if err == nil || refused(err) {
		return s.fault(err)
	}
	return s.settlePut(ctx, k, token, err)
}

// write is the one command that changes a value: of the document that filter
// finds, which stands for k, or with upsert of a new one. It returns how many it
// has found.
func (s *Store) write(ctx context.Context, k driver.Key, filter bson.D, v value, token bson.ObjectID, upsert bool) (int64, error) {
	coll := s.collection(k.Entity)
	var res *mongo.UpdateResult
	var err error
	if s.server.twoSteps {
		// FerretDB 1 takes two documents for the same whose values are, whatever
		// the names: a $set of data from {"a":1} to {"b":1} it acknowledges and
		// drops. So the document is replaced, and fields of others are lost.
		res, err = coll.ReplaceOne(ctx, filter, replacement(k.ID, v, token), options.Replace().SetUpsert(upsert))
	} else {
		res, err = coll.UpdateOne(ctx, filter, setValue(v, token), options.UpdateOne().SetUpsert(upsert))
	}
	if err != nil {
		return 0, err
	}
	return res.MatchedCount, nil
}

// setValue is the update that makes a value of whatever is there. Fields that
// we do not know stay.
func setValue(v value, token bson.ObjectID) bson.D {
	set := bson.D{{Key: fieldData, Value: v.bson()}, {Key: fieldRev, Value: token}}
	now := bson.E{Key: "$currentDate", Value: bson.D{{Key: fieldUpdated, Value: true}}}
	if v.text {
		set = append(set, bson.E{Key: fieldEncoding, Value: encodingJSON})
		return bson.D{{Key: "$set", Value: set}, now}
	}
	unset := bson.E{Key: "$unset", Value: bson.D{{Key: fieldEncoding, Value: ""}}}
	return bson.D{{Key: "$set", Value: set}, unset, now}
}

// replacement is the whole document of a value.
func replacement(id string, v value, token bson.ObjectID) bson.D {
	d := bson.D{{Key: fieldEntityID, Value: id}, {Key: fieldData, Value: v.bson()}}
	if v.text {
		d = append(d, bson.E{Key: fieldEncoding, Value: encodingJSON})
	}
	return append(d, bson.E{Key: fieldUpdated, Value: time.Now()}, bson.E{Key: fieldRev, Value: token})
}

func (v value) bson() bson.RawValue { return bson.RawValue{Type: v.kind, Value: v.raw} }

// Delete implements driver.Deleter: one deletion, as durable as Put.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	done, err := s.beginWrite(ctx, s.checkKey(k))
	if err != nil {
		return err
	}
	defer done()
	defer s.steps.lock(k)()
	n, err := s.remove(ctx, k)
	if err == nil && n == 0 {
		return driver.ErrNotFound
	}
	return err
}

// remove returns how many documents are gone.
func (s *Store) remove(ctx context.Context, k driver.Key) (int64, error) {
	op, cancel := s.writing(ctx)
	defer cancel()
	res, err := s.collection(k.Entity).DeleteOne(op, byID(k.ID))
	switch {
	case err == nil:
		return res.DeletedCount, nil
	case refused(err):
		return 0, s.fault(err)
	}
	return 1, s.settleRemoval(ctx, k, err)
}

// Clear implements driver.Deleter. Documents without an id that is text are no
// values, and stay. It is not one step: if it fails midway, some are gone.
func (s *Store) Clear(ctx context.Context, entity string) error {
	_, err := s.collectionName(entity)
	done, err := s.beginWrite(ctx, err)
	if err != nil {
		return err
	}
	defer done()
	defer s.steps.lockAll()()
	op, cancel := s.writing(ctx)
	defer cancel()
	_, err = s.collection(entity).DeleteMany(op, hasText)
	if err == nil || refused(err) {
		return s.fault(err)
	}
	return s.settleClear(ctx, entity, err)
}

// hasText finds the documents that are values: those whose id is text.
var hasText = bson.D{{Key: fieldEntityID, Value: bson.D{{Key: "$gte", Value: ""}}}}
