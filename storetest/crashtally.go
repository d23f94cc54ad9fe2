package storetest

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testtool"
)

// CrashFigures say what a crash suite has done.
type CrashFigures struct {
	Protocols int `json:"protocols"` // run
	Models    int `json:"models"`    // file systems that the disk was taken for
	Calls     int `json:"calls"`     // crashed after
	States    int `json:"states"`    // distinct disks that a crash left, and that were recovered
	Killed    int `json:"killed"`    // of them, found the way a killed process leaves them first
	Second    int `json:"second"`    // of them, left by a crash in a recovery
	Verdicts  int `json:"verdicts"`  // judgements: the same disk is judged again once more has been acknowledged
	Failed    int `json:"failed"`    // states that broke a promise
}

// String is one line.
func (f CrashFigures) String() string {
	return fmt.Sprintf("crash: %d distinct states, %d protocols, %d models, %d lost", f.States, f.Protocols, f.Models, f.Failed)
}

// CrashTally adds up the figures of several runs. The zero value is ready.
//
// Concurrency: all methods may be called from many goroutines.
type CrashTally struct {
	mu     sync.Mutex
	fig    CrashFigures
	seen   map[uint64]bool
	shared bool // some states were left out
}

// Figures returns what was counted so far.
func (c *CrashTally) Figures() CrashFigures {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fig
}

// Report prints the figures. It fails the test if less than floor distinct
// states were judged: a suite that has lost its states must not pass for one
// that has found nothing. Where states are left out (see [CrashOptions]), or -run
// or -skip has chosen among the protocols, there is no floor, and nothing is
// kept. Where the environment variable HOLDFAST_FIGURES names a directory,
// the figures are kept there as crash-{name}.json.
func (c *CrashTally) Report(t *testing.T, name string, floor int) {
	t.Helper()
	fig := c.Figures()
	t.Logf("%s: %s", name, fig)
	c.mu.Lock()
	shared := c.shared
	c.mu.Unlock()
	if shared || choosesSubtests("test.run") || choosesSubtests("test.skip") {
		return
	}
	if fig.States < floor {
		t.Errorf("%s: only %d distinct states were judged, of at least %d", name, fig.States, floor)
	}
	testtool.Figures(t, "crash-"+name, fig)
}

// choosesSubtests tells whether a flag of the test binary names subtests.
func choosesSubtests(name string) bool {
	f := flag.Lookup(name)
	return f != nil && strings.Contains(f.Value.String(), "/")
}

// state counts a disk.
func (c *CrashTally) state(hash uint64, killed, second bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[hash] {
		return
	}
	if c.seen == nil {
		c.seen = map[uint64]bool{}
	}
	c.seen[hash] = true
	c.fig.States++
	switch {
	case second:
		c.fig.Second++
	case killed:
		c.fig.Killed++
	}
}

// begin counts a protocol.
func (c *CrashTally) begin(models int, shared bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fig.Protocols++
	c.fig.Models = max(c.fig.Models, models)
	c.shared = c.shared || shared
}

func (c *CrashTally) add(f func(fig *CrashFigures)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.fig)
}
