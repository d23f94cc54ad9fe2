// Package place knows the file systems that are measured on, and the machine.
package place

import (
	"errors"
	"os"
	"runtime"

	"github.com/holdfast-go/holdfast/bench/suite"
)

// ErrNo says that something cannot be done on this machine, and why.
var ErrNo = errors.New("not possible here")

// Describe says what a directory lies on.
func Describe(dir string) suite.Place {
	kind, journal := fileSystem(dir)
	p := suite.Place{Type: kind, Journal: journal, Dir: dir, Label: kind}
	if journal != "" {
		p.Label += ", " + journal
	}
	return p
}

// Machine says what this runs on.
func Machine() suite.Machine {
	return suite.Machine{CPU: cpu(), Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version()}
}

// Warm reads every file below dir, so that what is measured next finds all of
// it in the page cache.
func Warm(dir string) error {
	return walk(dir, func(name string, _ os.FileInfo) error {
		_, err := os.ReadFile(name)
		return err
	})
}

// Usage is how many bytes the files and directories below dir take.
func Usage(dir string) (int64, error) {
	var sum int64
	err := walkAll(dir, func(_ string, info os.FileInfo) error {
		sum += allocated(info)
		return nil
	})
	return sum, err
}
