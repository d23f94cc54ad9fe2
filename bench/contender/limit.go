package contender

import "sync"

const pageSize = 4096

// limit is the fastest that one writer can be on this disk: one page in place
// and one flush, nothing else.
type limit struct {
	logFile
	mu     sync.Mutex
	page   [pageSize]byte
	at     int64
	number uint64
}

func (c *limit) Open(dir string) error { return c.open(dir) }

func (c *limit) Put(key string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	putRecord(c.page[:], key, c.number, value)
	if _, err := c.f.WriteAt(c.page[:], c.at); err != nil {
		return err
	}
	c.at = (c.at + pageSize) % logSize
	return datasync(c.f)
}

func (c *limit) Close() error { return c.f.Close() }
