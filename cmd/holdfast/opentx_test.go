package main

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/lease"
)

// A holder that dies in the midst of a batch on MongoDB leaves a transaction
// open, in which the lease's records are locked. Who waits is held up until the
// server gives that up, and then has the lease; it does not fail.
func TestTakeoverBehindAnOpenTransaction(t *testing.T) {
	server := testserver.StartFakeSet(t, 4*time.Second)
	open := func() *holdfast.Store {
		s, err := holdfast.Open(t.Context(), server.URL("bot"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	o := &lease.Options{TTL: time.Second}
	first := open()
	dead, err := lease.Acquire(t.Context(), first, "bot", o)
	if err != nil {
		t.Fatal(err)
	}
	first.Close() // nobody renews any more
	<-dead.Done()
	touched := leaveOpen(t, server)
	second := open()
	defer second.Close()
	began := time.Now()
	l, err := lease.Acquire(t.Context(), second, "bot", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records were locked; taken over after %v", touched, time.Since(began).Round(time.Millisecond))
	if l.Token() <= dead.Token() {
		t.Errorf("token %d follows %d", l.Token(), dead.Token())
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// leaveOpen changes every record of a lease in a transaction that nobody ends.
func leaveOpen(t *testing.T, server *testserver.FakeSet) (touched int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URL("")).SetReadConcern(readconcern.Majority()))
	must(err)
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	session, err := client.StartSession()
	must(err)
	must(session.StartTransaction())
	inTx := mongo.NewSessionContext(ctx, session)
	db := client.Database("bot")
	names, err := db.ListCollectionNames(ctx, bson.D{})
	must(err)
	for _, name := range names {
		c := db.Collection(name)
		cursor, err := c.Find(ctx, bson.D{})
		must(err)
		var docs []struct {
			EntityID string `bson:"entityId"`
		}
		must(cursor.All(ctx, &docs))
		for _, d := range docs {
			_, err := c.UpdateOne(inTx, bson.D{{Key: "entityId", Value: d.EntityID}}, bson.D{{Key: "$set", Value: bson.D{{Key: "lock", Value: 1}}}})
			must(err)
			touched++
		}
	}
	if touched == 0 {
		t.Fatalf("nothing of a lease in %q", names)
	}
	return touched
}
