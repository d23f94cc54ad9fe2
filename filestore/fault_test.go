package filestore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// change is a change of btc, and what may be read before and after it.
type change struct {
	name    string
	prepare func(t *testing.T, s *filestore.Store, dir string)
	do      func(t *testing.T, s *filestore.Store) error
	old     outcome
	new     outcome
}

// safe is a value that no change is about.
var safe = driver.Key{Entity: "risk/conservative", ID: "positions"}

// outcome is what Get answers: data, or an error.
type outcome struct {
	data string
	err  error
}

var (
	absentNow  = outcome{err: driver.ErrNotFound}
	damagedNow = outcome{err: driver.ErrDamaged}
)

func got(t *testing.T, s driver.Store) outcome {
	t.Helper()
	rec, err := s.Get(t.Context(), btc)
	has, hasErr := s.Has(t.Context(), btc)
	switch {
	case err == nil && has:
		return outcome{data: string(rec.Data)}
	case errors.Is(err, driver.ErrNotFound) && !has && hasErr == nil:
		return absentNow
	case errors.Is(err, driver.ErrDamaged) && errors.Is(hasErr, driver.ErrDamaged):
		return damagedNow
	}
	t.Fatalf("Get gives %q, %v; Has %v, %v", rec.Data, err, has, hasErr)
	return outcome{}
}

func (c change) wantOldOrNew(t *testing.T, s driver.Store) {
	t.Helper()
	if now := got(t, s); now != c.old && now != c.new {
		t.Fatalf("neither old nor new: %v", now)
	}
}

// counts tells how many calls the change makes, by kind; under "" all.
func (c change) counts(t *testing.T) map[faultfs.Op]int {
	t.Helper()
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{})
	c.prepare(t, s, dir)
	all := fsys.Calls("")
	counts := callsOf(fsys, func() { must(t, c.do(t, s)) })
	counts[""] = fsys.Calls("") - all
	if now := got(t, s); now != c.new {
		t.Fatalf("without a fault: %v", now)
	}
	return counts
}

func changes() []change {
	nothing := func(*testing.T, *filestore.Store, string) {}
	old := func(t *testing.T, s *filestore.Store, dir string) { put(t, s, btc, `"old"`) }
	hurt := func(how string) func(*testing.T, *filestore.Store, string) {
		return func(t *testing.T, s *filestore.Store, dir string) {
			old(t, s, dir)
			must(t, damages[how](filepath.Join(dir, btcFile)))
		}
	}
	putNew := func(t *testing.T, s *filestore.Store) error { return s.Put(t.Context(), btc, []byte(`"new"`)) }
	remove := func(t *testing.T, s *filestore.Store) error { return s.Delete(t.Context(), btc) }
	clear := func(t *testing.T, s *filestore.Store) error { return s.Clear(t.Context(), btc.Entity) }
	was, is := outcome{data: `"old"`}, outcome{data: `"new"`}
	return []change{
		{"first Put", nothing, putNew, absentNow, is},
		{"Put", old, putNew, was, is},
		{"Delete", old, remove, was, absentNow},
		{"Clear", old, clear, was, absentNow},
		{"Put over damage", hurt("truncated"), putNew, damagedNow, is},
		{"Put over a directory", hurt("directory"), putNew, damagedNow, is},
		{"Delete of damage", hurt("empty"), remove, damagedNow, absentNow},
		{"Delete of a directory", hurt("directory"), remove, damagedNow, absentNow},
		{"Put over a mark", marked, putNew, damagedNow, is},
		{"Delete of a mark", marked, remove, damagedNow, absentNow},
	}
}

// marked leaves a value that is in quarantine and has no file: a Put found it
// damaged and failed after it had set it aside.
func marked(t *testing.T, s *filestore.Store, dir string) {
	t.Helper()
	put(t, s, btc, `"old"`)
	must(t, damages["garbage"](filepath.Join(dir, btcFile)))
	fsys := s.FS().(*faultfs.FS)
	fsys.Add(faultfs.Rule{Op: faultfs.OpWrite, Path: ".tmp-*-BTCUSDT.json", Err: syscall.ENOSPC})
	if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Put: %v", err)
	}
	fsys.Clear()
	if files := kept(t, dir, "why.json"); len(files) != 1 {
		t.Fatalf("in quarantine: %q", files)
	}
}

// Every call that a change makes fails, one at a time, in every way. The change
// fails or succeeds; what is read is the old value or the new one, the new one
// if it succeeded; and after the next Open no temporary file is left.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			calls := c.counts(t)[""]
			for n := 1; n <= calls; n++ {
				for _, want := range []error{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EMFILE} {
					everyFault(t, c, faultfs.Rule{Nth: n, Err: want})
				}
				everyFault(t, c, faultfs.Rule{Nth: n, Sticky: true}) // as a kill would
			}
		})
	}
}

func everyFault(t *testing.T, c change, rule faultfs.Rule) {
	t.Helper()
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{})
	c.prepare(t, s, dir)
	put(t, s, safe, `"safe"`)
	fsys.Add(rule)
	err := c.do(t, s)
	fsys.Clear()
	at := fmt.Sprintf("%v, the change gave %v", rule, err)
	check := func(when string, s *filestore.Store) {
		t.Helper()
		now := got(t, s)
		if now != c.new && (now != c.old || err == nil) {
			t.Fatalf("%s, %s: %v", at, when, now)
		}
		wantValue(t, s, safe, `"safe"`)
	}
	check("before a restart", s)
	closeStore(t, s)
	s = open(t, dir, nil)
	check("after a restart", s)
	wantNoTemps(t, dir)

	// Whatever was left half done is no trap for what comes after it.
	put(t, s, btc, `"healed"`)
	if err := s.Delete(t.Context(), btc); err != nil {
		t.Fatalf("%s: Delete afterwards: %v", at, err)
	}
	closeStore(t, s)
	s = open(t, dir, nil)
	wantAbsent(t, s, btc)
	wantOneCopy(t, dir, c, at)
}

// wantOneCopy checks that damaged bytes, once there, are still somewhere.
func wantOneCopy(t *testing.T, dir string, c change, at string) {
	t.Helper()
	if c.old != damagedNow {
		return
	}
	if n := len(kept(t, dir, "bytes")) + len(kept(t, dir, "original")); n == 0 {
		t.Fatalf("%s: the damaged bytes are nowhere:\n%s", at, tree(t, dir))
	}
}
