package faultfs_test

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// Delays are told to the hook, add up, and fail nothing unless the rule has an
// error too.
func TestDelays(t *testing.T) {
	below := faultfs.New(inner(t))
	fsys := faultfs.New(below,
		faultfs.Rule{Op: faultfs.OpSync, Sticky: true, Delay: time.Second},
		faultfs.Rule{Op: faultfs.OpSync, Nth: 2, Delay: time.Minute},
		faultfs.Rule{Op: faultfs.OpSync, Nth: 3, Delay: time.Hour, Err: syscall.EIO},
		faultfs.Rule{Op: faultfs.OpSync, Nth: 3, Err: syscall.ENOSPC}) // the older one is first
	f := create(t, fsys, "x")
	var slept []time.Duration
	fsys.Sleep = func(d time.Duration) {
		fsys.Calls("") // no lock is held
		slept = append(slept, d)
	}
	for i, want := range []struct {
		delay time.Duration
		err   error
	}{{time.Second, nil}, {time.Minute + time.Second, nil}, {time.Hour + time.Second, syscall.EIO}, {time.Second, nil}} {
		if err := f.Sync(); !errors.Is(err, want.err) || len(slept) != i+1 || slept[i] != want.delay {
			t.Errorf("sync %d: %v after %v, want %+v", i+1, err, slept, want)
		}
	}
	if n := below.Calls(faultfs.OpSync); n != 3 {
		t.Errorf("%d syncs reached the inner file system: slow ones do, and the failed one does not", n)
	}
	events := fsys.Injected()
	if len(events) != 6 {
		t.Fatalf("%d events: %v", len(events), events)
	}
	for i, want := range []string{
		"call 2: Sync x (rule: Sync number 1 and on takes 1s longer)",
		"call 3: Sync x (rule: Sync number 1 and on takes 1s longer)",
		"call 3: Sync x (rule: Sync number 2 takes 1m0s longer)",
		"call 4: Sync x (rule: Sync number 1 and on takes 1s longer)",
		"call 4: Sync x (rule: Sync number 3 takes 1h0m0s longer and fails: input/output error)",
	} {
		if got := events[i].String(); got != want {
			t.Errorf("event %d: %q, want %q", i, got, want)
		}
	}
}

// Without a hook the time really passes.
func TestDelaysPass(t *testing.T) {
	fsys := faultfs.New(inner(t), faultfs.Rule{Op: faultfs.OpLstat, Delay: time.Hour})
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		fsys.Lstat("x")
		fsys.Lstat("x")
		if d := time.Since(before); d != time.Hour {
			t.Errorf("two looks took %v", d)
		}
	})
}
