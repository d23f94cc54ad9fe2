package testserver

import (
	"os/exec"
	"syscall"
)

// endWithParent has the system kill the server when the test binary dies
// without its clean-up, of a panic or a time limit.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
