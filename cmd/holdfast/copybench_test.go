package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkCopy copies values of 400 bytes from files to each database and back,
// in turns with those who do the same by hand, with the client alone and in
// batches: the insertion of documents that are in memory already, and a reading
// with a cursor that is written into files in batches. "copy-s" is the seconds
// that the command takes, from its start to its end, and "/NAME" how many times
// as long as doing it by hand; both are medians of the rounds. In earnest:
//
//	HOLDFAST_COPY_VALUES=100000 go test -run '^$' -bench Copy -benchtime 3x ./cmd/holdfast
func BenchmarkCopy(b *testing.B) {
	n := valuesOf(b, "HOLDFAST_COPY_VALUES", 2000)
	for _, x := range []struct {
		name  string
		n     int
		start func(*testing.B) handPlace
	}{
		{"redis", n, startRedisHand},
		{"postgres", n, startPostgresHand},
		// FerretDB, the stand-in, takes its time for whatever it is asked.
		{"mongodb", valuesOf(b, "HOLDFAST_COPY_DOCUMENTS", min(n, 5000)), startMongoHand},
	} {
		b.Run(x.name, func(b *testing.B) {
			p := x.start(b)
			src, docs := benchSource(b, x.n)
			b.Run("from-files", func(b *testing.B) { benchTo(b, p, src, docs) })
			b.Run("to-files", func(b *testing.B) { benchFrom(b, p, src, docs) })
		})
	}
}

// handPlace is a database, and what is done there by hand.
type handPlace struct {
	fresh  func(round int) (url string)                                      // an empty store
	clear  func()                                                            // before each insertion, if not nil
	insert map[string]func(ctx context.Context, docs [][]byte) error         // into an empty place
	read   func(ctx context.Context, give func(id, data string) error) error // all that lies in fresh(0)
}

func valuesOf(b *testing.B, name string, n int) int {
	b.Helper()
	if text := os.Getenv(name); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		ok(b, err)
	}
	return n
}

func ok(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func benchID(i int) string { return fmt.Sprintf("S%06d", i) }

const benchEntity = "signal/a"

func benchSource(b *testing.B, n int) (url string, docs [][]byte) {
	b.Helper()
	var lines strings.Builder
	for i := range n {
		head := fmt.Sprintf(`{"symbol":"%s","priceOpen":64250.5,"note":"`, benchID(i))
		docs = append(docs, []byte(head+strings.Repeat("x", 400-len(head)-2)+`"}`))
		fmt.Fprintf(&lines, `{"entity":"%s","id":"%s","data":%s}`+"\n", benchEntity, benchID(i), docs[i])
	}
	url = "file:" + filepath.Join(b.TempDir(), "data")
	command(b, lines.String(), "--store", url, "import", "--writers", "256")
	return url, docs
}

// command runs the real binary: a process of its own, as users do.
func command(b *testing.B, input string, args ...string) {
	b.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%q: %v: %s", args, err, out)
	}
}

// contest is who does the same in turns: the copy, and others by name.
type contest struct {
	before func() // each turn; nil for nothing
	names  []string
	do     []func(round int)
	took   [][]time.Duration
}

func (c *contest) enter(name string, do func(round int)) {
	c.names, c.do, c.took = append(c.names, name), append(c.do, do), append(c.took, nil)
}

// hold runs rounds, each begun by another one.
func (c *contest) hold(b *testing.B) {
	for round := 0; b.Loop(); round++ {
		for i := range c.do {
			who := (round + i) % len(c.do)
			if c.before != nil {
				c.before()
			}
			exec.Command("sync").Run() // what others have left to be written is not to be paid for here
			began := time.Now()
			c.do[who](round)
			c.took[who] = append(c.took[who], time.Since(began))
		}
	}
	copied := median(c.took[0])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(copied, "copy-s")
	for i, name := range c.names[1:] {
		b.ReportMetric(copied/median(c.took[i+1]), "/"+name)
	}
}

func median(took []time.Duration) float64 {
	slices.Sort(took)
	n := len(took)
	return (took[(n-1)/2] + took[n/2]).Seconds() / 2
}

func benchTo(b *testing.B, p handPlace, src string, docs [][]byte) {
	c := &contest{before: p.clear}
	c.enter("copy", func(round int) { command(b, "", "copy", src, p.fresh(1+round)) })
	for name, insert := range p.insert {
		c.enter(name, func(int) { ok(b, insert(b.Context(), docs)) })
	}
	c.hold(b)
}

func benchFrom(b *testing.B, p handPlace, src string, docs [][]byte) {
	full, c, dir := p.fresh(0), &contest{}, b.TempDir()
	command(b, "", "copy", src, full)
	c.enter("copy", func(round int) { command(b, "", "copy", full, fmt.Sprintf("file:%s/copy%d", dir, round)) })
	c.enter("cursor", func(round int) { readByHand(b, p, fmt.Sprintf("file:%s/hand%d", dir, round), len(docs)) })
	c.hold(b)
}
