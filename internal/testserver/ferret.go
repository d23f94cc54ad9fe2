package testserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// Ferret is a server that speaks MongoDB's protocol, of a test's own: see
// internal/ferretserver for what it is and is not.
type Ferret struct {
	*Process
	Addr    string // 127.0.0.1:PORT
	AddrTLS string // another one; "" without a certificate
	Dir     string // where its data lies
}

// FerretOptions of a server; the zero value is the default.
type FerretOptions struct {
	Flush     bool   // at each commit: slower, and what a database in earnest does
	Cert, Key string // files: listen on a second port, with TLS
}

// StartFerret starts a server on a free port of 127.0.0.1.
func StartFerret(t testing.TB, o FerretOptions) *Ferret {
	t.Helper()
	f := &Ferret{Addr: loopback(FreePort(t)), Dir: t.TempDir()}
	args := []string{"-tcp", f.Addr, "-dir", f.Dir, "-flush=" + strconv.FormatBool(o.Flush)}
	if o.Cert != "" {
		f.AddrTLS = loopback(FreePort(t))
		args = append(args, "-tls", f.AddrTLS, "-cert", o.Cert, "-key", o.Key)
	}
	f.Process = Start(t, Spec{Program: ferretProgram(t), Args: args, Dir: f.Dir, Ready: f.ready})
	return f
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// URL is that of a database of the server.
func (f *Ferret) URL(database, query string) string {
	return (&url.URL{Scheme: "mongodb", Host: f.Addr, Path: "/" + database, RawQuery: query}).String()
}

// ready is once somebody listens: its database is open by then.
func (f *Ferret) ready(ctx context.Context) error {
	for _, addr := range []string{f.Addr, f.AddrTLS} {
		if addr == "" {
			continue
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		conn.Close()
	}
	return nil
}

// ferretProgram builds the server, which takes the better part of a minute the
// first time, and keeps it under the user's cache directory.
func ferretProgram(t testing.TB) string {
	t.Helper()
	program, err := buildFerret()
	if err != nil {
		t.Fatalf("building the MongoDB server for tests: %v", err)
	}
	return program
}

var buildFerret = sync.OnceValues(func() (string, error) {
	source, err := checkout("internal", "ferretserver")
	if err != nil {
		return "", err
	}
	sum, err := ferretSum(source)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, "holdfast-test", "ferretserver-"+sum)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return "", err
	}
	fresh := program + "." + strconv.Itoa(os.Getpid())
	// Outside the workspace, so that its dependencies are those of its own
	// go.mod; never with the race detector.
	build := exec.Command("go", "build", "-o", fresh, ".")
	build.Dir, build.Env = source, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, os.Rename(fresh, program) // whole, whoever else builds it
})

// checkout is a directory of the repository.
func checkout(name ...string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		wanted := filepath.Join(append([]string{dir}, name...)...)
		if _, err := os.Stat(wanted); err == nil {
			return wanted, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("this test runs in a checkout of the repository")
		}
		dir = up
	}
}

// ferretSum names what the program is made of.
func ferretSum(source string) (string, error) {
	h := sha256.New()
	fmt.Fprint(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "\x00%s\x00%s", name, data)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}
