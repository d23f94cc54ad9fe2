package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
)

// prepare makes the collection and its unique index: of racing upserts of one id
// only one can make a document.
func (s *Store) prepare(ctx context.Context, name string) error {
	_, err := s.db.Collection(name).Indexes().CreateOne(ctx, uniqueIndex())
	switch {
	case err == nil:
		return s.suitable(ctx, name)
	case hasCode(err, codeInvalidNamespace):
		return fmt.Errorf("%w: %w", driver.ErrInvalidName, s.fault(err))
	case hasCode(err, codeIndexConflict, codeIndexKeyConflict):
		return fmt.Errorf("mongodb: %s.%s has an index on %s that is not unique: drop that index: %w", s.db.Name(), name, fieldEntityID, s.fault(err))
	case hasCode(err, 11000):
		return fmt.Errorf("mongodb: %s.%s holds two documents with one %s: remove one of them: %w", s.db.Name(), name, fieldEntityID, s.fault(err))
	}
	return s.fault(err)
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

func uniqueIndex() mongo.IndexModel {
	return mongo.IndexModel{Keys: bson.D{{Key: fieldEntityID, Value: 1}}, Options: options.Index().SetUnique(true)}
}
