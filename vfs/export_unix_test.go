//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

// CreateDir is what OpenOS does for OSOptions.Create, with the sync of one
// directory handed in, so that a test can watch it and fail it.
var CreateDir = createDirBy
