//go:build darwin || freebsd || netbsd

package vfs

import "syscall"

// addSys adds what only the system's own description of a file tells.
func (i *Info) addSys(sys any) {
	if st, ok := sys.(*syscall.Stat_t); ok {
		i.ChangeTime, i.Inode, i.Device = st.Ctimespec.Nano(), st.Ino, uint64(st.Dev)
	}
}
