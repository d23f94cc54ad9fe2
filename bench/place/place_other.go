//go:build !linux

package place

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/holdfast-go/holdfast/bench/suite"
)

func fileSystem(string) (kind, journal string) { return runtime.GOOS + " file system", "" }

// Sync does nothing here.
func Sync() {}

// DropCaches says no.
func DropCaches() error { return fmt.Errorf("%w: dropping the page cache is for Linux", ErrNo) }

// RSS is 0: not known here.
func RSS() int64 { return 0 }

func cpu() string    { return runtime.GOARCH }
func kernel() string { return runtime.GOOS }

func allocated(info os.FileInfo) int64 { return info.Size() }

// Loop is a file system in an image file.
type Loop struct{}

// NewLoop says no.
func NewLoop(context.Context, string, int64) (*Loop, error) {
	return nil, fmt.Errorf("%w: loop devices are for Linux", ErrNo)
}

// Place is where it is mounted.
func (*Loop) Place() suite.Place { return suite.Place{} }

// Close has nothing to undo.
func (*Loop) Close() error { return nil }
