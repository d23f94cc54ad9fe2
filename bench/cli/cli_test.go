package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/bench/cli"
	"github.com/holdfast-go/holdfast/bench/suite"
	"github.com/holdfast-go/holdfast/bench/work"
)

// mainEnv lets this test binary be the program.
const mainEnv = "HOLDFAST_BENCH_MAIN"

func TestMain(m *testing.M) {
	switch {
	case work.IsChild():
		os.Exit(work.Child(os.Stdin, os.Stdout, os.Stderr))
	case os.Getenv(mainEnv) != "":
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	// The race detector lets a process sleep for a second at its end, and here
	// are more than a hundred of them.
	os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
	os.Exit(m.Run())
}

// A run of everything, very small: all rows are there, each with numbers or
// with a reason why not, and nothing is left behind.
func TestQuick(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	results, chart := filepath.Join(out, "results.json"), filepath.Join(out, "chart.svg")
	var stdout, stderr bytes.Buffer
	if status := cli.Main([]string{"--quick", "--dir", dir, "--json", results, "--chart", chart}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	r := read(t, results)
	for _, w := range r.Workloads() {
		for _, name := range w.Names {
			checkSample(t, w, name, r)
			if !strings.Contains(stdout.String(), name) {
				t.Errorf("the table does not mention %q", name)
			}
		}
		if w.Kind != suite.Growth && !strings.Contains(stdout.String(), w.Title+" · ") {
			t.Errorf("the table has no section %q", w.Title)
		}
	}
	for _, wrong := range []string{"NaN", "Inf", "FAILED"} {
		if strings.Contains(stdout.String(), wrong) {
			t.Errorf("the table says %s:\n%s", wrong, stdout.String())
		}
	}
	wellFormed(t, chart)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	stdout.Reset()
	if status := cli.Main([]string{"--from", results, "--readme"}, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), "## Speed") {
		t.Errorf("from stored results: status %d\n%s%s", status, stdout.String(), stderr.String())
	}
}

// checkSample looks at one contender: all that may be missing is what depends
// on the machine, or on what the file store knows.
func checkSample(t *testing.T, w suite.Workload, name string, r *suite.Results) {
	t.Helper()
	found := 0
	for _, s := range r.Samples {
		if s.Workload != w.ID || s.Contender != name {
			continue
		}
		found++
		switch speed := float64(s.Ops) / s.Seconds; {
		case s.Failed != "":
			t.Errorf("%s, %s: %s", w.ID, name, s.Failed)
		case s.Missing != "" && (name == suite.RedisServer || name == suite.BacktestKit || name == suite.SQLite ||
			name == suite.Renameio || name == suite.Direct || w.Cold):
		case s.Missing != "":
			t.Errorf("%s, %s: %s", w.ID, name, s.Missing)
		case !(speed > 0) || math.IsInf(speed, 0):
			t.Errorf("%s, %s: %d in %v s", w.ID, name, s.Ops, s.Seconds)
		case w.Kind == suite.Write && !(s.P50 > 0 && s.P99 >= s.P50 && s.Max >= s.P99):
			t.Errorf("%s, %s: latencies %v, %v, %v", w.ID, name, s.P50, s.P99, s.Max)
		case w.Kind == suite.Growth && (s.PutCost <= 0 || s.Disk <= 0 || s.Heap <= 0):
			t.Errorf("%s: %+v", w.ID, s.Outcome)
		}
	}
	if found != r.Rounds*len(r.Places) {
		t.Errorf("%s, %s: measured %d times", w.ID, name, found)
	}
}

// The order of contenders is that of the seed.
func TestSeedDecidesTheOrder(t *testing.T) {
	order := func(seed string) (names []string) {
		file := filepath.Join(t.TempDir(), "r.json")
		var stdout, stderr bytes.Buffer
		args := []string{"--quick", "--rounds", "1", "--seed", seed, "--only", "read-1/(map|Holdfast|diskv|bbolt|buntdb)", "--dir", t.TempDir(), "--json", file}
		if status := cli.Main(args, &stdout, &stderr); status != 0 {
			t.Fatalf("status %d\n%s", status, stderr.String())
		}
		for _, s := range read(t, file).Samples {
			names = append(names, s.Contender)
		}
		return names
	}
	one, again, other := strings.Join(order("1"), ";"), strings.Join(order("1"), ";"), strings.Join(order("3"), ";")
	if one != again || one == other {
		t.Errorf("seed 1: %s\nagain:  %s\nseed 3: %s", one, again, other)
	}
}

// An interruption leaves neither files nor processes, and prints what there is.
func TestInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "--seconds", "60", "--only", "write-1/(Redis|Pebble)$", "--dir", dir)
	cmd.Env = append(os.Environ(), mainEnv+"=1")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewReader(stderr)
	for text := ""; !strings.HasPrefix(text, "[1/"); { // the first measurement has begun
		b, err := lines.ReadByte()
		must(t, err)
		if text += string(b); b == '\n' {
			text = ""
		}
	}
	time.Sleep(300 * time.Millisecond) // into it; any moment would do
	must(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(lines)
	must(t, err)
	if exit := (*exec.ExitError)(nil); !errors.As(cmd.Wait(), &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v\n%s", exit, rest)
	}
	if !strings.Contains(stdout.String(), "interrupted") {
		t.Errorf("printed\n%s", stdout.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[int][][]string{
		0: {{"--help"}},
		1: {{"--from", "absent.json"}, {"--only", "("}, {"--dir", "absent"}},
		2: {{"--nonsense"}, {"rest"}, {"--rounds", "0"}, {"--seconds", "-1"}, {"--keys", "0"}, {"--growth", "100000000"}},
	} {
		for _, a := range args {
			var stdout, stderr bytes.Buffer
			if status := cli.Main(a, &stdout, &stderr); status != want || stderr.Len() == 0 {
				t.Errorf("%q: status %d, want %d; %s", a, status, want, stderr.String())
			}
		}
	}
}

func read(t *testing.T, file string) *suite.Results {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	r := &suite.Results{}
	must(t, json.Unmarshal(data, r))
	return r
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		switch _, err := d.Token(); {
		case err == io.EOF:
			return
		case err != nil:
			t.Errorf("%s: %v", file, err)
			return
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
