package mongostore

import (
	"context"
	"fmt"
	"iter"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
)

// watching is a Store on a server that tells of changes: a replica set or a
// sharded cluster. On a server that stands alone watching would have to be
// done by looking again and again, which misses a value that comes and goes
// between two looks; such a Store is no driver.Watcher.
type watching struct{ *Store }

// Watch implements driver.Watcher by a change stream, which tells of what a
// majority has, and goes on behind the last change after a lost connection. It
// begins with the call.
//
// MongoDB tells of a removal without the document, hence without its id. So the
// ids of what is there are read first, and kept.
func (s *watching) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	ctx, cancel := context.WithCancel(ctx)
	stopWithStore := context.AfterFunc(s.ended, cancel)
	w := &watcher{Store: s.Store, ctx: ctx, entity: entity, ids: map[string]string{}}
	err := w.open()
	// A sequence that is never run ends with its context.
	notRun := context.AfterFunc(ctx, w.close)
	return func(yield func(driver.Change, error) bool) {
		if notRun() {
			defer w.close()
		}
		defer cancel()
		defer stopWithStore()
		if err == nil {
			err = w.run(yield)
		}
		switch {
		case err == nil:
			return
		case s.ended.Err() != nil:
			err = driver.ErrClosed
		case ctx.Err() != nil:
			err = ctx.Err()
		}
		yield(driver.Change{}, err)
	}
}

// watcher is one call of Watch.
type watcher struct {
	*Store
	ctx    context.Context
	entity string
	stream *mongo.ChangeStream
	ids    map[string]string // _id → id
}

// event is what a change stream tells.
type event struct {
	Operation string `bson:"operationType"`
	Key       struct {
		ID bson.RawValue `bson:"_id"`
	} `bson:"documentKey"`
	Document struct {
		EntityID bson.RawValue `bson:"entityId"`
	} `bson:"fullDocument"`
}

// events are those that concern values. Those of batches that only had a
// condition on a value (see Store.hold) do not: they set lock alone, or insert a
// document that is nothing else.
var events = mongo.Pipeline{
	{{Key: "$match", Value: bson.D{
		{Key: "updateDescription.updatedFields." + fieldLock, Value: bson.D{{Key: "$exists", Value: false}}},
		{Key: "$nor", Value: bson.A{bson.D{
			{Key: "operationType", Value: "insert"},
			{Key: "fullDocument." + fieldLock, Value: bson.D{{Key: "$exists", Value: true}}},
		}}},
	}}},
	{{Key: "$project", Value: bson.D{
		{Key: "operationType", Value: 1}, {Key: "documentKey", Value: 1}, {Key: "fullDocument." + fieldEntityID, Value: 1},
	}}},
}

// open begins to watch, and then reads what is there: a change in between is
// told, and what it changed is known.
func (w *watcher) open() error {
	_, err := w.collectionName(w.entity)
	done, err := w.begin(w.ctx, err)
	if err != nil {
		return err
	}
	defer done()
	stream, err := w.collection(w.entity).Watch(w.ctx, events, options.ChangeStream().SetFullDocument(options.UpdateLookup))
	if err != nil {
		return w.fault(err)
	}
	w.stream = stream
	return w.fault(w.readIDs())
}

// close ends the cursor at the server.
func (w *watcher) close() {
	if w.stream == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), w.timeout)
	defer cancel()
	w.stream.Close(ctx) // the server forgets a cursor that nobody asks, too
}

func (w *watcher) readIDs() error {
	cursor, err := w.collection(w.entity).Find(w.ctx, hasText,
		options.Find().SetProjection(bson.D{{Key: fieldEntityID, Value: 1}}))
	if err != nil {
		return err
	}
	defer cursor.Close(context.WithoutCancel(w.ctx))
	for cursor.Next(w.ctx) {
		d := parse(cursor.Current)
		w.ids[d.id.String()], _ = d.entityID.StringValueOK()
	}
	return cursor.Err()
}

// run yields changes until an error, or nil once the consumer has stopped. Each
// round asks the server once, which answers when something has changed, or after
// a second.
func (w *watcher) run(yield func(driver.Change, error) bool) error {
	for {
		if !w.stream.TryNext(w.ctx) {
			switch err := w.stream.Err(); {
			case err != nil:
				return w.fault(err)
			case w.ctx.Err() != nil:
				return w.ctx.Err()
			case w.stream.ID() == 0:
				return fmt.Errorf("mongodb: collection %s was dropped or renamed: watch again", escapeName(w.entity))
			}
			continue
		}
		var e event
		if err := w.stream.Decode(&e); err != nil {
			return w.fault(err)
		}
		if change, told := w.change(&e); told && !yield(change, nil) {
			return nil
		}
	}
}

// change is what an event means for a value. One without a document is of a
// document that has gone since; its removal follows.
func (w *watcher) change(e *event) (driver.Change, bool) {
	key := e.Key.ID.String()
	id, known := w.ids[key]
	deleted := e.Operation == "delete"
	if now, ok := e.Document.EntityID.StringValueOK(); ok && !deleted {
		id, known = now, true
		w.ids[key] = now
	}
	if deleted {
		delete(w.ids, key)
	}
	return driver.Change{Key: driver.Key{Entity: w.entity, ID: id}, Deleted: deleted}, known
}
