package redisstore

import (
	"context"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// Conditions are checked by a script, in the server: one message, and nothing
// comes between check and change. With WATCH the values would have to come here
// first, and among many writers most transactions would fail and be tried again.
//
//go:embed apply.lua
var applySource string

var applyDigest = func() string {
	sum := sha1.Sum([]byte(applySource))
	return hex.EncodeToString(sum[:])
}()

// What one batch may hold: it goes to the server in one message, and nobody else
// is served while it is carried out.
const (
	maxBatch      = 100_000
	maxBatchBytes = 256 << 20
)

// script is what one call has apply.lua do.
type script struct {
	keys     []string // of the values and marks
	conds    []condition
	puts     []put
	removals []removal
	gone     int64 // answer: values that were removed
}

// condition demands a revision of the value at a place among keys.
type condition struct {
	at  int
	rev string
}

type removal struct {
	at     int
	suffix string
}

// words tells how many append makes.
func (x *script) words() int {
	return 3 + 2*len(x.conds) + 6*len(x.puts) + 2*len(x.removals)
}

// append adds its arguments to those of the script; its keys come behind so many.
func (x *script) append(m message, before int) message {
	m = m.number(len(x.conds))
	for _, c := range x.conds {
		m = m.number(before + c.at).word(c.rev)
	}
	m = m.number(len(x.puts)).puts(x.puts).news(x.puts)
	m = m.number(len(x.removals))
	for _, r := range x.removals {
		m = m.number(before + r.at).word(r.suffix)
	}
	return m
}

// settle reads the script's answer to a call.
func (x *script) settle(c *call, answer any) {
	switch v := answer.(type) {
	case int64:
		x.gone = v
	case []any:
		c.err = x.refusal(v)
	default:
		c.err = errGarbled
	}
}

// refusal says why nothing was changed.
func (x *script) refusal(answer []any) error {
	if len(answer) == 0 {
		return errGarbled
	}
	word, _ := answer[0].(string)
	detail, _ := answer[len(answer)-1].(string)
	switch word {
	case "conflict":
	case "damaged":
		return &driver.DamagedError{Path: "key " + strconv.Quote(detail), Reason: "it does not hold a string"}
	case "suspect":
		if err := driver.ValidateData([]byte(detail)); err != nil {
			return &driver.DamagedError{Path: "the value of a condition", Reason: err.Error()}
		}
	case "refused":
		return explain(answerError(detail))
	default:
		return errGarbled
	}
	return driver.ErrConflict
}

// Apply implements driver.Applier.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	err := ctx.Err()
	plain, size := len(conds) == 0, 0
	for _, op := range ops {
		err = first(err, driver.ValidateKey(op.Key))
		if plain = plain && !op.Delete; !op.Delete {
			err = first(err, driver.ValidateData(op.Data))
			size += len(op.Data)
		}
	}
	for _, c := range conds {
		err = first(err, driver.ValidateKey(c.Key))
	}
	if err = first(err, s.writable()); err != nil || len(conds)+len(ops) == 0 {
		return err
	}
	if len(conds)+len(ops) > maxBatch || size > maxBatchBytes {
		return fmt.Errorf("a batch of %d changes and %d bytes: at most %d and %d go at once: split it",
			len(conds)+len(ops), size, maxBatch, maxBatchBytes)
	}
	if createsOnly(conds, ops) {
		return s.create(ctx, conds, ops)
	}
	c := &change{}
	if plain {
		c = s.newPuts(ops)
	} else {
		c = s.newScript(conds, lastOps(ops))
	}
	return s.changes.do(&call{ctx: ctx, change: c})
}

// lastOps is the last op on each key.
func lastOps(ops []driver.Op) []driver.Op {
	if len(ops) == 1 {
		return ops
	}
	last := make(map[driver.Key]int, len(ops))
	for i, op := range ops {
		last[op.Key] = i
	}
	if len(last) == len(ops) {
		return ops
	}
	var kept []driver.Op
	for i, op := range ops {
		if last[op.Key] == i {
			kept = append(kept, op)
		}
	}
	return kept
}

// newScript makes a run of the script; no two ops are on one key.
func (s *Store) newScript(conds []driver.Cond, ops []driver.Op) *change {
	n := len(conds) + len(ops)
	x, bytes := &script{keys: make([]string, 0, 2*n)}, n*opBytes
	places := make(map[driver.Key]int, n)
	place := func(k driver.Key) int {
		at, known := places[k]
		if !known {
			at = len(x.keys)
			places[k] = at
			x.keys = append(x.keys, s.keys.value(k), s.keys.rev(k))
		}
		return at
	}
	for _, c := range conds {
		x.conds = append(x.conds, condition{place(c.Key), c.Rev})
	}
	now := time.Now()
	for _, op := range ops {
		at := place(op.Key)
		if op.Delete {
			x.removals = append(x.removals, removal{at, suffix(op.Key)})
			continue
		}
		x.puts = append(x.puts, s.newPut(op, now))
		bytes += len(op.Data)
	}
	return &change{script: x, log: s.keys.log(), bytes: bytes}
}

// Delete implements driver.Deleter.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	if err := first(ctx.Err(), driver.ValidateKey(k), s.writable()); err != nil {
		return err
	}
	c := s.newScript(nil, []driver.Op{{Key: k, Delete: true}})
	if err := s.changes.do(&call{ctx: ctx, change: c}); err != nil {
		return err
	}
	if c.script.gone == 0 {
		return driver.ErrNotFound
	}
	return nil
}

// clearBatch is how many values Clear removes at once.
const clearBatch = 500

// Clear implements driver.Deleter.
func (s *Store) Clear(ctx context.Context, entity string) error {
	if err := first(ctx.Err(), driver.ValidateEntity(entity), s.writable()); err != nil {
		return err
	}
	keys, err := s.scan(ctx, s.keys.ids(entity))
	if err != nil {
		return err
	}
	var ops []driver.Op
	for key := range keys {
		if k, ok := s.keys.parse(key); ok && k.Entity == entity {
			ops = append(ops, driver.Op{Key: k, Delete: true})
		}
	}
	for some := range slices.Chunk(ops, clearBatch) {
		if err := s.changes.do(&call{ctx: ctx, change: s.newScript(nil, some)}); err != nil {
			// Some are gone; which of the last batch is not known, and does not
			// matter: whoever clears again removes the rest.
			return err
		}
	}
	return nil
}
