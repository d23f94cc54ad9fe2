package mongostore

import (
	"context"
	"errors"
	"iter"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// pageSize is how many ids one query lists.
const pageSize = 1000

// IDs implements driver.Lister. Each page is a query of its own, of the ids
// behind the last one, so that no cursor waits at the server for a slow
// consumer, and a new connection goes on where the old one was.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		filter := hasText
		for {
			ids, err := s.page(ctx, entity, filter)
			if err != nil {
				yield("", err)
				return
			}
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
			if len(ids) < pageSize {
				return
			}
			filter = bson.D{{Key: fieldEntityID, Value: bson.D{{Key: "$gt", Value: ids[len(ids)-1]}}}}
		}
	}
}

// page lists ids in the order of their bytes, which is MongoDB's.
func (s *Store) page(ctx context.Context, entity string, filter bson.D) ([]string, error) {
	_, err := s.collectionName(entity)
	done, err := s.begin(ctx, err)
	if err != nil {
		return nil, err
	}
	defer done()
	o := options.Find().SetLimit(pageSize).SetBatchSize(pageSize + 1).
		SetSort(bson.D{{Key: fieldEntityID, Value: 1}}).
		SetProjection(bson.D{{Key: fieldEntityID, Value: 1}, {Key: fieldID, Value: 0}})
	cursor, err := s.collection(entity).Find(ctx, filter, o)
	if err != nil {
		return nil, s.fault(err)
	}
	var rows []struct {
		EntityID string `bson:"entityId"`
	}
	if err := cursor.All(ctx, &rows); err != nil {
		return nil, s.fault(err)
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.EntityID
	}
	return ids, nil
}

// Entities implements driver.Lister: the collections whose names are those of
// entities and that hold a document with an id.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entities, err := s.entities(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, entity := range entities {
			some, err := s.holds(ctx, entity)
			if err != nil {
				yield("", err)
				return
			}
			if some && !yield(entity, nil) {
				return
			}
		}
	}
}

// entities lists those that have a collection.
func (s *Store) entities(ctx context.Context) ([]string, error) {
	done, err := s.begin(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer done()
	collections, err := s.db.ListCollectionNames(ctx, bson.D{{Key: "type", Value: "collection"}},
		options.ListCollections().SetAuthorizedCollections(true))
	if err != nil {
		return nil, s.fault(err)
	}
	var entities []string
	for _, name := range collections {
		if entity, ok := unescapeName(name); ok {
			entities = append(entities, entity)
		}
	}
	slices.Sort(entities)
	return entities, nil
}

// holds tells whether an entity has a value.
func (s *Store) holds(ctx context.Context, entity string) (bool, error) {
	done, err := s.begin(ctx, nil)
	if err != nil {
		return false, err
	}
	defer done()
	some, err := s.holdsAny(ctx, escapeName(entity))
	return some, s.fault(err)
}

func (s *Store) holdsAny(ctx context.Context, collection string) (bool, error) {
	o := options.FindOne().SetProjection(bson.D{{Key: fieldID, Value: 1}})
	err := s.db.Collection(collection).FindOne(ctx, hasText, o).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}
