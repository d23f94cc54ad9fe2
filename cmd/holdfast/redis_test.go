package main

import (
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// The commands do the same on a server as on files.
func TestRedis(t *testing.T) {
	r := testserver.StartRedis(t)
	store := "--store=" + r.URL("durability=require")
	put(t, store, "signal/a", "BTC/USDT:USDT", `{"price": 1.50}`)
	if got := invoke(t, "", store, "get", "signal/a", "BTC/USDT:USDT").ok(t); got != `{"price": 1.50}` {
		t.Errorf("get: %q", got)
	}
	lines := `{"entity":"risk/b","id":"positions","data":[]}` + "\n" + `{"entity":"signal/a","id":"ETH","data":null}` + "\n"
	invoke(t, lines, store, "import", "--writers", "8").ok(t)
	want := `{"entity":"risk/b","id":"positions","data":[]}` + "\n" +
		`{"entity":"signal/a","id":"BTC/USDT:USDT","data":{"price":1.50}}` + "\n" +
		`{"entity":"signal/a","id":"ETH","data":null}` + "\n"
	if got := spawn(t, "", store, "export").ok(t); got != want {
		t.Errorf("export:\n%s\nwant\n%s", got, want)
	}
	invoke(t, "", store, "rm", "signal/a", "ETH").ok(t)
	if got := invoke(t, "", store, "ls").ok(t); !strings.Contains(got, "signal/a") || !strings.Contains(got, "risk/b") {
		t.Errorf("ls:\n%s", got)
	}
	if got := invoke(t, "", store, "check").ok(t); !strings.Contains(got, "no damage") {
		t.Errorf("check:\n%s", got)
	}
	if line, err := r.Command(t.Context(), "SET", "signal/a:theirs", "1"); err != nil || line != "+OK" {
		t.Fatal(line, err)
	}
	if got := invoke(t, "", store, "ls", "signal/a").ok(t); strings.Contains(got, "0001") {
		t.Errorf("ls of what another program has put at an unknown time:\n%s", got)
	}
	invoke(t, "", store, "history", "signal/a", "ETH").fails(t, exitFailed, "keeps no history")
	if line, err := r.Command(t.Context(), "SET", "signal/a:bad", "{"); err != nil || line != "+OK" {
		t.Fatal(line, err)
	}
	invoke(t, "", store, "get", "signal/a", "bad").fails(t, exitDamaged, "signal/a:bad")
	r.Kill()
	spawn(t, "", store, "ls").fails(t, exitFailed, "cannot reach Redis at "+r.Addr)
}

// What a server does not promise is told before anything is changed.
func TestWeakRedis(t *testing.T) {
	r := testserver.StartRedis(t, "--appendfsync", "everysec")
	got := invoke(t, "1", "--store="+r.URL(""), "put", "e", "a")
	if got.code != exitOK || !strings.Contains(got.err, "appendfsync always") || strings.Count(got.err, "\n") != 1 ||
		strings.Contains(got.err, "recovery") || strings.Contains(got.err, "nothing was done") {
		t.Errorf("exit status %d, stderr %q", got.code, got.err)
	}
	invoke(t, "1", "--store="+r.URL("durability=require"), "put", "e", "a").fails(t, exitFailed, "durability=require", "everysec")
}
