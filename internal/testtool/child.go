package testtool

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// Child starts this test binary as a process of its own, with env ("NAME=value")
// in its environment, and returns once the child has printed line, so that no
// test has to guess when it is ready. The child's stdin stays open until kill,
// which ends it with SIGKILL and waits for its end; so does the end of the test.
func Child(t testing.TB, env, line string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
		cmd.Wait() // tells of the signal: no error of ours
		stdin.Close()
	})
	t.Cleanup(kill)
	got := make([]byte, len(line)+1)
	if _, err := io.ReadFull(stdout, got); err != nil || string(got) != line+"\n" {
		t.Fatalf("the child printed %q, not %q: %v", got, line, err)
	}
	return kill
}
