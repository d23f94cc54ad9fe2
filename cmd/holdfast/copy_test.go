package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// manyValues are more than a batch takes.
const manyValues = 1102

// copySource is a store of files with n values of all kinds.
func copySource(t *testing.T, mode string, n int) (url, dir string) {
	t.Helper()
	_, dir = newStore(t)
	url = "file:" + dir + mode
	var lines strings.Builder
	for i := range n - 2 {
		fmt.Fprintf(&lines, `{"entity":"signal/s%d","id":"BTC/USDT:%d","data":{"price":%d.5,"note":"<&> \u0000 é"}}`+"\n", i%3, i, i)
	}
	lines.WriteString(`{"entity":"risk/r","id":"positions","data":[["a:BTCUSDT",{"size":12345678901234567890}]]}` + "\n")
	lines.WriteString(`{"entity":"signal/s0","id":"cleared","data":null}` + "\n")
	invoke(t, lines.String(), "--store="+url, "import", "--writers", "64").ok(t)
	return url, dir
}

func exported(t *testing.T, url string) string {
	t.Helper()
	return invoke(t, "", "--store="+url, "export").ok(t)
}

// copied is the summary for programs.
type copied struct {
	Source, Target                                    string
	Copied, Replaced, Equal, Differ, Damaged, Refused int
	Bytes                                             int64
	Verified                                          *struct {
		Same, Differ, Missing, Damaged, Extra int
		Exact                                 bool
	}
}

// copyJSON runs copy for its summary and the rest of its result.
func copyJSON(t *testing.T, args ...string) (copied, result) {
	t.Helper()
	r := invoke(t, "", append([]string{"copy", "--json"}, args...)...)
	var c copied
	if err := json.Unmarshal([]byte(r.out), &c); err != nil {
		t.Fatalf("%v in %+v", err, r)
	}
	return c, r
}

func TestCopyBetweenModesOfFiles(t *testing.T) {
	for from, to := range map[string]string{"": "?journal=off", "?journal=off": ""} {
		src, _ := copySource(t, from, manyValues)
		_, dir := newStore(t)
		c, r := copyJSON(t, src, "file:"+dir+to, "--verify", "--writers", "2")
		if r.code != exitOK || r.err != "" || c.Copied != manyValues || c.Verified.Same != manyValues || !c.Verified.Exact || c.Target != dir {
			t.Errorf("%q to %q: %+v", from, to, r)
		}
		if exported(t, "file:"+dir) != exported(t, src) {
			t.Errorf("%q to %q: the export differs", from, to)
		}
	}
}

// Once around: what comes back to files is what left them.
func TestCopyThroughAllBackends(t *testing.T) {
	const n = 60 // FerretDB takes its time
	redis, postgres := testserver.StartRedis(t), testserver.StartPostgres(t)
	ferret := testserver.StartFerret(t, testserver.FerretOptions{})
	src, _ := copySource(t, "", n)
	_, back := newStore(t)
	_, exact := newStore(t)
	hops := []string{src, redis.URL(""), postgres.URL(""), ferret.URL("bot", ""), "file:" + back}
	for i, to := range hops[1:] {
		c, r := copyJSON(t, hops[i], to, "--verify")
		onMongo := i >= 2 // on one of the two sides
		if r.code != exitOK || c.Copied != n || c.Verified == nil || c.Verified.Same != n || c.Verified.Exact == onMongo {
			t.Fatalf("hop %d: %+v", i, r)
		}
		if again, r := copyJSON(t, hops[i], to, "--resume"); r.code != exitOK || again.Equal != n || again.Copied != 0 {
			t.Errorf("hop %d once more: %+v", i, r)
		}
	}
	if c, r := copyJSON(t, postgres.URL(""), "file:"+exact, "--verify"); r.code != exitOK || !c.Verified.Exact {
		t.Errorf("from PostgreSQL to files: %+v", r)
	}
	want := exported(t, src)
	for _, dir := range []string{back, exact} {
		if got := exported(t, "file:"+dir); got != want {
			t.Errorf("what came back differs:\n%.300s\nwant\n%.300s", got, want)
		}
	}
	invoke(t, "", "copy", redis.URL(""), redis.URL("")).fails(t, exitFailed, "the same store", "another target")
	invoke(t, "", "copy", src, "postgres://u:secret@127.0.0.1:1/x").fails(t, exitFailed, "copy: target: ", "127.0.0.1:1")
	if r := invoke(t, "", "copy", src, "postgres://u:secret@127.0.0.1:1/x"); strings.Contains(r.err, "secret") {
		t.Errorf("the password is told: %s", r.err)
	}
}

func TestCopyRefusesAFilledTarget(t *testing.T) {
	src, _ := copySource(t, "", manyValues)
	other, dir := newStore(t)
	put(t, other, "signal/s0", "BTC/USDT:0", `"mine"`)
	put(t, other, "signal/s0", "extra", `1`)
	dst := "file:" + dir
	invoke(t, "", "copy", src, dst).fails(t, exitFailed, "the target is not empty", "signal/s0", "--resume", "--overwrite")
	if got := exported(t, dst); strings.Count(got, "\n") != 2 {
		t.Errorf("the target was changed:\n%s", got)
	}
	c, r := copyJSON(t, src, dst, "--resume")
	r.fails(t, exitFailed, "signal/s0 BTC/USDT:0", "holds another value", "--overwrite")
	if c.Differ != 1 || c.Copied != 1101 {
		t.Errorf("got %+v", c)
	}
	if got := invoke(t, "", other, "get", "signal/s0", "BTC/USDT:0").ok(t); got != `"mine"` {
		t.Errorf("replaced by %s, though nobody said so", got)
	}
	text := invoke(t, "", "copy", src, dst, "--overwrite", "--verify").ok(t)
	for _, want := range []string{"copied 1 values", "1 of them replaced", "1,101 were there already", "verified: 1,102 the same, byte for byte, 1 at the target alone"} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary lacks %q:\n%s", want, text)
		}
	}
}

// One byte that changes between the copy and the look at what is stored.
func TestCopyVerifySeesADoctoredValue(t *testing.T) {
	src, _ := copySource(t, "?journal=off", 100)
	_, dir := newStore(t)
	dst := "file:" + dir + "?journal=off"
	invoke(t, "", "copy", src, dst).ok(t)
	writeFile(t, filepath.Join(dir, "risk/r/positions.json"), `[["a:BTCUSDT",{"size":12345678901234567891}]]`)
	c, r := copyJSON(t, src, dst, "--resume", "--verify", "risk/r")
	if r.code != exitFailed || c.Differ != 1 || c.Verified.Differ != 1 || !strings.Contains(r.err, "verify: not the same: ") {
		t.Errorf("got %+v", r)
	}
	if err := os.Remove(filepath.Join(dir, "risk/r/positions.json")); err != nil {
		t.Fatal(err)
	}
	c, r = copyJSON(t, src, dst, "--resume", "--verify", "risk/r")
	if r.code != exitOK || c.Copied != 1 || c.Verified.Same != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestCopyOfADamagedSource(t *testing.T) {
	src, dir := copySource(t, "?journal=off", 100)
	writeFile(t, filepath.Join(dir, "risk/r/positions.json"), `[["a:BTC`)
	_, to := newStore(t)
	c, r := copyJSON(t, src, "file:"+to)
	r.fails(t, exitDamaged, "left out: ", "risk/r positions: damaged", "holdfast check")
	if c.Copied != 99 || c.Damaged != 1 {
		t.Errorf("got %+v", c)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "risk/r/positions.json")); err != nil || string(got) != `[["a:BTC` {
		t.Errorf("the damaged file is %q, %v", got, err)
	}
	invoke(t, "", "--store=file:"+to, "get", "risk/r", "positions").fails(t, exitFailed, "not found")
}

func TestCopyUsage(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "a"), link); err != nil {
		t.Skip(err)
	}
	a := "file:" + filepath.Join(dir, "a")
	for _, c := range []struct{ args, word string }{
		{"copy", "too few arguments"},
		{"copy " + a, "too few arguments"},
		{"copy " + a + " " + a + "?journal=off", "the same directory"},
		{"copy " + a + "/b " + a, "within the other"},
		{"copy " + a + " " + a + "/../a/b/c", "within the other"},
		{"copy " + a + " mem:", "lasts no longer"},
		{"copy " + a + " file:" + dir + "/b --writers 0", "--writers 0"},
		{"copy --store x " + a + " file:" + dir + "/b", "--store"},
	} {
		invoke(t, "", strings.Fields(c.args)...).fails(t, exitUsage, c.word)
	}
	b := "file:" + filepath.Join(dir, "b")
	invoke(t, "", "copy", a, b).fails(t, exitFailed, "copy: source: ", "nothing has been stored")
	invoke(t, "", "copy", "nosuch:x", b).fails(t, exitUsage, "copy: source: ", "unknown scheme")
	if _, err := os.Stat(filepath.Join(dir, "b")); !os.IsNotExist(err) {
		t.Errorf("the target was made: %v", err)
	}
	invoke(t, "1", "--store="+a, "put", "e", "x").ok(t)
	invoke(t, "", "copy", a, "file:"+link).fails(t, exitUsage, "the same directory")
	invoke(t, "", "copy", a, b, "nothing").fails(t, exitOK, "holds no such values")
}
