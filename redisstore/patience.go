package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
)

// patience is how long somebody goes on trying.
type patience struct {
	ctx   context.Context
	life  context.Context // of the store
	until time.Time
	pause time.Duration
}

// The pauses between two tries: a server that is started again is back within
// tenths of a second.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// over tells why no further try is made; nil if one is.
func (p *patience) over() error {
	switch {
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case p.life.Err() != nil:
		return context.Cause(p.life)
	case !time.Now().Before(p.until):
		return context.DeadlineExceeded
	}
	return nil
}

// wait pauses before the next try, a little longer each time.
func (p *patience) wait() error {
	p.pause = min(max(firstPause, 2*p.pause), longestPause)
	timer := time.NewTimer(min(p.pause, time.Until(p.until)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
	case <-p.life.Done():
	}
	return p.over()
}

// unknown says that a change may have been made, or not, or may still be.
func unknown(why error) error {
	return fmt.Errorf("%w: no answer came from Redis: %w", driver.ErrUnknown, why)
}

// passing tells of what a server answers that it will answer otherwise soon.
func passing(err error) bool {
	return slices.ContainsFunc([]string{"LOADING ", "BUSY ", "MASTERDOWN ", "TRYAGAIN ", "max number of clients reached"},
		func(word string) bool { return redis.HasErrorPrefix(err, word) })
}

// explain makes one of this package's errors of one that the server has
// answered.
func explain(err error) error {
	switch {
	case redis.HasErrorPrefix(err, "READONLY"):
		return fmt.Errorf("%w: the server is a replica: name its master in the URL", driver.ErrReadOnly)
	case redis.HasErrorPrefix(err, "OOM"):
		return errors.New("the server has no memory left (maxmemory): raise the limit or remove values; nothing was changed")
	case isAnswer(err):
		return fmt.Errorf("the server answers %w", err)
	}
	return err
}

// because joins the error that ended trying with that of the last try.
func because(over, last error) error {
	if last == nil || errors.Is(last, over) {
		return over
	}
	return fmt.Errorf("%w (%w)", last, over)
}

// inquire puts questions, again if no answer comes: they change nothing.
func (l *lane) inquire(p *patience, calls []*call) {
	// Nearly all are answered at once.
	last := l.ask(p.ctx, calls)
	for {
		var again []*call
		for _, c := range calls {
			switch err := c.answer(); {
			case last != nil && (err == nil || !isAnswer(err)), passing(err):
				last = first(last, err)
				again = append(again, c)
			case err != nil && err != redis.Nil:
				c.err = explain(err)
			}
		}
		if calls = again; len(calls) == 0 {
			return
		}
		p.wait()
		if over := p.over(); over != nil {
			for _, c := range calls {
				c.err = because(over, last)
			}
			return
		}
		last = l.ask(p.ctx, calls)
	}
}

// command puts one question.
func (g *gate) command(ctx context.Context, cmd redis.Cmder) error {
	return g.do(&call{ctx: ctx, command: cmd})
}
