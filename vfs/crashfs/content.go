package crashfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

const (
	pageSize   = 4096
	sectorSize = 512
)

// page is a piece of a file that nobody changes any more, so that any number of
// states share it.
type page struct {
	data [pageSize]byte
	sum  atomic.Uint64 // 0: not known yet
}

var zeroPage [pageSize]byte

// hash tells pages apart; that of a page of zeros is 0.
func (p *page) hash() uint64 {
	if p == nil {
		return 0
	}
	if h := p.sum.Load(); h != 0 {
		return h
	}
	sum := sha256.Sum256(p.data[:])
	h := binary.LittleEndian.Uint64(sum[:]) | 1
	p.sum.Store(h)
	return h
}

// content is what a file holds. It is a value: whoever writes gets another one.
// A nil page is zeros.
type content struct {
	size  int64
	pages []*page
}

// bytesOf is data on its way to a file: bytes, or so many zeros, since journals
// write those by the megabyte.
type bytesOf struct {
	b []byte // nil: zeros
	n int64
}

// keep copies what a caller wants to write.
func keep(p []byte) bytesOf {
	for rest := p; ; rest = rest[pageSize:] {
		if len(rest) <= pageSize {
			if bytes.Equal(rest, zeroPage[:len(rest)]) {
				return bytesOf{n: int64(len(p))}
			}
			break
		}
		if !bytes.Equal(rest[:pageSize], zeroPage[:]) {
			break
		}
	}
	return bytesOf{b: bytes.Clone(p), n: int64(len(p))}
}

func zeros(n int64) bytesOf { return bytesOf{n: n} }

// cut returns the bytes from one place to another.
func (d bytesOf) cut(from, to int64) bytesOf {
	if d.b == nil {
		return zeros(to - from)
	}
	return bytesOf{b: d.b[from:to], n: to - from}
}

// write returns the content with data at off.
func (c content) write(off int64, data bytesOf) content {
	if data.n == 0 {
		return c
	}
	end := off + data.n
	c = c.grow(max(c.size, end), true)
	for at := off; at < end; {
		i := at / pageSize
		stop := min((i+1)*pageSize, end)
		c.pages[i] = c.pages[i].with(at-i*pageSize, data.cut(at-off, stop-off))
		at = stop
	}
	return c
}

// with returns the page with data at off; nil for zeros.
func (p *page) with(off int64, data bytesOf) *page {
	if data.b == nil && (p == nil || data.n == pageSize) {
		return nil
	}
	q := &page{}
	if p != nil {
		q.data = p.data
	}
	if data.b == nil {
		clear(q.data[off : off+data.n])
	} else {
		copy(q.data[off:], data.b)
	}
	if bytes.Equal(q.data[:], zeroPage[:]) {
		return nil
	}
	return q
}

// grow returns the content with another size, and, if own, with pages that may
// be replaced.
func (c content) grow(size int64, own bool) content {
	n := int((size + pageSize - 1) / pageSize)
	if !own && n == len(c.pages) {
		c.size = size
		return c
	}
	pages := make([]*page, n)
	copy(pages, c.pages)
	return content{size, pages}
}

// truncate returns the content with another size. What is cut off does not come
// back.
func (c content) truncate(size int64) content {
	shrunk := size < c.size
	c = c.grow(size, shrunk)
	if tail := size % pageSize; shrunk && tail > 0 {
		last := len(c.pages) - 1
		c.pages[last] = c.pages[last].with(tail, zeros(pageSize-tail))
	}
	return c
}

// readAt copies from off on, up to the end.
func (c content) readAt(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	for done := 0; done < len(p); {
		i, in := (off+int64(done))/pageSize, (off+int64(done))%pageSize
		piece := p[done:min(len(p), done+int(pageSize-in))]
		if pg := c.pages[i]; pg == nil {
			clear(piece)
		} else {
			copy(piece, pg.data[in:])
		}
		done += len(piece)
	}
	return len(p)
}

// piece returns what lies from one place to another.
func (c content) piece(from, to int64) bytesOf {
	b := make([]byte, max(to-from, 0))
	n := c.readAt(b, from)
	return bytesOf{b: b[:n], n: int64(n)}
}

// appendHash adds what tells contents apart.
func (c content) appendHash(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(c.size))
	for _, p := range c.pages {
		b = binary.LittleEndian.AppendUint64(b, p.hash())
	}
	return b
}
