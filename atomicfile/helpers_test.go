package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func open(t *testing.T) (fsys vfs.FS, dir string) {
	t.Helper()
	dir = t.TempDir()
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys, dir
}

// recorder is a file system that notes every call.
type recorder struct {
	*faultfs.FS
	mu  sync.Mutex
	log []string
}

var random = regexp.MustCompile(`\.tmp-[0-9a-f]{16}-`)

func record(inner vfs.FS, rules ...faultfs.Rule) *recorder {
	r := &recorder{FS: faultfs.New(inner, rules...)}
	r.OnCall = func(op faultfs.Op, name string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log = append(r.log, fmt.Sprintf("%s %s", op, random.ReplaceAllString(name, "TEMP-")))
	}
	return r
}

// took returns what was called since the last time.
func (r *recorder) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.log = nil }()
	return r.log
}

func wantCalls(t *testing.T, r *recorder, want ...string) {
	t.Helper()
	if got := r.took(); !slices.Equal(got, want) {
		t.Errorf("got the calls\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func put(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	if err := atomicfile.Write(fsys, name, []byte(content), nil); err != nil {
		t.Fatal(err)
	}
}

// raw creates a file as a program that knows nothing of us would.
func raw(t *testing.T, fsys vfs.FS, name string) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func read(fsys vfs.FS, name string) (string, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// wantContent checks a file; "" means that it must not exist.
func wantContent(t *testing.T, fsys vfs.FS, name, want string) {
	t.Helper()
	got, err := read(fsys, name)
	if want == "" && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil || got != want {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

// wantNames checks that dir holds exactly these.
func wantNames(t *testing.T, fsys vfs.FS, dir string, want ...string) {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", path.Clean(dir), got, want)
	}
}

func isFlushError(err error) bool {
	var fe *atomicfile.FlushError
	return errors.As(err, &fe)
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
