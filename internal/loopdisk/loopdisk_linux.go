package loopdisk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-go/holdfast/internal/testtool"
)

// makers are the commands that make each kind of file system; the image comes
// last. Nothing is left for the kernel to finish in the background, and the image
// stays sparse.
var makers = map[string][]string{
	"ext4": {"mkfs.ext4", "-q", "-F", "-O", "has_journal", "-E", "nodiscard"},
	"xfs":  {"mkfs.xfs", "-q", "-f", "-K"},
}

// size of an image; mkfs.xfs takes none below 300 MiB. Next to nothing of it is
// ever written.
const size = 320 << 20

// Disk is such a file system. Dir is where it is mounted.
type Disk struct {
	Dir   string
	kind  string
	image string
}

// New makes and mounts a file system: "ext4", with its journal, or "xfs". The
// end of the test undoes both. Where that cannot be done, the test ends with
// [testtool.Missing]. Within a test that has called [Alone], the kernel unmounts
// even if the test is killed.
func New(t testing.TB, kind string) *Disk {
	t.Helper()
	needRoot(t)
	maker := makers[kind]
	if _, err := exec.LookPath(maker[0]); err != nil {
		testtool.Missing(t, "%s, to make a file system on a loop device", maker[0])
	}
	d := &Disk{kind: kind, image: filepath.Join(t.TempDir(), "image"), Dir: filepath.Join(t.TempDir(), "disk")}
	err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, size), os.Mkdir(d.Dir, 0o700))
	if err == nil {
		err = run(append(slices.Clone(maker), d.image)...)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.Dir, 0); err != nil && !errors.Is(err, unix.EINVAL) { // not mounted
			t.Errorf("unmount %s: %v", d.Dir, err)
			unix.Unmount(d.Dir, unix.MNT_DETACH)
		}
	})
	if err := d.mount(); err != nil {
		testtool.Missing(t, "a loop device with %s: %v", kind, err)
	}
	return d
}

// Cut cuts the power: FS_IOC_SHUTDOWN, with no flush of the file system's
// journal. From here on every write and flush fails, and what was not durable is
// lost with [Disk.Restart].
func (d *Disk) Cut() error {
	dir, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	const (
		shutdown   = 0x8004587d // FS_IOC_SHUTDOWN: _IOR('X', 125, __u32)
		noLogFlush = 2          // FS_SHUTDOWN_FLAGS_NOLOGFLUSH
	)
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noLogFlush); err != nil {
		return fmt.Errorf("cut the power of %s: %w", d.Dir, err)
	}
	return nil
}

// Restart mounts the file system anew, as a machine does when the power is back:
// the kernel replays the file system's journal. Nobody may have it open.
func (d *Disk) Restart() error {
	if err := unix.Unmount(d.Dir, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", d.Dir, err)
	}
	return d.mount()
}

// mount lets the mount command find a free loop device, which the kernel frees
// by itself with the mount.
func (d *Disk) mount() error {
	return run("mount", "-t", d.kind, "-o", "loop", d.image, d.Dir)
}

func run(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// aloneEnv tells a process that it is the one that [Alone] has started.
const aloneEnv = "HOLDFAST_TEST_ALONE"

// Alone runs the test once more in a process of its own, whose mounts nobody else
// sees and which the kernel undoes when it ends, however it ends. It returns true
// in that process, which goes on with the test; in the first one it returns false
// when that is over, and the test has its outcome.
func Alone(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(aloneEnv) != "" {
		return true
	}
	needRoot(t)
	args := []string{"-test.v", "-test.run=^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), aloneEnv+"=1"), env...)
	runtime.LockOSThread() // with the end of this thread comes the signal
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		testtool.Missing(t, "a mount namespace: %v", err)
	}
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if text := string(out); strings.Contains(text, "--- SKIP") {
		t.Skip(text)
	}
	t.Logf("in a process of its own:\n%s", out)
	return false
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		testtool.Missing(t, "the rights of root, to mount a file system")
	}
}
