package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

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
	left := leaveOpen(t, server)
	second := open()
	defer second.Close()
	l, err := lease.Acquire(t.Context(), second, "bot", o)
	if err != nil {
		t.Fatal(err)
	}
	// Had the lease not waited for the server to give it up, it could be committed.
	if err := left.CommitTransaction(t.Context()); err == nil || !strings.Contains(err.Error(), "no such transaction") {
		t.Errorf("the transaction that was left open: %v", err)
	}
	if l.Token() <= dead.Token() {
		t.Errorf("token %d follows %d", l.Token(), dead.Token())
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// leaveOpen changes every record of a lease in a transaction that nobody ends.
func leaveOpen(t *testing.T, server *testserver.FakeSet) *mongo.Session {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	journal := true
	client, err := mongo.Connect(options.Client().ApplyURI(server.URL("")).SetReadConcern(readconcern.Majority()).
		SetWriteConcern(&writeconcern.WriteConcern{W: "majority", Journal: &journal}))
	must(err)
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	session, err := client.StartSession()
	must(err)
	must(session.StartTransaction())
	inTx := mongo.NewSessionContext(ctx, session)
	db := client.Database("bot")
	names, err := db.ListCollectionNames(ctx, bson.D{})
	must(err)
	touched := 0
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
	return session
}
