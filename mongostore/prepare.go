package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
)

// prepare makes the collection and its unique index, if it has none: of racing
// upserts of one id only one can make a document.
func (s *Store) prepare(ctx context.Context, name string) error {
	indexes := s.db.Collection(name).Indexes()
	there, err := indexes.ListSpecifications(ctx)
	if err == nil && !slices.ContainsFunc(there, isUnique) {
		_, err = indexes.CreateOne(ctx, mongo.IndexModel{
			Keys: bson.D{{Key: fieldEntityID, Value: 1}}, Options: options.Index().SetUnique(true),
		})
		if err == nil {
			there, err = indexes.ListSpecifications(ctx)
		}
		if err == nil && !slices.ContainsFunc(there, isUnique) {
			err = errNotUnique
		}
	}
	switch {
	case err == nil:
		return s.suitable(ctx, name)
	case hasCode(err, codeInvalidNamespace):
		return fmt.Errorf("%w: %w", driver.ErrInvalidName, s.fault(err))
	case hasCode(err, codeIndexConflict, codeIndexKeyConflict), errors.Is(err, errNotUnique):
		return fmt.Errorf("mongodb: %s.%s has an index on %s that is not unique: drop that index: %w", s.db.Name(), name, fieldEntityID, s.fault(err))
	case mongo.IsDuplicateKeyError(err):
		return fmt.Errorf("mongodb: %s.%s holds two documents with one %s: remove one of them: %w", s.db.Name(), name, fieldEntityID, s.fault(err))
	}
	return s.fault(err)
}

var errNotUnique = errors.New("it has stayed as it is")

// isUnique tells whether an index keeps ids apart, all of them.
func isUnique(index mongo.IndexSpecification) bool {
	keys, err := index.KeysDocument.Elements()
	return err == nil && len(keys) == 1 && keys[0].Key() == fieldEntityID &&
		index.Unique != nil && *index.Unique && (index.Sparse == nil || !*index.Sparse)
}

// suitable refuses a collection in which values would get lost or be mixed up.
func (s *Store) suitable(ctx context.Context, name string) error {
	cursor, err := s.db.ListCollections(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil {
		return s.fault(err)
	}
	var found []struct {
		Options struct {
			Capped    bool `bson:"capped"`
			Collation struct {
				Locale string `bson:"locale"`
			} `bson:"collation"`
		} `bson:"options"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return s.fault(err)
	}
	for _, f := range found {
		switch {
		case f.Options.Capped:
			return errors.New("mongodb: collection " + s.db.Name() + "." + name + " is capped, and would drop values: make it anew")
		case f.Options.Collation.Locale != "" && f.Options.Collation.Locale != "simple":
			return errors.New("mongodb: collection " + s.db.Name() + "." + name + " has a collation, by which different ids may be equal: make it anew without one")
		}
	}
	return nil
}
