package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/transfer"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wrap(t testing.TB, d driver.Store) *holdfast.Store {
	t.Helper()
	s, err := holdfast.New(d, nil)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func newFiles(t testing.TB) *holdfast.Store {
	t.Helper()
	d, err := filestore.Open(t.Context(), t.TempDir(), nil)
	must(t, err)
	return wrap(t, d)
}

func put(t testing.TB, s *holdfast.Store, entity, id, data string) {
	t.Helper()
	must(t, values(t, s, entity).Put(t.Context(), id, json.RawMessage(data)))
}

func values(t testing.TB, s *holdfast.Store, entity string) *holdfast.Collection[json.RawMessage] {
	t.Helper()
	c, err := holdfast.NewCollection[json.RawMessage](s, entity, nil)
	must(t, err)
	return c
}

// dump is all that a store holds, byte for byte.
func dump(t testing.TB, s *holdfast.Store) string {
	t.Helper()
	var b strings.Builder
	for entity, err := range s.Entities(t.Context()) {
		must(t, err)
		for e, err := range values(t, s, entity).All(t.Context()) {
			must(t, err)
			fmt.Fprintf(&b, "%s %s %s\n", entity, e.ID, e.Value)
		}
	}
	return b.String()
}

// fill makes more values than a batch takes, of several entities.
func fill(t testing.TB, s *holdfast.Store) {
	t.Helper()
	for i := range 1200 {
		put(t, s, fmt.Sprintf("e%d", i/700), fmt.Sprintf("id%d", i), fmt.Sprintf(`{ "n" : %d.50 }`, i))
	}
	for i := range 20 {
		put(t, s, fmt.Sprintf("risk/r%d", i), "positions", "null")
	}
}

// mem is memory; with slow, as a backend that neither loads nor scans.
type mem struct {
	*memstore.Store
	slow bool
}

func newMem(slow bool) mem { return mem{memstore.New(), slow} }

func (m mem) Lacks(capability any) bool {
	switch capability.(type) {
	case *driver.Loader, *driver.Scanner:
		return m.slow
	}
	return false
}

// bothWays runs a test over what loads and scans, and over what does not.
func bothWays(t *testing.T, f func(t *testing.T, slow bool)) {
	t.Helper()
	for name, slow := range map[string]bool{"many at once": false, "slow": true} {
		t.Run(name, func(t *testing.T) { f(t, slow) })
	}
}

// keyed writes one key under conditions and no more, as a database without
// transactions does; unconditioned cannot do that either.
type keyed struct{ mem }

func (k keyed) Properties() driver.Properties {
	p := k.Store.Properties()
	p.Batch, p.Shared, p.ExactBytes = driver.BatchKey, true, false
	return p
}

func (k keyed) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if len(ops) > 1 || len(conds) > 1 {
		return errors.ErrUnsupported
	}
	return k.Store.Apply(ctx, conds, ops)
}

type unconditioned struct {
	driver.Store
	driver.Lister
	driver.Deleter
}

func newUnconditioned() driver.Store {
	m := memstore.New()
	return unconditioned{m, m, m}
}

func TestCopyToEveryKindOfTarget(t *testing.T) {
	bothWays(t, copyToEveryKindOfTarget)
}

func copyToEveryKindOfTarget(t *testing.T, slow bool) {
	src := wrap(t, newMem(slow))
	fill(t, src)
	want := dump(t, src)
	for name, dst := range map[string]*holdfast.Store{
		"files": newFiles(t), "batches": wrap(t, newMem(slow)), "keys": wrap(t, keyed{newMem(slow)}), "plain": wrap(t, newUnconditioned()),
	} {
		t.Run(name, func(t *testing.T) {
			told := 0
			got, err := transfer.Copy(t.Context(), src, dst, &transfer.Options{Progress: func(n int, _ int64) { told = n }})
			must(t, err)
			if got.Copied != 1220 || !got.Complete() || got.Values() != 1220 || told != 1220 {
				t.Errorf("got %+v, progress %d", got, told)
			}
			if dump(t, dst) != want {
				t.Error("the target is not what the source is")
			}
			v, err := transfer.Verify(t.Context(), src, dst, nil)
			must(t, err)
			if v.Same != 1220 || !v.OK() || v.Exact != (name == "files" || name == "batches") {
				t.Errorf("verified: %+v", v)
			}
			again, err := transfer.Copy(t.Context(), src, dst, &transfer.Options{Existing: transfer.Keep})
			must(t, err)
			if again.Equal != 1220 || again.Copied != 0 || again.Bytes != 0 {
				t.Errorf("once more: %+v", again)
			}
		})
	}
}

func TestWhatTheTargetHolds(t *testing.T) { bothWays(t, whatTheTargetHolds) }

func whatTheTargetHolds(t *testing.T, slow bool) {
	src, dst := wrap(t, newMem(slow)), wrap(t, newMem(slow))
	for _, v := range []string{"equal", "differs", "new"} {
		put(t, src, "e", v, `"source"`)
	}
	put(t, dst, "e", "equal", `"source"`)
	put(t, dst, "e", "differs", `"target"`)
	put(t, dst, "e", "extra", `"target"`)
	before := dump(t, dst)

	_, err := transfer.Copy(t.Context(), src, dst, nil)
	if !errors.Is(err, transfer.ErrNotEmpty) || dump(t, dst) != before {
		t.Fatalf("got %v, target\n%s", err, dump(t, dst))
	}
	var problems []error
	o := &transfer.Options{Existing: transfer.Keep, Problem: func(err error) { problems = append(problems, err) }}
	got, err := transfer.Copy(t.Context(), src, dst, o)
	must(t, err)
	if got.Copied != 1 || got.Equal != 1 || got.Differ != 1 || got.Complete() {
		t.Errorf("got %+v", got)
	}
	if len(problems) != 1 || !errors.Is(problems[0], transfer.ErrDiffers) || problems[0].Error() != "copy e differs: the target holds another value" {
		t.Errorf("problems %v", problems)
	}
	if data, _ := values(t, dst, "e").Get(t.Context(), "differs"); string(data) != `"target"` {
		t.Errorf("replaced by %s, though nobody said so", data)
	}
	v, err := transfer.Verify(t.Context(), src, dst, nil)
	must(t, err)
	if v.Differ != 1 || v.Same != 2 || v.Extra != 1 || v.OK() {
		t.Errorf("verified: %+v", v)
	}
	got, err = transfer.Copy(t.Context(), src, dst, &transfer.Options{Existing: transfer.Overwrite})
	must(t, err)
	if got.Replaced != 1 || got.Equal != 2 || !got.Complete() {
		t.Errorf("got %+v", got)
	}
	must(t, values(t, dst, "e").Delete(t.Context(), "new"))
	if v, err = transfer.Verify(t.Context(), src, dst, nil); err != nil || v.Missing != 1 || v.Same != 2 {
		t.Errorf("verified: %+v, %v", v, err)
	}
}

// rival makes a value right before the first batch is applied.
type rival struct {
	mem
	data string
	once atomic.Bool
}

func (r *rival) Load(ctx context.Context, values []driver.Value) []error {
	if !r.once.Swap(true) {
		if err := r.Store.Put(ctx, values[0].Key, []byte(r.data)); err != nil {
			return driver.FailAll(values, err)
		}
	}
	return r.Store.Load(ctx, values)
}

func (r *rival) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if !r.once.Swap(true) {
		if err := r.Store.Put(ctx, ops[0].Key, []byte(r.data)); err != nil {
			return err
		}
	}
	return r.Store.Apply(ctx, conds, ops)
}

// What another process writes to an empty target meanwhile is not overwritten.
func TestRivalAtTheTarget(t *testing.T) { bothWays(t, rivalAtTheTarget) }

func rivalAtTheTarget(t *testing.T, slow bool) {
	src := wrap(t, memstore.New())
	for i := range 10 {
		put(t, src, "e", fmt.Sprint(i), `"source"`)
	}
	for data, want := range map[string]transfer.Summary{
		`"rival"`:  {Copied: 9, Differ: 1, Bytes: 9 * 8},
		`"source"`: {Copied: 9, Equal: 1, Bytes: 9 * 8},
	} {
		dst := wrap(t, &rival{mem: newMem(slow), data: data})
		got, err := transfer.Copy(t.Context(), src, dst, nil)
		must(t, err)
		if kept, _ := values(t, dst, "e").Get(t.Context(), "0"); got != want || string(kept) != data {
			t.Errorf("%s: got %+v, it is %s now", data, got, kept)
		}
	}
}

// mortal fails from the second batch on.
type mortal struct {
	mem
	batches atomic.Int64
}

// Load fails in its midst.
func (m *mortal) Load(ctx context.Context, values []driver.Value) []error {
	if m.batches.Add(1) > 1 {
		n := min(len(values), 100)
		return append(m.Store.Load(ctx, values[:n]), driver.FailAll(values[n:], errPower)...)
	}
	return m.Store.Load(ctx, values)
}

var errPower = errors.New("the plug is pulled")

func (m *mortal) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if m.batches.Add(1) > 1 {
		return errPower
	}
	return m.Store.Apply(ctx, conds, ops)
}

// What was copied before a failure is there and said to be, and the next run
// goes on from there.
func TestInterruptedCopy(t *testing.T) { bothWays(t, interruptedCopy) }

func interruptedCopy(t *testing.T, slow bool) {
	done := 600 // a chunk, and what Load has made of the second one
	if slow {
		done = 500
	}
	src := wrap(t, memstore.New())
	fill(t, src)
	target := newMem(slow)
	o := &transfer.Options{Writers: 1, Existing: transfer.Keep}
	got, err := transfer.Copy(t.Context(), src, wrap(t, &mortal{mem: target}), o)
	if !errors.Is(err, errPower) || got.Copied != done || got.Values() != done {
		t.Fatalf("got %+v, %v", got, err)
	}
	dst := wrap(t, target)
	if _, err := transfer.Copy(t.Context(), src, dst, nil); !errors.Is(err, transfer.ErrNotEmpty) {
		t.Errorf("without being told: %v", err)
	}
	got, err = transfer.Copy(t.Context(), src, dst, o)
	must(t, err)
	if got.Equal != done || got.Copied != 1220-done || dump(t, dst) != dump(t, src) {
		t.Errorf("got %+v", got)
	}
}

// bad answers for some values as a backend does that finds them damaged, or
// will not have them.
type bad struct {
	mem
	damaged, refused string
}

func (b bad) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		for rec, err := range b.Store.Scan(ctx, entity) {
			if err == nil && rec.Key.ID == b.damaged {
				_, err = b.Get(ctx, rec.Key)
				rec = driver.Record{Key: rec.Key}
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

func (b bad) Load(ctx context.Context, values []driver.Value) []error {
	errs := make([]error, len(values))
	for i, v := range values {
		if errs[i] = fmt.Errorf("%w: by the test", holdfast.ErrInvalidName); v.Key.ID != b.refused {
			errs[i] = b.Store.Load(ctx, values[i:i+1])[0]
		}
	}
	return errs
}

func (b bad) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if k.ID == b.damaged {
		return driver.Record{}, &driver.DamagedError{Path: k.String(), Reason: "by the test"}
	}
	return b.Store.Get(ctx, k)
}

func (b bad) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	for _, op := range ops {
		if op.Key.ID == b.refused {
			return fmt.Errorf("%w: by the test", holdfast.ErrInvalidName)
		}
	}
	return b.Store.Apply(ctx, conds, ops)
}

func TestDamagedAndRefusedValues(t *testing.T) { bothWays(t, damagedAndRefusedValues) }

func damagedAndRefusedValues(t *testing.T, slow bool) {
	src, dst := wrap(t, bad{newMem(slow), "3", ""}), wrap(t, bad{newMem(slow), "", "5"})
	for i := range 10 {
		put(t, src, "e", fmt.Sprint(i), "1")
	}
	var problems []string
	o := &transfer.Options{Problem: func(err error) { problems = append(problems, err.Error()) }}
	got, err := transfer.Copy(t.Context(), src, dst, o)
	must(t, err)
	if got.Copied != 8 || got.Damaged != 1 || got.Refused != 1 {
		t.Errorf("got %+v", got)
	}
	if all := strings.Join(problems, "|"); !strings.Contains(all, "e 3: damaged") || !strings.Contains(all, "copy e 5: invalid name") {
		t.Errorf("problems %s", all)
	}
	if has, err := values(t, dst, "e").Has(t.Context(), "3"); has || err != nil {
		t.Errorf("something stands for the damaged value: %v, %v", has, err)
	}
	if v, err := transfer.Verify(t.Context(), src, dst, o); err != nil || v.Damaged != 1 || v.Missing != 1 || v.Same != 8 {
		t.Errorf("verified: %+v, %v", v, err)
	}
}

// What the source cannot be read for ends a copy, and a verification, at once; it
// is neither absence nor damage.
func TestSourceThatFails(t *testing.T) {
	bothWays(t, func(t *testing.T, slow bool) {
		src, dst := wrap(t, failing{newMem(slow)}), wrap(t, newMem(slow))
		for i := range 10 {
			put(t, src, "e", fmt.Sprint(i), "1")
		}
		if got, err := transfer.Copy(t.Context(), src, dst, nil); !errors.Is(err, errPower) || got.Damaged+got.Refused != 0 {
			t.Errorf("copied: %+v, %v", got, err)
		}
		if got, err := transfer.Verify(t.Context(), src, dst, nil); !errors.Is(err, errPower) {
			t.Errorf("verified: %+v, %v", got, err)
		}
	})
}

// failing cannot read one value.
type failing struct{ mem }

func (f failing) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if k.ID == "5" {
		return driver.Record{}, errPower
	}
	return f.Store.Get(ctx, k)
}

func (f failing) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		for rec, err := range f.Store.Scan(ctx, entity) {
			if rec.Key.ID == "5" {
				yield(driver.Record{}, errPower)
				return
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

func TestWhatCannotBeCopied(t *testing.T) {
	src := newFiles(t)
	put(t, src, "e", "a", "1")
	other, err := holdfast.New(src.Driver(), nil)
	must(t, err)
	if _, err := transfer.Copy(t.Context(), src, other, nil); !errors.Is(err, transfer.ErrSame) {
		t.Errorf("onto itself: %v", err)
	}
	looking, err := holdfast.New(memstore.New(), &holdfast.Options{ReadOnly: true})
	must(t, err)
	if _, err := transfer.Copy(t.Context(), src, looking, nil); !errors.Is(err, holdfast.ErrReadOnly) {
		t.Errorf("to what is read-only: %v", err)
	}
	dst := wrap(t, memstore.New())
	if _, err := transfer.Copy(t.Context(), src, dst, &transfer.Options{Entities: []string{"a//b"}}); !errors.Is(err, holdfast.ErrInvalidName) {
		t.Errorf("a bad name: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := transfer.Copy(ctx, src, dst, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestEntitiesAndLeases(t *testing.T) {
	src := wrap(t, memstore.New())
	for _, entity := range []string{"a", "a/b", "lease", "lease/heartbeat", "leases"} {
		put(t, src, entity, "x", "1")
	}
	for only, want := range map[string]string{"": "a x 1\na/b x 1\nleases x 1\n", "a": "a x 1\n", "lease": "lease x 1\n"} {
		dst := wrap(t, memstore.New())
		put(t, dst, "z", "x", "1") // of no concern where entities are named
		o := &transfer.Options{}
		if only == "" {
			must(t, values(t, dst, "z").Clear(t.Context()))
		} else {
			o.Entities = []string{only, only}
			want += "z x 1\n"
		}
		_, err := transfer.Copy(t.Context(), src, dst, o)
		must(t, err)
		if got := dump(t, dst); got != want {
			t.Errorf("%q: got %q, want %q", only, got, want)
		}
	}
}

func TestCanonicalJSON(t *testing.T) {
	for _, same := range [][]string{
		{"1.50", "15e-1", "0.15E+1", "1.5"},
		{"0", "-0", "0.0e99"},
		{`{"a":1,"b":[2,"x"]}`, ` {"b" : [2.0, "\u0078"], "a":1 }`},
		{"1e999999999999999999999", "10e999999999999999999998"},
	} {
		for _, text := range same {
			if got, want := transfer.Canonical(t, text), transfer.Canonical(t, same[0]); got != want {
				t.Errorf("%s is %s, %s is %s", text, got, same[0], want)
			}
		}
	}
	seen := map[string]string{}
	for _, text := range []string{"1", "-1", "10", "1.01", `"1"`, "null", "[]", "{}", "[1]", "[[1]]", `{"a":[1,2]}`, `{"a":[12]}`, "true",
		"9007199254740993", "9007199254740992"} {
		form := transfer.Canonical(t, text)
		if other, taken := seen[form]; taken {
			t.Errorf("%s and %s are both %s", text, other, form)
		}
		seen[form] = text
	}
}
