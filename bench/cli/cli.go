// Package cli is the command line of the benchmark.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/bench/place"
	"github.com/holdfast-go/holdfast/bench/report"
	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/holdfast-go/holdfast/bench/servers"
	"github.com/holdfast-go/holdfast/bench/suite"
	"github.com/holdfast-go/holdfast/bench/work"
)

// flags of the command line.
type flags struct {
	rounds, keys, entities, growth int
	seconds                        float64
	replay                         int64
	seed                           uint64
	only                           string
	dirs                           []string
	loop, quick, readme, servers   bool
	json, from, chart              string
}

const usage = `Measures Holdfast beside the limit of the disk and what people use instead, and
prints one table. Every contender is checked: what it has acknowledged is read
back. Progress goes to stderr.

  go run ./bench                                     the whole table, in a temporary directory
  go run ./bench --dir /srv/bot --loop --json r.json where you will use it, and on an ext4 with a journal
  go run ./bench --only 'write-64/(Holdfast|Pebble)' some of it
  go run ./bench --from r.json --readme --chart s.svg text and picture of stored results
  go run ./bench --servers --json s.json             Redis, PostgreSQL, MongoDB beside their bare clients

`

func parse(args []string, stderr io.Writer) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(stderr, usage)
		set.PrintDefaults()
	}
	set.IntVar(&f.rounds, "rounds", 3, "how often everything is measured; medians count")
	set.Float64Var(&f.seconds, "seconds", 8, "how long each contender and workload is measured in a round")
	set.IntVar(&f.keys, "keys", 1000, "how many entities are written in turn")
	set.IntVar(&f.entities, "entities", 100_000, "how many entities a start opens, lists and decodes")
	set.IntVar(&f.growth, "growth", 1_000_000, "up to how many entities growth is shown")
	set.Int64Var(&f.replay, "replay", 64<<20, "bytes that are in the journal of the killed process")
	set.Uint64Var(&f.seed, "seed", 0, "of the order of contenders; 0 draws one")
	set.StringVar(&f.only, "only", "", "measure what matches this regular expression: workload/contender")
	set.Func("dir", "where to measure; may be repeated (default: the directory for temporary files)", func(dir string) error {
		f.dirs = append(f.dirs, dir)
		return nil
	})
	set.BoolVar(&f.loop, "loop", false, "measure also on an ext4 with a journal, in an image on a loop device (root)")
	set.BoolVar(&f.quick, "quick", false, "everything very small: to see that it works, not to measure")
	set.StringVar(&f.json, "json", "", "write the raw results to this `file`")
	set.StringVar(&f.from, "from", "", "measure nothing: take the results of this JSON `file`")
	set.StringVar(&f.chart, "chart", "", "draw the results into this SVG `file`")
	set.BoolVar(&f.readme, "readme", false, "print the section on speed of a README instead of the table")
	set.BoolVar(&f.servers, "servers", false, "measure nothing but the backends on servers beside the bare clients")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if f.servers {
		var err error
		set.Visit(func(given *flag.Flag) {
			if !slices.Contains([]string{"servers", "json", "quick"}, given.Name) {
				err = fmt.Errorf("--servers goes with --json and --quick, not with --%s", given.Name)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	if f.quick {
		f.rounds, f.seconds, f.keys, f.entities, f.growth, f.replay = 1, 0.04, 256, 300, 300, 1<<20
	}
	return f, f.check(set.Args())
}

func (f *flags) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not a flag", rest[0])
	case f.rounds < 1 || f.seconds <= 0:
		return errors.New("--rounds and --seconds must be positive")
	case f.keys < 1 || f.entities < 1 || f.growth < 1 || f.replay < row.Size:
		return errors.New("--keys, --entities and --growth must be positive, --replay at least one entity")
	case max(f.keys, f.entities, f.growth) > row.MaxKeys:
		return fmt.Errorf("--keys, --entities and --growth: at most %d", row.MaxKeys)
	}
	return nil
}

// Main runs the program and returns its exit status: 0 done, 1 failed, 2 used
// wrongly. An interruption ends it in order, with what there is.
func Main(args []string, stdout, stderr io.Writer) int {
	f, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.servers {
		err = f.beside(ctx, stdout, stderr)
	} else {
		var results *suite.Results
		if results, err = f.results(ctx, stderr); results != nil {
			err = errors.Join(err, f.output(stdout, results))
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// The calls of each work on the fastest of the servers.
const (
	serverCalls = 5_000
	quickCalls  = 64
)

// beside measures the servers.
func (f *flags) beside(ctx context.Context, stdout, stderr io.Writer) error {
	calls := serverCalls
	if f.quick {
		calls = quickCalls
	}
	r, err := servers.Run(ctx, calls, stderr)
	if f.json != "" {
		err = errors.Join(err, writeJSON(f.json, r))
	}
	return errors.Join(err, r.Table(stdout))
}

func writeJSON(name string, results any) error {
	data, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o644)
}

// results are read from a file, or measured.
func (f *flags) results(ctx context.Context, stderr io.Writer) (*suite.Results, error) {
	if f.from != "" {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return nil, err
		}
		r := &suite.Results{}
		if err := json.Unmarshal(data, r); err != nil {
			return nil, fmt.Errorf("%s: %w", f.from, err)
		}
		return r, nil
	}
	only, err := regexp.Compile(f.only)
	if err != nil {
		return nil, fmt.Errorf("--only: %w", err)
	}
	if f.seed == 0 {
		f.seed = rand.Uint64N(1_000_000) + 1
	}
	fmt.Fprintf(stderr, "seed %d\n", f.seed)
	places, notes, undo, err := f.places(ctx, stderr)
	if err != nil {
		return nil, err
	}
	r, err := work.Run(ctx, work.Config{Rounds: f.rounds, Cell: duration(f.seconds), Warm: duration(min(1, f.seconds/2)),
		Keys: f.keys, Entities: f.entities, Growth: f.growth, Replay: f.replay, Only: only, Places: places,
		Seed: f.seed, Progress: stderr})
	if r != nil {
		r.Notes = append(r.Notes, notes...)
	}
	return r, errors.Join(err, undo())
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// places are the directories, and the loop device if it is asked for and can
// be had; a note says why not.
func (f *flags) places(ctx context.Context, stderr io.Writer) (places []suite.Place, notes []string, undo func() error, err error) {
	undo = func() error { return nil }
	if len(f.dirs) == 0 {
		f.dirs = []string{os.TempDir()}
	}
	for _, dir := range f.dirs {
		if _, err := os.Stat(dir); err != nil {
			return nil, nil, undo, err
		}
		places = append(places, place.Describe(dir))
	}
	if !f.loop {
		return places, nil, undo, nil
	}
	fmt.Fprintln(stderr, "making a file system with a journal")
	loop, err := place.NewLoop(ctx, f.dirs[0], f.imageSize())
	if errors.Is(err, place.ErrNo) {
		return places, []string{"no loop device: " + err.Error()}, undo, nil
	}
	if err != nil {
		return nil, nil, undo, err
	}
	return append(places, loop.Place()), nil, loop.Close, nil
}

// imageSize leaves room for a few copies of the files that starts read, for
// those of growth with what is kept beside them, and for the logs.
func (f *flags) imageSize() int64 {
	const block = 4096
	return 2<<30 + 2*block*int64(f.growth) + 8*block*int64(f.entities)
}

// output is the table or the README, and the files that are asked for.
func (f *flags) output(stdout io.Writer, r *suite.Results) error {
	var err error
	if f.json != "" && f.from == "" {
		err = writeJSON(f.json, r)
	}
	if f.chart != "" {
		err = errors.Join(err, writeFile(f.chart, func(w io.Writer) error { return report.Chart(w, r) }))
	}
	if f.readme {
		return errors.Join(err, report.Readme(stdout, r, f.chart))
	}
	return errors.Join(err, report.Table(stdout, r))
}

func writeFile(name string, write func(w io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
