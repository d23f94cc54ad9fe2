//go:build unix

package testserver

import "syscall"

// Pause stops the server with SIGSTOP: its connections stay open and nothing
// answers, as when a machine hangs or a network swallows everything.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
