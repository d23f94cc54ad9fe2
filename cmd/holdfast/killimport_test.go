package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Killing an import at random moments loses no line that was acknowledged, and
// leaves each value as one line made it that was not followed, on the same
// value, by an acknowledged one.

// importKills is how often the import is killed, importLines how many lines it
// gets each time. Without the journal it is slower, and proves no more in the
// end.
var (
	importKills = map[string]int{"journal": 50, "direct": 15}
	importLines = map[string]int{"journal": 20_000, "direct": 2000}
)

// importer feeds lines to an import, ends it, and knows what must be there.
type importer struct {
	t       *testing.T
	store   string // as a flag
	writers int
	n       int             // lines to a run
	aim     func() aim      // when to end a run: after that many acknowledgements
	end     func(*exec.Cmd) // ends it
	rng     *rand.Rand

	next  int                 // number of the next line, over all runs
	lines map[string][]string // by value: the lines that were sent since the last that is known to be stored, that one first
	acked int
}

// importValues is how many values the lines are about, in importEntities
// entities.
const (
	importValues   = 400
	importEntities = 4
)

func TestKilledImport(t *testing.T) {
	if testing.Short() {
		t.Skip("killing takes its time: not with -short")
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			store, _ := newStore(t)
			i := &importer{t: t, store: store + mode, writers: 64, n: importLines[name], rng: newRNG(t), lines: map[string][]string{}}
			i.aim, i.end = i.killAim, func(cmd *exec.Cmd) { cmd.Process.Kill() }
			for range importKills[name] {
				i.run()
				i.judge()
			}
			t.Logf("%d kills, %d lines sent, %d acknowledged", importKills[name], i.next, i.acked)
			if i.acked < importKills[name] {
				t.Errorf("only %d lines were acknowledged: this proves nothing", i.acked)
			}
		})
	}
}

// killAim is after a random number of acknowledgements and a little longer, or
// now and then somewhere in opening and recovery.
func (i *importer) killAim() aim {
	if i.rng.IntN(8) == 0 {
		return aim{-1, time.Duration(i.rng.Int64N(30_000)) * time.Microsecond}
	}
	return aim{1 + i.rng.IntN(i.n*3/4), time.Duration(1+i.rng.Int64N(3000)) * time.Microsecond}
}

// line makes the next line: mostly a new value, now and then a removal. What it
// leaves is "" for a removal.
func (i *importer) line() (text, key, leaves string) {
	i.next++
	n := i.rng.IntN(importValues)
	entity, id := fmt.Sprintf("signal/e%d", n%importEntities), fmt.Sprintf("id%03d", n)
	if i.rng.IntN(10) == 0 {
		return fmt.Sprintf(`{"entity":%q,"id":%q,"delete":true}`, entity, id), entity + " " + id, ""
	}
	leaves = fmt.Sprintf(`{"line":%d,"pad":%q}`, i.next, strings.Repeat("x", i.rng.IntN(300)))
	return fmt.Sprintf(`{"entity":%q,"id":%q,"data":%s}`, entity, id, leaves), entity + " " + id, leaves
}

// run feeds an import and ends it. It returns what it said on stderr.
func (i *importer) run() (stderr string) {
	i.t.Helper()
	cmd := exec.Command(binary, i.store, "import", "--writers", strconv.Itoa(i.writers), "--ack")
	cmd.WaitDelay = 10 * time.Second
	var errs strings.Builder
	cmd.Stderr = &errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		i.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	defer cmd.Process.Kill() // should the test end first
	var feed strings.Builder
	keys := make([]string, i.n)
	for n := range i.n {
		text, key, leaves := i.line()
		feed.WriteString(text + "\n")
		keys[n] = key
		if i.lines[key] == nil {
			i.lines[key] = []string{""} // there is none before the first
		}
		i.lines[key] = append(i.lines[key], leaves)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		io.WriteString(stdin, feed.String()) // until the process has ended
		stdin.Close()
	}()
	i.listen(cmd, stdout, keys)
	cmd.Wait()
	<-fed
	return errs.String()
}

// listen reads the acknowledgements, those that were printed before the end
// too, however late they are read.
func (i *importer) listen(cmd *exec.Cmd, stdout io.Reader, keys []string) {
	i.t.Helper()
	at := i.aim()
	if at.point < 0 {
		time.AfterFunc(at.extra, func() { i.end(cmd) })
	}
	known := map[string]int{} // by value: its lines in this run that are acknowledged, in their order
	acks := bufio.NewScanner(stdout)
	for n := 1; acks.Scan(); n++ {
		f := strings.Fields(acks.Text())
		line, err := strconv.Atoi(f[len(f)-1])
		key := strings.Join(f[1:len(f)-1], " ")
		if err != nil || f[0] != "ACK" || key != keys[line-1] {
			i.t.Fatalf("acknowledgement %q, line %d is of %s", acks.Text(), line, keys[line-1])
		}
		known[key] = max(known[key], line)
		i.acked++
		switch {
		case n != at.point:
		case at.extra == 0:
			i.end(cmd)
		default:
			time.AfterFunc(at.extra, func() { i.end(cmd) })
		}
	}
	i.settle(known, keys)
}

// settle drops, of each value, the lines before the last one that was
// acknowledged.
func (i *importer) settle(known map[string]int, keys []string) {
	behind := map[string]int{} // lines of this run after the acknowledged one
	for n, key := range keys {
		if at, ok := known[key]; ok && n+1 > at {
			behind[key]++
		}
	}
	for key := range known {
		all := i.lines[key]
		i.lines[key] = all[len(all)-behind[key]-1:]
	}
}

// judge compares the store with what may be in it, and goes on from there.
func (i *importer) judge() {
	i.t.Helper()
	there := map[string]string{}
	for line := range strings.Lines(spawn(i.t, "", i.store, "export").ok(i.t)) {
		var l struct {
			Entity, ID string
			Data       json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			i.t.Fatal(err)
		}
		there[l.Entity+" "+l.ID] = string(l.Data)
	}
	for key, may := range i.lines {
		got := there[key]
		if !slices.Contains(may, got) {
			i.t.Fatalf("%s is %.60q; it was acknowledged as %.60q, and %d later lines were sent", key, got, may[0], len(may)-1)
		}
		i.lines[key] = []string{got}
		delete(there, key)
	}
	for key, got := range there {
		i.t.Fatalf("%s is %.60q and was never sent", key, got)
	}
}
