package crashfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// names that the random test uses: some exist, some do not, some cannot.
var names = []string{".", "a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "a/x", "../a", "/a", "", "d/", strings.Repeat("n", 256), "x\x00y"}

// kindOf reduces an error to what callers look at.
func kindOf(err error) string {
	for _, e := range []error{nil, fs.ErrInvalid, fs.ErrNotExist, fs.ErrExist, vfs.ErrNotRegular, vfs.ErrLocked, fs.ErrClosed,
		syscall.ENOTDIR, syscall.ENOTEMPTY, syscall.ENAMETOOLONG, syscall.EBADF, io.EOF} {
		if errors.Is(err, e) {
			return fmt.Sprint(e)
		}
	}
	return "another error"
}

// twins are the operating system's file system and this one.
type twins struct{ real, fake vfs.FS }

// do calls f on both, which must answer alike.
func (w *twins) do(t *testing.T, what string, f func(fsys vfs.FS) (string, error)) {
	t.Helper()
	want, wantErr := f(w.real)
	got, gotErr := f(w.fake)
	if got != want || kindOf(gotErr) != kindOf(wantErr) {
		t.Fatalf("%s: %q %v, and on a real disk %q %v", what, got, gotErr, want, wantErr)
	}
}

// Calls at random do here what they do on a real disk.
func TestLikeTheRealOne(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		real, err := vfs.OpenOS(t.TempDir(), nil)
		must(t, err)
		w := &twins{real, crashfs.New(nil).Mount()}
		for range 200 {
			w.act(t, rnd)
		}
		must(t, real.Close())
	}
}

func (w *twins) act(t *testing.T, rnd *rand.Rand) {
	t.Helper()
	name, other := names[rnd.IntN(len(names))], names[rnd.IntN(len(names))]
	flag := []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR}[rnd.IntN(3)]
	for _, f := range []int{os.O_CREATE, os.O_EXCL, os.O_TRUNC} {
		if rnd.IntN(2) == 0 {
			flag |= f
		}
	}
	if flag&os.O_CREATE == 0 {
		flag &^= os.O_EXCL // means nothing
	}
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		flag &^= os.O_TRUNC // is not for all to say
	}
	data, off := strings.Repeat(fmt.Sprint(rnd.IntN(10)), rnd.IntN(6000)), rnd.Int64N(9000)
	call := rnd.IntN(10)
	w.do(t, fmt.Sprintf("call %d of %q %q flag %x", call, name, other, flag), func(fsys vfs.FS) (string, error) {
		switch call {
		case 0:
			if name == "." {
				return "", nil
			}
			return "", fsys.Mkdir(name, 0o700)
		case 1:
			if name == "." {
				return "", nil
			}
			return "", fsys.Remove(name)
		case 2:
			if strings.HasPrefix(other, name) || name == "." || other == "." || len(name)+len(other) > 255 {
				return "", nil // an error, and which one is not for all to say
			}
			return "", fsys.Rename(name, other)
		case 3:
			return list(fsys, name)
		case 4:
			if name == "." || other == "." {
				return "", nil
			}
			return "", exchange(fsys, name, other)
		case 5:
			return "", fsys.SyncDir(name)
		case 6:
			return stat(fsys, name)
		}
		return use(fsys, name, flag, data, off)
	})
}

func exchange(fsys vfs.FS, a, b string) error {
	for _, name := range []string{a, b} {
		if fi, err := fsys.Lstat(name); err != nil || fi.IsDir() {
			return nil // not for directories; and which of two errors comes is not for all to say
		}
	}
	return vfs.Exchange(fsys, a, b)
}

func list(fsys vfs.FS, name string) (string, error) {
	infos, err := vfs.StatDir(fsys, name)
	slices.SortFunc(infos, func(a, b vfs.Info) int { return strings.Compare(a.Name, b.Name) })
	entries, err2 := fsys.ReadDir(name)
	text := ""
	for i, e := range infos {
		size := e.Size
		if e.Mode.IsDir() {
			size = 0
		}
		text += fmt.Sprintln(e.Name, e.Mode, size, entries[i].Name() == e.Name, entries[i].IsDir())
	}
	if kindOf(err) != kindOf(err2) {
		err = errors.Join(err, err2)
	}
	return text, err
}

func stat(fsys vfs.FS, name string) (string, error) {
	i, err := vfs.Stat(fsys, name)
	if i.Mode.IsDir() {
		i.Size, i.Mode = 0, i.Mode.Type() // the root is whatever somebody has made
	}
	return fmt.Sprint(path.Base(i.Name) == path.Base(name), i.Mode, i.Size, i.Inode != 0, i.ChangeTime != 0), err
}

// use opens a file, writes, cuts and reads it.
func use(fsys vfs.FS, name string, flag int, data string, off int64) (string, error) {
	f, err := fsys.OpenFile(name, flag, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	n, err1 := f.WriteAt([]byte(data), off)
	m, err2 := f.Write([]byte(data[:len(data)/2]))
	var err3 error
	if len(data)%3 == 0 && flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		err3 = f.Truncate(off)
	}
	b := make([]byte, 7000)
	r, err4 := f.ReadAt(b, off/2)
	rest, err5 := io.ReadAll(f)
	return fmt.Sprintf("%d %d %d %x %x %s %s %s %s %s", n, m, r, b[:r], rest, kindOf(err1), kindOf(err2), kindOf(err3), kindOf(err4), kindOf(err5)),
		errors.Join(f.Sync(), vfs.Datasync(f))
}

func TestLocks(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "1"})
	open := func(fsys vfs.FS) vfs.File {
		f, err := fsys.OpenFile("a", os.O_RDWR, 0)
		must(t, err)
		return f
	}
	f, g := open(fsys), open(d.Mount())
	must(t, f.TryLock())
	must(t, f.TryLock())
	if err := g.TryLock(); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("%v", err)
	}
	must(t, f.Close())
	must(t, g.TryLock())
	if err := f.TryLock(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
	next := d.Settled(nil).Mount() // whoever comes after a crash meets no lock
	must(t, open(next).TryLock())
}

func TestAlone(t *testing.T) {
	_, fsys := durable(t, nil, map[string]string{"a": "1"})
	f, err := fsys.OpenFile("a", os.O_RDWR, 0)
	must(t, err)
	if !vfs.Alone(f) {
		t.Error("not alone")
	}
	g, err := fsys.OpenFile("a", os.O_RDONLY, 0)
	must(t, err)
	if vfs.Alone(f) {
		t.Error("alone, though somebody has it open")
	}
	must(t, g.Close())
	if !vfs.Alone(f) {
		t.Error("not alone any more")
	}
	must(t, fsys.Remove("a"))
	if vfs.Alone(f) {
		t.Error("alone, though it has no name")
	}
}

func TestClosed(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "1"})
	f, err := fsys.OpenFile("a", os.O_RDONLY, 0)
	must(t, err)
	must(t, fsys.Close())
	_, err1 := fsys.OpenFile("a", os.O_RDONLY, 0)
	_, err2 := fsys.ReadDir(".")
	for _, err := range []error{err1, err2, fsys.SyncAll(), fsys.Mkdir("b", 0o700), fsys.Rename("a", "b"), fsys.Close()} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	if b, err := io.ReadAll(f); err != nil || string(b) != "1" {
		t.Errorf("%q %v", b, err) // open files stay usable
	}
	_, err = d.Mount().Lstat("a")
	must(t, err)
}

// What is switched off answers as where it is missing.
func TestWithout(t *testing.T) {
	d, fsys := durable(t, &crashfs.Options{Without: crashfs.WithoutAll}, map[string]string{"a": "1", "b": "2"})
	f, err := fsys.OpenFile("a", os.O_RDWR, 0)
	must(t, err)
	if err := vfs.SyncAll(fsys); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if err := vfs.Exchange(fsys, "a", "b"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if vfs.Alone(f) {
		t.Error("alone")
	}
	must(t, vfs.Datasync(f))
	infos, err := vfs.StatDir(fsys, ".")
	must(t, err)
	if len(infos) != 2 || infos[0].Name != "a" || infos[0].Inode == 0 || infos[0].ChangeTime == 0 {
		t.Errorf("%+v", infos)
	}
	var ops []crashfs.Op
	for _, c := range d.Trace().Calls() {
		ops = append(ops, c.Op)
	}
	if !slices.Equal(ops, []crashfs.Op{crashfs.OpSync}) {
		t.Errorf("%v", ops)
	}
}

// A fault of package faultfs fails the call above the disk.
func TestUnderFaults(t *testing.T) {
	d := crashfs.New(nil)
	fsys := faultfs.New(d.Mount(), faultfs.Rule{Op: faultfs.OpWrite, Short: true}, faultfs.Rule{Op: faultfs.OpSync})
	f, err := fsys.OpenFile("a", os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	if n, err := f.Write([]byte("1234")); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Errorf("%d %v", n, err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if got := content(d, "a"); got != "12" {
		t.Errorf("%q", got)
	}
}

// Times come from the clock, that of a bubble included.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, fsys := durable(t, nil, map[string]string{"a": "1"})
		before := d.Tree()[0].ModTime
		time.Sleep(time.Hour)
		write(t, fsys, "a", "2", false)
		if got := d.Tree()[0].ModTime.Sub(before); got != time.Hour {
			t.Errorf("%v later", got)
		}
	})
}
