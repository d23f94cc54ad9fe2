//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// parentFlags open a directory only to resolve names in it.
const parentFlags = unix.O_RDONLY | unix.O_DIRECTORY

// opener opens names beneath a directory.
type opener struct{}

func (*opener) open(top int, name string, flag int, perm fs.FileMode) (int, error) {
	return walk(top, name, flag, perm)
}
