package storetest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

// ReadOnly judges a store that was opened with holdfast.Options.ReadOnly over
// data in which k has a value: it finds the value, and every change is refused
// with ErrReadOnly and changes nothing. Where the backend says of itself that
// it is read-only, that is asked of it directly too.
func ReadOnly(t *testing.T, s *holdfast.Store, k driver.Key) {
	t.Helper()
	if err := s.Driver().Init(t.Context(), k.Entity); err != nil {
		t.Fatalf("Init: %v", err)
	}
	rec, err := s.Driver().Get(t.Context(), k)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	readOnly(t, s, k, rec.Data)
	if d, ok := driver.As[driver.Describer](s.Driver()); ok && d.Properties().ReadOnly {
		readOnlyDriver(t, s.Driver(), k, rec)
	}
}

func readOnly(t *testing.T, s *holdfast.Store, k driver.Key, data json.RawMessage) {
	t.Helper()
	ctx := t.Context()
	c, err := holdfast.NewCollection[json.RawMessage](s, k.Entity, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Properties().ReadOnly {
		t.Error("Properties.ReadOnly is false")
	}
	changes := map[string]error{
		"Put":    c.Put(ctx, k.ID, json.RawMessage(`"changed"`)),
		"Create": c.Put(ctx, k.ID+"-new", json.RawMessage(`"created"`)),
		"Delete": c.Delete(ctx, k.ID),
		"Clear":  c.Clear(ctx),
		"Update": c.Update(ctx, k.ID, zero),
	}
	for name, err := range changes {
		if !errors.Is(err, holdfast.ErrReadOnly) {
			t.Errorf("%s: got error %v, want %v", name, err, holdfast.ErrReadOnly)
		}
	}
	if got, err := c.Get(ctx, k.ID); err != nil || string(got) != string(data) {
		t.Errorf("after refused changes: %.80q, %v", got, err)
	}
	if has, err := c.Has(ctx, k.ID+"-new"); has || err != nil {
		t.Errorf("Has of what was refused: %v, %v", has, err)
	}
}

func readOnlyDriver(t *testing.T, d driver.Store, k driver.Key, before driver.Record) {
	t.Helper()
	ctx := t.Context()
	changes := map[string]error{"Put": d.Put(ctx, k, []byte(`"changed"`))}
	if del, ok := driver.As[driver.Deleter](d); ok {
		changes["Delete"] = del.Delete(ctx, k)
		changes["Clear"] = del.Clear(ctx, k.Entity)
	}
	if a, ok := driver.As[driver.Applier](d); ok && batchScope(d) != driver.BatchNone {
		changes["Apply"] = a.Apply(ctx, nil, []driver.Op{put(k, `"changed"`)})
	}
	if l, ok := driver.As[driver.Loader](d); ok {
		changes["Load"] = l.Load(ctx, []driver.Value{{Key: driver.Key{Entity: k.Entity, ID: k.ID + "-new"}, Data: []byte(`1`)}})[0]
	}
	for name, err := range changes {
		if !errors.Is(err, driver.ErrReadOnly) {
			t.Errorf("%s of the backend itself: got error %v, want %v", name, err, driver.ErrReadOnly)
		}
	}
	after, err := d.Get(ctx, k)
	if err != nil || string(after.Data) != string(before.Data) || after.Rev != before.Rev {
		t.Errorf("after refused changes: %+v, %v", after, err)
	}
}
