package vfs

// Datasyncer is what a [File] may also have: a sync that leaves out metadata
// which nobody needs to read the bytes back, such as the modification time.
// For a file of fixed size that is written in place (a journal segment) it
// spares the file system a metadata commit on every flush. See [Datasync].
type Datasyncer interface {
	// Datasync makes the file's bytes durable, and its size, since bytes
	// beyond a stale size would be lost. What [File.Sync] says of a failure
	// holds here too.
	Datasync() error
}

// Datasync makes the bytes of f durable by its Datasync method, and by
// [File.Sync], which promises more, where it has none.
func Datasync(f File) error {
	if d, ok := f.(Datasyncer); ok {
		return d.Datasync()
	}
	return f.Sync()
}
