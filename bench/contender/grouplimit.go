package contender

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/bench/row"
)

// groupLimit is the fastest that many writers can be on this disk: all that
// wait share one write and one flush.
type groupLimit struct {
	logFile
	wake chan struct{}  // something is waiting; closed at the end
	done sync.WaitGroup // the committer

	number atomic.Uint64

	mu   sync.Mutex
	next *flush // what waits for the next flush
}

// flush is what becomes durable together.
type flush struct {
	buf  []byte
	over chan struct{} // closed when it is over, err is set before
	err  error
}

func newFlush(buf []byte) *flush { return &flush{buf: buf[:0], over: make(chan struct{})} }

func (c *groupLimit) Open(dir string) error {
	if err := c.open(dir); err != nil {
		return err
	}
	c.wake, c.next = make(chan struct{}, 1), newFlush(nil)
	c.done.Go(c.commit)
	return nil
}

func (c *groupLimit) Put(key string, value []byte) error {
	if len(value) > row.Size {
		return errors.New("the limit is made for values of one size")
	}
	var record [headerSize + row.Size]byte
	// The checksum is made outside of the lock.
	n := putRecord(record[:], key, c.number.Add(1), value)
	c.mu.Lock()
	f := c.next
	first := len(f.buf) == 0
	f.buf = append(f.buf, record[:n]...)
	c.mu.Unlock()
	if first {
		c.wake <- struct{}{}
	}
	<-f.over
	return f.err
}

func (c *groupLimit) commit() {
	var spare []byte
	at := int64(0)
	for range c.wake {
		// Those whom the last flush has woken get the processor first, so that
		// their next values join this batch instead of waiting for another.
		runtime.Gosched()
		c.mu.Lock()
		f := c.next
		c.next = newFlush(spare)
		c.mu.Unlock()
		if at+int64(len(f.buf)) > logSize {
			at = 0
		}
		if _, f.err = c.f.WriteAt(f.buf, at); f.err == nil {
			f.err = datasync(c.f)
		}
		at += int64(len(f.buf))
		close(f.over)
		spare = f.buf
	}
}

// Close is called when nobody writes any more.
func (c *groupLimit) Close() error {
	close(c.wake)
	c.done.Wait()
	return c.f.Close()
}
