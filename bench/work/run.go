package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/holdfast-go/holdfast/bench/place"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// Config says what is measured, and how long.
type Config struct {
	Rounds   int
	Cell     time.Duration // of each contender, workload and round
	Warm     time.Duration // before each
	Keys     int
	Entities int   // of the start-up workloads
	Growth   int   // the largest of the growing ones
	Replay   int64 // bytes in the journal when a process is killed
	Only     *regexp.Regexp
	Places   []suite.Place
	Seed     uint64
	Progress io.Writer
}

// maxReadCell bounds what is read in a round: it does not depend on a disk.
const maxReadCell = 2 * time.Second

// runner is one run.
type runner struct {
	Config
	exe      string
	results  *suite.Results
	dirs     []string             // by place: what the run may use there
	prepared map[string]*prepared // by directory
	at, of   int                  // cells
}

// prepared is a directory that was filled once for all rounds.
type prepared struct {
	err    suite.Outcome // bad if it could not be filled
	expect []int64       // the last write to each key
}

// cell is one measurement to make.
type cell struct {
	round, place int
	workload     suite.Workload
	name         string
}

// Run measures. It returns what it has when ctx ends, with a note of that.
func Run(ctx context.Context, c Config) (_ *suite.Results, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &runner{Config: c, exe: exe, prepared: map[string]*prepared{}}
	r.results = &suite.Results{Date: time.Now().UTC().Truncate(time.Second), Machine: place.Machine(), Places: c.Places,
		Rounds: c.Rounds, Cell: c.Cell, Keys: c.Keys, Size: c.Entities, Growth: c.Growth, Seed: c.Seed}
	defer func() {
		for _, dir := range r.dirs {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for _, p := range c.Places {
		dir, err := os.MkdirTemp(p.Dir, "holdfast-bench-")
		if err != nil {
			return nil, err
		}
		r.dirs = append(r.dirs, dir)
	}
	rounds := r.plan()
	for _, cells := range rounds {
		r.of += len(cells)
	}
	for _, cells := range rounds {
		for _, c := range cells {
			r.measure(ctx, c)
		}
	}
	if ctx.Err() != nil {
		r.results.Notes = append(r.results.Notes, "interrupted: not all rounds were made")
	}
	return r.results, nil
}

// plan lists the cells of each round: workload by workload, and within it all
// contenders of all places in an order that the seed decides, another one in
// each round.
func (r *runner) plan() [][]cell {
	random := rand.New(rand.NewPCG(r.Seed, 0))
	rounds := make([][]cell, r.Rounds)
	for round := range rounds {
		for _, w := range r.results.Workloads() {
			var cells []cell
			for p := range r.Places {
				for _, name := range w.Names {
					if r.Only.MatchString(w.ID + "/" + name) {
						cells = append(cells, cell{round: round + 1, place: p, workload: w, name: name})
					}
				}
			}
			random.Shuffle(len(cells), func(i, k int) { cells[i], cells[k] = cells[k], cells[i] })
			rounds[round] = append(rounds[round], cells...)
		}
	}
	return rounds
}

func (r *runner) measure(ctx context.Context, c cell) {
	if ctx.Err() != nil {
		return
	}
	r.at++
	fmt.Fprintf(r.Progress, "[%d/%d] round %d, %s, %s, %s: ", r.at, r.of, c.round, c.workload.ID, r.Places[c.place].Label, c.name)
	o, err := r.cell(ctx, c)
	if ctx.Err() != nil {
		fmt.Fprintln(r.Progress, "interrupted")
		return
	}
	if err != nil {
		o = suite.Outcome{Failed: err.Error()}
	}
	fmt.Fprintln(r.Progress, summary(c.workload, o))
	r.results.Samples = append(r.results.Samples, suite.Sample{Round: c.round, Place: c.place,
		Workload: c.workload.ID, Contender: c.name, Outcome: o})
}

func summary(w suite.Workload, o suite.Outcome) string {
	switch {
	case o.Missing != "":
		return o.Missing
	case o.Failed != "":
		return "FAILED: " + o.Failed
	case w.Kind == suite.Start:
		return fmt.Sprintf("%.3f s", o.Seconds)
	case w.Kind == suite.Growth:
		return fmt.Sprintf("%.1f µs a new entity", o.PutCost)
	}
	return fmt.Sprintf("%s/s", suite.Thousands(int(float64(o.Ops)/o.Seconds)))
}

func (r *runner) cell(ctx context.Context, c cell) (suite.Outcome, error) {
	if c.workload.Kind == suite.Start {
		return r.start(ctx, c)
	}
	dir := filepath.Join(r.dirs[c.place], fmt.Sprintf("cell-%d", r.at))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return suite.Outcome{}, err
	}
	// What was removed is written off now, and not while the next one runs.
	defer place.Sync()
	defer empty(dir, c.workload.Kind == suite.Growth)
	j := job{Do: doWrite, Contender: c.name}
	j.Load.Dir, j.Load.Threads, j.Load.Warm, j.Load.Measure = dir, c.workload.Threads, r.Warm, r.Cell
	j.Load.Keys = max(r.Keys, j.Load.Threads)
	switch c.workload.Kind {
	case suite.Read:
		j.Do, j.Load.Measure = doRead, min(r.Cell, maxReadCell)
	case suite.Growth:
		return r.grow(ctx, j, c.workload.Size)
	}
	reply, err := r.child(ctx, j)
	return reply.Outcome, err
}

// smallFile is what may stay until the end of a run.
const smallFile = 64 << 10

// empty removes what a cell has left: all of it, or what takes much room. On an
// ext4 without a journal whoever makes a file has each inode looked at that was
// freed in the last minutes: those who write files would pay for the files of those
// who were measured before them.
func empty(dir string, all bool) {
	if all {
		os.RemoveAll(dir)
		return
	}
	filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Size() > smallFile {
			os.Remove(name)
		}
		return nil
	})
}

// grow fills one store, and opens it again in another process.
func (r *runner) grow(ctx context.Context, j job, size int) (suite.Outcome, error) {
	j.Do, j.Load.Keys, j.Load.Measure = doGrow, size, min(r.Cell, maxReadCell)
	grown, err := r.child(ctx, j)
	if err != nil || grown.Bad() {
		return grown.Outcome, err
	}
	j.Do, j.Expect = doList, grown.Last
	opened, err := r.child(ctx, j)
	if err != nil || opened.Bad() {
		return opened.Outcome, err
	}
	o := opened.Outcome
	o.PutCost, o.Disk, o.P50, o.P99, o.Max = grown.PutCost, grown.Disk, grown.P50, grown.P99, grown.Max
	o.Ops, o.PutTime = grown.Ops, grown.Seconds
	return o, nil
}
