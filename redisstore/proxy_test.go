package redisstore_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// verdict is what a proxy does with a message.
type verdict int

const (
	pass       verdict = iota
	dropIt             // the server never sees it; the connection breaks
	dropAnswer         // the server answers; the connection breaks before the answer is through
	holdIt             // the connection breaks; the server sees the message when the test releases it
)

// proxy stands between a store and its server, and breaks what a test tells it.
type proxy struct {
	t      *testing.T
	server string
	l      net.Listener
	wg     sync.WaitGroup

	mu      sync.Mutex
	judge   func(message []byte) verdict // nil: all pass
	closed  bool                         // to new connections
	conns   map[net.Conn]struct{}
	release chan struct{} // closed when what is held goes on
	went    chan struct{} // closed when the server has answered what was held
	broken  chan struct{} // holds a token for each message that did not pass
}

func startProxy(t *testing.T, r *testserver.Redis) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{t: t, server: r.Addr, l: l, conns: map[net.Conn]struct{}{}, release: make(chan struct{}),
		went: make(chan struct{}), broken: make(chan struct{}, 100)}
	p.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) url() string { return "redis://" + p.l.Addr().String() + "/0" }

func (p *proxy) stop() {
	p.cut()
	p.wg.Wait()
}

// cut ends everything.
func (p *proxy) cut() {
	p.l.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// breaks sets what becomes of the first message that has all the words; the
// others pass.
func (p *proxy) breaks(v verdict, has func(message []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = func(message []byte) verdict {
		if !has(message) {
			return pass
		}
		p.judge = nil
		return v
	}
}

// refuse closes the proxy to new connections, or opens it again.
func (p *proxy) refuse(closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = closed
}

func (p *proxy) verdict(message []byte) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.judge == nil {
		return pass
	}
	return p.judge(message)
}

func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	return !p.closed
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil || !p.keep(client) || !p.keep(server) {
		return
	}
	defer server.Close()
	buf, answer := make([]byte, 1<<20), make([]byte, 1<<20)
	answers := make(chan int, 1)
	drop := make(chan struct{})
	p.wg.Go(func() {
		for {
			n, err := server.Read(answer)
			select {
			case <-drop:
				answers <- n
				return
			default:
			}
			if err != nil {
				client.Close()
				return
			}
			client.Write(answer[:n])
		}
	})
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		switch p.verdict(buf[:n]) {
		case pass:
			server.Write(buf[:n])
		case dropIt:
			p.broken <- struct{}{}
			return
		case dropAnswer:
			close(drop)
			server.Write(buf[:n])
			<-answers
			p.broken <- struct{}{}
			return
		case holdIt:
			close(drop)
			client.Close()
			p.broken <- struct{}{}
			<-p.release
			server.Write(buf[:n])
			<-answers
			close(p.went)
			io.Copy(io.Discard, server)
			return
		}
	}
}
