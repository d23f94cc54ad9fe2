package mongostore_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// bare is the MongoDB driver by itself, making the commands that the store
// makes, with the same promises, of values that are BSON already.
type bare struct {
	coll   *mongo.Collection
	ferret bool
	data   bson.D
}

func newBare(b *testing.B, p *place) *bare {
	b.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(p.url).SetTimeout(20 * time.Second).
		SetReadConcern(readconcern.Majority()).SetWriteConcern(majority()))
	must(b, err)
	b.Cleanup(func() { client.Disconnect(context.Background()) })
	data := bson.D{}
	must(b, bson.UnmarshalExtJSON([]byte(entity400), false, &data))
	return &bare{client.Database(p.db.Name()).Collection("bare"), p.ferret != nil, data}
}

func (w *bare) write(ctx context.Context, filter bson.D, id string, upsert bool) error {
	var err error
	if w.ferret {
		_, err = w.coll.ReplaceOne(ctx, filter, bson.D{eq("entityId", id), eq("data", w.data), eq("updatedAt", time.Now()), eq("rev", bson.NewObjectID())},
			options.Replace().SetUpsert(upsert))
	} else {
		_, err = w.coll.UpdateOne(ctx, filter, bson.D{eq("$set", bson.D{eq("data", w.data), eq("rev", bson.NewObjectID())}),
			eq("$unset", bson.D{eq("encoding", "")}), eq("$currentDate", bson.D{eq("updatedAt", true)})}, options.UpdateOne().SetUpsert(upsert))
	}
	return err
}

func (w *bare) put(ctx context.Context, id string) error {
	return w.write(ctx, bson.D{eq("entityId", id)}, id, true)
}

func (w *bare) get(ctx context.Context, id string) error {
	return w.coll.FindOne(ctx, bson.D{eq("entityId", id)}).Decode(&bson.D{})
}

// apply reads, and replaces what it read.
func (w *bare) apply(ctx context.Context, id string) error {
	raw, err := w.coll.FindOne(ctx, bson.D{eq("entityId", id)}).Raw()
	if err != nil {
		return err
	}
	return w.write(ctx, bson.D{eq("_id", raw.Lookup("_id")), eq("entityId", id), eq("rev", raw.Lookup("rev"))}, id, false)
}

// entity400 is a value of 400 bytes.
var entity400 = func() string {
	head := `{"symbol":"BTCUSDT","position":"long","priceOpen":64250.5,"priceTakeProfit":65500.25,"priceStopLoss":63000.75,` +
		`"scheduledAt":1718000000000,"pendingAt":1718000060000,"minuteEstimatedTime":240,"partial":[{"level":10,"at":1718000120000}],"note":"`
	return head + strings.Repeat("x", 400-len(head)-2) + `"}`
}()

// BenchmarkBeside reports how long the store takes beside the bare driver, in
// rounds that take turns on one server: "ratio", the median of the rounds, 1.05
// is five in a hundred longer. The stand-in for a replica set answers at once, so
// that what the store itself takes weighs more there than on any real server.
//
//	go test -run '^$' -bench Beside -benchtime 500x ./mongostore
func BenchmarkBeside(b *testing.B) {
	h := &host{url: os.Getenv(serverEnv)}
	if h.url == "" {
		h = newFerret(b, testserver.FerretOptions{Flush: true})
	}
	b.Run("server", func(b *testing.B) { besideOn(b, h.place(b)) })
	b.Run("stand-in", func(b *testing.B) { besideOn(b, newFakeSet(b).host().place(b)) })
}

func besideOn(b *testing.B, p *place) {
	s, w := open(b, p.url), newBare(b, p)
	must(b, s.Init(b.Context(), "ours"))
	_, err := w.coll.Indexes().CreateOne(b.Context(), mongo.IndexModel{Keys: bson.D{eq("entityId", 1)}, Options: options.Index().SetUnique(true)})
	must(b, err)
	value := []byte(entity400)
	for _, x := range []struct {
		name       string
		ours, bare func(ctx context.Context, id string) error
	}{
		{"Put", func(ctx context.Context, id string) error {
			return s.Put(ctx, driver.Key{Entity: "ours", ID: id}, value)
		}, w.put},
		{"Get", func(ctx context.Context, id string) error {
			_, err := s.Get(ctx, driver.Key{Entity: "ours", ID: id})
			return err
		}, w.get},
		{"Apply", func(ctx context.Context, id string) error {
			k := driver.Key{Entity: "ours", ID: id}
			return s.Apply(ctx, []driver.Cond{{Key: k, Rev: revisions[id]}}, []driver.Op{{Key: k, Data: value}})
		}, w.apply},
	} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", x.name, callers), func(b *testing.B) { beside(b, s, callers, x.name == "Apply", x.ours, x.bare) })
		}
	}
}

// revisions are those that the next round's Apply demands, by id.
var revisions map[string]string

func beside(b *testing.B, s store, callers int, checked bool, ours, bare func(context.Context, string) error) {
	var took [2]time.Duration
	ratios := make([]float64, max(9, b.N/callers))
	for round := range ratios {
		if checked {
			revisions = map[string]string{}
			for i := range callers {
				rec, err := s.Get(b.Context(), driver.Key{Entity: "ours", ID: fmt.Sprint("k", i)})
				must(b, err)
				revisions[rec.Key.ID] = rec.Rev
			}
		}
		var now [2]time.Duration
		for turn := range 2 {
			which := (round + turn) % 2 // each is first as often as the other
			now[which] = together(b, callers, []func(context.Context, string) error{ours, bare}[which])
			took[which] += now[which]
		}
		ratios[round] = now[0].Seconds() / now[1].Seconds()
	}
	slices.Sort(ratios)
	calls := float64(len(ratios) * callers)
	b.ReportMetric(took[1].Seconds()*1e6/calls, "bare-µs/op")
	b.ReportMetric(took[0].Seconds()*1e6/calls, "ours-µs/op")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
}

// together has each caller make one call, and measures all of them.
func together(b *testing.B, callers int, call func(context.Context, string) error) time.Duration {
	errs := make([]error, callers)
	var running sync.WaitGroup
	start := time.Now()
	for i := range callers {
		running.Go(func() { errs[i] = call(b.Context(), fmt.Sprint("k", i)) })
	}
	running.Wait()
	took := time.Since(start)
	for _, err := range errs {
		must(b, err)
	}
	return took
}
