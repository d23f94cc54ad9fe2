//go:build unix

package pgstore_test

import (
	"net"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/pgstore"
)

// Whether the server has hung up is seen without waiting, also while somebody
// reads: pgx does in the background, and everything stood still.
func TestHungUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	dial := func() (ours, theirs net.Conn) {
		ours, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		theirs, err = l.Accept()
		must(t, err)
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		return ours, theirs
	}
	soon := func(what string, c net.Conn, want bool) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			answer := make(chan bool, 1)
			go func() { answer <- pgstore.HungUp(c) }()
			select {
			case got := <-answer:
				if got == want {
					return
				}
			case <-time.After(patience):
				t.Fatalf("%s: it waits", what)
			}
			if time.Now().After(end) {
				t.Fatalf("%s: it is not %v", what, want)
			}
		}
	}
	idle, _ := dial()
	soon("an idle connection", idle, false)
	read, theirs := dial()
	go read.Read(make([]byte, 1)) // until the end of the test
	for range 1000 {              // the first may come before the reader
		soon("a connection that somebody reads", read, false)
	}
	gone, theirs2 := dial()
	theirs2.Close()
	soon("one that was ended", gone, true)
	spoken, theirs3 := dial()
	theirs3.Write([]byte("E"))
	soon("one on which the server has said good bye", spoken, true)
	closed, _ := dial()
	closed.Close()
	soon("one that was closed here", closed, true)
	theirs.Close()
}
