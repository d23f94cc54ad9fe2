package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// byHand inserts documents in batches of handBatch, as one would write it with
// the client alone, into an empty place.
type byHand func(ctx context.Context, docs [][]byte) error

const handBatch = 1000

// BenchmarkCopy copies values of 400 bytes from files to each database, beside
// an insertion by hand, in batches and on the same server, of the documents that
// are in memory already. "ratio" is how many times as long the copy takes, with
// the start of the command, the reading of the source and all. The number of
// values is small; in earnest:
//
//	HOLDFAST_COPY_VALUES=100000 go test -run '^$' -bench Copy -benchtime 1x ./cmd/holdfast
func BenchmarkCopy(b *testing.B) {
	n := 2000
	if text := os.Getenv("HOLDFAST_COPY_VALUES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	src, docs := benchSource(b, n)
	b.Run("files", func(b *testing.B) { benchCopy(b, src, docs, b.TempDir(), nil) })
	b.Run("redis", func(b *testing.B) {
		s := testserver.StartRedis(b)
		benchCopy(b, src, docs, s.URL(""), redisByHand(b, s))
	})
	b.Run("postgres", func(b *testing.B) {
		s := testserver.StartPostgres(b)
		benchCopy(b, src, docs, s.URL(""), postgresByHand(b, s))
	})
	b.Run("mongodb", func(b *testing.B) {
		s := testserver.StartFerret(b, testserver.FerretOptions{Flush: true})
		// FerretDB flushes for each value that is written by itself: few will do.
		few, fewDocs := benchSource(b, 200)
		benchCopy(b, few, fewDocs, s.URL("bot", ""), mongoByHand(b, s))
	})
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func benchSource(b *testing.B, n int) (url string, docs [][]byte) {
	b.Helper()
	var lines strings.Builder
	for i := range n {
		head := fmt.Sprintf(`{"symbol":"S%06d","priceOpen":64250.5,"note":"`, i)
		docs = append(docs, []byte(head+strings.Repeat("x", 400-len(head)-2)+`"}`))
		fmt.Fprintf(&lines, `{"entity":"signal/a","id":"S%06d","data":%s}`+"\n", i, docs[i])
	}
	url = "file:" + filepath.Join(b.TempDir(), "data")
	var errs strings.Builder
	if code := run([]string{"--store", url, "import", "--writers", "256"}, strings.NewReader(lines.String()), io.Discard, &errs); code != 0 {
		b.Fatal(errs.String())
	}
	return url, docs
}

// benchCopy copies to a place that is empty at first, and emptied between.
func benchCopy(b *testing.B, src string, docs [][]byte, dst string, hand byHand) {
	for i := range b.N {
		to := dst
		if hand == nil {
			to = fmt.Sprintf("file:%s/%d", dst, i)
		}
		if i > 0 && hand != nil {
			b.StopTimer()
			if code := run([]string{"--store", to, "rm", "--all", "signal/a"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
				b.Fatal("the target was not emptied")
			}
			b.StartTimer()
		}
		var errs strings.Builder
		began := time.Now()
		if code := run([]string{"copy", src, to}, strings.NewReader(""), io.Discard, &errs); code != 0 {
			b.Fatal(errs.String())
		}
		took := time.Since(began)
		b.ReportMetric(float64(len(docs))/took.Seconds(), "values/s")
		if hand == nil {
			continue
		}
		b.StopTimer()
		began = time.Now()
		ok(b, hand(b.Context(), docs))
		byHand := time.Since(began)
		b.ReportMetric(float64(len(docs))/byHand.Seconds(), "by-hand/s")
		b.ReportMetric(took.Seconds()/byHand.Seconds(), "ratio")
		b.StartTimer()
	}
}

func benchID(i int) string { return fmt.Sprintf("S%06d", i) }

func redisByHand(b *testing.B, s *testserver.Redis) byHand {
	o, err := redis.ParseURL(s.URL(""))
	ok(b, err)
	c := redis.NewClient(o)
	b.Cleanup(func() { c.Close() })
	return func(ctx context.Context, docs [][]byte) error {
		for from := 0; from < len(docs); from += handBatch {
			p := c.Pipeline()
			for i := from; i < min(from+handBatch, len(docs)); i++ {
				p.Set(ctx, "hand:"+benchID(i), docs[i], 0)
			}
			if _, err := p.Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func postgresByHand(b *testing.B, s *testserver.Postgres) byHand {
	c, err := pgx.Connect(b.Context(), s.URL(""))
	ok(b, err)
	b.Cleanup(func() { c.Close(context.Background()) })
	return func(ctx context.Context, docs [][]byte) error {
		const make = `DROP TABLE IF EXISTS hand; CREATE TABLE hand (entity text COLLATE "C", id text COLLATE "C", data json NOT NULL,
			revision text NOT NULL, updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (entity, id))`
		if _, err := c.Exec(ctx, make); err != nil {
			return err
		}
		for from := 0; from < len(docs); from += handBatch {
			batch := &pgx.Batch{}
			for i := from; i < min(from+handBatch, len(docs)); i++ {
				batch.Queue("INSERT INTO hand (entity, id, data, revision) VALUES ($1, $2, $3, gen_random_uuid())", "signal/a", benchID(i), json.RawMessage(docs[i]))
			}
			if err := c.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
		}
		return nil
	}
}

func mongoByHand(b *testing.B, s *testserver.Ferret) byHand {
	client, err := mongo.Connect(options.Client().ApplyURI(s.URL("bot", "")))
	ok(b, err)
	b.Cleanup(func() { client.Disconnect(context.Background()) })
	return func(ctx context.Context, docs [][]byte) error {
		c := client.Database("hand").Collection("hand")
		if err := c.Drop(ctx); err != nil {
			return err
		}
		unique := mongo.IndexModel{Keys: bson.D{{Key: "entityId", Value: 1}}, Options: options.Index().SetUnique(true)}
		if _, err := c.Indexes().CreateOne(ctx, unique); err != nil {
			return err
		}
		for from := 0; from < len(docs); from += handBatch {
			var many []any
			for i := from; i < min(from+handBatch, len(docs)); i++ {
				var data bson.D
				if err := bson.UnmarshalExtJSON(docs[i], false, &data); err != nil {
					return err
				}
				many = append(many, bson.D{{Key: "entityId", Value: benchID(i)}, {Key: "data", Value: data}, {Key: "updatedAt", Value: time.Now()}})
			}
			if _, err := c.InsertMany(ctx, many); err != nil {
				return err
			}
		}
		return nil
	}
}
