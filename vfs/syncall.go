package vfs

import "errors"

// AllSyncer is what an [FS] may also have: one sync for any number of files,
// cheaper than one each when they are many. See [SyncAll].
//
// Concurrency: like every method of FS it may be called from many goroutines.
type AllSyncer interface {
	// SyncAll makes everything durable on the file system that holds the
	// root: bytes, sizes and names, in all files and directories, those of
	// other programs included, so that it may take as long as these have
	// written. What was written before the call is covered, what is written
	// meanwhile may be.
	//
	// Two things are not covered, and need [File.Sync] and [FS.SyncDir]:
	// what lies beneath a directory on which another file system is mounted
	// (its [Info.Device] differs from the root's), and bytes written in place
	// over older ones that were durable already, in a file of which nothing
	// else was changed: XFS then has nothing to log, and may leave the bytes in
	// the drive's cache. A change of the file's size, mode or times (Chtimes)
	// after the write covers them.
	//
	// errors.ErrUnsupported if nothing was synced, because the system or this
	// file system cannot do it or would not tell of every failure. After any
	// other error, ENOSPC included, what was written to any file since the
	// last successful SyncAll may be lost, and the next call may return nil
	// all the same: systems tell of each failure once. The error may stem
	// from what another program wrote.
	SyncAll() error
}

// SyncAll makes everything durable on the file system that holds the root of
// fsys, as [AllSyncer] says; errors.ErrUnsupported where fsys has no such method.
func SyncAll(fsys FS) error {
	if s, ok := fsys.(AllSyncer); ok {
		return s.SyncAll()
	}
	return errors.ErrUnsupported
}
