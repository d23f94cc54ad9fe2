package work

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/bench/place"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// start measures open, list and decode in a directory that is filled once for
// all rounds, warm and cold.
func (r *runner) start(ctx context.Context, c cell) (suite.Outcome, error) {
	j := job{Do: doFill, Contender: c.name, Cold: c.workload.Cold}
	j.Load.Threads, j.Load.Keys = 1, c.workload.Size
	j.Load.Dir = filepath.Join(r.dirs[c.place], fmt.Sprintf("start-%d", slices.Index(c.workload.Names, c.name)))
	p, err := r.prepare(ctx, j)
	if err != nil || p.err.Bad() {
		return p.err, err
	}
	if strings.HasSuffix(c.name, suite.KilledSuffix) {
		if err := r.kill(ctx, j, p); err != nil {
			return suite.Outcome{}, err
		}
	}
	j.Do, j.Expect = doList, p.expect
	reply, err := r.child(ctx, j)
	return reply.Outcome, err
}

func (r *runner) prepare(ctx context.Context, j job) (*prepared, error) {
	if p := r.prepared[j.Load.Dir]; p != nil {
		return p, nil
	}
	p := &prepared{expect: make([]int64, j.Load.Keys)}
	for i := range p.expect {
		p.expect[i] = 1
	}
	if err := os.Mkdir(j.Load.Dir, 0o700); err != nil {
		return p, err
	}
	filled, err := r.child(ctx, j)
	if err != nil {
		return p, err
	}
	p.err = filled.Outcome
	place.Sync()
	r.prepared[j.Load.Dir] = p
	return p, nil
}
