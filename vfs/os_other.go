//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package vfs

import (
	"errors"
	"io/fs"
)

// Nobody has checked what makes a name durable here.
func openRoot(abs string) (FS, error) {
	return nil, &fs.PathError{Op: "open", Path: abs, Err: errors.ErrUnsupported}
}

func createDir(abs string) error {
	return &fs.PathError{Op: "mkdir", Path: abs, Err: errors.ErrUnsupported}
}
