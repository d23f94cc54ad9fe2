package pgstore

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
)

// Apply implements driver.Applier: of any keys, as one transaction and one round
// trip. See createV1 for what the server does.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if err := first(s.mayChange(ctx), validate(conds, ops)); err != nil {
		return err
	}
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.leave()
	switch {
	case len(conds) == 0 && len(ops) == 0:
		return nil
	case len(conds) == 0 && len(ops) == 1 && !ops[0].Delete:
		return s.group.put(ctx, ops[0].Key, ops[0].Data)
	}
	b := newBatch(conds, ops)
	if b.createsOnly() {
		if err := s.create(ctx, b); code(err) != uniqueViolation {
			return s.ofChange(err)
		}
		// One is there: apply tells whether it is damaged, and makes the values if
		// it has gone by then.
	}
	a, err := s.change(ctx, &change{sql: s.sql.apply, args: b.args, puts: b.puts, deletes: b.deletes})
	switch {
	case isDamage(err):
		return s.damagedCondition(ctx, conds, err)
	case err != nil:
		return s.ofChange(err)
	case a.null:
		return driver.ErrConflict
	}
	return nil
}

func validate(conds []driver.Cond, ops []driver.Op) error {
	for _, c := range conds {
		if err := driver.ValidateKey(c.Key); err != nil {
			return err
		}
	}
	for _, op := range ops {
		if err := driver.ValidateKey(op.Key); err != nil {
			return err
		}
		if op.Delete {
			continue
		}
		if err := driver.ValidateData(op.Data); err != nil {
			return err
		}
	}
	return nil
}

// damagedCondition names the value that could not be read.
func (s *Store) damagedCondition(ctx context.Context, conds []driver.Cond, err error) error {
	for _, c := range conds {
		if _, err := s.Has(ctx, c.Key); errors.Is(err, driver.ErrDamaged) {
			return err
		}
	}
	if len(conds) > 0 {
		return s.damaged(conds[0].Key, err)
	}
	return s.explain(err)
}

// batch is what Apply sends.
type batch struct {
	conds         []driver.Cond
	stays         []bool // of conds: its key is not changed
	puts, deletes []driver.Key
	data          [][]byte
}

// newBatch sorts by key, and keeps of several ops on one key the last.
func newBatch(conds []driver.Cond, ops []driver.Op) *batch {
	b := &batch{}
	sorted := slices.Clone(ops)
	slices.SortStableFunc(sorted, func(x, y driver.Op) int { return compareKeys(x.Key, y.Key) })
	changed := make(map[driver.Key]bool, len(ops))
	for i, op := range sorted {
		if i+1 < len(sorted) && sorted[i+1].Key == op.Key {
			continue
		}
		changed[op.Key] = true
		if op.Delete {
			b.deletes = append(b.deletes, op.Key)
		} else {
			b.puts, b.data = append(b.puts, op.Key), append(b.data, op.Data)
		}
	}
	seen := make(map[driver.Cond]bool, len(conds))
	for _, c := range conds {
		if !seen[c] {
			seen[c] = true
			b.conds, b.stays = append(b.conds, c), append(b.stays, !changed[c.Key])
		}
	}
	return b
}

func (b *batch) args(token string) []any {
	entities, ids, revisions := make([]string, len(b.conds)), make([]string, len(b.conds)), make([]string, len(b.conds))
	for i, c := range b.conds {
		entities[i], ids[i], revisions[i] = c.Key.Entity, c.Key.ID, c.Rev
	}
	putEntities, putIDs := columns(b.puts)
	delEntities, delIDs := columns(b.deletes)
	return []any{token, entities, ids, revisions, orNone(b.stays), putEntities, putIDs, orNone(b.data), delEntities, delIDs}
}

// orNone makes an empty array of what would be null.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
