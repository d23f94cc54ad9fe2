package faultfs

import (
	"fmt"
	"path"
	"slices"
	"syscall"
	"time"
)

// Op names a call of [vfs.FS] or [vfs.File].
type Op string

// The calls. A [vfs.Datasyncer]'s Datasync counts as OpSync. OpStatDir and
// OpSyncAll are [vfs.StatDir] and [vfs.SyncAll], whether the inner file system
// has the methods or not; the path of a SyncAll is ".".
const (
	OpOpenFile Op = "OpenFile"
	OpLstat    Op = "Lstat"
	OpReadDir  Op = "ReadDir"
	OpMkdir    Op = "Mkdir"
	OpRename   Op = "Rename"
	OpRemove   Op = "Remove"
	OpChtimes  Op = "Chtimes"
	OpSyncDir  Op = "SyncDir"
	OpStatDir  Op = "StatDir"
	OpSyncAll  Op = "SyncAll"

	OpRead     Op = "Read"
	OpWrite    Op = "Write"
	OpReadAt   Op = "ReadAt"
	OpWriteAt  Op = "WriteAt"
	OpClose    Op = "Close"
	OpStat     Op = "Stat"
	OpSync     Op = "Sync"
	OpTruncate Op = "Truncate"
	OpChmod    Op = "Chmod"
	OpTryLock  Op = "TryLock"
)

// Ops lists every Op, for a test that tries them all.
func Ops() []Op {
	return []Op{
		OpOpenFile, OpLstat, OpReadDir, OpMkdir, OpRename, OpRemove, OpChtimes, OpSyncDir, OpStatDir, OpSyncAll,
		OpRead, OpWrite, OpReadAt, OpWriteAt, OpClose, OpStat, OpSync, OpTruncate, OpChmod, OpTryLock,
	}
}

// Rule says which call fails, and how. The zero Rule fails the first call of
// any kind with EIO.
type Rule struct {
	Op     Op     // "" is any call
	Path   string // a pattern of path.Match for the whole path or its last element; "" is any path. A Rename matches by either name.
	Nth    int    // the nth matching call fails, counted from 1 since the rule was added; 0 is the first
	Sticky bool   // so do all matching calls after it
	Err    error  // nil is EIO, or no failure where there is a Delay
	Short  bool   // a Write or WriteAt stores the first half of its bytes before it fails

	// Delay is how long the call takes longer, see [FS.Sleep]. The delays of all
	// rules that are due add up.
	Delay time.Duration
}

// String is what a failing test prints, so that the fault can be set up again.
func (r Rule) String() string {
	op, where := "any call", ""
	if r.Op != "" {
		op = string(r.Op)
	}
	if r.Path != "" {
		where = " of " + r.Path
	}
	count := fmt.Sprintf(" number %d", r.nth())
	if r.Sticky {
		count += " and on"
	}
	how := ""
	if r.Delay != 0 {
		how = fmt.Sprintf(" takes %v longer", r.Delay)
	}
	if r.slows() {
		return op + where + count + how
	}
	if how != "" {
		how += " and"
	}
	how += " fails"
	if r.Short {
		how += " half way"
	}
	return fmt.Sprintf("%s%s%s%s: %v", op, where, count, how, r.err())
}

// slows tells of a rule that makes a call slow and does not fail it.
func (r Rule) slows() bool { return r.Delay != 0 && r.Err == nil && !r.Short }

func (r Rule) nth() int { return max(r.Nth, 1) }

func (r Rule) err() error {
	if r.Err == nil {
		return syscall.EIO
	}
	return r.Err
}

// check panics on a rule that could never fire: a test with it would pass for
// the wrong reason.
func (r Rule) check() {
	if r.Op != "" && !slices.Contains(Ops(), r.Op) {
		panic(fmt.Sprintf("faultfs: unknown operation %q", r.Op))
	}
	if _, err := path.Match(r.Path, ""); err != nil {
		panic(fmt.Sprintf("faultfs: pattern %q: %v", r.Path, err))
	}
}

func (r Rule) matches(op Op, names []string) bool {
	if r.Op != "" && r.Op != op {
		return false
	}
	if r.Path == "" {
		return true
	}
	for _, name := range names {
		if ok, _ := path.Match(r.Path, name); ok {
			return true
		}
		if ok, _ := path.Match(r.Path, path.Base(name)); ok {
			return true
		}
	}
	return false
}

// Event is one fault that was injected.
type Event struct {
	Call int    // the number of the call among all calls, from 1
	Op   Op     // what was called
	Path string // on what; the new name for a Rename
	Rule Rule   // why it failed
	Err  error  // what the caller got, path and all; nil for a slow call
}

// String is a line for a test's log.
func (e Event) String() string {
	return fmt.Sprintf("call %d: %s %s (rule: %s)", e.Call, e.Op, e.Path, e.Rule)
}
