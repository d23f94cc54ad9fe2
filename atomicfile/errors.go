package atomicfile

// FlushError says that a flush failed, of a file or of a directory: whether the
// change will survive a power cut is unknown, and nobody can find out.
//
// After it the change must not be acknowledged, and the flush must not be tried
// again on the same descriptor: the kernel reports a lost page once, and a
// second flush would answer nil for data that is gone. Write anew, after the
// store has been reopened.
//
// If the flush of the file failed, the old content is still in place. If the
// flush of the directory failed, the new content is, for now.
type FlushError struct{ Err error }

func (e *FlushError) Error() string { return "flush failed, durability unknown: " + e.Err.Error() }

// Unwrap returns the file system's error.
func (e *FlushError) Unwrap() error { return e.Err }

func flushError(err error) error {
	if err == nil {
		return nil
	}
	return &FlushError{Err: err}
}
