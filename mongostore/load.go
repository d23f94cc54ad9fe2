package mongostore

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
)

// How much goes to the server in one command of Load; one value does in any case.
const (
	loadValues = 1000
	loadBytes  = 8 << 20
)

// loading is a value on its way.
type loading struct {
	driver.Value
	token bson.ObjectID // of this change alone
	err   *error        // of what Load returns
}

// Load implements driver.Loader: unordered insertions, many in a command, which
// the unique index refuses where there is a value. Each document is made whole,
// and acknowledged once a majority of the set has it in its journal. An insertion
// cannot ask for the server's clock, so updatedAt is by the clock of this machine.
//
// No steps are locked, where there are such: an insertion is one step on every
// server, and the unique index is asked in it.
func (s *Store) Load(ctx context.Context, values []driver.Value) []error {
	done, err := s.beginWrite(ctx, nil)
	if err != nil {
		return driver.FailAll(values, err)
	}
	defer done()
	errs := make([]error, len(values))
	byEntity := map[string][]loading{}
	for i, v := range values {
		if errs[i] = first(s.checkKey(v.Key), checkData(v.Data)); errs[i] == nil {
			byEntity[v.Key.Entity] = append(byEntity[v.Key.Entity], loading{v, bson.NewObjectID(), &errs[i]})
		}
	}
	for entity, all := range byEntity {
		for len(all) > 0 {
			n, size := 0, 0
			for n < len(all) && n < loadValues && (n == 0 || size+len(all[n].Data) <= loadBytes) {
				size += len(all[n].Data)
				n++
			}
			if ctx.Err() != nil {
				failLoading(all, ctx.Err())
				break
			}
			s.insert(ctx, entity, all[:n])
			all = all[n:]
		}
	}
	return errs
}

func failLoading(some []loading, err error) {
	for _, l := range some {
		*l.err = err
	}
}

// insert is one command. Before it nothing has changed; if the connection fails
// behind it, see settleLoad.
func (s *Store) insert(ctx context.Context, entity string, some []loading) {
	docs := make([]any, len(some))
	for i, l := range some {
		docs[i] = append(bson.D{{Key: fieldID, Value: bson.NewObjectID()}}, replacement(l.Key.ID, encode(l.Data, s.limits), l.token)...)
	}
	op, cancel := s.writing(ctx)
	defer cancel()
	_, err := s.collection(entity).InsertMany(op, docs, options.InsertMany().SetOrdered(false))
	var bulk mongo.BulkWriteException
	switch {
	case err == nil:
		return
	case errors.As(err, &bulk):
		open := s.tellRefused(some, bulk)
		if bulk.WriteConcernError == nil {
			return
		}
		some = open // they have been made, and may yet be rolled back
	case refused(err) && !brokenOff(some, err):
		failLoading(some, s.fault(err))
		return
	}
	s.settleLoad(ctx, entity, some, err)
}

// brokenOff tells whether the server may have made some of several documents
// before it refused to go on: it was interrupted, say, by an operator or its end.
// What it does not let us do at all it has not begun.
func brokenOff(some []loading, err error) bool {
	return len(some) > 1 && errors.As(err, new(mongo.CommandError)) && !hasCode(err, codeUnauthorized, codeInvalidNamespace)
}

// tellRefused tells those whose insertion the server has refused, and returns the
// others.
func (s *Store) tellRefused(some []loading, bulk mongo.BulkWriteException) []loading {
	no := map[int]bool{}
	for _, e := range bulk.WriteErrors {
		if e.Index < 0 || e.Index >= len(some) {
			continue
		}
		no[e.Index] = true
		if *some[e.Index].err = driver.ErrConflict; !mongo.IsDuplicateKeyError(e.WriteError) {
			*some[e.Index].err = s.fault(e.WriteError)
		}
	}
	var open []loading
	for i, l := range some {
		if !no[i] {
			open = append(open, l)
		}
	}
	return open
}

// settleLoad finds out which of those have been made whose answer was lost: the
// token tells. Of what is not there it is not known whether it will yet be, unless
// the server has answered that it goes no further.
func (s *Store) settleLoad(ctx context.Context, entity string, some []loading, lost error) {
	op, cancel := s.settlingTime(ctx)
	defer cancel()
	there, err := s.tokens(op, entity, some)
	for err != nil && again(op) {
		there, err = s.tokens(op, entity, some)
	}
	if err != nil {
		failLoading(some, s.unknown("the answer was lost, and "+s.location+" cannot be asked", lost))
		return
	}
	var made []loading
	for _, l := range some {
		if there[l.token] {
			made = append(made, l)
			continue
		}
		if *l.err = s.fault(lost); !refused(lost) {
			*l.err = s.unknown("the answer was lost, and the value is not there now", lost)
		}
	}
	if len(made) > 0 {
		// What is there may not be in the journal yet: this waits for it.
		failLoading(made, s.flush(op, entity, lost))
	}
}

// tokens are those of the documents that are there.
func (s *Store) tokens(ctx context.Context, entity string, some []loading) (map[bson.ObjectID]bool, error) {
	ids := make(bson.A, len(some))
	for i, l := range some {
		ids[i] = l.Key.ID
	}
	filter := bson.D{{Key: fieldEntityID, Value: bson.D{{Key: "$in", Value: ids}}}}
	o := options.Find().SetProjection(bson.D{{Key: fieldRev, Value: 1}, {Key: fieldID, Value: 0}})
	cursor, err := s.collection(entity).Find(ctx, filter, o)
	if err != nil {
		return nil, s.fault(err)
	}
	var found []struct {
		Rev bson.RawValue `bson:"rev"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, s.fault(err)
	}
	there := make(map[bson.ObjectID]bool, len(found))
	for _, f := range found {
		if token, ok := f.Rev.ObjectIDOK(); ok {
			there[token] = true
		}
	}
	return there, nil
}
