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
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		switch {
		case n > 0:
			gone = !isTLS // which has messages of its own
		case err != syscall.EAGAIN && err != syscall.EINTR:
			gone = true
		}
		return true // do not wait
	})
	return gone || err != nil
}
