package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/redisstore"
	"github.com/holdfast-go/holdfast/storetest"
)

// The server is started once, and emptied for each subtest. Values are damaged in
// the two ways that there are in Redis: other text, and another type.
func TestStore(t *testing.T) {
	r := testserver.StartRedis(t)
	other := client(t, r)
	for name, damage := range map[string]func(t *testing.T, key string){
		"text": func(t *testing.T, key string) { must(t, other.Set(t.Context(), key, `{"cut":`, 0).Err()) },
		"type": func(t *testing.T, key string) {
			must(t, other.Del(t.Context(), key).Err())
			must(t, other.LPush(t.Context(), key, `{}`).Err())
		},
	} {
		t.Run(name, func(t *testing.T) { judge(t, r, other, damage) })
	}
}

func judge(t *testing.T, r *testserver.Redis, other *redis.Client, damage func(t *testing.T, key string)) {
	const prefix = "test[1]*:"
	rawURL := r.URL("prefix=" + prefix)
	storetest.Run(t, func(t *testing.T) driver.Store {
		must(t, other.FlushAll(t.Context()).Err())
		return open(t, rawURL)
	}, &storetest.Options{
		Reopen: func(t *testing.T, s driver.Store) driver.Store {
			must(t, s.(*redisstore.Store).Close())
			return open(t, rawURL)
		},
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			damage(t, prefix+k.Entity+":"+k.ID)
			return s
		},
	})
}
