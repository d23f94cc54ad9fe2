package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/loopdisk"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

// powerCuts is how many cuts right after an acknowledgement there are on each
// file system; every fourth is followed by one while the store recovers.
const powerCuts = 20

// cutFigures is what a run of the power cuts comes to, on one file system.
type cutFigures struct {
	FileSystem   string         `json:"fileSystem"`
	Cuts         map[string]int `json:"cuts"` // by mode
	InRecovery   int            `json:"inRecovery"`
	Acknowledged int            `json:"acknowledged"`
	Lost         int            `json:"lost"`
}

// Real file systems, real processes: the power goes right after an
// acknowledgement, and nothing that was acknowledged is gone when it is back.
func TestPowerCutsOnExt4(t *testing.T) { cutThePower(t, "ext4") }

func TestPowerCutsOnXFS(t *testing.T) { cutThePower(t, "xfs") }

func cutThePower(t *testing.T, kind string) {
	if testing.Short() {
		t.Skip("cutting the power takes its time: not with -short")
	}
	if !loopdisk.Alone(t, binaryEnv+"="+binary) {
		return
	}
	c := &cutter{disk: loopdisk.New(t, kind), done: make(chan error, 1), figures: cutFigures{FileSystem: kind, Cuts: map[string]int{}}}
	c.importer = importer{t: t, writers: 16, rng: newRNG(t), end: func(*exec.Cmd) { c.done <- c.disk.Cut() }}
	for n, half := range c.rng.Perm(powerCuts) {
		mode := []string{"journal", "direct"}[half%2]
		if n%5 == 0 { // a new directory, whose creation is among what is cut
			c.dir, c.lines = filepath.Join(c.disk.Dir, fmt.Sprint("data", n)), map[string][]string{}
		}
		c.store = "--store=file:" + c.dir + modes[mode]
		c.n = importLines[mode]
		c.once(mode, aim{point: int(math.Exp(c.rng.Float64() * math.Log(float64(c.n)/2)))}) // early as often as late
		c.figures.Cuts[mode]++
		if n%4 == 3 {
			c.once(mode, aim{-1, time.Duration(c.rng.Int64N(15_000)) * time.Microsecond})
			c.figures.InRecovery++
		}
	}
	c.figures.Acknowledged = c.acked
	t.Logf("%s: %d power cuts after an acknowledgement (%v), %d in recovery, %d lines sent, %d acknowledged, none lost",
		kind, powerCuts, c.figures.Cuts, c.figures.InRecovery, c.next, c.acked)
	if c.acked < powerCuts {
		t.Errorf("only %d lines were acknowledged: this proves nothing", c.acked)
	}
	testtool.Figures(t, "powercuts-"+kind, c.figures)
}

// cutter cuts the power of a disk while an import writes to it.
type cutter struct {
	importer
	disk    *loopdisk.Disk
	dir     string
	done    chan error // tells of each cut
	figures cutFigures
}

// once runs an import, cuts the power, turns it on again and judges.
func (c *cutter) once(mode string, at aim) {
	c.t.Helper()
	c.aim = func() aim { return at }
	before, began := c.acked, time.Now()
	stderr := c.run()
	if at.point > c.acked-before {
		c.t.Fatalf("%s: the import ended by itself after %d acknowledgements: %s", mode, c.acked-before, stderr)
	}
	if err := <-c.done; err != nil {
		c.t.Fatal(err)
	}
	if err := c.disk.Restart(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("%s: %d acknowledgements, cut after %d, %v: %s", mode, c.acked-before, at.point, time.Since(began).Round(time.Millisecond), lastWords(stderr))
	c.wantSound()
	c.judge()
	c.wantTold(stderr)
}

func lastWords(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// wantSound demands that check finds nothing but what a crash may leave. A file
// that is called edited, missing or damaged after a power cut is not that.
func (c *cutter) wantSound() {
	c.t.Helper()
	var report struct{ Findings []driver.Finding }
	out := spawn(c.t, "", c.store, "check", "--json").ok(c.t)
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		c.t.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.Problem != driver.ProblemStaleTemp {
			c.t.Fatalf("after a power cut: %+v", f)
		}
	}
}

// wantTold demands that the process has seen its disk go, and has said so.
func (c *cutter) wantTold(stderr string) {
	c.t.Helper()
	for line := range strings.Lines(stderr) {
		swept := strings.HasPrefix(line, "holdfast: recovery: ") && strings.Contains(line, "stale-temp")
		// ext4 makes itself read-only, some calls later.
		gone := strings.Contains(line, "input/output error") || strings.Contains(line, "read-only file system")
		if !swept && !gone {
			c.t.Errorf("stderr: %s", line)
		}
	}
}
