// Package testserver starts real servers for tests: on free loopback ports, in
// temporary directories, stopped when the test ends. A server can be killed as
// a crash kills it, and started again over the same data at the same address.
// Where its program is missing, a test in CI fails.
package testserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/testtool"
)

// Patience is how long a server may take to start, to answer or to end. Slow
// machines need some; a server that is sound takes milliseconds.
const Patience = 60 * time.Second

// Spec is how a server is started, and started again.
type Spec struct {
	Program string   // path, see Find
	Args    []string // without the program
	Dir     string   // its working directory; the log lies there too
	Ready   func(ctx context.Context) error
	Prepare func(cmd *exec.Cmd) // may change the command before each start: user, environment; nil is fine
}

// Process is a server that runs, or was killed and can be started again. Its
// methods are for one goroutine at a time.
type Process struct {
	t     testing.TB
	spec  Spec
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
}

// Find returns the path of a program. Where it is missing, the test ends with
// testtool.Missing, which names the packages to install.
func Find(t testing.TB, program, packages string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		testtool.Missing(t, "%s: install it with: sudo apt-get install -y %s", program, packages)
	}
	return path
}

// FreePort returns a TCP port of 127.0.0.1 on which nobody listened just now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Start starts a server and returns once it is ready. The end of the test stops
// it, and shows its log if the test has failed.
func Start(t testing.TB, spec Spec) *Process {
	t.Helper()
	p := &Process{t: t, spec: spec}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(spec.Program), p.Log())
		}
	})
	p.Restart()
	return p
}

// Restart starts the server again after Kill or Stop, at the same address over
// the same data, and returns once it is ready.
func (p *Process) Restart() {
	p.t.Helper()
	p.Launch()
	p.Await()
}

// Launch is Restart without the waiting.
func (p *Process) Launch() {
	p.t.Helper()
	if p.Running() {
		p.t.Fatalf("%s runs already", p.spec.Program)
	}
	log, err := os.OpenFile(p.logName(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(p.spec.Program, p.spec.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.spec.Dir, log, log
	endWithParent(cmd)
	if p.spec.Prepare != nil {
		p.spec.Prepare(cmd)
	}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The system ends a child with the thread that started it, not with the
		// process: the thread has to stay.
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() // how it ended is the test's own doing, or stands in the log
		}
	}()
	if err := <-started; err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.ended = cmd, ended
}

// Await returns once the server is ready, and ends the test if it ends before
// or takes too long.
func (p *Process) Await() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for {
		err := p.spec.Ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s has ended: %v\n%s", p.spec.Program, p.cmd.ProcessState, p.Log())
		case <-ctx.Done():
			p.t.Fatalf("%s is not ready after %v: %v\n%s", p.spec.Program, Patience, err, p.Log())
		case <-time.After(2 * time.Millisecond): // between two looks
		}
	}
}

// Running tells whether the server was started and has not ended.
func (p *Process) Running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// PID of the server that runs, or ran last.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the server with SIGKILL and waits for its end: what it had not yet
// handed to the operating system is lost.
func (p *Process) Kill() {
	if p.Running() {
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// Stop asks the server to end in good order, and waits for it.
func (p *Process) Stop() {
	p.t.Helper()
	if !p.Running() {
		return
	}
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil { // Windows knows no such word
		p.Kill()
	}
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.Kill()
		p.t.Errorf("%s did not end within %v of SIGTERM\n%s", p.spec.Program, Patience, p.Log())
	}
}

// Log returns the end of what the server has printed.
func (p *Process) Log() string {
	const most = 16 << 10
	f, err := os.Open(p.logName())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		f.Seek(-most, io.SeekEnd)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return fmt.Sprintf("%s\n%v", data, err)
	}
	return string(data)
}

func (p *Process) logName() string { return filepath.Join(p.spec.Dir, "server.log") }
