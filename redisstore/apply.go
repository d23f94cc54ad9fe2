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

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// Conditions are checked by a script, in the server: one message, and nothing
// comes between check and change. With WATCH the values would have to come here
// first, and among many writers most transactions would fail and be tried again.
//
//go:embed apply.lua
var applySource string

var applyProgram = newProgram(applySource)

// program is a script as the server knows it.
type program struct{ source, digest string }

func newProgram(source string) *program {
	sum := sha1.Sum([]byte(source))
	return &program{source, hex.EncodeToString(sum[:])}
}

// What one batch may hold: it goes to the server in one message, and nobody else
// is served while it is carried out.
const (
	maxBatch      = 100_000
	maxBatchBytes = 256 << 20
)

// script is one run of a program.
type script struct {
	program *program
	before  []any    // a command that goes right before it, if any
	keys    []string // of the values and marks
	args    []any    // without the slot
	full    bool     // the server does not know the script, and is sent all of it
	gone    int64    // answer: values that were removed
}

func (x *script) own() {
	for _, words := range [][]any{x.before, x.args} {
		for i, word := range words {
			if data, ok := word.([]byte); ok {
				words[i] = slices.Clone(data)
			}
		}
	}
}

func (x *script) command(marker, log string, slot int) []any {
	words := make([]any, 0, 6+len(x.keys)+len(x.args))
	if x.full {
		words = append(words, "EVAL", x.program.source)
	} else {
		words = append(words, "EVALSHA", x.program.digest)
	}
	words = append(words, 2+len(x.keys), marker, log)
	for _, key := range x.keys {
		words = append(words, key)
	}
	return append(append(words, slot), x.args...)
}

// settle reads the script's answer; false: it has not run, and is to be run.
func (x *script) settle(c *call, answer any) bool {
	switch v := answer.(type) {
	case int64:
		x.gone = v
	case error:
		if redis.HasErrorPrefix(v, "NOSCRIPT") && !x.full {
			x.full = true
			return false
		}
		c.err = explain(v)
	case []any:
		c.err = x.refusal(v)
	default:
		c.err = fmt.Errorf("the script is answered with %T", answer)
	}
	return true
}

// refusal says why the script has changed nothing.
func (x *script) refusal(answer []any) error {
	word, _ := answer[0].(string)
	switch {
	case word == "damaged" && len(answer) == 2:
		at, _ := answer[1].(int64)
		return &driver.DamagedError{Path: "key " + strconv.Quote(x.keys[at-3]), Reason: "it does not hold a string"}
	case word == "suspect" && len(answer) == 2:
		data, _ := answer[1].(string)
		if err := driver.ValidateData([]byte(data)); err != nil {
			return &driver.DamagedError{Path: "the value of a condition", Reason: err.Error()}
		}
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
	x, bytes := &script{program: applyProgram}, 0
	places := make(map[driver.Key]int, len(conds)+len(ops))
	place := func(k driver.Key) int {
		at, known := places[k]
		if !known {
			at = 3 + len(x.keys) // behind marker and log, counted from 1
			places[k] = at
			x.keys = append(x.keys, s.keys.value(k), s.keys.rev(k))
		}
		return at
	}
	x.args = append(x.args, len(conds))
	for _, c := range conds {
		x.args = append(x.args, place(c.Key), c.Rev)
	}
	x.args = append(x.args, len(ops))
	now := time.Now()
	for _, op := range ops {
		if op.Delete {
			x.args = append(x.args, place(op.Key), suffix(op.Key), "")
			continue
		}
		m := mark{rev: s.newRev(), at: now, digest: digest(op.Data)}
		x.args = append(x.args, place(op.Key), suffix(op.Key), m.rev, op.Data, m.String())
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
