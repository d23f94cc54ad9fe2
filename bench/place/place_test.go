package place_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/holdfast-go/holdfast/bench/place"
)

func TestDescribe(t *testing.T) {
	dir := t.TempDir()
	p := place.Describe(dir)
	if p.Label == "" || p.Type == "" || p.Dir != dir || p.Loop {
		t.Errorf("%+v", p)
	}
	if m := place.Machine(); m.Cores < 1 || m.Go != runtime.Version() || m.CPU == "" || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}

func TestUsageAndWarm(t *testing.T) {
	dir := t.TempDir()
	empty, err := place.Usage(dir)
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "sub", "x"), make([]byte, 1<<20), 0o600))
	used, err := place.Usage(dir)
	if err != nil || used-empty < 1<<20 || used-empty > 2<<20 {
		t.Errorf("a file of a megabyte takes %d bytes, %v", used-empty, err)
	}
	must(t, place.Warm(dir))
	if err := place.Warm(filepath.Join(dir, "absent")); err == nil {
		t.Error("what is absent was read")
	}
}

// Where something cannot be done, the error says that it is this machine.
func TestWhatIsNotPossible(t *testing.T) {
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		t.Skip("root may")
	}
	if err := place.DropCaches(); err != nil && !errors.Is(err, place.ErrNo) {
		t.Errorf("drop caches: %v", err)
	}
	if _, err := place.NewLoop(t.Context(), t.TempDir(), 64<<20); !errors.Is(err, place.ErrNo) {
		t.Errorf("loop device: %v", err)
	}
}

// With root and a loop device, one comes and goes without a trace.
func TestLoop(t *testing.T) {
	dir := t.TempDir()
	loop, err := place.NewLoop(t.Context(), dir, 64<<20)
	if errors.Is(err, place.ErrNo) {
		t.Skip(err)
	}
	must(t, err)
	p := loop.Place()
	if p.Type != "ext4" || p.Journal != "journal" || !p.Loop {
		t.Errorf("%+v", p)
	}
	must(t, os.WriteFile(filepath.Join(p.Dir, "x"), []byte("x"), 0o600))
	must(t, loop.Close())
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
