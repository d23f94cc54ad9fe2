package testserver_test

import (
	"net"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// A killed server is gone with all its processes, and starts again at the same
// address.
func TestPostgres(t *testing.T) {
	p := testserver.StartPostgres(t)
	pid := p.PID()
	p.Kill()
	if conn, err := net.Dial("tcp", p.Addr); err == nil {
		conn.Close()
		t.Error("it answers after Kill")
	}
	p.Restart()
	if p.PID() == pid || !p.Running() {
		t.Errorf("process %d, was %d, running %v", p.PID(), pid, p.Running())
	}
	p.Stop()
	if p.Running() {
		t.Error("it runs after Stop")
	}
	p.Restart()
}
