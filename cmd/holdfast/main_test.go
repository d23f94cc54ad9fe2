package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

// binary is the command as users run it, built once. binaryEnv names one that is
// built already: by the process that runs a test in a child, or by somebody who
// wants to see the tests fail.
var binary string

const binaryEnv = "HOLDFAST_TEST_BINARY"

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "holdfast-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755) // for children that run as somebody else
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if binary = os.Getenv(binaryEnv); binary == "" {
		binary = filepath.Join(dir, "holdfast")
		build := exec.Command("go", "build", "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
	}
	os.Unsetenv(storeEnv)
	driver.Register("test", openShelf)
	return m.Run()
}

// result is what one run of the command left.
type result struct {
	code     int
	out, err string
}

// invoke runs the command within this process.
func invoke(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// spawn runs the binary to its end.
func spawn(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return finish(t, exec.Command(binary, args...), stdin)
}

func finish(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok demands success and silence on stderr, and returns stdout.
func (r result) ok(t *testing.T) string {
	t.Helper()
	if r.code != exitOK || r.err != "" {
		t.Fatalf("exit status %d, stderr %q; want 0 and nothing", r.code, r.err)
	}
	return r.out
}

// fails demands an exit status and one line on stderr that has all of the
// words.
func (r result) fails(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit status %d, want %d (stderr %q)", r.code, code, r.err)
	}
	line, rest, ended := strings.Cut(r.err, "\n")
	if !ended || rest != "" || !strings.HasPrefix(line, "holdfast: ") {
		t.Errorf("stderr is not one line that begins with the command's name:\n%s", r.err)
	}
	for _, word := range words {
		if !strings.Contains(line, word) {
			t.Errorf("stderr %q\n lacks %q", line, word)
		}
	}
}

// newStore is a directory that does not exist yet, as a flag, and its path.
func newStore(t *testing.T) (flag, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	return "--store=file:" + dir, dir
}

// put stores a value, or ends the test.
func put(t *testing.T, store, entity, id, data string) {
	t.Helper()
	invoke(t, data, store, "put", entity, id).ok(t)
}

// writeFile makes a file, and the directories above it.
func writeFile(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// needs ends a test whose means are not there.
func needs(t *testing.T, ok bool, what string) {
	t.Helper()
	if !ok {
		testtool.Missing(t, "%s", what)
	}
}
