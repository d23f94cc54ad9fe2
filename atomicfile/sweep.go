package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// SweepOptions are the options of [Sweep]. Nil means the defaults.
type SweepOptions struct {
	// TempPrefix is what the writers have in [Options]. Default ".tmp-".
	TempPrefix string

	// ForeignAge is how long ago a temporary file without a lock must have
	// been changed to be taken for a leftover. Default one hour.
	ForeignAge time.Duration
}

// IsTemp reports whether name, the last element of a path, is that of a
// temporary file with the default prefix: this package's, or the like of
// another program (backtest-kit's have 12 digits).
func IsTemp(name string) bool { return kindOf(name, defaultPrefix) != notTemp }

// Sweep removes what dead writers have left in the directory dir, and returns
// the names it removed, relative to fsys's root:
//
//   - this package's temporary files (16 digits) whose lock is free, which says
//     that their writer is dead;
//   - other programs' (another even number of digits, 8 to 64), who take no
//     lock, once they are older than ForeignAge by the clock now.
//
// Everything else stays, whatever it begins with. The removals are durable when
// err is nil. A file that could not be examined or removed stays, and its error
// is one of those that err joins; the sweep goes on.
func Sweep(fsys vfs.FS, dir string, now time.Time, o *SweepOptions) (removed []string, err error) {
	s := sweeper{fsys: fsys, prefix: defaultPrefix, before: now.Add(-time.Hour)}
	if o != nil && o.TempPrefix != "" {
		s.prefix = o.TempPrefix
	}
	if o != nil && o.ForeignAge != 0 {
		s.before = now.Add(-o.ForeignAge)
	}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		gone, err := s.sweep(name, e)
		if gone {
			removed = append(removed, name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // renamed or removed meanwhile
			errs = append(errs, err)
		}
	}
	if len(removed) > 0 {
		errs = append(errs, flushError(fsys.SyncDir(dir)))
	}
	return removed, errors.Join(errs...)
}

type sweeper struct {
	fsys   vfs.FS
	prefix string
	before time.Time // what was changed before is stale
}

// sweep removes one entry if it is a leftover.
func (s *sweeper) sweep(name string, e fs.DirEntry) (gone bool, err error) {
	kind := kindOf(e.Name(), s.prefix)
	if kind == notTemp || !e.Type().IsRegular() {
		return false, nil
	}
	if kind == foreignTemp {
		return s.sweepOld(name, e)
	}
	f, err := s.fsys.OpenFile(name, os.O_RDWR, 0) // NFS locks only what is open for writing
	if errors.Is(err, fs.ErrPermission) {
		f, err = s.fsys.OpenFile(name, os.O_RDONLY, 0)
	}
	if err != nil {
		return false, err
	}
	defer f.Close() // after the removal: the lock keeps a writer out until then
	err = f.TryLock()
	switch {
	case err == nil:
		err = s.fsys.Remove(name)
		return err == nil, err
	case errors.Is(err, vfs.ErrLocked):
		return false, nil // its writer lives
	case errors.Is(err, errors.ErrUnsupported):
		return s.sweepOld(name, e)
	}
	return false, err
}

// sweepOld goes by the age, where no lock can tell.
func (s *sweeper) sweepOld(name string, e fs.DirEntry) (gone bool, err error) {
	fi, err := e.Info()
	if err != nil || !fi.ModTime().Before(s.before) {
		return false, err
	}
	err = s.fsys.Remove(name)
	return err == nil, err
}

type kind int

const (
	notTemp kind = iota
	ourTemp
	foreignTemp
)

// kindOf tells by the name, and strictly: "{prefix}add-order.json" begins with
// hexadecimal digits too, and may be somebody's data.
func kindOf(name, prefix string) kind {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return notTemp
	}
	digits, tail, ok := strings.Cut(rest, "-")
	if !ok || tail == "" || strings.Trim(digits, "0123456789abcdef") != "" {
		return notTemp
	}
	switch n := len(digits); {
	case n == hexDigits:
		return ourTemp
	case n >= 8 && n <= 64 && n%2 == 0:
		return foreignTemp
	}
	return notTemp
}
