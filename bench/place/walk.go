package place

import (
	"io/fs"
	"os"
	"path/filepath"
)

// walk calls do for each regular file below dir.
func walk(dir string, do func(name string, info os.FileInfo) error) error {
	return walkAll(dir, func(name string, info os.FileInfo) error {
		if !info.Mode().IsRegular() {
			return nil
		}
		return do(name, info)
	})
}

func walkAll(dir string, do func(name string, info os.FileInfo) error) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return do(name, info)
	})
}
