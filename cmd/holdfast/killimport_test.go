package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
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

// importer feeds lines to an import, kills it, and knows what must be there.
type importer struct {
	t     *testing.T
	store string
	rng   *rand.Rand
	next  int                 // number of the next line, over all runs
	lines map[string][]string // by value: the lines that were sent since the last that is known to be stored, that one first
	acked int
	n     int // lines to a run
}

// importValues is how many values the lines are about.
const importValues = 400

func TestKilledImport(t *testing.T) {
	if testing.Short() {
		t.Skip("killing takes its time: not with -short")
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			store, _ := newStore(t)
			i := &importer{t: t, store: store + mode, rng: newRNG(t), lines: map[string][]string{}, n: importLines[name]}
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

// line makes the next line: mostly a new value, now and then a removal. What it
// leaves is "" for a removal.
func (i *importer) line() (text, id, leaves string) {
	i.next++
	id = fmt.Sprintf("id%03d", i.rng.IntN(importValues))
	if i.rng.IntN(10) == 0 {
		return fmt.Sprintf(`{"entity":"e","id":%q,"delete":true}`, id), id, ""
	}
	leaves = fmt.Sprintf(`{"line":%d,"pad":%q}`, i.next, strings.Repeat("x", i.rng.IntN(300)))
	return fmt.Sprintf(`{"entity":"e","id":%q,"data":%s}`, id, leaves), id, leaves
}

// run feeds an import and kills it after a random number of acknowledgements
// and a little longer.
func (i *importer) run() {
	i.t.Helper()
	cmd := exec.Command(binary, i.store, "import", "--writers", "64", "--ack")
	cmd.WaitDelay = 10 * time.Second
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
	var feed strings.Builder
	ids := make([]string, i.n)
	for n := range i.n {
		text, id, leaves := i.line()
		feed.WriteString(text + "\n")
		ids[n] = id
		if i.lines[id] == nil {
			i.lines[id] = []string{""} // there is none before the first
		}
		i.lines[id] = append(i.lines[id], leaves)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		io.WriteString(stdin, feed.String()) // until the process is killed
		stdin.Close()
	}()
	i.listen(cmd, stdout, ids)
	cmd.Wait()
	<-fed
}

// listen reads the acknowledgements, those that were printed before the kill
// too, however late they are read.
func (i *importer) listen(cmd *exec.Cmd, stdout io.Reader, ids []string) {
	i.t.Helper()
	after, extra := 1+i.rng.IntN(i.n*3/4), time.Duration(i.rng.Int64N(3000))*time.Microsecond
	if i.rng.IntN(8) == 0 { // somewhere in opening and recovery
		after = -1
		time.AfterFunc(time.Duration(i.rng.Int64N(30_000))*time.Microsecond, func() { cmd.Process.Kill() })
	}
	known := map[string]int{} // by value: its lines in this run that are acknowledged, in their order
	acks := bufio.NewScanner(stdout)
	for n := 1; acks.Scan(); n++ {
		f := strings.Fields(acks.Text())
		at, err := strconv.Atoi(f[len(f)-1])
		if err != nil || f[0] != "ACK" || f[2] != ids[at-1] {
			i.t.Fatalf("acknowledgement %q, line %d is of %s", acks.Text(), at, ids[at-1])
		}
		known[f[2]] = max(known[f[2]], at)
		i.acked++
		if n == after {
			time.AfterFunc(extra, func() { cmd.Process.Kill() })
		}
	}
	i.settle(known, ids)
}

// settle drops, of each value, the lines before the last one that was
// acknowledged.
func (i *importer) settle(known map[string]int, ids []string) {
	behind := map[string]int{} // lines of this run after the acknowledged one
	for n, id := range ids {
		if at, ok := known[id]; ok && n+1 > at {
			behind[id]++
		}
	}
	for id := range known {
		all := i.lines[id]
		i.lines[id] = all[len(all)-behind[id]-1:]
	}
}

// judge compares the store with what may be in it, and goes on from there.
func (i *importer) judge() {
	i.t.Helper()
	there := map[string]string{}
	for line := range strings.Lines(spawn(i.t, "", i.store, "export").ok(i.t)) {
		var l struct {
			ID   string
			Data json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			i.t.Fatal(err)
		}
		there[l.ID] = string(l.Data)
	}
	for id, may := range i.lines {
		got := there[id]
		ok := false
		for _, leaves := range may {
			ok = ok || leaves == got
		}
		if !ok {
			i.t.Fatalf("%s is %.60q; it was acknowledged as %.60q, and %d later lines were sent", id, got, may[0], len(may)-1)
		}
		i.lines[id] = []string{got}
		delete(there, id)
	}
	for id, got := range there {
		i.t.Fatalf("%s is %.60q and was never sent", id, got)
	}
}
