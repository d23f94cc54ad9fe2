package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// handBatch is how many documents go at once where somebody does it by hand.
const handBatch = 1000

// batches hands out the bounds of each batch.
func batches(n int, f func(from, to int) error) error {
	for from := 0; from < n; from += handBatch {
		if err := f(from, min(from+handBatch, n)); err != nil {
			return err
		}
	}
	return nil
}

// readByHand writes what a cursor gives into files, batch by batch.
func readByHand(b *testing.B, p handPlace, url string, n int) {
	ctx := b.Context()
	s, err := holdfast.Open(ctx, url, nil)
	ok(b, err)
	ok(b, s.Driver().Init(ctx, benchEntity))
	var ops []driver.Op
	written := 0
	write := func() error {
		written += len(ops)
		err := s.Driver().(driver.Applier).Apply(ctx, nil, ops)
		ops = ops[:0]
		return err
	}
	ok(b, p.read(ctx, func(id, data string) error {
		ops = append(ops, driver.Op{Key: driver.Key{Entity: benchEntity, ID: id}, Data: []byte(data)})
		if len(ops) < handBatch {
			return nil
		}
		return write()
	}))
	ok(b, write())
	ok(b, s.Close())
	if written != n {
		b.Fatalf("%d of %d values were read", written, n)
	}
}

func startRedisHand(b *testing.B) handPlace {
	// Without rewriting its log in the background, now for one of the two and now
	// for the other.
	s := testserver.StartRedis(b, "--auto-aof-rewrite-percentage", "0")
	o, err := redis.ParseURL(s.URL(""))
	ok(b, err)
	c := redis.NewClient(o)
	b.Cleanup(func() { c.Close() })
	place := 0
	next := func() string { place++; return fmt.Sprintf("hand%d:", place) }
	return handPlace{
		fresh: func(round int) string { return s.URL(fmt.Sprintf("prefix=p%d-%d:", round, b.N)) },
		// What earlier turns have left would be looked through by a copy that
		// wants to know whether its target is empty.
		clear: func() { ok(b, c.FlushAll(b.Context()).Err()) },
		insert: map[string]func(context.Context, [][]byte) error{
			"SET": func(ctx context.Context, docs [][]byte) error {
				prefix := next()
				return batches(len(docs), func(from, to int) error {
					p := c.Pipeline()
					for i := from; i < to; i++ {
						p.Set(ctx, prefix+benchID(i), docs[i], 0)
					}
					_, err := p.Exec(ctx)
					return err
				})
			},
			"MSET": func(ctx context.Context, docs [][]byte) error {
				prefix := next()
				return batches(len(docs), func(from, to int) error {
					var words []any
					for i := from; i < to; i++ {
						words = append(words, prefix+benchID(i), docs[i])
					}
					return c.MSet(ctx, words...).Err()
				})
			},
		},
		read: func(ctx context.Context, give func(id, data string) error) error {
			prefix := fmt.Sprintf("p0-%d:%s:", b.N, benchEntity)
			for cursor := uint64(0); ; {
				keys, next, err := c.Scan(ctx, cursor, prefix+"*", handBatch).Result()
				if err == nil && len(keys) > 0 {
					var values []any
					values, err = c.MGet(ctx, keys...).Result()
					for i := 0; i < len(values) && err == nil; i++ {
						err = give(strings.TrimPrefix(keys[i], prefix), values[i].(string))
					}
				}
				if cursor = next; cursor == 0 || err != nil {
					return err
				}
			}
		},
	}
}

func startPostgresHand(b *testing.B) handPlace {
	s := testserver.StartPostgres(b)
	c, err := pgx.Connect(b.Context(), s.URL(""))
	ok(b, err)
	b.Cleanup(func() { c.Close(context.Background()) })
	table := func(ctx context.Context) error {
		_, err := c.Exec(ctx, `DROP TABLE IF EXISTS hand; CREATE TABLE hand (entity text COLLATE "C", id text COLLATE "C", data json NOT NULL,
			revision text NOT NULL, updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (entity, id))`)
		return err
	}
	return handPlace{
		fresh: func(round int) string { return s.URL(fmt.Sprintf("table=hf%d_%d", round, b.N)) },
		insert: map[string]func(context.Context, [][]byte) error{
			"INSERT": func(ctx context.Context, docs [][]byte) error {
				if err := table(ctx); err != nil {
					return err
				}
				return batches(len(docs), func(from, to int) error {
					batch := &pgx.Batch{}
					for i := from; i < to; i++ {
						batch.Queue("INSERT INTO hand (entity, id, data, revision) VALUES ($1, $2, $3, 'r')", benchEntity, benchID(i), json.RawMessage(docs[i]))
					}
					return c.SendBatch(ctx, batch).Close()
				})
			},
			"COPY": func(ctx context.Context, docs [][]byte) error {
				if err := table(ctx); err != nil {
					return err
				}
				return batches(len(docs), func(from, to int) error {
					rows := pgx.CopyFromSlice(to-from, func(i int) ([]any, error) {
						return []any{benchEntity, benchID(from + i), json.RawMessage(docs[from+i]), "r"}, nil
					})
					_, err := c.CopyFrom(ctx, pgx.Identifier{"hand"}, []string{"entity", "id", "data", "revision"}, rows)
					return err
				})
			},
		},
		read: func(ctx context.Context, give func(id, data string) error) error {
			rows, err := c.Query(ctx, fmt.Sprintf("SELECT id, data::text FROM hf0_%d WHERE entity = $1", b.N), benchEntity)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var id, data string
				if err := rows.Scan(&id, &data); err != nil {
					return err
				}
				if err := give(id, data); err != nil {
					return err
				}
			}
			return rows.Err()
		},
	}
}

func startMongoHand(b *testing.B) handPlace {
	s := testserver.StartFerret(b, testserver.FerretOptions{Flush: true})
	client, err := mongo.Connect(options.Client().ApplyURI(s.URL("", "")))
	ok(b, err)
	b.Cleanup(func() { client.Disconnect(context.Background()) })
	name := func(round int) string { return fmt.Sprintf("hf%d_%d", round, b.N) }
	return handPlace{
		fresh: func(round int) string { return s.URL(name(round), "") },
		insert: map[string]func(context.Context, [][]byte) error{
			"insertMany": func(ctx context.Context, docs [][]byte) error {
				c := client.Database("hand").Collection("hand")
				if err := c.Drop(ctx); err != nil {
					return err
				}
				unique := mongo.IndexModel{Keys: bson.D{{Key: "entityId", Value: 1}}, Options: options.Index().SetUnique(true)}
				if _, err := c.Indexes().CreateOne(ctx, unique); err != nil {
					return err
				}
				return batches(len(docs), func(from, to int) error {
					var many []any
					for i := from; i < to; i++ {
						var data bson.D
						if err := bson.UnmarshalExtJSON(docs[i], false, &data); err != nil {
							return err
						}
						many = append(many, bson.D{{Key: "entityId", Value: benchID(i)}, {Key: "data", Value: data}, {Key: "updatedAt", Value: time.Now()}})
					}
					_, err := c.InsertMany(ctx, many)
					return err
				})
			},
		},
		read: func(ctx context.Context, give func(id, data string) error) error {
			cursor, err := client.Database(name(0)).Collection(benchEntity).Find(ctx, bson.D{})
			if err != nil {
				return err
			}
			defer cursor.Close(ctx)
			for cursor.Next(ctx) {
				var doc struct {
					EntityID string `bson:"entityId"`
					Data     bson.D `bson:"data"`
				}
				if err := cursor.Decode(&doc); err != nil {
					return err
				}
				data, err := bson.MarshalExtJSON(doc.Data, false, false)
				if err == nil {
					err = give(doc.EntityID, string(data))
				}
				if err != nil {
					return err
				}
			}
			return cursor.Err()
		},
	}
}
