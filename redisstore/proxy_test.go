package redisstore_test

import (
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
	sayIt              // the server never sees it; the proxy answers in its place, and the connection breaks
)

// proxy stands between a store and its server, and breaks what a test tells it.
type proxy struct {
	t  *testing.T
	l  net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex
	server  string                       // of connections to come
	says    string                       // with sayIt
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
	p := &proxy{t: t, l: l, server: r.Addr, conns: map[net.Conn]struct{}{}, release: make(chan struct{}),
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

// leadTo has new connections lead to another server.
func (p *proxy) leadTo(r *testserver.Redis) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = r.Addr
}

// answers sets what the server is taken to have said to the first message that
// has all the words.
func (p *proxy) answers(text string, has func(message []byte) bool) {
	p.breaks(sayIt, has)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says = text
}

func (p *proxy) dial() (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return net.Dial("tcp", p.server)
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

// line is one connection through the proxy.
type line struct {
	client, server net.Conn
	drop           chan struct{} // closed when the next answer is not to go through
	answered       chan struct{} // closed when that answer has come
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := p.dial()
	if err != nil || !p.keep(client) || !p.keep(server) {
		return
	}
	defer server.Close()
	l := &line{client, server, make(chan struct{}), make(chan struct{})}
	p.wg.Go(l.answers)
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if v := p.verdict(buf[:n]); v != pass {
			p.breakLine(l, v, buf[:n])
			return
		}
		server.Write(buf[:n])
	}
}

func (p *proxy) breakLine(l *line, v verdict, message []byte) {
	switch v {
	case dropIt:
		p.broken <- struct{}{}
	case dropAnswer:
		close(l.drop)
		l.server.Write(message)
		<-l.answered
		p.broken <- struct{}{}
	case sayIt:
		p.mu.Lock()
		text := p.says
		p.mu.Unlock()
		l.client.Write([]byte(text))
		p.broken <- struct{}{}
	case holdIt:
		close(l.drop)
		l.client.Close()
		p.broken <- struct{}{}
		<-p.release
		l.server.Write(message)
		<-l.answered
		close(p.went)
	}
}

// answers passes on what the server says.
func (l *line) answers() {
	buf := make([]byte, 1<<20)
	for {
		n, err := l.server.Read(buf)
		select {
		case <-l.drop:
			close(l.answered)
			return
		default:
		}
		if err != nil {
			l.client.Close()
			return
		}
		l.client.Write(buf[:n])
	}
}
