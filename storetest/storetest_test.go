package storetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/storetest"
)

// A sound backend passes, with every capability and every option.
func TestRun(t *testing.T) {
	b := backend{wrap: func(h *handle) driver.Store { return h }}
	storetest.Run(t, b.open, b.options())
}

// four hides everything but the required methods.
type four struct{ driver.Store }

func TestRunOfFourMethods(t *testing.T) {
	storetest.Run(t, func(*testing.T) driver.Store { return four{memstore.New()} }, nil)
}

// narrow knows batches of one key only, and says so.
type narrow struct{ *handle }

func (n narrow) Properties() driver.Properties {
	p := n.handle.Properties()
	p.Batch = driver.BatchKey
	return p
}

func (n narrow) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	keys := map[driver.Key]bool{}
	for _, c := range conds {
		keys[c.Key] = true
	}
	for _, op := range ops {
		keys[op.Key] = true
	}
	if len(keys) > 1 {
		return errors.ErrUnsupported
	}
	return n.handle.Apply(ctx, conds, ops)
}

func (n narrow) Put(ctx context.Context, k driver.Key, data []byte) error {
	return n.handle.Apply(ctx, nil, []driver.Op{{Key: k, Data: data}})
}

func TestRunOfNarrowBatches(t *testing.T) {
	b := backend{wrap: func(h *handle) driver.Store { return narrow{h} }}
	storetest.Run(t, b.open, b.options())
}

// valued keeps values and not bytes, and refuses what it cannot keep; it
// refuses some names, too.
type valued struct{ *handle }

func (v valued) Properties() driver.Properties {
	p := v.handle.Properties()
	p.ExactBytes, p.Batch = false, driver.BatchNone
	return p
}

func (valued) Apply(context.Context, []driver.Cond, []driver.Op) error { return errors.ErrUnsupported }

func (v valued) Put(ctx context.Context, k driver.Key, data []byte) error {
	if awkward(k) {
		return driver.ErrInvalidName
	}
	var x any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if driver.ValidateData(data) != nil || dec.Decode(&x) != nil {
		return driver.ErrInvalidJSON
	}
	if bytes.Contains(data, []byte(`\u0000`)) {
		return errors.New("U+0000 cannot be kept")
	}
	again, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return v.handle.Put(ctx, k, again)
}

func awkward(k driver.Key) bool { return len(k.Entity+k.ID) > 255 || strings.Contains(k.ID, "..") }

func TestRunOfValues(t *testing.T) {
	b := backend{wrap: func(h *handle) driver.Store { return valued{h} }}
	o := b.options()
	o.MayRefuse = awkward
	storetest.Run(t, b.open, o)
}

// lookOnly refuses every change itself.
type lookOnly struct{ driver.Store }

func (lookOnly) Put(context.Context, driver.Key, []byte) error { return driver.ErrReadOnly }
func (lookOnly) Delete(context.Context, driver.Key) error      { return driver.ErrReadOnly }
func (lookOnly) Clear(context.Context, string) error           { return driver.ErrReadOnly }
func (lookOnly) Apply(context.Context, []driver.Cond, []driver.Op) error {
	return driver.ErrReadOnly
}
func (lookOnly) Properties() driver.Properties {
	return driver.Properties{Backend: "test", Batch: driver.BatchAny, ReadOnly: true}
}

func TestReadOnly(t *testing.T) {
	k := driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}
	mem := memstore.New()
	if err := mem.Put(t.Context(), k, []byte(`1`)); err != nil {
		t.Fatal(err)
	}
	for _, d := range []driver.Store{mem, four{mem}, lookOnly{mem}} {
		s, err := holdfast.New(d, &holdfast.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		storetest.ReadOnly(t, s, k)
	}
}

// mapped yields what f makes of each name; false leaves it out.
func mapped(seq iter.Seq2[string, error], f func(string) (string, bool)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range seq {
			name, keep := f(name)
			if (keep || err != nil) && !yield(name, err) {
				return
			}
		}
	}
}
