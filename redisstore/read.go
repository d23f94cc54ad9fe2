package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if err := first(ctx.Err(), driver.ValidateKey(k)); err != nil {
		return driver.Record{}, err
	}
	key := s.keys.value(k)
	for {
		// One command, so that value and mark are of one moment.
		cmd := redis.NewSliceCmd(ctx, "MGET", key, s.keys.rev(k))
		if err := s.reads.command(ctx, cmd); err != nil {
			return driver.Record{}, err
		}
		data, text := strings2(cmd.Val())
		if data != nil {
			return record(k, key, []byte(*data), text)
		}
		// MGET says the same of what is absent and of what is no string.
		kind := redis.NewStatusCmd(ctx, "TYPE", key)
		if err := s.reads.command(ctx, kind); err != nil {
			return driver.Record{}, err
		}
		switch kind.Val() {
		case "none":
			return driver.Record{}, driver.ErrNotFound
		case "string": // made between the two commands
		default:
			return driver.Record{}, wrongType(key, kind.Val())
		}
	}
}

func wrongType(key, kind string) error {
	return &driver.DamagedError{Path: "key " + strconv.Quote(key), Reason: "it holds a " + kind + ", not a string"}
}

// strings2 reads an answer to MGET of two keys: nil for no string.
func strings2(answer []any) (data *string, text string) {
	if len(answer) == 2 {
		if value, ok := answer[0].(string); ok {
			data = &value
		}
		text, _ = answer[1].(string)
	}
	return data, text
}

// Has implements driver.Store.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	if err == driver.ErrNotFound {
		return false, nil
	}
	return err == nil, err
}
