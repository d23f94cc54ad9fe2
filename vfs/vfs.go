// Package vfs is the seam between Holdfast and the file system: all that the
// library reads or writes for its state goes through FS, so that a simulated
// disk (crash states), an error injector or a case-blind file system can stand
// in the place of the operating system's.
//
// The interface is small on purpose: it has the calls whose order decides
// whether an acknowledged change survives a power cut, and nothing for comfort.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// FS is a writable file system rooted at one directory. Names are relative to
// that root, slash-separated, and valid in the sense of [fs.ValidPath]; "." is
// the root itself. No name, and no symbolic link met on the way, leads out of
// the root: such a call fails.
//
// Durability: nothing but [File.Sync] and [FS.SyncDir] makes anything durable
// (and [SyncAll], which stands for many of both, where an FS has it).
// File.Sync covers the bytes and metadata of one file, not its name; SyncDir
// covers the names in one directory (creations, renames, removals), not what
// the files hold. Windows, which cannot sync a directory, makes Mkdir, Rename and
// Remove durable themselves instead (see [OpenOS]).
//
// Concurrency: all methods may be called from many goroutines.
//
// Errors are the operating system's, in an *[fs.PathError] or *[os.LinkError];
// errors.Is finds fs.ErrNotExist, fs.ErrExist and the errno in them.
type FS interface {
	// OpenFile opens a file with the flags of package os. With O_CREATE a new
	// file gets perm (less the umask). The last element of name is never
	// followed when it is a symbolic link: the call fails with ErrNotRegular.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)

	// Lstat describes what name itself is, symbolic links included.
	Lstat(name string) (fs.FileInfo, error)

	// ReadDir lists a directory in byte order of the names.
	ReadDir(name string) ([]fs.DirEntry, error)

	// Mkdir creates one directory. Its name is durable after SyncDir of its
	// parent.
	Mkdir(name string, perm fs.FileMode) error

	// Rename moves oldname to newname and replaces what newname was, a
	// directory aside: atomically, so that newname is never seen absent or
	// half. Durable after SyncDir of both parents.
	Rename(oldname, newname string) error

	// Remove unlinks a file, a symbolic link or an empty directory. Durable
	// after SyncDir of the parent.
	Remove(name string) error

	// Chtimes sets the modification time.
	Chtimes(name string, mtime time.Time) error

	// SyncDir makes the names in a directory durable. After it has failed,
	// names that have come or gone since it last succeeded may be lost, also
	// if a later call succeeds.
	SyncDir(name string) error

	// Close releases the root. Files that are open stay usable.
	Close() error
}

// File is an open file of an [FS]. Its methods follow package os; a File is
// not for use by several goroutines at once, ReadAt and WriteAt aside.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Stat describes the open file, whatever its name has become.
	Stat() (fs.FileInfo, error)

	// Sync makes the file's bytes and metadata durable. After it has failed,
	// what was written since the last successful Sync may be lost even if a
	// later Sync succeeds: the kernel may have dropped the dirty pages.
	Sync() error

	// Truncate changes the size.
	Truncate(size int64) error

	// Chmod changes the permission bits.
	Chmod(mode fs.FileMode) error

	// TryLock takes an exclusive advisory lock on the file, without waiting:
	// ErrLocked if another open file holds it, in this process or any other.
	// Closing the file releases the lock, and so does the death of the
	// process, kill -9 included.
	TryLock() error
}

// ErrLocked says that another open file holds the lock (see [File.TryLock]).
var ErrLocked = errors.New("locked by another process")

// ErrNotRegular says that a name is a symbolic link, a directory, a device or
// anything else but a regular file.
var ErrNotRegular = errors.New("not a regular file")
