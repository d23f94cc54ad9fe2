package mongostore_test

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/mongostore/internal/fakeset"
)

// proxy stands between a store and its server, and breaks connections at the
// message that a test names.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	where fault
	verb  string
	hits  int
	first func() // what happens before the next command of that name reaches the server
	conns map[net.Conn]bool
	count map[string]int // commands that came, by name
}

// fault is where a command is lost.
type fault int

const (
	nowhere fault = iota
	between       // it is not lost, but something else comes first
	request       // it never reaches the server
	answer        // the server has carried it out
)

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: l, target: target, conns: map[net.Conn]bool{}, count: map[string]int{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// lose breaks the connection at the next command of that name, such as
// "update".
func (p *proxy) lose(where fault, verb string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.where, p.verb, p.hits = where, verb, 0
}

// before has something happen between the store's sending of its next command
// of that name and the server's receiving of it.
func (p *proxy) before(verb string, first func()) {
	p.lose(between, verb)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first = first
}

// lost tells how often that was done.
func (p *proxy) lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// came tells how many commands of that name have come.
func (p *proxy) came(verb string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[verb]
}

// note counts a command.
func (p *proxy) note(message []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(message) > 26 {
		name, _, _ := bytes.Cut(message[26:], []byte{0})
		p.count[string(name)]++
	}
}

// hit tells whether a request is to be lost, here.
func (p *proxy) hit(message []byte, here fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The name of the command is the first of its document: OP_MSG has 16
	// bytes of header, 4 of flags, 1 of kind, 4 of length and 1 of type.
	if p.where != here || len(message) < 26 || !bytes.HasPrefix(message[26:], append([]byte(p.verb), 0)) {
		return false
	}
	p.where = nowhere
	p.hits++
	return true
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.running.Go(func() { p.serve(client, server) })
	}
}

// serve passes one request and its answer at a time, as the driver sends them.
func (p *proxy) serve(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	for {
		message, err := fakeset.ReadMessage(client)
		if err != nil {
			return
		}
		p.note(message)
		if p.hit(message, request) {
			return
		}
		if p.hit(message, between) {
			p.first()
		}
		lose := p.hit(message, answer)
		if _, err := server.Write(message); err != nil {
			return
		}
		reply, err := fakeset.ReadMessage(server)
		if err != nil || lose {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}
