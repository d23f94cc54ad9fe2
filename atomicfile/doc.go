// Package atomicfile replaces whole files so that a reader, and whoever looks
// after a crash, finds the old content or the new one and nothing between
// (atomic), and so that a nil error means that the new one survives kill -9, a
// crash of the operating system and a power cut (durable). It is
// backtest-kit's writeFileAtomic with what that leaves out: the flush of the
// directory, the removal of files, and of what dead writers left behind.
//
// All of it works on a [vfs.FS]; [WriteFile] takes a path of the operating
// system instead.
//
// A writer's temporary file stands beside the file it will replace:
//
//	.tmp-{16 lowercase hexadecimal digits}-{name}
//
// name is cut at its end where the whole would be longer than 255 bytes. The
// writer holds a lock on it ([vfs.File.TryLock]) that its death frees, so
// [Sweep] can tell a leftover from a file that is being written.
//
// Concurrency: every function may be called from many goroutines and
// processes. Of several writers of one name the last to rename wins, whole.
package atomicfile
