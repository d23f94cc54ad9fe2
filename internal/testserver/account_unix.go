//go:build unix

package testserver

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

// account is whom a server runs as. The zero value is whoever runs the test.
type account struct{ uid, gid int }

// unprivileged is an account for servers that refuse to run as root.
func unprivileged(t testing.TB) account {
	t.Helper()
	if os.Getuid() != 0 {
		return account{}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			return account{uid, gid}
		}
	}
	t.Fatal("the tests run as root, which the server refuses, and there is no user postgres or nobody")
	return account{}
}

// become has a command run as that account.
func (a account) become(cmd *exec.Cmd) {
	if a.uid == 0 {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// tempDir is a directory of the account's own, gone with the test.
func (a account) tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if a.uid != 0 {
		err = os.Chown(dir, a.uid, a.gid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
