package atomicfile

import (
	"io"

	"github.com/holdfast-go/holdfast/vfs"
)

// Staged is a new file that waits beside the one that it will replace. It is
// for those who replace many files at once and make them durable together:
// stage all, sync all, commit all, sync the directories.
type Staged struct{ t *temp }

// Stage writes data to a temporary file beside name, whose directory must
// exist. sync makes the bytes durable, as [Write] does; without it that is for
// the caller to do before Commit, since a rename may reach the disk before the
// bytes do and leave an empty file.
//
// Errors are those of Write: a [*FlushError] if the sync failed. Nothing stays
// then.
func Stage(fsys vfs.FS, name string, data []byte, sync bool, o *Options) (*Staged, error) {
	t, err := createTemp(fsys, name, o)
	if err != nil {
		return nil, err
	}
	if err := t.stage(data, sync, o); err != nil {
		t.discard()
		return nil, err
	}
	return &Staged{t}, nil
}

func (t *temp) stage(data []byte, sync bool, o *Options) error {
	err := t.fill(func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if o != nil && !o.ModTime.IsZero() {
		if err := t.fsys.Chtimes(t.name, o.ModTime); err != nil {
			return err
		}
	}
	if sync {
		if err := t.file.Sync(); err != nil {
			return flushError(err)
		}
	}
	return t.close()
}

// Commit puts the new file in the place of name: a reader sees the old one or
// the new one, whole. It is durable after the directory of name is synced.
func (s *Staged) Commit(name string) error {
	if err := s.t.fsys.Rename(s.t.name, name); err != nil {
		return err
	}
	s.t.renamed = true
	return nil
}

// Discard removes the temporary file of one that was not committed, as well as
// it can; a [Sweep] finds what stays.
func (s *Staged) Discard() {
	if !s.t.renamed {
		s.t.discard()
	}
}
