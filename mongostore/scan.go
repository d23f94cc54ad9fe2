package mongostore

import (
	"context"
	"iter"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
)

// Scan implements driver.Scanner: one query, whose answer comes in batches of
// what the server puts into a message. A cursor that is lost while the consumer
// takes its time (the server forgets it, or was started again) is opened anew
// behind the last id.
func (s *Store) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		c := &scanning{s: s, entity: entity, filter: hasText}
		defer func() { c.close(ctx) }()
		for {
			docs, err := c.next(ctx)
			if err != nil {
				yield(driver.Record{}, err)
				return
			}
			if len(docs) == 0 {
				return
			}
			for i := range docs {
				if !c.yield(&docs[i], yield) {
					return
				}
			}
		}
	}
}

// scanning is one run of a Scan. No lock is held while the consumer has the word.
type scanning struct {
	s      *Store
	entity string
	filter bson.D // what is left to be read
	cursor *mongo.Cursor
	fresh  bool // of the cursor: nothing has come from it
}

func (c *scanning) yield(d *document, yield func(driver.Record, error) bool) bool {
	k := driver.Key{Entity: c.entity, ID: d.entityID.StringValue()}
	rec, err := c.s.record(k, d)
	if err != nil {
		rec = driver.Record{Key: k}
	}
	return yield(rec, err)
}

// next is a batch of documents; none at the end.
func (c *scanning) next(ctx context.Context) ([]document, error) {
	_, err := c.s.collectionName(c.entity)
	done, err := c.s.begin(ctx, err)
	if err != nil {
		return nil, err
	}
	defer done()
	for {
		if c.cursor == nil {
			o := options.Find().SetBatchSize(pageSize).SetSort(bson.D{{Key: fieldEntityID, Value: 1}})
			if c.cursor, err = c.s.collection(c.entity).Find(ctx, c.filter, o); err != nil {
				c.cursor = nil
				return nil, c.s.fault(err)
			}
			c.fresh = true
		}
		docs, err := c.batch(ctx)
		if err == nil || c.fresh || ctx.Err() != nil {
			return docs, c.s.fault(err)
		}
		c.cursor.Close(context.WithoutCancel(ctx)) // its error is that it is lost
		c.cursor = nil
	}
}

// batch waits for a batch of the cursor and takes it. Documents whose id is not
// text are no values: the filter leaves them out.
func (c *scanning) batch(ctx context.Context) (docs []document, err error) {
	for c.cursor.Next(ctx) {
		d := parse(slices.Clone(c.cursor.Current))
		if id, ok := d.entityID.StringValueOK(); ok {
			docs = append(docs, d)
			c.filter = bson.D{{Key: fieldEntityID, Value: bson.D{{Key: "$gt", Value: id}}}}
		}
		if c.fresh = false; len(docs) > 0 && c.cursor.RemainingBatchLength() == 0 {
			return docs, nil
		}
	}
	return docs, c.cursor.Err()
}

// close lets the server forget a cursor that was left early.
func (c *scanning) close(ctx context.Context) {
	if c.cursor == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if done, err := c.s.begin(ctx, nil); err == nil {
		defer done()
		op, cancel := context.WithTimeout(ctx, c.s.timeout)
		defer cancel()
		c.cursor.Close(op)
	}
}
