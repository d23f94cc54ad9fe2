package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/caseblindfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// lateContext is sound when a call begins, and runs then when it is asked again.
type lateContext struct {
	context.Context
	asked int
	then  func() error
}

func (c *lateContext) Err() error {
	if c.asked++; c.asked == 1 {
		return nil
	}
	return c.then()
}

// A change may wait long for another one of its key; what has come meanwhile
// counts.
func TestChangesMeanwhile(t *testing.T) {
	s, fsys := faulty(t, t.TempDir(), filestore.Options{})
	other := eth
	for i := 0; s.SameLock(btc, other); i++ {
		other.ID += "x"
	}
	put(t, s, btc, `1`)
	put(t, s, other, `1`)
	cancelled := &lateContext{Context: t.Context(), then: func() error { return context.Canceled }}
	if err := s.Put(cancelled, btc, []byte(`2`)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled meanwhile: %v", err)
	}
	stopped := &lateContext{Context: t.Context(), then: func() error {
		fsys.Add(faultfs.Rule{Op: faultfs.OpSync})
		if err := s.Put(t.Context(), other, []byte(`2`)); !errors.Is(err, driver.ErrStopped) {
			t.Errorf("a failed flush: %v", err)
		}
		return nil
	}}
	if err := s.Put(stopped, btc, []byte(`2`)); !errors.Is(err, driver.ErrStopped) {
		t.Errorf("stopped meanwhile: %v", err)
	}
	wantValue(t, s, btc, `1`)
}

// Reading everything ends soon after its context.
func TestCheckEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	for i := range 200 {
		write(t, dir, fmt.Sprintf("signal/%d.json", i), `1`)
	}
	s := open(t, dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	last := 0
	_, err := s.Check(ctx, func(n int) { cancel(); last = n })
	if !errors.Is(err, context.Canceled) || last > 20 {
		t.Errorf("after %d of 200 values: %v", last, err)
	}
	fresh := t.TempDir()
	if _, err := filestore.Open(ctx, fresh, direct(nil)); !errors.Is(err, context.Canceled) || tree(t, fresh) != "" {
		t.Errorf("Open: %v, and it left %q", err, tree(t, fresh))
	}
}

// Keys that may share a file wait for each other.
func TestCaseTwinsShareALock(t *testing.T) {
	dir := t.TempDir()
	sharp := open(t, dir, nil)
	pairs := [][2]string{{"ab", "AB"}, {"\u00e9", "e\u0301"}, {"k", "\u212a"}, {"s", "\u017f"}, {"straße", "STRASSE"}, {"a\u00adb", "ab"}, {"\ufb01", "FI"}}
	apart := 0
	for _, p := range pairs {
		if !sharp.SameLock(driver.Key{Entity: "e", ID: p[0]}, driver.Key{Entity: "e", ID: p[1]}) {
			apart++
		}
	}
	if apart < len(pairs)/2 {
		t.Errorf("of %d pairs that nobody takes for one, %d have locks of their own", len(pairs), apart)
	}
	closeStore(t, sharp)
	blind := open(t, dir, &filestore.Options{FS: caseblindfs.New(osFS(t, dir))})
	for _, p := range pairs {
		if !blind.SameLock(driver.Key{Entity: "E", ID: p[0]}, driver.Key{Entity: "e", ID: p[1]}) {
			t.Errorf("%q and %q may be changed at once", p[0], p[1])
		}
	}
}

// A value that is removed while everything is read is not counted, and a
// directory that is removed holds nobody up.
func TestRemovedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	fsys := hooked(osFS(t, dir))
	s := open(t, dir, &filestore.Options{FS: fsys})
	put(t, s, btc, `1`)
	put(t, s, safe, `1`)
	fsys.hooks["ReadDir signal/strategy-a"] = func() { must(t, s.Delete(t.Context(), btc)) }
	if report, err := s.Check(t.Context(), nil); err != nil || report.Values != 1 || report.Entities != 1 {
		t.Errorf("Check: %+v, %v", report, err)
	}
	fsys.hooks["ReadDir signal"] = func() { must(t, os.RemoveAll(filepath.Join(dir, "signal"))) }
	if got := entities(t, s); !slices.Equal(got, []string{safe.Entity}) {
		t.Errorf("Entities: %q", got)
	}
}

// What is refused for its length has left nothing, not even directories.
func TestTooLongLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	for _, k := range []driver.Key{
		{Entity: "signal", ID: strings.Repeat("x", 251)},
		{Entity: "signal", ID: strings.Repeat("/", 60)},
		{Entity: "signal/" + strings.Repeat("x", 256), ID: "x"},
	} {
		if err := s.Put(t.Context(), k, []byte(`1`)); !errors.Is(err, driver.ErrInvalidName) {
			t.Errorf("Put: %v", err)
		}
		wantErr(t, s, k, driver.ErrInvalidName)
	}
	if left := tree(t, dir); left != ".holdfast d---------" {
		t.Errorf("left:\n%s", left)
	}
	fits := driver.Key{Entity: strings.Repeat("x", 255), ID: strings.Repeat("y", 250)}
	put(t, s, fits, `1`)
	wantValue(t, s, fits, `1`)
}

// An entity with two directories: which one holds a value cannot be told, so
// none is absent.
func TestTwoDirectoriesOfOneEntity(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	write(t, dir, "a:b/x.json", `1`)
	write(t, dir, "a%{3A}b/y.json", `2`)
	s := open(t, dir, &filestore.Options{ReadOnly: true})
	for _, id := range []string{"x", "y", "z"} {
		wantDamaged(t, s, driver.Key{Entity: "a:b", ID: id})
	}
	if err := firstError(s.IDs(t.Context(), "a:b")); !errors.Is(err, driver.ErrDamaged) {
		t.Errorf("IDs: %v", err)
	}
	if err := firstError(s.Entities(t.Context())); !errors.Is(err, driver.ErrDamaged) {
		t.Errorf("Entities: %v", err)
	}
}

// A Delete that fails half way leaves the value, not the other file of its id.
func TestDeleteOfBothFormsFails(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	k := driver.Key{Entity: "signal", ID: "a:b"}
	s, fsys := faulty(t, dir, filestore.Options{})
	for nth := 1; nth <= 2; nth++ {
		write(t, dir, "signal/a:b.json", `"unix"`)
		write(t, dir, "signal/a%{3A}b.json", `"windows"`)
		fsys.Add(faultfs.Rule{Op: faultfs.OpRemove, Nth: nth})
		if err := s.Delete(t.Context(), k); err == nil {
			t.Fatalf("Delete, with its removal %d failing, is nil", nth)
		}
		fsys.Clear()
		wantValue(t, s, k, `"unix"`)
	}
	must(t, s.Delete(t.Context(), k))
	wantAbsent(t, s, k)
}

// The directory that something was moved out of is flushed before the Put that
// moved it is acknowledged.
func TestMovedTwinIsFlushed(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	s, l := audited(t, dir, filestore.Options{})
	k := driver.Key{Entity: "signal", ID: "a:b"}
	put(t, s, k, `1`)
	write(t, dir, "signal/a%{3A}b.json/sub/x", ``)
	l.take(t)
	put(t, s, k, `2`)
	calls := l.take(t)
	moved := slices.Index(calls, "Rename .holdfast/quarantine/CASE/original")
	if moved < 0 || !slices.Contains(calls[moved:], "SyncDir signal") {
		t.Errorf("the calls: %s", strings.Join(calls, ", "))
	}
	wantValue(t, s, k, `2`)
}
