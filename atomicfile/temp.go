package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/vfs"
)

const (
	defaultPrefix = ".tmp-"
	defaultPerm   = 0o600
	maxName       = 255 // bytes in one name, on the file systems people use
	hexDigits     = 16
)

// temp is a temporary file on its way to become name.
type temp struct {
	fsys    vfs.FS
	file    vfs.File
	name    string
	closed  bool
	renamed bool
}

// createTemp creates and locks a new temporary file beside name.
func createTemp(fsys vfs.FS, name string, o *Options) (*temp, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, &fs.PathError{Op: "write", Path: name, Err: fs.ErrInvalid}
	}
	perm, prefix := fs.FileMode(defaultPerm), defaultPrefix
	if o != nil && o.Perm != 0 {
		perm = o.Perm
	}
	if o != nil && o.TempPrefix != "" {
		prefix = o.TempPrefix
	}
	var err error
	for range attempts {
		var t *temp
		if t, err = newTemp(fsys, name, prefix, perm); err == nil {
			return t, nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, vfs.ErrLocked) {
			break
		}
	}
	return nil, err
}

func newTemp(fsys vfs.FS, name, prefix string, perm fs.FileMode) (*temp, error) {
	base, err := tempName(prefix, path.Base(name))
	if err != nil {
		return nil, err
	}
	t := &temp{fsys: fsys, name: path.Join(path.Dir(name), base)}
	t.file, err = fsys.OpenFile(t.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return nil, err
	}
	// ErrLocked: a sweeper came between, and is about to remove this file.
	// With any other error the file system has no locks; the sweeper cannot
	// take one either then, and leaves the file to its age.
	if err := t.file.TryLock(); errors.Is(err, vfs.ErrLocked) {
		t.discard()
		return nil, err
	}
	return t, nil
}

// tempName makes a temporary name for base, cut between characters so that the
// whole is no longer than a file system takes.
func tempName(prefix, base string) (string, error) {
	room := maxName - len(prefix) - hexDigits - 1
	if strings.Contains(prefix, "/") || room < utf8.UTFMax {
		return "", &fs.PathError{Op: "write", Path: prefix, Err: fs.ErrInvalid}
	}
	if len(base) > room {
		for room > 0 && !utf8.RuneStart(base[room]) {
			room--
		}
		base = base[:room]
	}
	var random [hexDigits / 2]byte
	rand.Read(random[:]) // never fails
	return prefix + hex.EncodeToString(random[:]) + "-" + base, nil
}

// fill lets f write the content.
func (t *temp) fill(f func(io.Writer) error) error {
	s := &sink{file: t.file}
	if err := f(s); err != nil {
		return err
	}
	return s.err
}

func (t *temp) close() error {
	t.closed = true
	return t.file.Close()
}

// discard closes and removes the file as well as it can; what stays is for a
// sweep. It reports nothing, since the failure that led here says more.
func (t *temp) discard() {
	if !t.closed {
		t.close()
	}
	t.fsys.Remove(t.name)
}

// sink writes to a file and remembers the first failure. It hides the file's
// other methods: nobody but [write] may close or sync it.
type sink struct {
	file vfs.File
	err  error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.file.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}
