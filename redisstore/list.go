package redisstore

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// scanBatch is how many keys the server looks at in one step of a listing; it
// serves others in between.
const scanBatch = 1000

// scan collects all keys that match a pattern: those that are there throughout,
// and some of those that come or go meanwhile.
func (s *Store) scan(ctx context.Context, pattern string) (map[string]struct{}, error) {
	var keys map[string]struct{}
	c := &call{ctx: ctx}
	c.alone = func(ctx context.Context, l *lane) (err error) {
		keys, err = l.scan(ctx, pattern)
		return err
	}
	if err := s.reads.do(c); err != nil {
		return nil, err
	}
	return keys, nil
}

// scan keeps to one connection: a cursor means nothing to a server that was
// started again, and a listing that went on with it would lack keys in silence.
// On a new connection it begins anew. It gives up when no step has succeeded for
// the time limit of one call.
func (l *lane) scan(ctx context.Context, pattern string) (map[string]struct{}, error) {
	keys := map[string]struct{}{}
	p := &patience{ctx: ctx, life: l.life, until: time.Now().Add(l.cfg.timeout)}
	var last error
	for cursor, of := uint64(0), 0; ; {
		if over := p.over(); over != nil {
			return nil, because(over, last)
		}
		cmd := redis.NewScanCmd(ctx, nil, "SCAN", cursor, "MATCH", pattern, "COUNT", scanBatch)
		last = first(l.send(ctx, cmd), cmd.Err())
		if last != nil {
			if isAnswer(last) && !passing(last) {
				return nil, explain(last)
			}
			cursor = 0
			p.wait()
			continue
		}
		if now := l.connections(); cursor != 0 && now != of {
			cursor = 0
			continue
		} else {
			of = now
		}
		p.until, p.pause = time.Now().Add(l.cfg.timeout), 0
		var found []string
		found, cursor = cmd.Val()
		for _, key := range found {
			keys[key] = struct{}{}
		}
		if cursor == 0 {
			return keys, nil
		}
	}
}

// IDs implements driver.Lister.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return s.list(ctx, driver.ValidateEntity(entity), s.keys.ids(entity), func(k driver.Key) (string, bool) { return k.ID, k.Entity == entity })
}

// Entities implements driver.Lister.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return s.list(ctx, nil, s.keys.all(), func(k driver.Key) (string, bool) { return k.Entity, true })
}

func (s *Store) list(ctx context.Context, invalid error, pattern string, name func(driver.Key) (string, bool)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := first(ctx.Err(), invalid, s.open())
		var keys map[string]struct{}
		if err == nil {
			keys, err = s.scan(ctx, pattern)
		}
		if err != nil {
			yield("", err)
			return
		}
		names := map[string]struct{}{}
		for key := range keys {
			if k, ok := s.keys.parse(key); ok {
				if n, wanted := name(k); wanted {
					names[n] = struct{}{}
				}
			}
		}
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}
