package atomicfile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testtool"
)

// What package vfs makes of a write, seen from the kernel: a SyncDir that syncs
// nothing would pass every other test.
func TestWriteSystemCalls(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		testtool.Missing(t, "strace")
	}
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-o", trace,
		"-e", "trace=write,fsync,fdatasync,rename,renameat,renameat2,flock", os.Args[0])
	cmd.Env = append(os.Environ(), "ATOMICFILE_TEST_WRITE="+filepath.Join(dir, "x"))
	if out, err := cmd.CombinedOutput(); err != nil {
		testtool.Missing(t, "strace that works: %v %s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(b)
	temp := regexp.QuoteMeta(dir) + `/\.tmp-[0-9a-f]{16}-x>`
	for _, call := range []string{
		`flock\(\d+<` + temp, `write\(\d+<` + temp + `, "new"`, `fsync\(\d+<` + temp + `\) += 0`,
		`renameat2?\(.*\.tmp-.*"x"`, `fsync\(\d+<` + regexp.QuoteMeta(dir) + `>\) += 0`,
	} {
		at := regexp.MustCompile(call).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("no %s where it is due in\n%s", call, strings.TrimSpace(string(b)))
		}
		rest = rest[at[1]:]
	}
}
