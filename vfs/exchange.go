package vfs

import "errors"

// Exchanger is what an [FS] may also have: two names that change places in one
// step. Whoever replaces files again and again can so keep the old file for the
// next time, in the place of one to be freed and another to be made, which some
// file systems are slow at (ext4 without a journal above all). See [Exchange].
type Exchanger interface {
	// Exchange swaps what two names stand for, neither of them a directory:
	// nobody sees one of them absent. Durable after SyncDir of both parents.
	// fs.ErrNotExist if either is missing; errors.ErrUnsupported, and nothing
	// has changed, where the system or the file system cannot do it.
	Exchange(a, b string) error
}

// Exchange swaps what two names stand for, by the [Exchanger] method of fsys;
// errors.ErrUnsupported where it has none.
func Exchange(fsys FS, a, b string) error {
	if x, ok := fsys.(Exchanger); ok {
		return x.Exchange(a, b)
	}
	return errors.ErrUnsupported
}

// Loner is what a [File] may also have. See [Alone].
type Loner interface {
	// Alone tells whether this descriptor is the only way to the file's bytes
	// beside its one name: no other name (a hard link, such as backups are made
	// of), and no other descriptor or mapping, in this process or any other.
	// False if that cannot be told, or if the file is another user's.
	Alone() bool
}

// Alone tells whether f can be written in place without anybody else seeing it,
// as [Loner] says; false where f has no such method.
func Alone(f File) bool {
	l, ok := f.(Loner)
	return ok && l.Alone()
}
