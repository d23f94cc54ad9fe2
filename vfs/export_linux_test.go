package vfs

// WalkOnly makes fsys resolve names element by element, as it does on a kernel
// without openat2, and reports whether there is such a choice.
func WalkOnly(fsys FS) bool {
	fsys.(*osFS).opener.walkOnly.Store(true)
	return true
}

// TellsFailures is what SyncAll asks before it trusts syncfs.
var TellsFailures = tellsFailures
