package filestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
)

// roleVar makes the test binary another process of a test: it plays the role
// that the variable names, on the directory that is its argument.
const roleVar = "FILESTORE_TEST_ROLE"

var roles = map[string]func(dir string) error{
	"hold":   holdStore,
	"write":  writeTemp,
	"stress": stress,
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(roleVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Args[len(os.Args)-1]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// child is another process, which talks by lines and ends when its standard
// input does.
type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// start starts another process.
func start(t *testing.T, role, dir string, adjust ...func(*exec.Cmd)) *child {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	c := &child{Cmd: exec.Command(exe, dir)}
	c.Env = append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
	for _, f := range adjust {
		f(c.Cmd)
	}
	c.in, err = c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	c.out = bufio.NewScanner(out)
	c.Stderr = os.Stderr
	must(t, c.Cmd.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return c
}

// line waits for the child's next line.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		t.Fatalf("the child said nothing more: %v", c.out.Err())
	}
	return c.out.Text()
}

// kill is kill -9, and waits until the process is gone.
func (c *child) kill(t *testing.T) {
	t.Helper()
	must(t, c.Process.Kill())
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
}

// holdStore opens the store, puts one value, and holds the lock.
func holdStore(dir string) error {
	s, err := filestore.Open(context.Background(), dir, direct(nil))
	if err != nil {
		return err
	}
	if err := s.Put(context.Background(), btc, []byte(`"by the child"`)); err != nil {
		return err
	}
	fmt.Println("open")
	io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

// writeTemp is a writer in the middle of its work, as another program with
// package atomicfile would be.
func writeTemp(dir string) error {
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		return err
	}
	f, err := fsys.OpenFile("signal/strategy-a/.tmp-fedcba9876543210-BTCUSDT.json", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.TryLock(); err != nil {
		return err
	}
	fmt.Println("writing")
	io.Copy(io.Discard, os.Stdin)
	return f.Close()
}

// stress puts rising numbers and prints each one when it is acknowledged.
func stress(dir string) error {
	s, err := filestore.Open(context.Background(), dir, direct(nil))
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := s.Put(context.Background(), btc, fmt.Appendf(nil, `{"n":%d,"pad":"%0500d"}`, i, i)); err != nil {
			return err
		}
		if err := s.Put(context.Background(), eth, fmt.Append(nil, i)); err != nil {
			return err
		}
		fmt.Println(i)
		if i%3 == 0 {
			if err := s.Delete(context.Background(), eth); err != nil {
				return err
			}
			fmt.Println("deleted", i)
		}
	}
}
