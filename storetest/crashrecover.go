package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// recovered is what came of a disk: it does not depend on what had been
// acknowledged.
type recovered struct {
	seen    map[driver.Key]found
	verdict *verdict       // what is wrong in any case
	trace   *crashfs.Trace // of the first recovery
	second  []secondCrash  // of crashes in it
}

// recover opens the store on what a crash has left, twice.
func (r *crashRun) recover(t *testing.T, disk *crashfs.Disk, hash uint64) *recovered {
	rec := &recovered{}
	graceful := hash>>32&1 == 0 // each way of ending the first recovery has half of the states
	first, s, v := r.reopen(t, disk)
	if v != nil {
		rec.verdict = v
		return rec
	}
	rec.seen, rec.trace = r.once(first), disk.Trace()
	if v := r.inspect(t, disk, s, first); v != nil {
		rec.verdict = v
	}
	if err := r.end(s, graceful); err != nil && rec.verdict == nil {
		rec.verdict = &verdict{Stuck, fmt.Sprintf("close after the recovery: %v", err)}
	}
	if rec.verdict == nil {
		rec.verdict = r.again(t, disk, first, hash, graceful)
	}
	return rec
}

// once returns values that are equal to those given: most states hold what many
// others do.
func (r *crashRun) once(seen map[driver.Key]found) map[driver.Key]found {
	text := describe(seen)
	if same, ok := r.values[text]; ok && maps.Equal(same, seen) {
		return same
	}
	r.values[text] = seen
	return seen
}

// end closes a store, or kills it.
func (r *crashRun) end(s driver.Store, graceful bool) error {
	if c, ok := s.(io.Closer); ok && graceful {
		return c.Close()
	}
	r.kill(s)
	return nil
}

// again recovers once more: nothing changes. Then the store takes a change.
func (r *crashRun) again(t *testing.T, disk *crashfs.Disk, first map[driver.Key]found, hash uint64, graceful bool) *verdict {
	before := r.tree(disk)
	values, s, v := r.reopen(t, disk)
	if v != nil {
		return v
	}
	if !maps.Equal(values, first) {
		v = &verdict{Restless, fmt.Sprintf("at first %s, then %s", describe(first), describe(values))}
	}
	if err := r.end(s, graceful); err != nil && v == nil {
		v = &verdict{Stuck, fmt.Sprintf("close after the second recovery: %v", err)}
	}
	if after := r.tree(disk); v == nil && after != before {
		v = &verdict{Restless, fmt.Sprintf("the disk after the first recovery:\n%sand after the second:\n%s", before, after)}
	}
	if v != nil || hash>>33%goOnShare != 0 {
		return v
	}
	return r.goOn(t, disk)
}

// goOnShare is how many states share one that is gone on with.
const goOnShare = 8

// goOn opens the store for good, and changes something.
func (r *crashRun) goOn(t *testing.T, disk *crashfs.Disk) *verdict {
	s, err := r.open(t.Context(), disk.Mount())
	if err != nil {
		return &verdict{Unrecovered, fmt.Sprintf("the third time: %v", err)}
	}
	defer r.kill(s)
	k := driver.Key{Entity: "signal/after", ID: "AFTER"}
	if len(r.touched) > 0 {
		k.Entity = r.touched[0].Entity
	}
	if err := errors.Join(s.Init(t.Context(), k.Entity), s.Put(t.Context(), k, []byte(`{"after":true}`))); err != nil {
		return &verdict{Stuck, fmt.Sprintf("put %s: %v", k, err)}
	}
	if rec, err := s.Get(t.Context(), k); err != nil {
		return &verdict{Stuck, fmt.Sprintf("get %s after it was put: %q %v", k, rec.Data, err)}
	}
	return nil
}

// tree is the disk as text, less what does not matter.
func (r *crashRun) tree(disk *crashfs.Disk) string {
	var b strings.Builder
	for _, e := range disk.Tree() {
		if r.Skip == nil || !r.Skip(e.Name) {
			fmt.Fprintln(&b, e)
		}
	}
	return b.String()
}

// reopen opens the store and reads everything.
func (r *crashRun) reopen(t *testing.T, disk *crashfs.Disk) (map[driver.Key]found, driver.Store, *verdict) {
	s, err := r.open(t.Context(), disk.Mount())
	if err != nil {
		return nil, nil, &verdict{Unrecovered, err.Error()}
	}
	seen, v := r.read(t.Context(), s, r.touched)
	if v != nil {
		r.kill(s)
		return nil, nil, v
	}
	return seen, s, nil
}

// read asks for all keys, and compares with the listings.
func (r *crashRun) read(ctx context.Context, s driver.Store, touched []driver.Key) (map[driver.Key]found, *verdict) {
	seen := map[driver.Key]found{}
	keys := slices.Clone(touched)
	listed := map[driver.Key]bool{}
	l, lists := s.(driver.Lister)
	if lists {
		for entity, err := range l.Entities(ctx) {
			if err != nil {
				return nil, &verdict{Unrecovered, fmt.Sprintf("entities: %v", err)}
			}
			if v := r.list(ctx, l.IDs(ctx, entity), entity, listed); v != nil {
				return nil, v
			}
		}
	}
	for k := range listed {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	inits := map[string]bool{}
	for _, k := range keys {
		if !inits[k.Entity] {
			inits[k.Entity] = true
			if err := s.Init(ctx, k.Entity); err != nil {
				return nil, &verdict{Unrecovered, fmt.Sprintf("init %s: %v", k.Entity, err)}
			}
		}
		f, v := r.get(ctx, s, k)
		if v != nil {
			return nil, v
		}
		if lists && listed[k] != (f != absent) {
			return nil, &verdict{Listing, fmt.Sprintf("%s is %.60q, listed: %v", k, f, listed[k])}
		}
		if f != absent {
			seen[k] = f
		}
	}
	return seen, nil
}

func (r *crashRun) list(_ context.Context, ids iter.Seq2[string, error], entity string, listed map[driver.Key]bool) *verdict {
	for id, err := range ids {
		if err != nil {
			return &verdict{Unrecovered, fmt.Sprintf("ids of %s: %v", entity, err)}
		}
		k := driver.Key{Entity: entity, ID: id}
		if listed[k] {
			return &verdict{Listing, fmt.Sprintf("%s is listed twice", k)}
		}
		listed[k] = true
	}
	return nil
}

// get asks for one key, by Get and by Has.
func (r *crashRun) get(ctx context.Context, s driver.Store, k driver.Key) (found, *verdict) {
	rec, err := s.Get(ctx, k)
	has, hasErr := s.Has(ctx, k)
	var f found
	switch {
	case err == nil:
		f = found(rec.Data)
		if b := (bytes.Buffer{}); !r.exact && json.Compact(&b, rec.Data) == nil {
			f = found(b.String())
		}
	case errors.Is(err, driver.ErrNotFound):
		f, err = absent, nil
	case errors.Is(err, driver.ErrDamaged):
		f = damaged
	default:
		return "", &verdict{Unrecovered, fmt.Sprintf("get %s: %v", k, err)}
	}
	if has != (f != absent && f != damaged) || errors.Is(hasErr, driver.ErrDamaged) != (f == damaged) || hasErr != nil && f != damaged {
		return "", &verdict{Listing, fmt.Sprintf("%s is %.60q, and Has says %v %v", k, f, has, hasErr)}
	}
	return f, nil
}

// inspect judges what does not depend on the values.
func (r *crashRun) inspect(t *testing.T, disk *crashfs.Disk, s driver.Store, seen map[driver.Key]found) *verdict {
	if rep, ok := s.(driver.Recoverer); ok {
		for _, f := range rep.Report().Findings {
			if f.Problem != driver.ProblemStaleTemp && !slices.Contains(r.protocol.Problems, f.Problem) {
				return &verdict{Blamed, fmt.Sprintf("%+v", f)}
			}
		}
	}
	if missing := r.missing(disk); missing != nil {
		return &verdict{Evidence, fmt.Sprintf("no file has %.60q any more", missing)}
	}
	c := &Crashed{Disk: disk, Store: s, Values: map[driver.Key]string{}}
	for k, f := range seen {
		if f != damaged {
			c.Values[k] = string(f)
		}
	}
	for _, judge := range []func(context.Context, *Crashed) error{r.Judge, r.protocol.Judge} {
		if judge == nil {
			continue
		}
		if err := judge(t.Context(), c); err != nil {
			return &verdict{Custom, err.Error()}
		}
	}
	return nil
}

// missing returns bytes that should be on the disk and are not.
func (r *crashRun) missing(disk *crashfs.Disk) []byte {
	for _, want := range r.evidence {
		if !slices.ContainsFunc(disk.Tree(), func(e crashfs.Entry) bool {
			if e.Mode.IsDir() || e.Size != int64(len(want)) {
				return false
			}
			b, err := disk.ReadFile(e.Name)
			return err == nil && bytes.Equal(b, want)
		}) {
			return want
		}
	}
	return nil
}

// digits are what differs from one recovery to the next of its kind.
var digits = regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f]*`)

// kindOf tells recoveries apart by what they do, and after a kill by the moment:
// what had been done last is what they may take for durable, whatever they do.
func kindOf(s crashfs.State, recovery *crashfs.Trace) string {
	if s.Killed() {
		n, _ := s.Point().Call()
		return fmt.Sprintf("%s, killed after call %d", s.Point().Model(), n)
	}
	var b strings.Builder
	for _, c := range recovery.Calls() {
		fmt.Fprintln(&b, c)
	}
	return digits.ReplaceAllString(b.String(), "#")
}
