//go:build !linux

package contender

import "os"

func datasync(f *os.File) error { return f.Sync() }
