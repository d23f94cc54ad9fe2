package main

import (
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// The commands do with PostgreSQL what they do with files.
func TestPostgres(t *testing.T) {
	server := testserver.StartPostgres(t)
	store := "--store=" + server.URL("")
	invoke(t, "", store, "ls").fails(t, exitFailed, "there is no table holdfast", "name where the state lies")
	put(t, store, "signal/strategy-a", "BTC/USDT:USDT", `{"price": 1.50, "note": "a\u0000b"}`)
	if got := invoke(t, "", store, "get", "signal/strategy-a", "BTC/USDT:USDT").ok(t); !strings.Contains(got, `{"price": 1.50, "note": "a\u0000b"}`) {
		t.Errorf("get: %s", got)
	}
	lines := `{"entity":"risk/conservative","id":"positions","data":[["a:BTCUSDT",{"size":1}]]}` + "\n" +
		`{"entity":"signal/strategy-a","id":"k2","data":null}` + "\n" +
		`{"entity":"signal/strategy-a","id":"k10","data":1}` + "\n" +
		`{"entity":"signal/strategy-a","id":"BTC/USDT:USDT","delete":true}` + "\n"
	acks := invoke(t, lines, store, "import", "--writers", "4", "--ack").out
	if n := strings.Count(acks, "ACK "); n != 4 {
		t.Errorf("%d of 4 lines were acknowledged:\n%s", n, acks)
	}
	want := strings.Join(strings.SplitAfter(lines, "\n")[:3], "")
	if got := invoke(t, "", store, "export").ok(t); got != want {
		t.Errorf("export:\n%swant:\n%s", got, want)
	}
	if got := invoke(t, "", store, "ls", "signal/strategy-a").ok(t); !strings.Contains(got, "k2") {
		t.Errorf("ls: %s", got)
	}
	invoke(t, "", store, "check").ok(t)
	invoke(t, "", store, "rm", "--all", "signal/strategy-a").ok(t)
	invoke(t, "", store, "get", "signal/strategy-a", "k2").fails(t, exitFailed, "not found")
	invoke(t, "", store+"?nonsense=1", "ls").fails(t, exitUsage, "unknown parameter")
}
