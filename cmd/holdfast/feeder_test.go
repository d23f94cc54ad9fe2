package main

import (
	"os"
	"strings"
	"time"
)

// feeder writes candles to the pipe that a live reads, one at a time: the next
// only when the one before was read. A live asks for a candle when it has
// taken the one before in hand, so that the feeder knows which candle is being
// handled, without a word from the process.
type feeder struct {
	w       *os.File
	lines   []string
	bulk    int           // so many at once to begin with: they were handled before
	target  int           // the index of a candle
	reached func()        // is called when that is about to be handled
	over    chan struct{} // closed when the process has ended
}

func (f *feeder) run() {
	defer f.w.Close()
	if !f.write(strings.Join(f.lines[:f.bulk], "")) {
		return
	}
	told := false
	for i := f.bulk; i <= len(f.lines); i++ {
		// The candle i-1 is handled while i is awaited.
		if !f.taken() {
			return
		}
		if !told && i > f.target && f.target >= 0 {
			told = true
			f.reached()
		}
		if i < len(f.lines) && !f.write(f.lines[i]) {
			return
		}
	}
}

func (f *feeder) write(text string) bool {
	_, err := f.w.WriteString(text)
	return err == nil
}

// taken waits until the pipe is empty. It reports false if the process ended.
func (f *feeder) taken() bool {
	for {
		select {
		case <-f.over:
			return false
		default:
		}
		if drained(f.w) {
			return true
		}
		time.Sleep(5 * time.Microsecond) // between two looks
	}
}
