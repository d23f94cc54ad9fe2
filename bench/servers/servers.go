// Package servers measures the backends on servers beside the bare clients of
// those servers. The benchmarks lie with the backends, since each needs a server of
// its own to be started; this package runs them, one after the other, and makes
// one table of what they say.
package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/bench/place"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// Goal is how many times as long as the bare client a backend may take.
const Goal = 1.15

// Row is one work of one backend, by so many callers at once.
type Row struct {
	Backend string  `json:"backend"`
	Work    string  `json:"work"`
	Callers int     `json:"callers"`
	Bare    float64 `json:"bareMicroseconds"` // a call of the bare client
	Ours    float64 `json:"oursMicroseconds"`
	Ratio   float64 `json:"ratio"` // of the times, the median of rounds that took turns
}

// Missing is a backend that could not be measured.
type Missing struct {
	Backend string `json:"backend"`
	Why     string `json:"why"`
}

// Results are those of a run.
type Results struct {
	Date    time.Time     `json:"date"`
	Machine suite.Machine `json:"machine"`
	Calls   int           `json:"calls"` // of each work, at least
	Rows    []Row         `json:"rows"`
	Missing []Missing     `json:"missing,omitempty"`
}

// backends are the modules with a BenchmarkBeside, and about how many times as
// long as on Redis a call takes.
var backends = []struct {
	name, pkg string
	slow      int
}{
	{"Redis", "redisstore", 1},
	{"PostgreSQL", "pgstore", 2},
	{"MongoDB", "mongostore", 10},
}

const module = "github.com/holdfast-go/holdfast/"

// Run measures, with so many calls of each work on the fastest server. Progress is
// told to w.
func Run(ctx context.Context, calls int, w io.Writer) (*Results, error) {
	r := &Results{Date: time.Now(), Machine: place.Machine(), Calls: calls}
	for _, b := range backends {
		fmt.Fprintln(w, "measuring", b.name)
		rows, why, err := measure(ctx, module+b.pkg, b.name, max(1, calls/b.slow))
		if err != nil {
			return r, fmt.Errorf("%s: %w", b.name, err)
		}
		r.Rows = append(r.Rows, rows...)
		if len(rows) == 0 {
			r.Missing = append(r.Missing, Missing{b.name, why})
		}
	}
	return r, nil
}

// measure runs the benchmark of one package. If a server is missing, why says so.
func measure(ctx context.Context, pkg, name string, calls int) (rows []Row, why string, err error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkBeside$",
		"-benchtime", strconv.Itoa(calls)+"x", "-timeout", "30m", "-v", pkg)
	// An interruption lets it stop its server.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	rows, why = parse(string(out), name)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("go test %s: %w\n%s%s", pkg, err, out, failed.Stderr)
	}
	if err == nil && len(rows) == 0 && why == "" {
		err = fmt.Errorf("go test %s has measured nothing:\n%s", pkg, out)
	}
	return rows, why, err
}

// parse reads what go test prints: of each row a line, such as
//
//	BenchmarkBeside/Put/64-2   20000   31.1 bare-µs/op   27.2 ours-µs/op   0.87 ratio
//
// and where a server is missing, what is to be installed.
func parse(out, name string) (rows []Row, why string) {
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		if _, text, said := strings.Cut(lines.Text(), ": missing: "); said {
			why = text
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || len(fields)%2 != 0 {
			continue
		}
		row, ok := rowOf(fields[0], name)
		for i := 2; ok && i < len(fields); i += 2 {
			n, err := strconv.ParseFloat(fields[i], 64)
			ok = err == nil
			switch fields[i+1] {
			case "bare-µs/op":
				row.Bare = n
			case "ours-µs/op":
				row.Ours = n
			case "ratio":
				row.Ratio = n
			}
		}
		if ok && row.Ratio > 0 {
			rows = append(rows, row)
		}
	}
	return rows, why
}

// rowOf reads BenchmarkBeside[/where]/work/callers-procs.
func rowOf(text, backend string) (Row, bool) {
	parts := strings.Split(text, "/")
	if len(parts) < 3 || parts[0] != "BenchmarkBeside" {
		return Row{}, false
	}
	last := len(parts) - 1
	digits, _, _ := strings.Cut(parts[last], "-")
	callers, err := strconv.Atoi(digits)
	if len(parts) > 3 {
		backend += ", " + strings.Join(parts[1:last-1], "/")
	}
	return Row{Backend: backend, Work: strings.ReplaceAll(parts[last-1], ",", ", "), Callers: callers}, err == nil
}

// Table prints the results.
func (r *Results) Table(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Holdfast beside the bare clients, %s, %s, %d cores, %s\n", r.Date.UTC().Format(time.DateOnly), r.Machine.CPU, r.Machine.Cores, r.Machine.Go)
	b.WriteString("µs a call; ratio: of the times, the median of rounds that took turns\n\n")
	fmt.Fprintf(&b, "%-20s %-26s %7s %8s %8s %6s\n", "backend", "work", "callers", "bare", "ours", "ratio")
	within := 0
	for _, row := range r.Rows {
		mark := ""
		if row.Ratio <= Goal {
			within++
		} else {
			mark = " >"
		}
		fmt.Fprintf(&b, "%-20s %-26s %7d %8.1f %8.1f %6.2f%s\n", row.Backend, row.Work, row.Callers, row.Bare, row.Ours, row.Ratio, mark)
	}
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "%-20s not measured: %s\n", m.Backend, m.Why)
	}
	fmt.Fprintf(&b, "\n%d of %d are at most %.2f.\n", within, len(r.Rows), Goal)
	_, err := io.WriteString(out, b.String())
	return err
}
