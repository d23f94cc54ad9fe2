package pgstore_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// wire is what lies between a store and the server: it can break.
type wire struct {
	t    testing.TB
	l    net.Listener
	to   string
	all  sync.WaitGroup
	mu   sync.Mutex
	cut  *cut
	open map[net.Conn]struct{}

	deaf bool // swallows the request to cancel a statement
}

// cut is how the wire breaks at the next message to the server: before that is
// passed on, or after its answer has come, which is not. then runs in between,
// once.
type cut struct {
	answer bool
	then   func()
	done   chan struct{}
}

// newWire lies before the server. The URL is changed to lead through it.
func newWire(t testing.TB, rawURL string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(rawURL)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w := &wire{t: t, l: l, to: u.Host, open: map[net.Conn]struct{}{}}
	w.all.Go(w.serve)
	t.Cleanup(func() {
		l.Close()
		w.breakAll()
		w.all.Wait()
	})
	u.Host = l.Addr().String()
	return w, u.String()
}

func (w *wire) serve() {
	for {
		client, err := w.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.to)
		if err != nil {
			client.Close()
			continue
		}
		w.mu.Lock()
		w.open[client], w.open[server] = struct{}{}, struct{}{}
		w.mu.Unlock()
		answers := make(chan *cut, 1) // whose answer is not passed on
		w.all.Go(func() { w.pass(server, client, true, answers) })
		w.all.Go(func() { w.pass(client, server, false, answers) })
	}
}

// breakAll breaks every connection that there is.
func (w *wire) breakAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		c.Close()
	}
}

// next makes the wire break once. The channel is closed when it has.
func (w *wire) next(answer bool, then func()) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = &cut{answer: answer, then: then, done: make(chan struct{})}
	return w.cut.done
}

func (w *wire) take() *cut {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.cut
	w.cut = nil
	return c
}

func (c *cut) end() {
	if c.then != nil {
		c.then()
	}
	close(c.done)
}

// ready is how an answer ends.
var ready = []byte("Z\x00\x00\x00\x05I")

func (w *wire) pass(to, from net.Conn, request bool, answers chan *cut) {
	defer to.Close()
	defer from.Close()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, from)
	}()
	buf := make([]byte, 1<<20)
	var swallow *cut
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if request && w.deaf && isCancel(buf[:n]) {
				return
			}
			if c := w.cutOf(request, answers, &swallow); c != nil && !c.answer {
				c.end()
				return
			}
			if swallow != nil {
				if bytes.HasSuffix(buf[:n], ready) {
					swallow.end()
					return
				}
			} else if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF && swallow != nil {
				w.t.Errorf("the server broke off: %v", err)
			}
			return
		}
	}
}

// isCancel tells whether a connection begins with a request to cancel.
func isCancel(b []byte) bool { return len(b) >= 8 && binary.BigEndian.Uint32(b[4:]) == 80877102 }

func (w *wire) cutOf(request bool, answers chan *cut, swallow **cut) *cut {
	if request {
		c := w.take()
		if c != nil && c.answer {
			answers <- c
		}
		return c
	}
	select {
	case c := <-answers:
		*swallow = c
	default:
	}
	return nil
}
