package redisstore

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// gate gives calls to lanes. A call that finds one idle has it at once and to
// itself, on the caller's goroutine. The others wait together, and go together
// over the next lane that is free, in one message: the more there are, the less
// each costs, and none waits for more to come.
type gate struct {
	life    context.Context
	timeout time.Duration
	lanes   []*lane

	mu      sync.Mutex
	idle    []*lane
	queue   []*call
	closed  bool
	running sync.WaitGroup // turns
}

// How much goes in one message at the most; one call does in any case.
const (
	batchCalls = 256
	batchBytes = 1 << 20
	opBytes    = 256 // what each op and condition is taken for, beside its data
)

// call is what somebody waits for. It has one of look, command, change and alone.
type call struct {
	ctx   context.Context
	until time.Time // the caller waits no longer

	look    *look                                    // a question for one value
	command redis.Cmder                              // a question, which may be put again
	change  *change                                  // a change, which may not
	alone   func(ctx context.Context, l *lane) error // has a lane to itself

	err   error
	done  chan struct{} // closed when err is there; nil where the caller does it himself
	batch *batch        // of which it is part; nil while it is queued
}

// batch is what goes over a lane at once while its callers wait.
type batch struct {
	calls   []*call
	waiting int // callers
	stop    func()
}

// newGate makes n lanes; with markers of that prefix if it is not empty.
func newGate(life context.Context, cfg config, n int, markers string) *gate {
	g := &gate{life: life, timeout: cfg.timeout}
	for range n {
		marker := ""
		if markers != "" {
			marker = markers + randomName()
		}
		g.lanes = append(g.lanes, newLane(life, cfg, marker))
	}
	g.idle = append(g.idle, g.lanes...)
	return g
}

// do carries out a call. An error that is the context's own, and not also
// driver.ErrUnknown, says that nothing was sent.
func (g *gate) do(c *call) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	deadline, limited := c.ctx.Deadline()
	if c.until = deadline; !limited {
		c.until = time.Now().Add(g.timeout)
	}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return driver.ErrClosed
	}
	if n := len(g.idle); n > 0 {
		l := g.idle[n-1]
		g.idle = g.idle[:n-1]
		g.running.Add(1)
		g.mu.Unlock()
		return g.doNow(c, l)
	}
	c.done = make(chan struct{})
	c.change.own()
	g.queue = append(g.queue, c)
	g.mu.Unlock()
	return g.await(c)
}

// doNow takes a turn on the caller's goroutine.
func (g *gate) doNow(c *call, l *lane) error {
	turn := l.begin()
	stop := func() bool { return true }
	if c.ctx.Done() != nil {
		stop = context.AfterFunc(c.ctx, func() { l.cut(turn) })
	}
	g.serve(c.ctx, l, c.until, []*call{c})
	stop()
	l.begin() // a cut that comes late does no harm
	if next := g.release(l); next != nil {
		go g.turns(l, next)
	} else {
		g.running.Done()
	}
	return c.err
}

// await waits for a call that is queued, for as long as its caller would.
func (g *gate) await(c *call) error {
	limit := time.NewTimer(time.Until(c.until))
	defer limit.Stop()
	for {
		select {
		case <-c.done:
			return c.err
		case <-c.ctx.Done():
			return g.leave(c, c.ctx.Err())
		case <-limit.C:
			if g.hasAlone(c) {
				continue // it looks to its own limits
			}
			return g.leave(c, context.DeadlineExceeded)
		}
	}
}

func (g *gate) hasAlone(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return c.batch != nil && c.alone != nil
}

// leave is for a caller who waits no longer. When all callers of a batch have
// left, its turn is cut short.
func (g *gate) leave(c *call, why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-c.done:
		return c.err
	default:
	}
	if c.batch == nil {
		for i, queued := range g.queue {
			if queued == c {
				g.queue = append(g.queue[:i], g.queue[i+1:]...)
			}
		}
		return why
	}
	if c.batch.waiting--; c.batch.waiting == 0 {
		c.batch.stop()
	}
	if c.change != nil {
		return unknown(why)
	}
	return why
}

// turns takes turns on a lane, for as long as there is a queue.
func (g *gate) turns(l *lane, b *batch) {
	defer g.running.Done()
	for b != nil {
		turn := l.begin()
		ctx, cancel := context.WithCancel(context.Background())
		g.mu.Lock()
		b.stop = func() { cancel(); l.cut(turn) }
		if b.waiting == 0 {
			cancel()
		}
		until := b.calls[0].until
		for _, c := range b.calls {
			if c.until.After(until) {
				until = c.until
			}
		}
		g.mu.Unlock()
		g.serve(ctx, l, until, b.calls)
		cancel()
		l.begin()
		g.mu.Lock()
		for _, c := range b.calls {
			close(c.done)
		}
		g.mu.Unlock()
		// Those who have just been answered often come again at once. They are let
		// go first: else the first of them would have the lane to itself, and all
		// the others would wait for that one.
		runtime.Gosched()
		b = g.release(l)
	}
}

// serve carries out calls over a lane: each has its err afterwards.
func (g *gate) serve(ctx context.Context, l *lane, until time.Time, calls []*call) {
	p := &patience{ctx: ctx, life: g.life, until: until}
	switch c := calls[0]; {
	case c.alone != nil:
		c.err = c.alone(ctx, l)
	case c.change != nil:
		l.commit(p, calls)
	default:
		l.inquire(p, calls)
	}
}

// release gives the lane to those who are queued, or back.
func (g *gate) release(l *lane) *batch {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, size := 0, 0
	for _, c := range g.queue {
		if n > 0 && (n == batchCalls || size+c.change.size() > batchBytes || c.alone != nil || g.queue[0].alone != nil) {
			break
		}
		n, size = n+1, size+c.change.size()
	}
	if n == 0 {
		g.idle = append(g.idle, l)
		return nil
	}
	b := &batch{calls: make([]*call, n), waiting: n, stop: func() {}}
	copy(b.calls, g.queue)
	rest := copy(g.queue, g.queue[n:])
	clear(g.queue[rest:])
	g.queue = g.queue[:rest]
	for _, c := range b.calls {
		c.batch = b
	}
	return b
}

// close refuses what is queued and what comes, and waits for what is under way.
func (g *gate) close() {
	g.mu.Lock()
	again := g.closed
	g.closed = true
	for _, c := range g.queue {
		c.err = driver.ErrClosed
		close(c.done)
	}
	g.queue = nil
	g.mu.Unlock()
	g.running.Wait()
	if again {
		return
	}
	for _, l := range g.lanes {
		l.close()
	}
}
