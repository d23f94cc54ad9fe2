package report

import (
	"fmt"
	"math"

	"github.com/holdfast-go/holdfast/bench/suite"
)

// goal is what Holdfast is to reach beside another contender. They are judged
// in the table alone: no test fails for a time.
type goal struct {
	workload string
	of       string // "" is Holdfast
	against  string // a contender; "" is the best peer
	p99      bool   // of the latency, not of the speed
	plain    float64
	journal  float64 // on a file system with a journal, where that differs
}

// Of speeds at least, of latencies at most.
var goals = []goal{
	{workload: "write-1", against: suite.Limit, plain: 0.97},
	{workload: "write-1", against: suite.SQLite, plain: 1},
	{workload: "write-1", against: suite.SQLite, p99: true, plain: 1, journal: 0.6},
	{workload: "write-64", against: suite.GroupLimit, plain: 0.75},
	{workload: "write-64", against: suite.Pebble, plain: 2, journal: 1.75},
	{workload: "write-256", against: suite.GroupLimit, plain: 0.8},
	{workload: "write-256", against: suite.Pebble, plain: 2.5},
	{workload: "read-1", against: suite.Diskv, plain: 2},
	{workload: "read-8", against: suite.Diskv, plain: 2},
	{workload: "read-1", of: suite.HoldfastInto, against: suite.DiskvInto, plain: 2},
	{workload: "read-8", of: suite.HoldfastInto, against: suite.DiskvInto, plain: 2},
	{workload: "start-warm", plain: 1 / 0.6},
	{workload: "start-cold", plain: 1 / 0.6},
}

// judge says how it stands, "" if that is not known.
func (g goal) judge(s *summary, place int, w suite.Workload) string {
	if g.workload != w.ID {
		return ""
	}
	want, against := g.plain, g.against
	if g.journal != 0 && s.Places[place].Journal == "journal" {
		want = g.journal
	}
	if against == "" {
		against = s.bestPeer(place, w)
	}
	of, who := suite.Holdfast, ""
	if g.of != "" {
		of, who = g.of, g.of+": "
	}
	got := s.speed(place, w, of, against)
	reached := got >= want
	text := fmt.Sprintf("%sat least %.2f × the speed of %s", who, want, against)
	if g.p99 {
		text = fmt.Sprintf("a p99 of at most %.2f × that of %s", want, against)
		got = s.p99Ratio(place, w, against)
		reached = got <= want
	}
	switch {
	case math.IsNaN(got):
		return ""
	case reached:
		return fmt.Sprintf("%s: %.2f, reached", text, got)
	}
	return fmt.Sprintf("%s: %.2f, MISSED", text, got)
}

func (s *summary) p99Ratio(place int, w suite.Workload, against string) float64 {
	a, b := s.at(place, w.ID, suite.Holdfast), s.at(place, w.ID, against)
	if a == nil || b == nil {
		return math.NaN()
	}
	return a.p99 / b.p99
}
