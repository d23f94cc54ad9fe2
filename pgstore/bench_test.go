package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/pgstore"
)

// work is one kind of it: n calls in a row by one of the callers.
type work func(ctx context.Context, caller, n int) error

// entity of 400 bytes, as an open signal is.
var entity = []byte(`{"symbol":"BTCUSDT","priceOpen":64250.5,"note":"` + strings.Repeat("x", 350) + `"}`)

func benchKey(caller, n int) driver.Key { return key(fmt.Sprintf("c%d-%d", caller, n%16)) }

// BenchmarkBeside does the same work by the store and by pgx alone, on the same
// pool, in turn. "ratio" is the store's time by that of pgx, the median of the
// rounds: 1.15 is the most that it may be. pgx makes the store's own statements;
// with "by-hand", what one would write for Apply instead: begin, select for update,
// write, commit.
//
//	go test -run '^$' -bench Beside -benchtime 2500x ./pgstore
func BenchmarkBeside(b *testing.B) {
	s := open(b, newURL(b, "timeout=60s"))
	bare := s.Bare()
	for i := range 64 {
		for n := range 16 {
			must(b, s.Put(b.Context(), benchKey(i, n), entity))
		}
	}
	for _, x := range []struct {
		name       string
		ours, bare work
	}{
		{"Put", putWork(s), barePut(bare)},
		{"Get", getWork(s), bareGet(bare)},
		{"Apply", applyWork(s), bareApply(bare)},
		{"Apply,by-hand", applyWork(s), byHand(bare)},
	} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", x.name, callers), func(b *testing.B) { compare(b, callers, x.ours, x.bare) })
		}
	}
}

// compare lets both work in turn, and reports the ratio of their times.
func compare(b *testing.B, callers int, ours, theirs work) {
	const rounds = 32
	each := max(4, b.N/callers/rounds)
	var took [2]time.Duration
	ratios := make([]float64, rounds)
	for round := range ratios {
		var now [2]time.Duration
		for turn := range 2 {
			which := (round + turn) % 2 // each is first as often as the other
			began := time.Now()
			must(b, atOnce(b.Context(), callers, each, []work{ours, theirs}[which]))
			now[which] = time.Since(began)
			took[which] += now[which]
		}
		ratios[round] = now[0].Seconds() / now[1].Seconds()
	}
	slices.Sort(ratios)
	calls := float64(rounds * each * callers)
	b.ReportMetric(took[1].Seconds()*1e6/calls, "bare-µs/op")
	b.ReportMetric(took[0].Seconds()*1e6/calls, "ours-µs/op")
	b.ReportMetric(ratios[rounds/2], "ratio")
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
}

func atOnce(ctx context.Context, callers, each int, w work) error {
	var all sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		all.Go(func() { errs[i] = w(ctx, i, each) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// repeated does something n times.
func repeated(f func(ctx context.Context, k driver.Key) error) work {
	return func(ctx context.Context, caller, n int) error {
		for i := range n {
			if err := f(ctx, benchKey(caller, i)); err != nil {
				return err
			}
		}
		return nil
	}
}

func putWork(s *pgstore.Store) work {
	return repeated(func(ctx context.Context, k driver.Key) error { return s.Put(ctx, k, entity) })
}

func barePut(bare pgstore.Bare) work {
	return repeated(func(ctx context.Context, k driver.Key) error {
		_, err := bare.Pool.Exec(ctx, bare.Put, k.Entity, k.ID, entity, "bare")
		return err
	})
}

func getWork(s *pgstore.Store) work {
	return repeated(func(ctx context.Context, k driver.Key) error {
		_, err := s.Get(ctx, k)
		return err
	})
}

func bareGet(bare pgstore.Bare) work {
	return repeated(func(ctx context.Context, k driver.Key) error {
		var data []byte
		var revision string
		var at time.Time
		return bare.Pool.QueryRow(ctx, bare.Get, k.Entity, k.ID).Scan(&data, &revision, &at)
	})
}

// applied are a signal, its position and the cursor: what one candle changes.
func applied(k driver.Key) (entities, ids []string) {
	return []string{"cursor", "risk/" + k.ID, k.Entity}, []string{k.ID, "positions", k.ID}
}

func applyWork(s *pgstore.Store) work {
	return repeated(func(ctx context.Context, k driver.Key) error {
		entities, ids := applied(k)
		ops := make([]driver.Op, len(ids))
		for i := range ids {
			ops[i] = driver.Op{Key: driver.Key{Entity: entities[i], ID: ids[i]}, Data: entity}
		}
		return s.Apply(ctx, nil, ops)
	})
}

func bareApply(bare pgstore.Bare) work {
	return repeated(func(ctx context.Context, k driver.Key) error {
		entities, ids := applied(k)
		none, data := []string{}, [][]byte{entity, entity, entity}
		var horizon *int64
		return bare.Pool.QueryRow(ctx, bare.Apply, "bare", none, none, none, []bool{}, entities, ids, data, none, none).Scan(&horizon)
	})
}

func byHand(bare pgstore.Bare) work {
	return repeated(func(ctx context.Context, k driver.Key) error {
		entities, ids := applied(k)
		return pgx.BeginFunc(ctx, bare.Pool, func(tx pgx.Tx) error {
			var data []byte
			var revision string
			var at time.Time
			err := tx.QueryRow(ctx, bare.Get+" FOR UPDATE", entities[0], ids[0]).Scan(&data, &revision, &at)
			if err != nil && err != pgx.ErrNoRows {
				return err
			}
			for i := range ids {
				if _, err := tx.Exec(ctx, bare.Put, entities[i], ids[i], entity, "bare"); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
