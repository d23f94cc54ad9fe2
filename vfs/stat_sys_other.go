//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package vfs

// addSys has nothing to add. (Windows has a change time, but any tool can set
// it.)
func (*Info) addSys(any) {}
