package journal

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/holdfast-go/holdfast/vfs"
)

// segment is one file of the journal.
type segment struct {
	name  string // the last element of the path
	head  header // the one that counts; zero if both are unreadable
	place int    // where it stands
	size  int64  // of the file now; less than head.size if somebody cut it

	file   vfs.File // open for writing; only of the segment that is written to
	end    int64    // where the next record goes
	next   uint64   // its number, unless numbers are burned
	newest int64    // the newest record's time

	frozen bool  // not to be written to again: damaged, sealed, or cut off
	sealAt int64 // where a frozen segment's mark stands; 0 if it has none

	// unflushed says of a spare segment that its header may not be durable: it was
	// found so when the journal was opened (see [Journal.makeSure]).
	unflushed bool
}

func (s *segment) capacity() int64 { return s.head.size - dataStart - recordHeader } // a mark always fits

// fits reports whether n bytes of records can be added.
func (s *segment) fits(n int64) bool { return s.end+n+recordHeader <= s.head.size }

func byNumber(a, b *segment) int { return cmp.Compare(a.head.number, b.head.number) }

const suffix = ".seg"

func slotName(slot uint64) string { return fmt.Sprintf("%08d%s", slot, suffix) }

// parseSlot reads a segment's name; false for any other.
func parseSlot(name string) (slot uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) < 8 || len(digits) > 15 {
		return 0, false
	}
	slot, err := strconv.ParseUint(digits, 10, 64)
	return slot, err == nil && slotName(slot) == name
}

const tempPrefix = ".tmp-"

func tempName(name string) string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return tempPrefix + hex.EncodeToString(b[:]) + "-" + name
}

// isTemp tells a segment that was never finished.
func isTemp(name string) bool {
	rest, ok := strings.CutPrefix(name, tempPrefix)
	if !ok || len(rest) < 17 || rest[16] != '-' {
		return false
	}
	_, err := hex.DecodeString(rest[:16])
	_, slot := parseSlot(rest[17:])
	return err == nil && slot
}

// createSegment makes a spare segment, durable when it returns.
//
// It is filled with zeros by writing, not by reserving the space: a later write
// into reserved space changes the file's metadata, and the file system would
// have to commit that with every flush.
func createSegment(fsys vfs.FS, dir, name string, size int64) (*segment, error) {
	s := &segment{name: name, head: header{state: stateSpare, size: size}, size: size}
	temp := path.Join(dir, tempName(name))
	f, err := fsys.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	// The lock tells whoever sweeps temporary files that this one's writer
	// lives. A file system without locks has sweepers without locks.
	if err = f.TryLock(); !errors.Is(err, vfs.ErrLocked) {
		err = fill(f, &s.head)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		// A power cut before this leaves a temporary file, which the next Open
		// removes. So a segment's own name always means a whole segment.
		err = fsys.Rename(temp, path.Join(dir, name))
	}
	if err != nil {
		fsys.Remove(temp) // what stays is for the next Open
		return nil, err
	}
	// Before any record: a power cut takes files whose names are not durable,
	// and everything that was flushed into them.
	if err := fsys.SyncDir(dir); err != nil {
		fsys.Remove(path.Join(dir, name)) // nobody may come to rely on it
		return nil, flushError(err)
	}
	return s, nil
}

// fill writes a new segment's zeros and its header, and flushes them.
func fill(f vfs.File, head *header) error {
	zeros := make([]byte, windowSize)
	for off := int64(0); off < head.size; {
		n, err := f.WriteAt(zeros[:min(windowSize, head.size-off)], off)
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		off += int64(n)
	}
	if _, err := f.WriteAt(head.bytes(), 0); err != nil {
		return err
	}
	return flushError(f.Sync())
}

// putHeader writes h into the place that does not count, and returns which that is.
func (s *segment) putHeader(f vfs.File, h *header) (place int, err error) {
	place = s.place ^ 1
	_, err = f.WriteAt(h.bytes(), int64(place)*headerPlace)
	return place, err
}

// retire makes a segment spare, durably, so that what it holds can be
// overwritten, and returns the header that counts then. A power cut before the
// flush leaves the segment as it was.
func (s *segment) retire(fsys vfs.FS, dir string) (header, error) {
	h := s.head // the number and salt stay: they say whose records are in there
	h.state = stateSpare
	f, err := fsys.OpenFile(path.Join(dir, s.name), os.O_RDWR, 0)
	if err != nil {
		return h, err
	}
	defer f.Close()
	if _, err := s.putHeader(f, &h); err != nil {
		return h, err
	}
	if err := vfs.Datasync(f); err != nil {
		return h, &FlushError{Err: err}
	}
	return h, nil
}

// rewriteHeader makes the header that counts durable. It is written again, not
// only flushed: had a flush failed before, its page would count as clean.
func (s *segment) rewriteHeader(fsys vfs.FS, dir string) error {
	f, err := fsys.OpenFile(path.Join(dir, s.name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(s.head.bytes(), int64(s.place)*headerPlace); err != nil {
		return err
	}
	return flushError(vfs.Datasync(f))
}

// walk opens the segment's file for reading and returns a walker over it. The
// caller closes the file.
func (s *segment) walk(fsys vfs.FS, dir string, known uint64) (*walker, vfs.File, error) {
	f, err := fsys.OpenFile(path.Join(dir, s.name), os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	size, err := fileSize(f)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	win := window{file: f, size: min(size, s.head.size)}
	return newWalker(s.name, win, s.head, known), f, nil
}

// readHeader fills in what the file itself says; false if no header is readable.
func (s *segment) readHeader(f vfs.File) (ok bool, err error) {
	if s.size, err = fileSize(f); err != nil {
		return false, err
	}
	win := window{file: f, size: min(s.size, dataStart)}
	b, err := win.bytes(0, dataStart)
	if err != nil {
		return false, err
	}
	s.head, s.place, ok, err = chooseHeader(b)
	return ok, err
}

// stands reports whether the file on disk still is that segment.
func (s *segment) stands(fsys vfs.FS, dir string) (bool, error) {
	f, err := fsys.OpenFile(path.Join(dir, s.name), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	now := segment{name: s.name}
	ok, err := now.readHeader(f)
	return ok && now.head.number == s.head.number && now.head.salt == s.head.salt && now.head.state == s.head.state, err
}

func fileSize(f vfs.File) (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}
