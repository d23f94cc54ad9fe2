package candle_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/live/candle"
)

// liveTests are inputs in parts, each of which makes a candle complete, and
// what ends the input.
var liveTests = []struct {
	name  string
	parts []string
	end   string
}{
	{"CSV", []string{csv1, csv2, csv1}, ""},
	{"CSV with header", []string{"\ufeff# live\n" + head + csv1, "\n# x\n" + csv2, csv1}, ""},
	{"CSV, CR LF", []string{head + strings.ReplaceAll(csv1, "\n", "\r\n"), "\r\n" + strings.ReplaceAll(csv2, "\n", "\r\n")}, "\r\n"},
	{"lines of objects", []string{obj1 + "\n", obj2 + "\r\n", "\n" + obj1 + "\n"}, ""},
	{"lines of arrays", []string{arr1 + "\n", arr2 + "\n", " " + arr2 + "\n"}, ""},
	{"array of arrays", []string{"[" + arr1, "," + arr2, "\n,\n" + arr1}, "]"},
	{"array of objects", []string{"[\n" + obj1, ",\n" + obj2, ",\n" + arr1}, "\n]\n"},
}

// TestLivePipe writes to a pipe only as much as makes a candle complete, and
// goes on only when that candle has been returned. A Reader that reads ahead
// waits for ever; the timer is there to end that, not to pace anything.
func TestLivePipe(t *testing.T) {
	for _, tt := range liveTests {
		for _, size := range []int{1, 7, 1 << 20} {
			t.Run(tt.name, func(t *testing.T) {
				pr, pw := io.Pipe()
				watch := time.AfterFunc(20*time.Second, func() {
					pw.CloseWithError(errors.New("the candle was not returned when it was complete"))
				})
				defer watch.Stop()
				proceed := make(chan bool)
				go func() {
					for _, part := range append(slices.Clone(tt.parts), tt.end) {
						<-proceed
						for p := range slices.Chunk([]byte(part), size) {
							pw.Write(p)
						}
					}
					pw.Close()
				}()
				r := candle.NewReader(pr, "pipe")
				for i := range tt.parts {
					proceed <- true
					if _, err := r.Next(); err != nil {
						t.Fatalf("candle %d: %v", i, err)
					}
				}
				proceed <- true
				if _, err := r.Next(); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
			})
		}
	}
}

// TestLiveMerge sees to it that a Merger returns a candle as soon as it has one
// of each feed, before it reads on.
func TestLiveMerge(t *testing.T) {
	pr, pw := io.Pipe()
	watch := time.AfterFunc(20*time.Second, func() { pw.CloseWithError(errors.New("read too early")) })
	defer watch.Stop()
	m := candle.Merge(
		candle.Feed{Symbol: "PIPE", Source: candle.NewReader(pr, "pipe")},
		candle.Feed{Symbol: "FILE", Source: newReader(csv1 + csv2)},
	)
	written := make(chan bool)
	go func() {
		io.WriteString(pw, csv1)
		<-written
		io.WriteString(pw, csv2)
		pw.Close()
	}()
	next := func(symbol string, want candle.Candle) {
		t.Helper()
		if s, c, err := m.Next(); s != symbol || c != want || err != nil {
			t.Fatalf("got %s %v, %v, want %s %v", s, c, err, symbol, want)
		}
	}
	next("PIPE", row1)
	written <- true // Only now the pipe's second candle is written.
	next("FILE", row1)
	next("PIPE", row2)
	next("FILE", row2)
	if _, _, err := m.Next(); err != io.EOF {
		t.Error(err)
	}
}
