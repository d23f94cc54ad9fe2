package testserver

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// children are the processes that a server has started for itself. They are in
// no process group with it.
type children []int

// haltChildren stops the server, so that it starts no more of them, and lists
// those that there are.
func (p *Process) haltChildren() children {
	p.t.Helper()
	p.Pause()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.PID(), p.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	var pids children
	for _, word := range strings.Fields(string(list)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			p.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// kill ends them with SIGKILL and waits until they are gone: a new server would
// refuse to start beside them.
func (c children) kill() {
	for _, pid := range c {
		syscall.Kill(pid, syscall.SIGKILL) // that it is gone already is no error
	}
	for _, pid := range c {
		for end := time.Now().Add(Patience); lives(pid) && time.Now().Before(end); {
			time.Sleep(time.Millisecond) // between two looks
		}
	}
}

// lives tells whether a process has not ended: one that nobody has waited for
// is still listed, as a zombie.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
