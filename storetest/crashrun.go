package storetest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// crashRun is one protocol on its way.
type crashRun struct {
	*testing.T
	CrashOptions
	open     func(ctx context.Context, fsys vfs.FS) (driver.Store, error)
	protocol Protocol

	skipped  string
	exact    bool
	trace    *crashfs.Trace
	before   []any // marks of what was done before the record
	touched  []driver.Key
	evidence [][]byte

	known  map[uint64]*recovered           // what came of each disk
	values map[string]map[driver.Key]found // that were found, each once
	kinds  map[string]bool                 // kinds of recoveries that were crashed
	share  uint64                          // of how many states one is judged
	failed int
}

// maxFailures is after how many a protocol gives up.
const maxFailures = 3

// record runs the workload.
func (r *crashRun) record(t *testing.T) {
	w := &Workload{T: t, r: r, disk: crashfs.New(&crashfs.Options{Without: r.Without})}
	wrap := r.Wrap
	r.Wrap = nil // what is prepared does not fail
	w.Open()
	r.exact = exactBytes(w.store)
	if needs := r.protocol.Needs; needs != nil && !needs(w.store) {
		r.skipped = "the backend cannot do this"
	} else if r.protocol.Before != nil {
		r.protocol.Before(w)
	}
	w.Close()
	for p := range w.disk.Trace().Points(crashfs.Strict) {
		r.before = p.Marks()
	}
	if r.protocol.Before == nil {
		w.disk = crashfs.New(&crashfs.Options{Without: r.Without}) // crashed from the first call on
	} else {
		w.disk = w.disk.Settled(&crashfs.Options{Without: r.Without})
	}
	if r.Wrap = wrap; r.skipped != "" {
		return
	}
	r.protocol.Run(w)
	if w.store != nil {
		r.kill(w.store)
	}
	r.trace, r.touched, r.evidence = w.disk.Trace(), w.touched, w.evidence
}

func (r *crashRun) kill(s driver.Store) {
	switch c, ok := s.(io.Closer); {
	case r.Kill != nil:
		r.Kill(s)
	case ok:
		c.Close()
	}
}

// crashAll judges every state of the record.
func (r *crashRun) crashAll() {
	r.Tally.begin(len(r.Models), r.CrashOptions.Share > 1)
	r.share = r.shareOf(r.trace, r.Subsets, r.Most)
	for _, m := range r.models(r.trace) {
		for p := range r.trace.Points(m) {
			if r.failed >= maxFailures {
				return
			}
			synctest.Test(r.T, func(t *testing.T) {
				time.Sleep(24 * time.Hour) // it is later now
				r.crashAt(t, p)
			})
		}
	}
	r.Tally.add(func(f *CrashFigures) { f.Calls += len(r.trace.Calls()) })
}

// models lists by which models a record is enumerated.
func (r *crashRun) models(trace *crashfs.Trace) []crashfs.Model {
	return slices.DeleteFunc(trace.Models(), func(m crashfs.Model) bool {
		return !slices.Contains(r.Models, m) || r.protocol.Models != nil && !slices.Contains(r.protocol.Models, m)
	})
}

// sampling is how states are chosen.
func (r *crashRun) sampling(subsets int) *crashfs.Sampling {
	return &crashfs.Sampling{Seed: r.Seed, Subsets: subsets, Skip: r.Skip}
}

// crashAt judges the states of one moment.
func (r *crashRun) crashAt(t *testing.T, p *crashfs.Point) {
	marks := append(r.before[:len(r.before):len(r.before)], p.Marks()...)
	h := historyOf(marks, r.unsure)
	for s := range p.States(r.sampling(r.Subsets)) {
		if !r.chosen(s, r.share) {
			continue
		}
		disk, hash := s.Open(&crashfs.Options{Without: r.Without})
		rec := r.known[hash]
		if rec == nil || s.Killed() { // what a killed process has left pending differs, though the disk looks the same
			r.Tally.state(hash, s.Killed(), false)
			rec = r.recover(t, disk, hash)
			rec.second = r.crashRecovery(t, rec, s)
			rec.trace = nil // there are many of them
			if !s.Killed() {
				r.known[hash] = rec
			}
		}
		r.judge(h, rec, s, nil)
		for i := range rec.second {
			second := &rec.second[i]
			all := append(append(marks[:len(marks):len(marks)], died{}), second.state.Point().Marks()...)
			r.judge(historyOf(all, r.unsure), second.recovered, s, &second.state)
		}
		if r.failed >= maxFailures {
			return
		}
	}
}

// shareOf returns of how many states one is judged, so that there are about most.
func (r *crashRun) shareOf(trace *crashfs.Trace, subsets, most int) uint64 {
	n := 0
	for _, m := range r.models(trace) {
		for p := range trace.Points(m) {
			for range p.States(r.sampling(subsets)) {
				n++
			}
		}
	}
	return uint64(r.Share * ((n + most - 1) / most))
}

// chosen tells whether a state is the one of its share.
func (r *crashRun) chosen(s crashfs.State, share uint64) bool {
	if share == 1 || s.Killed() {
		return true
	}
	h := fnv.New64a()
	io.WriteString(h, s.Key())
	return (h.Sum64()^r.Seed)%share == 0
}

// unsure tells of errors after which nobody knows.
func (r *crashRun) unsure(err error) bool { return errors.Is(err, driver.ErrStopped) }

// judge reports what is wrong with a state.
func (r *crashRun) judge(h *history, rec *recovered, s crashfs.State, second *crashfs.State) {
	if r.failed >= maxFailures {
		return
	}
	r.Tally.add(func(f *CrashFigures) { f.Verdicts++ })
	var v *verdict
	if rec.seen != nil {
		v = h.judge(rec.seen)
	}
	if v == nil {
		v = rec.verdict
	}
	if v == nil {
		return
	}
	r.failed++
	r.Tally.add(func(f *CrashFigures) { f.Failed++ })
	where := fmt.Sprintf("state %s: %s", s.Key(), s)
	record := r.trace.String()
	if second != nil {
		where += fmt.Sprintf("\nthen, in the recovery, state %s: %s", second.Key(), *second)
		record += "recovery:\n" + second.Point().Trace().String()
	}
	r.Errorf("%v\n%s\nseed %d; the record:\n%s", v, where, r.Seed, record)
}

// secondCrash is what a crash in a recovery left.
type secondCrash struct {
	state crashfs.State
	*recovered
}

// crashRecovery crashes a recovery, and what the next process does then, after
// each of its calls, if it is of a new kind, and recovers what that leaves.
func (r *crashRun) crashRecovery(t *testing.T, first *recovered, s crashfs.State) []secondCrash {
	if first.verdict != nil {
		return nil
	}
	kind := kindOf(s, first.trace)
	if r.kinds[kind] || len(r.kinds) >= r.Recoveries || !r.drawn(kind) {
		return nil
	}
	r.kinds[kind] = true
	trace := r.goOnFrom(t, s)
	subsets := max(r.Subsets/4, 1)
	share := r.shareOf(trace, subsets, max(r.Most/r.Recoveries, 1))
	var all []secondCrash
	done := map[uint64]bool{}
	for _, m := range r.models(trace) {
		for p := range trace.Points(m) {
			for s := range p.States(r.sampling(subsets)) {
				if !r.chosen(s, share) {
					continue
				}
				disk, hash := s.Open(&crashfs.Options{Without: r.Without})
				at := hash + uint64(len(p.Marks())) // what must be there changes with what was told
				if done[at] {
					continue
				}
				done[at] = true
				rec := r.known[hash]
				if rec == nil {
					r.Tally.state(hash, false, true)
					rec = r.recover(t, disk, hash)
					rec.trace = nil
					r.known[hash] = rec
				}
				all = append(all, secondCrash{s, rec})
			}
		}
	}
	return all
}

// drawn tells whether a kind of recovery is among those of a protocol that has
// more than it may: they are spread over the whole of it, by the seed.
func (r *crashRun) drawn(kind string) bool {
	most := r.protocol.Recoveries
	if most <= 0 || most >= r.Recoveries {
		return true
	}
	kills := len(r.trace.Calls()) * len(r.models(r.trace))
	h := fnv.New64a()
	io.WriteString(h, kind)
	return (h.Sum64()^r.Seed)%uint64(max(kills/most, 1)) == 0
}

// goOnFrom records the process that comes after a crash.
func (r *crashRun) goOnFrom(t *testing.T, s crashfs.State) *crashfs.Trace {
	w := &Workload{T: t, r: r, disk: s.Disk(&crashfs.Options{Without: r.Without}), after: s.String(),
		touched: slices.Clone(r.touched), ops: secondOps}
	wrap := r.Wrap
	r.Wrap = nil
	defer func() { r.Wrap = wrap }()
	w.Open()
	if r.protocol.After != nil {
		r.protocol.After(w)
	} else {
		goOnAfter(w)
	}
	if w.store != nil {
		r.kill(w.store)
	}
	return w.disk.Trace()
}

// secondOps is where the numbers of changes after a crash begin.
const secondOps = 1000
