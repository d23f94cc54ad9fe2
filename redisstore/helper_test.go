package redisstore_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/redisstore"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var btc = driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}

// tryOpen opens a store by URL.
func tryOpen(rawURL string, o driver.OpenOptions) (*redisstore.Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), testserver.Patience)
	defer cancel()
	return redisstore.Open(ctx, u, o)
}

func open(t testing.TB, rawURL string) *redisstore.Store {
	t.Helper()
	s, err := tryOpen(rawURL, driver.OpenOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// client is another program's connection.
func client(t testing.TB, r *testserver.Redis) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: r.Socket, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

func wantValue(t testing.TB, s *redisstore.Store, k driver.Key, data string) driver.Record {
	t.Helper()
	rec, err := s.Get(t.Context(), k)
	must(t, err)
	if string(rec.Data) != data {
		t.Fatalf("%s is %s, want %s", k, rec.Data, data)
	}
	return rec
}

// eventually tries until f is true, and ends the test if that takes too long.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(testserver.Patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", testserver.Patience, what)
		}
	}
}
