// Command serve runs the stand-in for a replica set of MongoDB as a process, for
// tests in other modules: see package fakeset for what it is and is not.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/holdfast-go/holdfast/mongostore/internal/fakeset"
)

func main() {
	tcp := flag.String("tcp", "127.0.0.1:0", "`address` to listen on")
	lifetime := flag.Duration("lifetime", fakeset.Lifetime, "how long a transaction may be open")
	flag.Parse()
	set, err := fakeset.Listen(*tcp, *lifetime)
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	set.Close()
}
