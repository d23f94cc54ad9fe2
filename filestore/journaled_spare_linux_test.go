package filestore_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/filestore"
)

// crowd is enough values for a checkpoint to let files change places.
const crowd = 60

// replace writes all values of a round to their files.
func replace(t *testing.T, s *filestore.Store, round int) {
	t.Helper()
	for i := range crowd {
		put(t, s, numbered(i), fmt.Sprintf(`{"round":%d,"id":%d}`, round, i))
	}
	must(t, s.Flush(t.Context()))
}

func spareFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".holdfast/spare/*"))
	must(t, err)
	return files
}

// A file that was replaced is written again in a later checkpoint, but not as
// long as anybody could see that.
func TestSpareFilesAreNobodyElses(t *testing.T) {
	dir := t.TempDir() // not every memory file system has leases
	s := journal(t, dir, nil)
	replace(t, s, 0)
	file := func(i int) string {
		return filepath.Join(dir, numbered(i).Entity, numbered(i).ID+".json")
	}
	reader, err := os.Open(file(1))
	must(t, err)
	defer reader.Close()
	backup := filepath.Join(t.TempDir(), "backup")
	must(t, os.Link(file(2), backup))
	must(t, os.Chmod(file(3), 0o644))
	for round := 1; round < 6; round++ {
		replace(t, s, round)
		for i := range crowd {
			wantFile(t, dir, numbered(i), fmt.Sprintf(`{"round":%d,"id":%d}`, round, i))
			if info, err := os.Stat(file(i)); err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%s: %v, %v", file(i), info.Mode(), err)
			}
		}
	}
	if got, err := io.ReadAll(reader); string(got) != `{"round":0,"id":1}` {
		t.Errorf("who had a file open reads %q, %v", got, err)
	}
	if got, err := os.ReadFile(backup); string(got) != `{"round":0,"id":2}` {
		t.Errorf("a hard link of a file holds %q, %v", got, err)
	}
	if n := len(spareFiles(t, dir)); n == 0 || n > crowd {
		t.Errorf("%d spare files: none was ever used again, or some are forgotten", n)
	}
	closeStore(t, s)
	if left := spareFiles(t, dir); len(left) != 0 {
		t.Errorf("Close leaves %v", left)
	}
}

// A value shorter than what the spare file held has no tail of that.
func TestSpareFilesAreCut(t *testing.T) {
	dir := t.TempDir()
	s := journal(t, dir, nil)
	for _, size := range []int{3000, 2000, 10, 1000, 1} {
		for i := range crowd {
			put(t, s, numbered(i), sized(i, size+i))
		}
		must(t, s.Flush(t.Context()))
		for i := range crowd {
			wantFile(t, dir, numbered(i), sized(i, size+i))
		}
	}
}

// What a killed process has left does not keep the next one from starting. It
// is never written again, since a power cut may give it its old name back, and
// is gone after the next checkpoint.
func TestSpareFilesOfTheKilled(t *testing.T) {
	dir := t.TempDir()
	left := killedWithSpares(t, dir)
	s := journal(t, dir, nil)
	wantFindings(t, s)
	replace(t, s, 3)
	for i := range crowd {
		file := filepath.Join(dir, numbered(i).Entity, numbered(i).ID+".json")
		if slices.Contains(left, inode(t, file)) {
			t.Fatalf("%s is one of the files that were left", file)
		}
	}
	for _, file := range spareFiles(t, dir) {
		if slices.Contains(left, inode(t, file)) {
			t.Errorf("%s is still there", file)
		}
	}
}

// They go by themselves, too, where nothing else is to be written.
func TestSpareFilesOfTheKilledGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	killedWithSpares(t, dir)
	journal(t, dir, nil)
	for end := time.Now().Add(time.Minute); len(spareFiles(t, dir)) > 0; {
		if time.Now().After(end) {
			t.Fatalf("left: %v", spareFiles(t, dir))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// killedWithSpares leaves a store whose process was killed, and returns the
// inodes of its spare files.
func killedWithSpares(t *testing.T, dir string) (left []uint64) {
	t.Helper()
	s := journal(t, dir, nil)
	for round := range 3 {
		replace(t, s, round)
	}
	filestore.Kill(s)
	for _, file := range spareFiles(t, dir) {
		left = append(left, inode(t, file))
	}
	if len(left) == 0 {
		t.Skip("the file system here cannot exchange names")
	}
	return left
}

func inode(t *testing.T, file string) uint64 {
	t.Helper()
	info, err := os.Stat(file)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}
