package main

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// redraw is how long a progress line stands before it is written anew.
const redraw = 200 * time.Millisecond

// progress is one line on a terminal that is rewritten in place. A nil one, for
// where nobody watches, does nothing.
type progress struct {
	w     io.Writer
	now   func() time.Time
	what  string // "import"
	unit  string // "lines"
	total int64  // bytes of the input; 0 if unknown

	mu          sync.Mutex
	began, last time.Time
	drawn       bool
}

// newProgress makes the progress line of a command, nil if stderr is not a
// terminal.
func (a *app) newProgress(what, unit string, total int64) *progress {
	if !a.isTerminal(a.stderr) {
		return nil
	}
	now := a.now()
	return &progress{w: a.stderr, now: a.now, what: what, unit: unit, total: total, began: now, last: now}
}

// at tells how far the work has come: n units, and bytes of the input.
func (p *progress) at(n int, bytes int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Sub(p.last) < redraw {
		return
	}
	p.last, p.drawn = now, true
	line := fmt.Sprintf("%s: %s %s, %s/s", p.what, thousands(int64(n)), p.unit,
		thousands(int64(float64(n)/now.Sub(p.began).Seconds())))
	if p.total > 0 {
		line += fmt.Sprintf(", %d %%", min(bytes*100/p.total, 100))
	}
	fmt.Fprintf(p.w, "\r%s\x1b[K", line)
}

// clear takes the line away, before something else is printed and at the end.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
