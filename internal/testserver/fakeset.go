package testserver

import (
	"context"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// FakeSet stands for a replica set of MongoDB, in a process of its own: see
// mongostore/internal/fakeset for what it is and is not. It forgets everything
// when it ends.
type FakeSet struct {
	*Process
	Addr string // 127.0.0.1:PORT
}

// StartFakeSet starts one on a free port of 127.0.0.1; it gives up transactions
// that are open for longer than lifetime.
func StartFakeSet(t testing.TB, lifetime time.Duration) *FakeSet {
	t.Helper()
	source, err := checkout("mongostore", "internal", "fakeset", "serve")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "fakeset.exe")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the stand-in for a replica set: %v\n%s", err, out)
	}
	f := &FakeSet{Addr: loopback(FreePort(t))}
	f.Process = Start(t, Spec{Program: program, Args: []string{"-tcp", f.Addr, "-lifetime", lifetime.String()}, Dir: t.TempDir(), Ready: f.ready})
	return f
}

// URL is that of a database of the set, by this address alone.
func (f *FakeSet) URL(database string) string {
	return (&url.URL{Scheme: "mongodb", Host: f.Addr, Path: "/" + database, RawQuery: "directConnection=true"}).String()
}

func (f *FakeSet) ready(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.Addr)
	if err != nil {
		return err
	}
	return conn.Close()
}
