package redisstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// checkBatch is how many values Check reads at once.
const checkBatch = 64

// Check implements driver.Checker. Beside what cannot be read it tells of values
// that were written here and changed by another program since.
func (s *Store) Check(ctx context.Context, progress func(values int)) (driver.Report, error) {
	if err := first(ctx.Err(), s.open()); err != nil {
		return driver.Report{}, err
	}
	keys, err := s.scan(ctx, s.keys.all())
	if err != nil {
		return driver.Report{}, err
	}
	var r driver.Report
	entities := map[string]struct{}{}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(keys)), checkBatch) {
		if err := s.checkSome(ctx, some, &r, entities); err != nil {
			return driver.Report{}, err
		}
		if r.Entities = len(entities); progress != nil {
			progress(r.Values)
		}
	}
	return r, nil
}

func (s *Store) checkSome(ctx context.Context, keys []string, r *driver.Report, entities map[string]struct{}) error {
	var known []driver.Key
	words := []any{"MGET"}
	for _, key := range keys {
		if k, ok := s.keys.parse(key); ok {
			known = append(known, k)
			words = append(words, key, s.keys.rev(k))
		}
	}
	if len(known) == 0 {
		return nil
	}
	cmd := redis.NewSliceCmd(ctx, words...)
	if err := s.reads.command(ctx, cmd); err != nil {
		return err
	}
	if len(cmd.Val()) != 2*len(known) {
		return errTooFew
	}
	for i, k := range known {
		found, there, err := s.checkOne(ctx, k, cmd.Val()[2*i:2*i+2])
		if err != nil {
			return err
		}
		if there {
			entities[k.Entity] = struct{}{}
			r.Values++
		}
		r.Findings = append(r.Findings, found...)
	}
	return nil
}

// checkOne judges one value, given with its mark; there is false if it has gone
// since it was listed.
func (s *Store) checkOne(ctx context.Context, k driver.Key, answer []any) (found []driver.Finding, there bool, err error) {
	f := driver.Finding{Entity: k.Entity, ID: k.ID, Path: "key " + strconv.Quote(s.keys.value(k)), Action: driver.ActionNone, Time: time.Now().UTC()}
	data, text := strings2(answer)
	if data == nil {
		kind := redis.NewStatusCmd(ctx, "TYPE", s.keys.value(k))
		if err := s.reads.command(ctx, kind); err != nil {
			return nil, false, err
		}
		f.Problem, f.Detail = driver.ProblemInvalid, "it holds a "+kind.Val()+", not a string"
		switch kind.Val() {
		case "none":
			return nil, false, nil
		case "string": // made just now
			return nil, true, nil
		}
		return []driver.Finding{f}, true, nil
	}
	m := parseMark(text)
	switch err := driver.ValidateData([]byte(*data)); {
	case err != nil && *data == "":
		f.Problem = driver.ProblemEmpty
	case err != nil:
		f.Problem, f.Detail = driver.ProblemInvalid, err.Error()
	case m.rev != "" && m.digest != digest([]byte(*data)):
		f.Problem, f.Detail, f.Action = driver.ProblemEdited, "set by another program", driver.ActionAdopt
	default:
		return nil, true, nil
	}
	return []driver.Finding{f}, true, nil
}
