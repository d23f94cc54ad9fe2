//go:build !linux

package vfs

// WalkOnly reports that there is no second way of resolving names.
func WalkOnly(FS) bool { return false }
