// Package faultfs wraps a [vfs.FS] so that chosen calls fail: the nth write of
// a file, every sync from now on, a rename. Faults are values that print, every
// call is counted, and rules may come and go while a test runs.
//
// A call that fails by a rule is not performed, with two exceptions: a Close
// closes, since the caller has no other way to let go of the file and its lock;
// and a short write stores half of its bytes. A Sync that fails by a rule, above
// all, syncs nothing.
//
// Calls can be made slow as well. [Disk] is another wrapper: a disk that fills up.
// They stack in any order.
package faultfs

import (
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// FS is a file system with faults. Errors that it injects are *[fs.PathError]
// values with the Op and the path; errors.Is finds the rule's error in them.
//
// Concurrency: all methods may be called from many goroutines.
type FS struct {
	// OnCall, if not nil, is called before each call is looked at, with no
	// lock held, so it may block to stop a goroutine at this point. The path
	// of a Rename is the new name. Set it before the first call.
	OnCall func(op Op, path string)

	// OnFault, if not nil, is called for each call that fails by a rule, before
	// its caller is told, with no lock held. Set it before the first call.
	OnFault func(Event)

	// Sleep waits for the Delay of a rule, with no lock held; nil is
	// time.Sleep. Set it before the first call.
	Sleep func(time.Duration)

	inner vfs.FS

	mu     sync.Mutex
	rules  []*armed
	calls  map[Op]int
	total  int
	events []Event
}

// armed is a rule with its own count of matching calls.
type armed struct {
	Rule
	seen int
}

// New wraps inner, with rules.
func New(inner vfs.FS, rules ...Rule) *FS {
	f := &FS{inner: inner, calls: map[Op]int{}}
	f.Add(rules...)
	return f
}

// Add adds rules. Each counts the calls from now on; of several that would fail
// one call the oldest does. It panics on a rule with an unknown Op or a
// malformed pattern.
func (f *FS) Add(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rules {
		r.check()
		f.rules = append(f.rules, &armed{Rule: r})
	}
}

// Clear removes all rules. The counts and events stay.
func (f *FS) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Calls returns how many calls of op there were, failed ones included; of any
// kind for "".
func (f *FS) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op == "" {
		return f.total
	}
	return f.calls[op]
}

// Injected returns the faults so far, slow calls included, oldest first.
func (f *FS) Injected() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

// call counts a call, waits if it is slow, and returns its fault, if any. The
// last of names is what the call is reported under.
func (f *FS) call(op Op, names ...string) *Event {
	name := names[len(names)-1]
	if f.OnCall != nil {
		f.OnCall(op, name)
	}
	fault, delay := f.count(op, name, names)
	switch {
	case delay == 0:
	case f.Sleep != nil:
		f.Sleep(delay)
	default:
		time.Sleep(delay)
	}
	if fault != nil && f.OnFault != nil {
		f.OnFault(*fault)
	}
	return fault
}

// count finds the rules that are due: the oldest one that fails the call, and
// what the delays of all come to.
func (f *FS) count(op Op, name string, names []string) (fault *Event, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total++
	f.calls[op]++
	for _, r := range f.rules {
		if !r.matches(op, names) {
			continue
		}
		r.seen++
		if r.seen != r.nth() && (!r.Sticky || r.seen < r.nth()) || fault != nil && !r.slows() {
			continue
		}
		delay += r.Delay
		e := Event{Call: f.total, Op: op, Path: name, Rule: r.Rule}
		if !r.slows() {
			e.Err = &fs.PathError{Op: string(op), Path: name, Err: r.err()}
			fault = &e
		}
		f.events = append(f.events, e)
	}
	return fault, delay
}

// OpenFile implements [vfs.FS].
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if e := f.call(OpOpenFile, name); e != nil {
		return nil, e.Err
	}
	inner, err := f.inner.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &file{inner: inner, fsys: f, name: name}, nil
}

// Lstat implements [vfs.FS].
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	if e := f.call(OpLstat, name); e != nil {
		return nil, e.Err
	}
	return f.inner.Lstat(name)
}

// ReadDir implements [vfs.FS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if e := f.call(OpReadDir, name); e != nil {
		return nil, e.Err
	}
	return f.inner.ReadDir(name)
}

// Mkdir implements [vfs.FS].
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	if e := f.call(OpMkdir, name); e != nil {
		return e.Err
	}
	return f.inner.Mkdir(name, perm)
}

// Rename implements [vfs.FS].
func (f *FS) Rename(oldname, newname string) error {
	if e := f.call(OpRename, oldname, newname); e != nil {
		return e.Err
	}
	return f.inner.Rename(oldname, newname)
}

// Remove implements [vfs.FS].
func (f *FS) Remove(name string) error {
	if e := f.call(OpRemove, name); e != nil {
		return e.Err
	}
	return f.inner.Remove(name)
}

// Chtimes implements [vfs.FS].
func (f *FS) Chtimes(name string, mtime time.Time) error {
	if e := f.call(OpChtimes, name); e != nil {
		return e.Err
	}
	return f.inner.Chtimes(name, mtime)
}

// SyncDir implements [vfs.FS].
func (f *FS) SyncDir(name string) error {
	if e := f.call(OpSyncDir, name); e != nil {
		return e.Err
	}
	return f.inner.SyncDir(name)
}

// StatDir implements [vfs.DirStater]. Where the inner file system has no such
// method it answers as [vfs.StatDir] does, still in one call: the ReadDir
// beneath is not counted.
func (f *FS) StatDir(name string) ([]vfs.Info, error) {
	if e := f.call(OpStatDir, name); e != nil {
		return nil, e.Err
	}
	return vfs.StatDir(f.inner, name)
}

// SyncAll implements [vfs.AllSyncer]: errors.ErrUnsupported where the inner file
// system has no such method.
func (f *FS) SyncAll() error {
	if e := f.call(OpSyncAll, "."); e != nil {
		return e.Err
	}
	return vfs.SyncAll(f.inner)
}

// Exchange implements [vfs.Exchanger], as [vfs.Exchange] answers for the inner
// file system. It counts, and fails, as a Rename from a to b.
func (f *FS) Exchange(a, b string) error {
	if e := f.call(OpRename, a, b); e != nil {
		return e.Err
	}
	return vfs.Exchange(f.inner, a, b)
}

// Close closes the inner file system; no rule fails it.
func (f *FS) Close() error { return f.inner.Close() }
