// Package filestore is the default backend: one JSON file per value, in a
// directory that a person can read, edit while the process is stopped, and
// share with backtest-kit.
//
//	logs/data/                               base directory, 0700; files 0600
//	  signal/strategy-a/BTCUSDT.json         entity "signal/strategy-a", id "BTCUSDT"
//	  risk/conservative/positions.json
//	  .holdfast/                             all that is Holdfast's own
//	    LOCK                                 held by the one writer, names it
//	    journal/                             every change, in order (package journal)
//	    snapshot/                            all values, for a quick start (see snapshot.go)
//	    quarantine/{time}/                   what was damaged, and why (see quarantine.go)
//
// A change goes to the journal: one record, one flush for all that wait, and it
// is acknowledged and visible. The files are written behind, of each value the
// latest version. Old journal is history: see [Store.History]. With the option
// [Off] every change is written to its file directly instead: a temporary file
// beside its target, fsync, rename, fsync of the directory (package atomicfile).
// A directory may be opened either way at any time; there is nothing to convert.
//
// When a call that changes something returns nil, the change survives kill -9,
// an operating-system crash and a power cut, on a disk that honours flush.
//
// Importing the package registers the URL scheme "file:" (see [OpenURL]).
package filestore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/watch"
	"github.com/holdfast-go/holdfast/vfs"
)

// Policy says what becomes of an invalid file that is found when the store is
// opened.
type Policy string

// The policies for invalid files.
const (
	// Quarantine keeps the file under .holdfast/quarantine with what was wrong
	// and when; the value answers ErrDamaged until it is put or deleted. The
	// default.
	Quarantine Policy = "quarantine"
	// Delete is backtest-kit's way: unlink, and the value is gone.
	Delete Policy = "delete"
	// Refuse makes Open fail and leaves everything as it is.
	Refuse Policy = "refuse"
)

// Mode says how changes are written.
type Mode string

// The modes.
const (
	// On writes to the journal, and to the files behind it. The default.
	On Mode = "on"
	// Off writes to the files directly: for one value at a time, and for
	// directories that other programs write to while the store is open.
	Off Mode = "off"
)

// Options of Open. Nil stands for the zero value, which stands for the
// defaults.
type Options struct {
	Logger      *slog.Logger  // default: nothing is logged
	ReadOnly    bool          // no lock, no recovery, no changes
	Journal     Mode          // default: On
	Invalid     Policy        // default: Quarantine
	RemoveTries int           // of unlinking an invalid file under Delete; default 5
	RemoveDelay time.Duration // between those tries; default 1 s

	// The rest is for the journal.

	HistorySize int64         // bytes that the journal may take, history included; default 256 MiB, at least 4 MiB
	HistoryAge  time.Duration // older states may go; default 30 days, negative: no limit

	// Cache is how many bytes of values to hold in memory beside those that are
	// not yet in their files; default 64 MiB, negative: no limit. Small values that
	// the opening has read lie many together: until all of such a piece are given
	// up or overwritten it stays, which may be as much again.
	Cache   int64
	Verify  bool // read every file when opening, not only those that look as if somebody had touched them
	Salvage bool // open though acknowledged changes are lost and nobody can tell of which values

	segment int64 // size of the journal's first files; 0: minSegment. Tests make it small.

	FS vfs.FS // stands in for the directory; Close closes it, and so does an Open that fails for what it found. Default: the operating system's
}

// Store is an open directory. It implements driver.Store and the capabilities
// Deleter, Lister, Applier (of one key where there is no journal), Historian
// (where there is one), Watcher, Recoverer, Checker, Flusher, Describer and
// io.Closer.
type Store struct {
	fs        vfs.FS
	dir       string // for messages and Properties
	log       *slog.Logger
	opt       Options
	names     naming
	caseBlind bool // names that differ in case or normal form may share a file

	life   *life
	once   sync.Once // of Close
	lock   vfs.File  // nil when read-only
	report driver.Report
	j      *journaled // nil in direct mode and when read-only
	f      *follower  // not nil when read-only

	stopped atomic.Pointer[error] // the failed flush (P8)
	keys    [256]sync.Mutex       // serialise the direct changes of one key
	seed    maphash.Seed          // spreads keys over keys
	dirs    durableDirs
	exact   spellings // used when caseBlind
	marks   marks     // values whose damaged bytes lie in quarantine
	clock   clock
	hub     watch.Hub
}

// The capabilities.
var (
	_ driver.Store     = (*Store)(nil)
	_ driver.Deleter   = (*Store)(nil)
	_ driver.Lister    = (*Store)(nil)
	_ driver.Applier   = (*Store)(nil)
	_ driver.Historian = (*Store)(nil)
	_ driver.Flusher   = (*Store)(nil)
	_ driver.Watcher   = (*Store)(nil)
	_ driver.Recoverer = (*Store)(nil)
	_ driver.Checker   = (*Store)(nil)
	_ driver.Describer = (*Store)(nil)
	_ io.Closer        = (*Store)(nil)
)

// Open opens the directory, creates it where it is missing, takes its lock and
// recovers: invalid files are treated by the policy; the temporary files of dead
// writers are swept. With a journal, what it has acknowledged is there, edits by
// hand are adopted, and files are read only where their looks have changed;
// without one every file is read. Report tells what was found.
//
// ErrLocked, as a *driver.LockedError, names the process that has the
// directory. A passing error of reading (EIO, EACCES, EMFILE, …) fails Open, and
// nothing has been moved.
func Open(ctx context.Context, dir string, o *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := prepare(dir, o)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// prepare makes a Store of the options, and opens the file system.
func prepare(dir string, o *Options) (*Store, error) {
	s := &Store{dir: dir, names: nativeNaming(), seed: maphash.MakeSeed(), report: newReport(), life: newLife()}
	if o != nil {
		s.opt = *o
	}
	if err := s.opt.complete(); err != nil {
		return nil, err
	}
	s.log = s.opt.Logger
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		s.dir = abs
	}
	s.fs = s.opt.FS
	if s.fs == nil {
		fsys, err := vfs.OpenOS(s.dir, &vfs.OSOptions{Create: !s.opt.ReadOnly})
		if err != nil {
			return nil, s.explainOpen(err)
		}
		s.fs = fsys
	}
	return s, nil
}

// minHistory is the least that a journal can work with.
const minHistory = 4 << 20

// complete fills in the defaults, and refuses what means nothing.
func (o *Options) complete() error {
	set(&o.Invalid, Quarantine)
	set(&o.Journal, On)
	set(&o.RemoveTries, 5)
	set(&o.RemoveDelay, time.Second)
	set(&o.HistorySize, 256<<20)
	set(&o.HistoryAge, 30*24*time.Hour)
	if set(&o.Cache, 64<<20); o.Cache < 0 {
		o.Cache = math.MaxInt64
	}
	switch o.Invalid {
	case Quarantine, Delete, Refuse:
	default:
		return fmt.Errorf("unknown policy for invalid files %q: use quarantine, delete or refuse", o.Invalid)
	}
	switch o.Journal {
	case On, Off:
	default:
		return fmt.Errorf("unknown way to write %q: use on or off", o.Journal)
	}
	if o.segment == 0 {
		o.segment, o.HistorySize = minSegment, max(o.HistorySize, minHistory)
	}
	o.RemoveTries, o.RemoveDelay = max(o.RemoveTries, 1), max(o.RemoveDelay, 0)
	return nil
}

func set[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// start does what needs the file system: lock, then recovery.
func (s *Store) start(ctx context.Context) error {
	if !s.opt.ReadOnly {
		if err := s.acquire(); err != nil {
			return err
		}
	}
	err := s.load(ctx)
	var pathErr *fs.PathError // which names its file relative to the directory
	if errors.As(err, &pathErr) {
		return fmt.Errorf("directory %s: %w", s.dir, err)
	}
	return err
}

// load reads what is there, and recovers.
func (s *Store) load(ctx context.Context) (err error) {
	if s.caseBlind, err = s.probeCase(); err != nil {
		return err
	}
	if err := s.loadMarks(); err != nil {
		return err
	}
	switch {
	case s.opt.ReadOnly:
		s.f = newFollower(s)
		return s.f.load(ctx)
	case s.opt.Journal == On:
		s.j, s.report, err = s.openJournal(ctx)
		return err
	}
	retired, err := s.retire(ctx)
	if err != nil {
		return err
	}
	s.report, err = s.recover(ctx)
	told := slices.DeleteFunc(s.report.Findings, func(f driver.Finding) bool {
		return f.Problem == driver.ProblemKept && f.Action == driver.ActionNone && slices.ContainsFunc(retired, func(o driver.Finding) bool {
			return o.Entity == f.Entity && o.ID == f.ID && o.Action == driver.ActionQuarantine
		})
	})
	s.report.Findings = append(append([]driver.Finding{}, retired...), told...)
	return err
}

// retire ends the use of a journal that the directory may have, so that the
// files alone are right from here on. It returns what was found on the way.
func (s *Store) retire(ctx context.Context) ([]driver.Finding, error) {
	used, err := s.hasJournal()
	if err != nil || !used {
		return nil, err
	}
	j, report, err := s.openJournal(ctx)
	if err != nil {
		return nil, err
	}
	done := slices.DeleteFunc(report.Findings, func(f driver.Finding) bool {
		return f.Problem == driver.ProblemKept && f.Action == driver.ActionNone // recover will say it
	})
	return done, errors.Join(j.detach(ctx), j.abandon())
}

// Init implements driver.Store. Directories are made by the first Put, so that
// asking for an entity leaves no trace.
func (s *Store) Init(ctx context.Context, entity string) error {
	done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err = s.locateEntity(entity)
	return err
}

// Report implements driver.Recoverer.
func (s *Store) Report() driver.Report {
	report := s.report
	report.Findings = slices.Clone(report.Findings)
	return report
}

func newReport() driver.Report { return driver.Report{Findings: []driver.Finding{}} }

// Properties implements driver.Describer.
func (s *Store) Properties() driver.Properties {
	p := driver.Properties{
		Backend: "file", Location: s.dir, Durable: true, ExactBytes: true,
		AtomicClear: s.journalled(), History: s.journalled(), Batch: driver.BatchAny, ReadOnly: s.opt.ReadOnly, MaxData: driver.MaxData,
		Notes: []string{"durable on a disk that honours flush"},
	}
	if !s.journalled() {
		p.Batch = driver.BatchKey
	}
	return p
}

// journalled tells whether changes go through the journal.
func (s *Store) journalled() bool { return s.opt.Journal == On }

// Close implements io.Closer: it waits for the calls under way, brings the files
// up to date and frees the lock. An error says that some file is not up to
// date; what was acknowledged is on the disk all the same, and the next opening
// has it.
func (s *Store) Close() (err error) {
	s.once.Do(func() {
		s.life.end()
		s.hub.Close() // after the last change: its watchers are told of it first
		if s.j != nil {
			err = s.j.close()
		}
		err = errors.Join(err, s.release())
	})
	return err
}

func (s *Store) release() error {
	var errs []error
	if s.f != nil {
		errs = append(errs, s.f.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(append(errs, s.fs.Close())...)
}

// enter begins a call: the store stays open until done is called.
func (s *Store) enter(ctx context.Context) (done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.life.enter() {
		return nil, driver.ErrClosed
	}
	return s.life.leave, nil
}

// enterWrite is enter for calls that change something.
func (s *Store) enterWrite(ctx context.Context) (done func(), err error) {
	if err := s.beginWrite(ctx); err != nil {
		return nil, err
	}
	return s.life.leave, nil
}

// beginWrite is enterWrite without a function to allocate: after nil the caller
// calls life.leave.
func (s *Store) beginWrite(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.life.enter() {
		return driver.ErrClosed
	}
	switch cause := s.stopped.Load(); {
	case s.opt.ReadOnly:
		s.life.leave()
		return driver.ErrReadOnly
	case cause != nil:
		s.life.leave()
		return *cause
	}
	return nil
}

// clock gives each change a time of its own: later than every one before it in
// this process, and exact on file systems that keep time in steps of 100 ns. A
// revision can so tell A from the A that follows B.
type clock struct {
	mu   sync.Mutex
	last time.Time
}

const clockStep = 100 * time.Nanosecond

func (c *clock) next() time.Time { return c.at(time.Now()) }

// at is next for a caller who has looked at the clock already.
func (c *clock) at(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now = now.Truncate(clockStep)
	if !now.After(c.last) {
		now = c.last.Add(clockStep)
	}
	c.last = now
	return now
}
