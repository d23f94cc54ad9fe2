//go:build unix

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// The takeover test: of two processes on one store the first is killed, or
// stopped and woken too late, at any moment. The other goes on, and what they
// leave is byte for byte what one leaves that was never interrupted.

// takeoverTTL is long enough for a holder on a busy machine to renew in time.
const takeoverTTL = 3 * time.Second

// bot is a live in a process of its own.
type bot struct {
	t    *testing.T
	cmd  *exec.Cmd
	errs strings.Builder
	over chan struct{} // closed when it has ended and its output is read
	fed  chan struct{} // closed when its feeder has ended

	mu    sync.Mutex
	lines []told
	texts []string // of lines
	heard *sync.Cond
	ended bool
}

// startBot starts a live on the store, fed with lines; reached is called when
// it has come to the one with the index target.
func startBot(t *testing.T, store string, lines []string, target int, reached func()) *bot {
	t.Helper()
	b := &bot{t: t, over: make(chan struct{}), fed: make(chan struct{})}
	b.heard = sync.NewCond(&b.mu)
	b.cmd = exec.Command(binary, store, "live", "--json", "--lease", "--lease-ttl="+takeoverTTL.String(),
		"--candles", "-", "--symbol", "BTC/USDT:USDT", "--risk", "r")
	b.cmd.Stderr = &b.errs
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b.cmd.Stdin = r
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	go b.listen(bufio.NewScanner(stdout))
	go func() {
		defer close(b.fed)
		(&feeder{w: w, lines: lines, over: b.over, target: target, reached: reached}).run()
	}()
	t.Cleanup(func() {
		b.cmd.Process.Signal(syscall.SIGKILL)
		<-b.over
		<-b.fed
	})
	return b
}

// listen collects what it prints, and its end.
func (b *bot) listen(lines *bufio.Scanner) {
	defer close(b.over)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l told
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			b.t.Errorf("%v: %s", err, lines.Text())
		}
		b.mu.Lock()
		b.lines, b.texts = append(b.lines, l), append(b.texts, lines.Text())
		b.heard.Broadcast()
		b.mu.Unlock()
	}
	b.cmd.Wait()
	b.mu.Lock()
	b.ended = true
	b.heard.Broadcast()
	b.mu.Unlock()
}

// await waits for its first line of a kind.
func (b *bot) await(kind string) told {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for _, l := range b.lines {
			if l.Kind == kind {
				return l
			}
		}
		if b.ended {
			b.t.Fatalf("it ended (%v) without a line of kind %s: %s", b.cmd.ProcessState, kind, b.errs.String())
		}
		b.heard.Wait()
	}
}

// printed is how many lines it has printed, and the last candle they tell of.
func (b *bot) printed() (n int, last int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		last = max(last, l.Time)
	}
	return len(b.lines), last
}

func (b *bot) signal(s syscall.Signal) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(s); err != nil {
		b.t.Fatal(err)
	}
}

// duel is one takeover.
type duel struct {
	t      *testing.T
	name   string
	store  string
	way    string // to the store for the first, if another than store
	feed   []string
	target int
	extra  time.Duration
	strike func(first *bot) // what happens to the first
}

// fight has the first bot come to the target, ends or stops it there, and has
// the second take over and go to the end.
func (d duel) fight() (first, second *bot) {
	d.t.Helper()
	struck := make(chan time.Time, 1)
	ready := make(chan struct{})
	first = startBot(d.t, cmp.Or(d.way, d.store), d.feed, d.target, func() {
		<-ready
		time.AfterFunc(d.extra, func() {
			d.strike(first)
			struck <- time.Now()
		})
	})
	first.await("restored")
	second = startBot(d.t, d.store, d.feed, -1, nil)
	if w := second.await("waiting"); w.PID != first.cmd.Process.Pid {
		d.t.Errorf("it waits for process %d, and process %d has the lease", w.PID, first.cmd.Process.Pid)
	}
	close(ready)
	began := <-struck
	restored := second.await("restored")
	d.t.Logf("%v at candle %d and %v: taken over after %v", d.name, d.target, d.extra, time.Since(began).Round(time.Millisecond))
	if _, last := first.printed(); restored.LastCandle < last {
		d.t.Errorf("it continues after candle %d, and %d was told of before", restored.LastCandle, last)
	}
	<-second.over
	if second.cmd.ProcessState.ExitCode() != exitOK {
		d.t.Fatalf("the second ended with %v: %s", second.cmd.ProcessState, second.errs.String())
	}
	return first, second
}

// woken demands that a bot that was stopped and goes on is fenced.
func (d duel) woken(first, second *bot) {
	d.t.Helper()
	before, _ := first.printed()
	first.signal(syscall.SIGCONT)
	<-first.over
	r := result{first.cmd.ProcessState.ExitCode(), "", first.errs.String()}
	r.fails(d.t, exitFailed, "fenced", fmt.Sprintf("taken over by process %d", second.cmd.Process.Pid), "stop this process")
	d.late(first, second, before)
}

// cutOff demands that a bot that lost its way to the store has ended, or ends
// now that it finds it again.
func (d duel) cutOff(first, second *bot, before int) {
	d.t.Helper()
	<-first.over
	result{first.cmd.ProcessState.ExitCode(), "", first.errs.String()}.fails(d.t, exitFailed)
	d.late(first, second, before)
}

// late demands that a bot that was overtaken tells nothing of its own any more.
// What it had stored before, and learns only now, since the answer lay in the
// socket or was looked up, its successor has told as well, as the same event.
func (d duel) late(first, second *bot, before int) {
	d.t.Helper()
	for _, text := range first.texts[before:] {
		if !slices.Contains(second.texts, text) {
			d.t.Errorf("it was overtaken, and told what its successor did not: %s", text)
		}
	}
}

// line is a way to a server that can be cut.
type line struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
	all   sync.WaitGroup
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{l: l, to: to}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.set(true)
		p.all.Wait()
	})
	return p
}

func (p *line) accept() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		p.mu.Lock()
		if err != nil || p.cut {
			in.Close()
			if out != nil {
				out.Close()
			}
			p.mu.Unlock()
			continue
		}
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			p.all.Go(func() {
				io.Copy(way[0], way[1])
				way[0].Close()
				way[1].Close()
			})
		}
	}
}

// set cuts the line, or mends it.
func (p *line) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func TestTakeoverOnRedis(t *testing.T) {
	server := testserver.StartRedis(t)
	takeovers(t, 7, server.Addr, func(i int) string { return server.URL(fmt.Sprintf("prefix=duel%d:", i)) })
}

func TestTakeoverOnPostgres(t *testing.T) {
	server := testserver.StartPostgres(t)
	takeovers(t, 3, server.Addr, func(i int) string { return server.URL(fmt.Sprintf("table=duel%d", i)) })
}

// No replica set of MongoDB can be had here. What stands for one gives up
// transactions of the dead as soon as a lease ends, as docs/lease.md asks of a
// server in earnest.
func TestTakeoverOnWhatStandsForMongoDB(t *testing.T) {
	server := testserver.StartFakeSet(t, takeoverTTL)
	takeovers(t, 3, server.Addr, func(i int) string { return server.URL(fmt.Sprintf("duel%d", i)) })
}

// takeovers are so many duels on the server at addr, each in a place of its own,
// by turns with the first killed, stopped and woken, and cut off.
func takeovers(t *testing.T, duels int, addr string, place func(i int) string) {
	r := realCandles(t)
	const n = 2000
	feed, rng := r.ndjson(n), newRNG(t)
	want, out := uninterrupted(t, strings.Join(feed, ""), "live", "--json", "--candles", "-", "--symbol", "BTC/USDT:USDT", "--risk", "r")
	events := eventTimes(t, out)
	if len(events) < 20 {
		t.Fatalf("%d candles change more than the cursor: too few to prove anything", len(events))
	}
	index := map[int64]int{}
	for i, at := range r.times[:n] {
		index[at] = i
	}
	for i := range duels {
		name := []string{"killed", "stopped", "cut off"}[i%3]
		d := duel{store: "--store=" + place(i), feed: feed, name: name,
			target: index[events[rng.IntN(len(events)-1)]], extra: time.Duration(rng.IntN(4000)) * time.Microsecond}
		t.Run(fmt.Sprint(name, i), func(t *testing.T) {
			t.Parallel()
			d.t = t
			d.end(addr)
			if got := spawn(t, "", d.store, "export").ok(t); got != want {
				t.Errorf("the two left another state:\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// end is the whole of a duel, and what has to become of its first bot.
func (d duel) end(addr string) {
	d.t.Helper()
	switch d.name {
	case "killed":
		d.strike = func(first *bot) { first.cmd.Process.Signal(syscall.SIGKILL) }
		d.fight()
	case "stopped":
		d.strike = func(first *bot) { first.cmd.Process.Signal(syscall.SIGSTOP) }
		d.woken(d.fight())
	case "cut off":
		way := newLine(d.t, addr)
		d.way = strings.Replace(d.store, addr, way.l.Addr().String(), 1)
		d.strike = func(*bot) { way.set(true) }
		first, second := d.fight()
		before, _ := first.printed()
		way.set(false)
		d.cutOff(first, second, before)
	}
}
