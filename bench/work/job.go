// Package work does the measuring. Every measurement happens in a process of
// its own, so that none inherits the heap, the garbage or the open files of
// another; the parent shuffles, starts them one by one and collects.
package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-go/holdfast/bench/contender"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// childEnv marks a process as one that does a job.
const childEnv = "HOLDFAST_BENCH_JOB"

// The jobs.
const (
	doWrite     = "write"     // measure puts, then check them
	doRead      = "read"      // measure gets
	doFill      = "fill"      // prepare Entities values
	doOverwrite = "overwrite" // put Bytes more, say so, and wait to be killed
	doList      = "list"      // measure open and list
	doGrow      = "grow"      // measure filling, then puts at that size
)

// job is what a child gets on its stdin.
type job struct {
	Do        string         `json:"do"`
	Contender string         `json:"contender"`
	Load      contender.Load `json:"load"`
	Cold      bool           `json:"cold"`
	Bytes     int64          `json:"bytes"`
	Expect    []int64        `json:"expect"` // list, overwrite: the last write to each key
}

// reply is what it prints: one line.
type reply struct {
	suite.Outcome
	Last []int64 `json:"last,omitempty"` // of overwrite
}

// IsChild tells that this process was started for a job.
func IsChild() bool { return os.Getenv(childEnv) != "" }

// Child does the job and returns the exit status.
func Child(stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var j job
	err := json.NewDecoder(stdin).Decode(&j)
	if err == nil {
		var r reply
		r, err = j.do(ctx)
		switch {
		case errors.Is(err, contender.ErrMissing):
			r, err = reply{Outcome: suite.Outcome{Missing: err.Error()}}, nil
		case err != nil && ctx.Err() == nil:
			r, err = reply{Outcome: suite.Outcome{Failed: err.Error()}}, nil
		}
		if err == nil {
			err = json.NewEncoder(stdout).Encode(r)
		}
		if err == nil && j.Do == doOverwrite {
			<-ctx.Done() // the parent kills this process now
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func (j *job) do(ctx context.Context) (reply, error) {
	c, err := contender.New(j.Contender, j.Load.Threads)
	if err != nil {
		return reply{}, err
	}
	switch j.Do {
	case doWrite:
		return j.write(ctx, c)
	case doRead:
		return j.read(ctx, c)
	case doFill:
		return reply{}, j.fill(ctx, c)
	case doOverwrite:
		return j.overwrite(ctx, c)
	case doList:
		return j.list(ctx, c)
	case doGrow:
		return j.grow(ctx, c)
	}
	return reply{}, fmt.Errorf("unknown job %q", j.Do)
}
