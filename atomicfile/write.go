package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// Options are the options of the Write functions. Nil means the defaults.
type Options struct {
	// Perm is the new file's permission bits, less the umask. The bits of the
	// file it replaces play no part. Default 0600.
	Perm fs.FileMode

	// TempPrefix begins the temporary file's name. Who sets it must give it
	// to [Sweep] too. Default ".tmp-".
	TempPrefix string

	// ModTime is the new file's modification time, as durable as its content.
	// Default: what the file system's clock says.
	ModTime time.Time
}

// Write puts data in the place of what name held, atomically and durably; the
// directory must exist. If name is a symbolic link, the link is replaced.
//
// Errors: a [*FlushError] if durability is unknown. With any other error the
// old content, or its absence, stands as it was, and Write may be called again:
// after ENOSPC for instance, once there is room. No temporary file stays,
// except where its removal failed too; see [Sweep].
func Write(fsys vfs.FS, name string, data []byte, o *Options) error {
	fill := func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
	for range attempts - 1 {
		if err := write(fsys, name, fill, o); !errors.Is(err, errSwept) {
			return err
		}
	}
	return write(fsys, name, fill, o)
}

// WriteFrom is [Write] with the content read from r until io.EOF. An error of r
// is returned as it is, and nothing has changed.
func WriteFrom(fsys vfs.FS, name string, r io.Reader, o *Options) error {
	return WriteFunc(fsys, name, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	}, o)
}

// WriteFunc is [Write] with the content that fill writes. Writes are not
// buffered. If fill fails nothing has changed; an error of w fails the whole
// even if fill ignores it.
func WriteFunc(fsys vfs.FS, name string, fill func(w io.Writer) error, o *Options) error {
	return write(fsys, name, fill, o)
}

// WriteFile is [Write] for a path of the operating system.
func WriteFile(name string, data []byte, o *Options) error {
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	err := writeIn(dir, base, data, o)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeIn(dir, base string, data []byte, o *Options) error {
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		return err
	}
	defer fsys.Close()
	return Write(fsys, base, data, o)
}

// attempts bounds how often a writer that lost its temporary file begins again.
const attempts = 4

// errSwept says that the temporary file was gone before it was renamed: a
// [Sweep] may take it between close, which frees the lock, and rename.
var errSwept = errors.New("the temporary file has vanished")

// write is the one sequence that everything here rests on. What a power cut
// leaves after each step:
func write(fsys vfs.FS, name string, fill func(io.Writer) error, o *Options) (err error) {
	t, err := createTemp(fsys, name, o) // the old file, perhaps an empty temporary one
	if err != nil {
		return err
	}
	defer func() {
		if !t.renamed {
			t.discard()
		}
	}()
	if err := t.fill(fill); err != nil { // the old file, and any part of the new bytes in the temporary one
		return err
	}
	if o != nil && !o.ModTime.IsZero() { // before Sync, which makes it durable too
		if err := fsys.Chtimes(t.name, o.ModTime); err != nil {
			return err
		}
	}
	// The old file, and the new bytes in the temporary one. Without this Sync
	// the rename could reach the disk before the bytes: an empty file.
	if err := t.file.Sync(); err != nil {
		return flushError(err)
	}
	if err := t.close(); err != nil { // as before; Windows renames closed files only
		return err
	}
	if err := fsys.Rename(t.name, name); err != nil { // the old file or the new one, whole
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", errSwept, err)
		}
		return err
	}
	t.renamed = true
	return flushError(fsys.SyncDir(path.Dir(name))) // the new file: it may be acknowledged
}
