//go:build !unix

package pgstore

import "net"

// hungUp is not known here without asking; pgx asks after a second of idleness.
func hungUp(net.Conn) bool { return false }
