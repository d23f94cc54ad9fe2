//go:build unix

package pgstore

import (
	"crypto/tls"
	"net"
	"syscall"
)

// hungUp tells whether the server has ended an idle connection, as far as it is
// known here already: nothing is asked. A server that speaks unasked says good
// bye, or something that can wait for a new connection.
func hungUp(c net.Conn) bool {
	secure, isTLS := c.(*tls.Conn)
	if isTLS {
		c = secure.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	// Not raw.Read: it waits for whoever else reads, as pgx does in the
	// background behind a slow write, and that one waits for the server.
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case n > 0:
			gone = !isTLS // which has messages of its own
		case err != syscall.EAGAIN && err != syscall.EINTR:
			gone = true
		}
	})
	return gone || err != nil
}
