package filestore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/caseblindfs"
	"github.com/holdfast-go/holdfast/vfs"
)

// hookFS lets a test act in the moment between a call that looked at the disk
// and what its caller makes of the answer. Each hook runs once.
type hookFS struct {
	vfs.FS
	hooks map[string]func() // by call and name
}

func hooked(fsys vfs.FS) *hookFS { return &hookFS{FS: fsys, hooks: map[string]func(){}} }

func (h *hookFS) after(call string) {
	if f := h.hooks[call]; f != nil {
		delete(h.hooks, call)
		f()
	}
}

func (h *hookFS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := h.FS.OpenFile(name, flag, perm)
	h.after("OpenFile " + name)
	return f, err
}

func (h *hookFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := h.FS.ReadDir(name)
	h.after("ReadDir " + name)
	return entries, err
}

func (h *hookFS) Lstat(name string) (fs.FileInfo, error) {
	info, err := h.FS.Lstat(name)
	h.after("Lstat " + name)
	return info, err
}

// P3: between finding no file and finding no mark, a Put may have come. "Not
// found" was true at no time.
func TestGetBesidePutOverMark(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		dir := t.TempDir()
		write(t, dir, btcFile, `{`)
		fsys := hooked(osFS(t, dir))
		owner := open(t, dir, &filestore.Options{FS: fsys})
		reader := owner
		if readOnly {
			closeStore(t, owner)
			owner = open(t, dir, nil)
			fsys = hooked(osFS(t, dir))
			reader = open(t, dir, &filestore.Options{FS: fsys, ReadOnly: true})
		}
		wantDamaged(t, reader, btc)
		fsys.hooks["OpenFile "+btcFile] = func() { put(t, owner, btc, `1`) }
		if rec, err := reader.Get(t.Context(), btc); err != nil || string(rec.Data) != `1` {
			t.Errorf("read-only %v: Get beside a Put: %q, %v", readOnly, rec.Data, err)
		}
	}
}

// What was there throughout is listed, whether it was a mark first and a file
// later or the other way round.
func TestIDsBesideHealingAndDamage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{`)
	fsys := hooked(osFS(t, dir))
	s := open(t, dir, &filestore.Options{FS: fsys})
	fsys.hooks["ReadDir signal/strategy-a"] = func() { put(t, s, btc, `1`) }
	if got := ids(t, s, btc.Entity); !slices.Equal(got, []string{btc.ID}) {
		t.Errorf("beside a Put over a mark: %q", got)
	}
	must(t, damages["empty"](filepath.Join(dir, btcFile)))
	closeStore(t, s)

	fsys = hooked(osFS(t, dir))
	ro := open(t, dir, &filestore.Options{FS: fsys, ReadOnly: true})
	fsys.hooks["ReadDir .holdfast/quarantine"] = func() { closeStore(t, open(t, dir, nil)) }
	if got := ids(t, ro, btc.Entity); !slices.Equal(got, []string{btc.ID}) {
		t.Errorf("beside an owner that sets it aside: %q", got)
	}
	if got := entities(t, ro); !slices.Equal(got, []string{btc.Entity}) {
		t.Errorf("Entities afterwards: %q", got)
	}
}

// A reader without the lock sees what its owner does, marks included, whatever
// it asks first.
func TestReadOnlyFollowsItsOwner(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{`)
	var readers []*filestore.Store
	for range 3 {
		readers = append(readers, open(t, dir, &filestore.Options{ReadOnly: true}))
	}
	follows := func(damage, values int) {
		t.Helper()
		if got := ids(t, readers[0], btc.Entity); len(got) != values {
			t.Errorf("IDs: %q", got)
		}
		if got := entities(t, readers[0]); len(got) != values {
			t.Errorf("Entities: %q", got)
		}
		if report, err := readers[1].Check(t.Context(), nil); err != nil || report.Damaged() != damage || report.Values != values {
			t.Errorf("Check: %+v, %v", report, err)
		}
	}
	follows(1, 1)
	owner := open(t, dir, nil) // sets it aside
	follows(1, 1)
	wantDamaged(t, readers[2], btc)
	put(t, owner, btc, `1`)
	follows(0, 1)
	wantValue(t, readers[2], btc, `1`)
	must(t, owner.Delete(t.Context(), btc))
	follows(0, 0)
	wantAbsent(t, readers[2], btc)
}

// Recovery reads 100,000 files before it acts on the first; another program may
// have replaced a damaged one by then.
func TestRecoveryLooksAgain(t *testing.T) {
	for _, policy := range []filestore.Policy{filestore.Quarantine, filestore.Delete} {
		dir := t.TempDir()
		write(t, dir, btcFile, `{`)
		fsys := hooked(osFS(t, dir))
		fsys.hooks["OpenFile "+btcFile] = func() {
			write(t, dir, "good", `"good"`)
			must(t, os.Rename(filepath.Join(dir, "good"), filepath.Join(dir, btcFile)))
		}
		s := open(t, dir, &filestore.Options{FS: fsys, Invalid: policy})
		wantValue(t, s, btc, `"good"`)
		if files := kept(t, dir, "*"); len(files) != 0 {
			t.Errorf("%s: in quarantine: %q", policy, files)
		}
	}
}

// "AB" and "ab" are one file there, whoever comes first, and a value of the one
// is never given out for the other.
func TestCaseTwins(t *testing.T) {
	dir := t.TempDir()
	blind := func() vfs.FS { return caseblindfs.New(osFS(t, dir)) }
	s := open(t, dir, &filestore.Options{FS: blind()})
	lower, upper := driver.Key{Entity: "signal/a", ID: "ab"}, driver.Key{Entity: "signal/a", ID: "AB"}
	otherDir := driver.Key{Entity: "signal/A", ID: "x"}
	put(t, s, lower, `"lower"`)
	refused := func(s *filestore.Store, k driver.Key) {
		t.Helper()
		wantErr(t, s, k, driver.ErrInvalidName)
		for _, err := range []error{s.Put(t.Context(), k, []byte(`"twin"`)), s.Delete(t.Context(), k)} {
			if !errors.Is(err, driver.ErrInvalidName) && !errors.Is(err, driver.ErrReadOnly) {
				t.Errorf("a change of %s: %v", k, err)
			}
		}
	}
	refused(s, upper)
	refused(s, otherDir)
	if err := s.Init(t.Context(), otherDir.Entity); !errors.Is(err, driver.ErrInvalidName) {
		t.Errorf("Init of %s: %v", otherDir.Entity, err)
	}
	wantValue(t, s, lower, `"lower"`)

	ro := open(t, dir, &filestore.Options{FS: blind(), ReadOnly: true})
	refused(ro, upper)
	wantValue(t, ro, lower, `"lower"`)
	must(t, s.Delete(t.Context(), lower))
	put(t, s, upper, `"upper"`)
	wantValue(t, s, upper, `"upper"`)
	refused(s, lower)
	refused(ro, lower) // which it has seen under that name
	wantValue(t, ro, upper, `"upper"`)
}

// A directory that backtest-kit made has nothing of ours in it to try the case
// with.
func TestCaseTwinsReadOnlyForeign(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `1`)
	for _, fsys := range []vfs.FS{caseblindfs.New(osFS(t, dir)), osFS(t, dir)} {
		ro := open(t, dir, &filestore.Options{FS: fsys, ReadOnly: true})
		wantValue(t, ro, btc, `1`)
		want := driver.ErrNotFound
		if _, blind := fsys.(*caseblindfs.FS); blind {
			want = driver.ErrInvalidName
		}
		wantErr(t, ro, driver.Key{Entity: btc.Entity, ID: "btcusdt"}, want)
	}
}

// Two entities that would share a directory are created at the same time: the
// one that comes second is refused before its value is written.
func TestCaseTwinDirectoriesAtOnce(t *testing.T) {
	dir := t.TempDir()
	fsys := hooked(caseblindfs.New(osFS(t, dir)))
	s := open(t, dir, &filestore.Options{FS: fsys})
	first, second := driver.Key{Entity: "Signal", ID: "x"}, driver.Key{Entity: "signal", ID: "y"}
	fsys.hooks["Lstat signal"] = func() { put(t, s, first, `1`) }
	if err := s.Put(t.Context(), second, []byte(`2`)); !errors.Is(err, driver.ErrInvalidName) {
		t.Errorf("the second Put: %v", err)
	}
	wantValue(t, s, first, `1`)
	if got := ids(t, s, "Signal"); !slices.Equal(got, []string{"x"}) {
		t.Errorf("the first entity lists %q", got)
	}
}

// A value that is removed while its spelling is looked up is absent, not
// somebody else's.
func TestCaseLookupBesideDelete(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `1`)
	fsys := hooked(caseblindfs.New(osFS(t, dir)))
	s := open(t, dir, &filestore.Options{FS: fsys})
	fsys.hooks["Lstat "+btcFile] = func() { must(t, s.Delete(t.Context(), btc)) }
	if _, err := s.Get(t.Context(), btc); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("Get beside Delete: %v", err)
	}
	fsys.hooks = map[string]func(){}
	put(t, s, driver.Key{Entity: btc.Entity, ID: "btcusdt"}, `2`)
	wantErr(t, s, btc, driver.ErrInvalidName)
}
