package testserver_test

import (
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

func command(t *testing.T, r *testserver.Redis, want string, words ...string) {
	t.Helper()
	if got, err := r.Command(t.Context(), words...); err != nil || got != want {
		t.Errorf("%q: got %q, %v; want %q", words, got, err, want)
	}
}

// What was acknowledged is there after SIGKILL, at the same address.
func TestRedis(t *testing.T) {
	r := testserver.StartRedis(t)
	command(t, r, "+OK", "SET", "a", "1")
	pid := r.PID()
	r.Kill()
	if r.Running() {
		t.Error("it runs after Kill")
	}
	if _, err := r.Command(t.Context(), "GET", "a"); err == nil {
		t.Error("it answers after Kill")
	}
	r.Restart()
	if r.PID() == pid || !r.Running() {
		t.Errorf("process %d, was %d, running %v", r.PID(), pid, r.Running())
	}
	command(t, r, "$1", "GET", "a")
	r.Stop()
	r.Restart()
	command(t, r, "$1", "GET", "a")
}

func TestRedisWithPassword(t *testing.T) {
	r := testserver.StartRedis(t, "--requirepass", "secret")
	command(t, r, "-NOAUTH Authentication required.", "GET", "a")
}
