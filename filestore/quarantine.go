package filestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
)

// Quarantine keeps what was damaged, for people to look at, and remembers that
// its value is damaged rather than absent:
//
//	.holdfast/quarantine/20230301T101500.000000100Z/
//	  bytes       the file as it was found; "original" for what is no file, moved here as it was
//	  why.json    a caseFile: key, path, what was wrong, when, size, SHA-256
//	  resolved    there once a good value was put or the value was deleted: says which, and when
//
// A folder with why.json and without resolved, whose value has no file, makes
// that value answer ErrDamaged. Nothing in here is ever deleted by Holdfast.
const quarantineDir = own + "/quarantine"

// The files of a folder.
const (
	caseBytes    = "bytes"
	caseOriginal = "original"
	caseWhy      = "why.json"
	caseResolved = "resolved"
)

// caseVersion is the format of why.json.
const caseVersion = 1

// caseFile is the content of why.json.
type caseFile struct {
	Version int            `json:"version"`
	Entity  string         `json:"entity"`
	ID      string         `json:"id"`
	Path    string         `json:"path"` // where it was found, relative to the base directory
	Problem driver.Problem `json:"problem"`
	Detail  string         `json:"detail,omitempty"`
	Found   time.Time      `json:"found"`
	ModTime time.Time      `json:"modTime"` // of the damaged file
	Size    int64          `json:"size"`
	SHA256  string         `json:"sha256,omitempty"`
}

func compareKeys(a, b driver.Key) int {
	if c := strings.Compare(a.Entity, b.Entity); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// setAside moves the file of a value to quarantine if it is damaged, so that
// replacing or removing it destroys no evidence. Under the policy Delete it
// moves only what could be neither replaced nor unlinked.
func (s *Store) setAside(k driver.Key, file string) error {
	c, err := s.read(file)
	switch {
	case err != nil:
		return ignoreNotExist(err)
	case !c.damaged(), c.regular && s.opt.Invalid == Delete:
		return nil
	}
	_, err = s.quarantine(k, file, c)
	return err
}

// quarantineTwin sets a second file of one key aside, whatever it holds. The
// first decides what the value is, so the folder counts as resolved.
func (s *Store) quarantineTwin(k driver.Key, file string) (mark, error) {
	c, err := s.read(file)
	if err != nil {
		return mark{}, ignoreNotExist(err)
	}
	if !c.damaged() {
		c.problem = driver.ProblemDuplicate
	}
	m, err := s.quarantine(k, file, c)
	if err != nil {
		return m, err
	}
	return m, s.resolveMark(m, "the other file of the same id")
}

// quarantine moves a damaged file out of the way. What a power cut leaves after
// each step is written beside it; in every case the value answers ErrDamaged,
// and the bytes of a file are in at least one place.
func (s *Store) quarantine(k driver.Key, file string, c *content) (mark, error) {
	m := mark{caseFile: caseFile{
		Version: caseVersion, Entity: k.Entity, ID: k.ID, Path: file,
		Problem: c.problem, Detail: c.detail, Found: s.clock.next().UTC(), ModTime: c.modTime.UTC(), Size: c.size,
	}}
	if c.regular && c.problem != driver.ProblemTooLarge {
		sum := sha256.Sum256(c.data)
		m.SHA256 = hex.EncodeToString(sum[:])
	}
	done, begun, err := s.begun(m, c)
	if err != nil {
		return m, err
	}
	if begun {
		// Whoever began it may have been killed before this sync. Then only
		// the page cache knows the reason, and a power cut would leave neither
		// the file nor the mark: a damaged value would be absent.
		if err := s.fs.SyncDir(done.dir); err != nil {
			return done, &atomicfile.FlushError{Err: err}
		}
		m = done
	} else if m, err = s.openCase(m, c); err != nil {
		return m, err
	}
	return m, s.takeAway(m, file)
}

// begun finds the folder of the same damage, which a crash or an error cut off
// before the file was taken from its place.
func (s *Store) begun(like mark, c *content) (mark, bool, error) {
	for _, m := range s.marks.list(like.key()) {
		if m.Path != like.Path || m.SHA256 != like.SHA256 {
			continue
		}
		if m.SHA256 == "" { // nothing has been moved into it yet?
			_, err := s.fs.Lstat(path.Join(m.dir, caseOriginal))
			if errors.Is(err, fs.ErrNotExist) {
				return m, true, nil
			}
			if err != nil {
				return m, false, err
			}
			continue
		}
		kept, err := s.read(path.Join(m.dir, caseBytes)) // somebody may have taken them out
		if err == nil && bytes.Equal(kept.data, c.data) {
			return m, true, nil
		}
		if ignoreNotExist(err) != nil {
			return m, false, err
		}
	}
	return mark{}, false, nil
}

// openCase makes the bytes and the reason durable in a new folder. It copies: a
// rename from one directory to another may, after a power cut, be found in
// neither. What cannot be copied (a directory, a symbolic link, a file above the
// limit) stays for takeAway to rename.
func (s *Store) openCase(m mark, c *content) (mark, error) {
	var err error
	if m.dir, err = s.newFolder(); err != nil { // the file in its place, perhaps an empty folder
		return m, err
	}
	o := &atomicfile.Options{Perm: 0o600}
	if m.SHA256 != "" {
		if err := atomicfile.Write(s.fs, path.Join(m.dir, caseBytes), c.data, o); err != nil { // both copies; no reason yet: the folder is ignored
			return m, err
		}
	}
	why, err := json.MarshalIndent(m.caseFile, "", "  ")
	if err != nil {
		return m, err
	}
	if err := atomicfile.Write(s.fs, path.Join(m.dir, caseWhy), append(why, '\n'), o); err != nil { // both; the next recovery finds the file again, and finds it kept
		return m, err
	}
	// From here on the disk knows the mark, so memory must too, whatever comes
	// next: a mark that nobody knows is never resolved, and makes a value that
	// is put and deleted later answer ErrDamaged after a restart.
	s.marks.add(m)
	return m, nil
}

// keepCopy copies a file of our own that is damaged to quarantine, for people to
// look at. It belongs to no value, so the folder is resolved from the start.
func (s *Store) keepCopy(file, what string) (dir string, err error) {
	if dir, err = s.newFolder(); err != nil {
		return "", err
	}
	note := fmt.Appendf(nil, "{\"by\":%q,\"at\":%q}\n", "no value: "+what, time.Now().UTC().Format(time.RFC3339Nano))
	if err := atomicfile.Write(s.fs, path.Join(dir, caseResolved), note, nil); err != nil {
		return "", err
	}
	f, err := s.fs.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return dir, atomicfile.WriteFrom(s.fs, path.Join(dir, caseBytes), f, nil)
}

// newFolder makes an empty folder with a name that is not taken: the clock may
// have been set back.
func (s *Store) newFolder() (string, error) {
	for {
		dir := path.Join(quarantineDir, s.clock.next().UTC().Format("20060102T150405.000000000Z"))
		switch _, err := s.fs.Lstat(dir); {
		case errors.Is(err, fs.ErrNotExist):
			return dir, s.dirs.ensure(s.fs, dir)
		case err != nil:
			return dir, err
		}
	}
}

// takeAway takes the file from its place. Its bytes, or else the reason, are
// durable in m's folder.
func (s *Store) takeAway(m mark, file string) error {
	if m.SHA256 != "" {
		return ignoreNotExist(atomicfile.Remove(s.fs, file)) // kept, and marked
	}
	to := path.Join(m.dir, caseOriginal)
	if err := s.fs.Rename(file, to); err != nil {
		return err
	}
	// The new name is made durable before the old one is durably gone.
	for _, dir := range []string{m.dir, path.Dir(file)} {
		if err := s.fs.SyncDir(dir); err != nil {
			return &atomicfile.FlushError{Err: err}
		}
	}
	return nil
}

// resolve notes durably that a damaged value was replaced or removed. A power
// cut before it leaves the mark open: beside a file it is resolved by the next
// recovery; without one the value stays damaged, and the call was not
// acknowledged.
func (s *Store) resolve(k driver.Key, how string) error {
	for _, m := range s.marks.list(k) {
		if err := s.resolveMark(m, how); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) resolveMark(m mark, how string) error {
	note := fmt.Appendf(nil, "{\"by\":%q,\"at\":%q}\n", how, time.Now().UTC().Format(time.RFC3339Nano))
	err := atomicfile.Write(s.fs, path.Join(m.dir, caseResolved), note, &atomicfile.Options{Perm: 0o600})
	if errors.Is(err, fs.ErrNotExist) && !isFlush(err) {
		if _, gone := s.fs.Lstat(m.dir); errors.Is(gone, fs.ErrNotExist) {
			err = nil // somebody has taken the whole folder out: there is no mark to resolve
		}
	}
	if err != nil {
		return err
	}
	s.marks.drop(m.key(), m.dir)
	return nil
}

// ignoreNotExist takes absence for success. A flush that failed is no absence.
func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) && !isFlush(err) {
		return nil
	}
	return err
}
