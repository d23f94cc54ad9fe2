package contender

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync leaves out what nobody needs to read the bytes back.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
