package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever does not want to wait for the work under way signals twice.
func TestSecondSignalEndsTheProcess(t *testing.T) {
	cmd := exec.Command(binary, "--store=mem:", "import", "--ack")
	cmd.Stdin = strings.NewReader(strings.Repeat(`{"entity":"e","id":"a","data":1}`+"\n", 100_000))
	r, w, err := os.Pipe() // that nobody empties
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	for full := 0; full < 60_000; {
		if full, err = unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // between two looks
	}
	for {
		select {
		case <-ended:
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGINT {
				t.Errorf("%v, want the end by SIGINT", cmd.ProcessState)
			}
			return
		case <-time.After(10 * time.Millisecond):
			cmd.Process.Signal(os.Interrupt)
		}
	}
}

// drained tells whether all that was written to the pipe has been read.
func drained(w *os.File) bool {
	n, err := unix.IoctlGetInt(int(w.Fd()), unix.TIOCINQ)
	return n == 0 || err != nil
}

// nobody is who children run as that must not be root, whom no permission
// binds.
const nobody = 65534

// unprivileged lets everybody read below dir and nobody but its owner write,
// and returns how to run the binary as somebody who is not the owner.
func unprivileged(t *testing.T, dir string) func(args ...string) result {
	t.Helper()
	root := os.Getuid() == 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := fs.FileMode(0o444)
		if d.IsDir() {
			mode = 0o555
		}
		return os.Chmod(path, mode)
	})
	if err == nil {
		err = os.Chmod(filepath.Dir(dir), 0o555)
	}
	if err == nil && root {
		err = os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755) // made for the owner alone by TempDir
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		filepath.WalkDir(filepath.Dir(dir), func(path string, d fs.DirEntry, _ error) error {
			return os.Chmod(path, 0o700)
		})
	})
	return func(args ...string) result {
		t.Helper()
		cmd := exec.Command(binary, args...)
		if root {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return finish(t, cmd, "1")
	}
}

// mounted is a small file system of its own.
type mounted struct{ dir string }

func tmpfs(t *testing.T, options string) mounted {
	t.Helper()
	needs(t, os.Getuid() == 0, "only root can mount the small file system that this test fills")
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	needs(t, err == nil, "a tmpfs cannot be mounted here")
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return mounted{dir}
}

func (m mounted) readOnly(t *testing.T) {
	t.Helper()
	if err := syscall.Mount("", m.dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}
