package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Looking works where nothing may be written; changing says why it cannot be
// done and what to do.
func TestReadOnlyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	store := "--store=file:" + dir
	put(t, store, "e", "a", "1")
	as := unprivileged(t, dir)
	if got := as(store, "get", "e", "a").ok(t); got != "1" {
		t.Errorf("get: %q", got)
	}
	if got := as(store, "export").ok(t); got != `{"entity":"e","id":"a","data":1}`+"\n" {
		t.Errorf("export: %q", got)
	}
	as(store, "ls").ok(t)
	as(store, "ls", "e").ok(t)
	as(store, "check").ok(t)
	as(store, "put", "e", "a", "-").fails(t, exitFailed, dir, "permission denied", "writable for this user")
	as(store, "rm", "e", "a").fails(t, exitFailed, dir, "permission denied")
	as(store, "check", "--repair").fails(t, exitFailed, dir, "permission denied")
	as("--store=file:"+filepath.Join(filepath.Dir(dir), "new"), "put", "e", "a", "-").
		fails(t, exitFailed, "permission denied")

	// A file that may not be read is not damage.
	if err := os.Chmod(filepath.Join(dir, "e/a.json"), 0); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"get e a", "ls e", "export", "check"} {
		as(append([]string{store}, strings.Fields(args)...)...).
			fails(t, exitFailed, "a.json", "permission denied", "user who owns the store")
	}
}

// The parameter does for every command what looking does by itself.
func TestReadOnlyByURL(t *testing.T) {
	store, _ := newStore(t)
	put(t, store, "e", "a", "1")
	for _, args := range []string{"put e a", "rm e a", "rm --all e", "import"} {
		invoke(t, `{"entity":"e","id":"a","delete":true}`, append([]string{store + "?mode=ro"}, strings.Fields(args)...)...).
			fails(t, exitFailed, "read-only")
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	mount := tmpfs(t, "size=1m")
	store := "--store=file:" + filepath.Join(mount.dir, "data")
	put(t, store, "e", "a", "1")
	mount.readOnly(t)
	if got := invoke(t, "", store, "get", "e", "a").ok(t); got != "1" {
		t.Errorf("get: %q", got)
	}
	invoke(t, "", store, "check").ok(t)
	invoke(t, "2", store, "put", "e", "a").fails(t, exitFailed, mount.dir, "read-only file system", "ls, get, history, diff, export and check")
}

// A full disk fails what did not fit, and nothing else; removing makes room.
func TestFullDisk(t *testing.T) {
	mount := tmpfs(t, "size=32m")
	store := "--store=file:" + filepath.Join(mount.dir, "data")
	put(t, store, "e", "kept", "1")
	// Large values, so that what the store reserves for itself does not hold
	// them all.
	value := `"` + strings.Repeat("x", 1<<20) + `"`
	var lines strings.Builder
	for i := 1; i <= 60; i++ {
		fmt.Fprintf(&lines, `{"entity":"e","id":"%d","data":%s}`+"\n", i, value)
	}
	r := invoke(t, lines.String(), store, "import", "--ack")
	r.fails(t, exitFailed, "import stdin: line ", "no space left on device", "make room")
	acked := strings.Count(r.out, "ACK")
	if acked == 0 || acked == 60 {
		t.Fatalf("%d of 60 lines were acknowledged", acked)
	}
	if n := strings.Count(invoke(t, "", store, "export").ok(t), "\n"); n != acked+1 && n != acked+2 {
		t.Errorf("%d values are stored; %d and the first were acknowledged", n, acked)
	}
	invoke(t, value, store, "put", "f", "more").fails(t, exitFailed, "no space left on device", "make room")
	if got := invoke(t, "", store, "get", "e", "kept").ok(t); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestFullOutput(t *testing.T) {
	store, _ := newStore(t)
	put(t, store, "e", "a", "1")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	needs(t, err == nil, "there is no /dev/full")
	defer full.Close()
	for _, args := range []string{"get e a", "export", "ls", "ls e", "check"} {
		var errs bytes.Buffer
		code := run(append([]string{store}, strings.Fields(args)...), strings.NewReader(""), full, &errs)
		result{code, "", errs.String()}.fails(t, exitFailed, "output: ", "no space left on device", "where stdout leads")
	}
}
