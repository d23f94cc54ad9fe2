// Package report turns results into a table, a chart and a section of a
// README. It measures nothing.
package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/holdfast-go/holdfast/bench/stats"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// summary has the medians over the rounds.
type summary struct {
	*suite.Results
	cells map[cellKey]*cell
}

type cellKey struct {
	place          int
	workload, name string
}

// cell is what a contender reached at a workload in a place. Numbers that were
// not measured are NaN.
type cell struct {
	bad             string  // why there is nothing
	value           float64 // operations a second, or seconds
	open            float64 // seconds
	p50, p99, max   float64 // microseconds
	putCost         float64 // microseconds
	putRate         float64 // puts a second, grown
	heap, rss, disk float64 // bytes
}

func summarize(r *suite.Results) *summary {
	s := &summary{Results: r, cells: map[cellKey]*cell{}}
	byCell := map[cellKey][]suite.Outcome{}
	for _, sample := range r.Samples {
		key := cellKey{sample.Place, sample.Workload, sample.Contender}
		byCell[key] = append(byCell[key], sample.Outcome)
	}
	for _, w := range r.Workloads() {
		for place := range r.Places {
			for _, name := range w.Names {
				key := cellKey{place, w.ID, name}
				if outcomes := byCell[key]; len(outcomes) > 0 {
					s.cells[key] = medians(w, outcomes)
				}
			}
		}
	}
	return s
}

// medians does not mend a contender that has failed in one of the rounds: that
// it fails is the result.
func medians(w suite.Workload, outcomes []suite.Outcome) *cell {
	for _, o := range outcomes {
		if o.Missing != "" {
			return &cell{bad: o.Missing}
		}
		if o.Failed != "" {
			return &cell{bad: "FAILED: " + o.Failed}
		}
	}
	median := func(of func(o suite.Outcome) float64) float64 {
		var values []float64
		for _, o := range outcomes {
			if v := of(o); v != 0 && !math.IsInf(v, 0) {
				values = append(values, v)
			}
		}
		return stats.Median(values)
	}
	return &cell{
		value: median(func(o suite.Outcome) float64 {
			if w.Lower() {
				return o.Seconds
			}
			return float64(o.Ops) / o.Seconds
		}),
		open:    median(func(o suite.Outcome) float64 { return o.Open }),
		p50:     median(func(o suite.Outcome) float64 { return o.P50 }),
		p99:     median(func(o suite.Outcome) float64 { return o.P99 }),
		max:     median(func(o suite.Outcome) float64 { return o.Max }),
		putCost: median(func(o suite.Outcome) float64 { return o.PutCost }),
		putRate: median(func(o suite.Outcome) float64 { return float64(o.Ops) / o.PutTime }),
		heap:    median(func(o suite.Outcome) float64 { return float64(o.Heap) }),
		rss:     median(func(o suite.Outcome) float64 { return float64(o.RSS) }),
		disk:    median(func(o suite.Outcome) float64 { return float64(o.Disk) }),
	}
}

// at is a measured cell, nil if there is none.
func (s *summary) at(place int, workload, name string) *cell {
	if c := s.cells[cellKey{place, workload, name}]; c != nil && c.bad == "" {
		return c
	}
	return nil
}

// speed is how many times as fast as the other a contender is: of rates and of
// times alike, more is better. NaN if one of them is not known.
func (s *summary) speed(place int, w suite.Workload, name, other string) float64 {
	a, b := s.at(place, w.ID, name), s.at(place, w.ID, other)
	switch {
	case a == nil || b == nil:
		return math.NaN()
	case w.Lower():
		return b.value / a.value
	}
	return a.value / b.value
}

// bestPeer is the fastest of those that are neither ours nor a limit.
func (s *summary) bestPeer(place int, w suite.Workload) string {
	best := ""
	for _, name := range w.Names {
		if name == w.Limit || name == suite.MapInto || ours(name) || s.at(place, w.ID, name) == nil {
			continue
		}
		if best == "" || s.speed(place, w, name, best) > 1 {
			best = name
		}
	}
	return best
}

func ours(name string) bool { return strings.HasPrefix(name, suite.Holdfast) }

// The ways to write a number; what was not measured is a dash.

const dash = "–"

func rate(v float64) string { return unless(v, suite.Thousands(int(math.Round(v)))) }

func ratio(v float64) string {
	switch {
	case v >= 9.95:
		return unless(v, suite.Thousands(int(math.Round(v))))
	case v < 0.095:
		return unless(v, fmt.Sprintf("%.3f", v))
	}
	return unless(v, fmt.Sprintf("%.2f", v))
}

func seconds(v float64) string {
	if v < 0.0995 {
		return micros(v * 1e6)
	}
	return unless(v, fmt.Sprintf("%.2f s", v))
}

// micros writes microseconds in the unit that suits them.
func micros(v float64) string {
	switch {
	case v >= 999.5e3:
		return unless(v, fmt.Sprintf("%.3g s", v/1e6))
	case v >= 999.5:
		return unless(v, fmt.Sprintf("%.3g ms", v/1e3))
	}
	return unless(v, fmt.Sprintf("%.3g µs", v))
}

func megabytes(v float64) string {
	if v < 10e6 {
		return unless(v, fmt.Sprintf("%.1f MB", v/1e6))
	}
	return unless(v, suite.Thousands(int(math.Round(v/1e6)))+" MB")
}

func unless(v float64, text string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dash
	}
	return text
}
