package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// content is what a file holds: a value, or damage. A file that is absent or
// that could not be read is an error instead.
type content struct {
	data    []byte
	size    int64
	modTime time.Time
	problem driver.Problem // "" if data is a value
	detail  string         // of the problem
	regular bool           // false: a directory, symbolic link or device, and data is nil
}

func (c *content) damaged() bool { return c.problem != "" }

// Get implements driver.Store. With a journal the value comes from memory, or
// from the snapshot. Without one the file is read, always, so that another
// program's atomic replacement of it is seen.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if s.j != nil {
		return s.j.get(ctx, k, nil)
	}
	done, err := s.enter(ctx)
	if err != nil {
		return driver.Record{}, err
	}
	defer done()
	if s.f != nil {
		return s.f.get(ctx, k)
	}
	return s.get(k)
}

// AppendGet implements driver.AppendGetter. Where the value is in memory it
// allocates nothing but, now and then, the text of a revision.
func (s *Store) AppendGet(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	if s.j != nil {
		return s.j.get(ctx, k, dst)
	}
	rec, err := s.Get(ctx, k)
	if err == nil {
		rec.Data = append(dst, rec.Data...)
	}
	return rec, err
}

// Has implements driver.Store. It reads the whole value: a file that is there
// and cannot be used must not pass for one that can.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	if errors.Is(err, driver.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// get reads again where a miss may be a look past a change (see marks.version).
// Without the lock, marks are no help to tell: then it always looks twice.
func (s *Store) get(k driver.Key) (driver.Record, error) {
	for again := s.opt.ReadOnly; ; again = false {
		version := s.marks.version()
		rec, err := s.getOnce(k)
		if !errors.Is(err, driver.ErrNotFound) {
			return rec, err
		}
		if !again && (s.opt.ReadOnly || version == s.marks.version()) {
			return rec, err
		}
	}
}

func (s *Store) getOnce(k driver.Key) (driver.Record, error) {
	file, _, err := s.locate(k)
	if err != nil {
		return driver.Record{}, tooLong(err)
	}
	c, err := s.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return driver.Record{}, s.absent(k)
	case err != nil:
		return driver.Record{}, tooLong(err)
	case c.damaged():
		return driver.Record{}, &driver.DamagedError{Path: s.path(file), Reason: c.reason()}
	}
	return driver.Record{Key: k, Data: c.data, Rev: revisionOf(c), ModTime: c.modTime}, nil
}

// absent says what a missing file means: no value, or one whose damaged bytes
// were moved to quarantine and that nobody has replaced or removed since.
func (s *Store) absent(k driver.Key) error {
	if s.opt.ReadOnly { // the owner may have opened or resolved marks meanwhile
		if err := s.loadMarks(); err != nil {
			return err
		}
	}
	if err := s.marked(k); err != nil {
		return err
	}
	return driver.ErrNotFound
}

// read reads a file whole, and finds out what it holds.
func (s *Store) read(file string) (*content, error) {
	return s.readKnown(file, func([]byte) bool { return false })
}

// readKnown is read for a file of which the content may be known, and known to
// be a value: then it need not be looked through. The descriptor stays on one
// version of the file: files are replaced by rename, never written in place.
func (s *Store) readKnown(file string, known func(data []byte) bool) (*content, error) {
	f, err := s.fs.OpenFile(file, os.O_RDONLY, 0)
	if errors.Is(err, vfs.ErrNotRegular) {
		return s.notRegular(file)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c := &content{size: info.Size(), modTime: info.ModTime(), regular: true}
	if info.Size() > driver.MaxData {
		c.problem = driver.ProblemTooLarge
		c.detail = fmt.Sprintf("%d bytes, %d is the limit", info.Size(), int64(driver.MaxData))
		return c, nil
	}
	if c.data, err = readAll(f, info.Size()); err != nil {
		return nil, err
	}
	c.size = int64(len(c.data))
	if !known(c.data) {
		c.judge()
	}
	return c, nil
}

// readAll reads what Stat promised, and whatever an editor that writes in place
// has added since, up to the limit.
func readAll(f io.Reader, size int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(f, driver.MaxData+1))
	return buf.Bytes(), err
}

func (s *Store) notRegular(file string) (*content, error) {
	if link, err := s.linked(file); err != nil {
		return nil, err
	} else if link != nil {
		return nil, link
	}
	info, err := s.fs.Lstat(file)
	if err != nil {
		return nil, err
	}
	what := "neither a file nor a directory"
	switch {
	case info.IsDir():
		what = "a directory"
	case info.Mode()&fs.ModeSymlink != 0:
		what = "a symbolic link, which is not followed"
	case info.Mode().IsRegular():
		return nil, fmt.Errorf("%s was replaced while it was read: try again", s.path(file))
	}
	return &content{modTime: info.ModTime(), problem: driver.ProblemNotRegular, detail: what}, nil
}

// judge finds damage. Every file that Holdfast wrote is one JSON value.
func (c *content) judge() {
	switch {
	case len(c.data) == 0:
		c.problem = driver.ProblemEmpty
	case len(c.data) > driver.MaxData:
		c.problem, c.detail = driver.ProblemTooLarge, "it grew while it was read"
	case !utf8.Valid(c.data):
		c.problem, c.detail = driver.ProblemInvalid, "not UTF-8"
	case !json.Valid(c.data):
		c.problem, c.detail = driver.ProblemInvalid, breakPoint(c.data)
	}
}

// breakPoint says where JSON breaks, without repeating the data.
func breakPoint(data []byte) string {
	var v json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(data, &v); errors.As(err, &syntax) {
		return fmt.Sprintf("breaks at byte %d of %d", syntax.Offset, len(data))
	}
	return fmt.Sprintf("breaks off after %d bytes", len(data))
}

func (c *content) reason() string { return reason(c.problem, c.detail) }

func reason(p driver.Problem, detail string) string {
	text := map[driver.Problem]string{
		driver.ProblemEmpty:      "empty file",
		driver.ProblemInvalid:    "not valid JSON",
		driver.ProblemNotRegular: "not a file",
		driver.ProblemTooLarge:   "too large",
		driver.ProblemDuplicate:  "second file for one id",
	}[p]
	if detail != "" {
		text += " (" + detail + ")"
	}
	return text
}

// revisionOf is that of a version which was made at the file's time.
func revisionOf(c *content) string { return formatRev(c.modTime.UnixNano(), checksum(c.data)) }

// path names a file to people.
func (s *Store) path(file string) string { return path.Join(s.dir, file) }
