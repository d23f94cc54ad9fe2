package filestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// lockFile is locked (flock, LockFileEx) by the one process that may write. The
// lock is the kernel's: it goes with the process, kill -9 included, so a LOCK
// that lies about holds nobody up. Its content only tells people who it is, and
// is never removed, since removing it would let two processes lock two files
// of one name.
const lockFile = own + "/LOCK"

// holder is the content of lockFile.
type holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// maxHolder bounds what is believed of a LOCK file.
const maxHolder = 4096

// acquire takes the lock for the life of the Store.
func (s *Store) acquire() error {
	if err := atomicfile.MkdirAll(s.fs, own, 0o700); err != nil {
		return s.explainOpen(err)
	}
	f, err := s.fs.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return s.explainOpen(err)
	}
	if err := s.tryLock(f); err != nil {
		defer f.Close()
		if errors.Is(err, vfs.ErrLocked) {
			return s.lockedBy(f)
		}
		return fmt.Errorf("lock %s: %w: the file system must support locks", path.Join(s.dir, lockFile), err)
	}
	s.lock = f
	return s.writeHolder(f)
}

// tryLock takes the lock. It tries again for a moment: a process that reads alone
// may be holding it, for as long as it takes to see that nobody else does (see
// owned).
func (s *Store) tryLock(f vfs.File) error {
	for try := 1; ; try++ {
		err := f.TryLock()
		if !errors.Is(err, vfs.ErrLocked) || try == lockTries {
			return err
		}
		time.Sleep(lockPause)
	}
}

const (
	lockTries = 60
	lockPause = 5 * time.Millisecond
)

// writeHolder is for people alone: a crash may leave any part of it.
func (s *Store) writeHolder(f vfs.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	data, err := json.Marshal(holder{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return s.explainOpen(err)
	}
	if _, err := f.WriteAt(append(data, '\n'), 0); err != nil && !isNoSpace(err) {
		return s.explainOpen(err) // a full disk must not keep anybody from reading and deleting
	}
	return nil
}

// lockedBy names the holder as far as its file tells.
func (s *Store) lockedBy(f vfs.File) error {
	locked := &driver.LockedError{Path: s.dir}
	data, err := io.ReadAll(io.LimitReader(f, maxHolder))
	var h holder
	if err == nil && json.Unmarshal(data, &h) == nil && h.PID > 0 && printable(h.Host) {
		locked.PID, locked.Host, locked.Since = h.PID, h.Host, h.Since
	}
	return locked
}

// printable refuses what is no host's name: it will stand on somebody's terminal.
func printable(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsFunc(host, func(r rune) bool { return !unicode.IsPrint(r) })
}

// explainOpen says the way out of what keeps a directory from being opened.
func (s *Store) explainOpen(err error) error {
	way := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		way = ": nothing has been stored there yet"
	case errors.Is(err, vfs.ErrNotRegular):
		way = ": put a directory or file of its own there, not a link: it is not followed"
	case errors.Is(err, syscall.ENOTDIR):
		way = ": name a directory"
	case errors.Is(err, fs.ErrPermission), isReadOnlyFS(err):
		way = ": make it writable for this user, or open it for reading alone (mode=ro)"
	case isNoSpace(err):
		way = ": make room on that disk"
	}
	return fmt.Errorf("directory %s: %w%s", s.dir, err, way)
}
