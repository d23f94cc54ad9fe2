// Command ferretserver is a server that speaks MongoDB's protocol, for tests:
// FerretDB over SQLite, in one process that can be killed as a crash kills it.
// It is a module of its own, outside the workspace, so that neither a user of
// mongostore nor a test of another package pays for compiling it.
//
// FerretDB 1.24 has no transactions, change streams, collation, TTL indexes or
// Decimal128, refuses keys that begin with "$" or contain ".", ignores write and
// read concerns, and makes an update in two steps, a reading and a writing.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	tcp := flag.String("tcp", "", "`address` to listen on, such as 127.0.0.1:27017")
	tls := flag.String("tls", "", "`address` to listen on with TLS")
	cert := flag.String("cert", "", "`file` of the TLS certificate")
	key := flag.String("key", "", "`file` of its private key")
	dir := flag.String("dir", "", "`directory` of the data; it must be there")
	flush := flag.Bool("flush", false, "flush the log at each commit, as a power cut demands")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, ferretdb.ListenerConfig{TCP: *tcp, TLS: *tls, TLSCertFile: *cert, TLSKeyFile: *key}, sqliteURL(*dir, *flush)); err != nil {
		fmt.Fprintln(os.Stderr, "ferretserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listener ferretdb.ListenerConfig, sqlite string) error {
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  listener,
		Handler:   "sqlite",
		SQLiteURL: sqlite,
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

// sqliteURL has SQLite write to its log first (WAL), and flush that or not:
// without, what was acknowledged outlives the end of the process alone.
func sqliteURL(dir string, flush bool) string {
	synchronous := "synchronous(off)"
	if flush {
		synchronous = "synchronous(full)"
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", synchronous}}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir) + "/", RawQuery: pragmas.Encode()}).String()
}
