package redisstore

import (
	"context"
	"errors"
	"iter"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// How much Scan reads in one message: it begins with a few values, and goes on
// with as many as have room, if they are like those before.
const (
	scanFirst  = 32
	scanValues = 500
	scanBytes  = 4 << 20
)

var errTooFew = errors.New("MGET is not answered with what it was asked for")

// Scan implements driver.Scanner: of the ids of one moment what is there when
// they are reached.
func (s *Store) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		var ids []string
		for id, err := range s.IDs(ctx, entity) {
			if err != nil {
				yield(driver.Record{}, err)
				return
			}
			ids = append(ids, id)
		}
		for n := scanFirst; len(ids) > 0; {
			n = min(n, len(ids))
			size, more := s.scanSome(ctx, entity, ids[:n], yield)
			if !more {
				return
			}
			ids = ids[n:]
			n = min(max(1, scanBytes/max(1, size/n)), scanValues)
		}
	}
}

// scanSome yields values, and tells how large they are together and whether to
// go on.
func (s *Store) scanSome(ctx context.Context, entity string, ids []string, yield func(driver.Record, error) bool) (size int, more bool) {
	words := append(make([]any, 0, 1+2*len(ids)), "MGET")
	for _, id := range ids {
		k := driver.Key{Entity: entity, ID: id}
		words = append(words, s.keys.value(k), s.keys.rev(k))
	}
	cmd := redis.NewSliceCmd(ctx, words...)
	err := s.reads.command(ctx, cmd)
	answer := cmd.Val()
	if err == nil && len(answer) != 2*len(ids) {
		err = errTooFew
	}
	if err != nil {
		yield(driver.Record{}, err)
		return 0, false
	}
	for i, id := range ids {
		k := driver.Key{Entity: entity, ID: id}
		data, text := strings2(answer[2*i : 2*i+2])
		var rec driver.Record
		var err error
		if data != nil {
			size += len(*data)
			rec, err = record(k, s.keys.value(k), []byte(*data), text)
		} else if rec, err = s.Get(ctx, k); err == driver.ErrNotFound { // or no string
			continue
		}
		if errors.Is(err, driver.ErrDamaged) {
			rec = driver.Record{Key: k}
		}
		if !yield(rec, err) || err != nil && !errors.Is(err, driver.ErrDamaged) {
			return size, false
		}
	}
	return size, true
}
