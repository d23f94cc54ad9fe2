package main

import (
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// The command over the protocol of MongoDB: what goes in comes out.
func TestMongo(t *testing.T) {
	f := testserver.StartFerret(t, testserver.FerretOptions{})
	store := "--store=" + f.URL("bot", "")
	for id, data := range map[string]string{"BTC/USDT:USDT": `{"priceOpen":50000.5,"note":null}`, "ETHUSDT": "null"} {
		r := invoke(t, data, store, "put", "signal/a", id)
		// FerretDB does not promise what MongoDB does, and that is said.
		if r.code != exitOK || !strings.Contains(r.err, "FerretDB ignores write concerns") {
			t.Fatalf("put: %+v", r)
		}
	}
	if got := lastLine(invoke(t, "", store, "get", "signal/a", "BTC/USDT:USDT")); got != `{"priceOpen":50000.5,"note":null}` {
		t.Errorf("get: %s", got)
	}
	lines := `{"entity":"risk/r","id":"positions","data":[["a:BTCUSDT",{"size":1}]]}` + "\n" +
		`{"entity":"signal/a","id":"ETHUSDT","data":{"n":12345678901234567890}}` + "\n" +
		`{"entity":"signal/a","id":"log-10","data":10}` + "\n" + `{"entity":"signal/a","id":"log-2","data":2}` + "\n"
	if r := invoke(t, lines, store, "import", "--writers", "4"); r.code != exitOK {
		t.Fatalf("import: %+v", r)
	}
	want := `{"entity":"risk/r","id":"positions","data":[["a:BTCUSDT",{"size":1}]]}
{"entity":"signal/a","id":"BTC/USDT:USDT","data":{"priceOpen":50000.5,"note":null}}
{"entity":"signal/a","id":"ETHUSDT","data":{"n":12345678901234567890}}
{"entity":"signal/a","id":"log-2","data":2}
{"entity":"signal/a","id":"log-10","data":10}
`
	if r := invoke(t, "", store, "export"); r.code != exitOK || r.out != want {
		t.Errorf("export: %+v, want\n%s", r, want)
	}
	if r := invoke(t, "", store, "ls", "--json"); r.code != exitOK || r.out != "{\"entity\":\"risk/r\",\"values\":1}\n{\"entity\":\"signal/a\",\"values\":4}\n" {
		t.Errorf("ls: %+v", r)
	}
	if r := invoke(t, "", store, "rm", "--all", "signal/a"); r.code != exitOK {
		t.Errorf("rm: %+v", r)
	}
	if r := invoke(t, "", store, "check"); r.code != exitOK || !strings.Contains(r.out, "1 value") {
		t.Errorf("check: %+v", r)
	}
}

// What cannot be fenced is refused, before anything is written.
func TestMongoCannotFence(t *testing.T) {
	f := testserver.StartFerret(t, testserver.FerretOptions{})
	store := "--store=" + f.URL("bot", "")
	r := invoke(t, "", append([]string{store}, liveLease("demo:?candles=10")...)...)
	// FerretDB does not promise what MongoDB does, and that is said first.
	_, r.err, _ = strings.Cut(r.err, "\n")
	r.fails(t, exitFailed, `--lease: the store "mongodb" cannot refuse the writes of a process that was taken over`, "batch: key",
		"redis:", "postgres:", "replica set", "leave --lease out")
	if r := invoke(t, "", store, "ls", "--json"); r.code != exitOK || r.out != "" {
		t.Errorf("it has left something: %+v", r)
	}
}

func lastLine(r result) string {
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	return lines[len(lines)-1]
}
