package testserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Redis is a Redis server of a test's own.
type Redis struct {
	*Process
	Addr   string // 127.0.0.1:PORT
	Socket string // path of its Unix socket
	Dir    string // where its data lies
}

// RedisDurable are the settings under which Redis answers a change only after
// it is flushed.
var RedisDurable = []string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no"}

// StartRedis starts a server with RedisDurable and, behind it, args, of which
// the last word counts. It listens on a free port of 127.0.0.1 and on a Unix
// socket.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	program := Find(t, "redis-server", "redis-server")
	port := FreePort(t)
	r := &Redis{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Socket: shortSocket(t), Dir: t.TempDir()}
	all := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--unixsocket", r.Socket,
		"--dir", r.Dir, "--daemonize", "no", "--save", ""}
	all = append(append(all, RedisDurable...), args...)
	r.Process = Start(t, Spec{Program: program, Args: all, Dir: r.Dir, Ready: r.ready})
	return r
}

// shortSocket is a path that fits into a socket address, as one below
// t.TempDir may not.
func shortSocket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// URL is that of the server, with a query such as "prefix=x:" or none.
func (r *Redis) URL(query string) string {
	return (&url.URL{Scheme: "redis", Host: r.Addr, Path: "/0", RawQuery: query}).String()
}

// Command sends one command as its own words and returns the first line of the
// answer, such as "+OK", ":1" or "-ERR …". It is for tests that cannot use a
// client library.
func (r *Redis) Command(ctx context.Context, words ...string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", r.Socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		conn.SetDeadline(end)
	}
	message := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, word := range words {
		message = fmt.Appendf(message, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write(message); err != nil {
		return "", err
	}
	return readLine(conn)
}

func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		if b[0] == '\r' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

// ready asks for a value, which the server answers once it has loaded its data.
// Where a password is demanded, having been asked for it is enough.
func (r *Redis) ready(ctx context.Context) error {
	line, err := r.Command(ctx, "GET", "any")
	if err != nil || line[0] != '-' || line[:min(7, len(line))] == "-NOAUTH" {
		return err
	}
	return fmt.Errorf("redis-server answers %s", line)
}
