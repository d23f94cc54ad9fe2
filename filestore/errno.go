package filestore

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
)

// isNoSpace tells a full disk or quota: the change at hand fails, later ones
// may not.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isReadOnlyFS(err error) bool { return errors.Is(err, syscall.EROFS) }

// isFlush tells a failed flush, after which nothing may be written.
func isFlush(err error) bool {
	var flush *atomicfile.FlushError
	return errors.As(err, &flush)
}

// tooLong names the cause where a file system takes shorter names than most.
func tooLong(err error) error {
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return fmt.Errorf("%w: %w: use a shorter one", driver.ErrInvalidName, err)
	}
	return err
}
