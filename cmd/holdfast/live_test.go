package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rows makes n candles, one a minute, whose price goes up and down so that
// sma-cross trades.
func rows(n int) []string {
	const start = 1_704_067_200_000
	var rows []string
	for i := range n {
		price := 100 + float64(min(i%240, 240-i%240))/20
		rows = append(rows, fmt.Sprintf("%d,%.2f,%.2f,%.2f,%.2f,1", start+i*60_000, price, price+0.05, price-0.05, price))
	}
	return rows
}

func TestLiveTradesAndContinues(t *testing.T) {
	store, _ := newStore(t)
	whole, _ := newStore(t)
	file := filepath.Join(t.TempDir(), "c.csv")
	live := func(store string, n int) string {
		t.Helper()
		writeFile(t, file, strings.Join(rows(n), "\n"))
		return invoke(t, "", store, "live", "--candles", file, "--symbol", "BTC/USDT:USDT", "--risk", "r").ok(t)
	}
	first := live(store, 500)
	if !strings.HasPrefix(first, "BTC/USDT:USDT sma-cross: starts, nothing is stored of it yet\n") ||
		!strings.Contains(first, "500 candles handled, 0 skipped") {
		t.Errorf("first run:\n%s", first)
	}
	second := live(store, 1100)
	if !strings.Contains(second, "continues with") || !strings.Contains(second, "last candle 2024-01-01 08:19") ||
		!strings.Contains(second, "600 candles handled, 500 skipped") ||
		!strings.Contains(second, "\n  cursor/sma-cross\n  ledger/sma-cross\n  risk/r\n  signal/sma-cross\n") {
		t.Errorf("second run:\n%s", second)
	}
	all := live(whole, 1100)
	trades := regexp.MustCompile(`(?m)^\d{4}-.*\n`)
	closed := append(trades.FindAllString(first, -1), trades.FindAllString(second, -1)...)
	if want := trades.FindAllString(all, -1); len(want) == 0 || strings.Join(closed, "") != strings.Join(want, "") {
		t.Errorf("the trades of two runs:\n%s\nof one:\n%s", closed, want)
	}
	if a, b := invoke(t, "", store, "export").ok(t), invoke(t, "", whole, "export").ok(t); a != b {
		t.Errorf("two runs left\n%s\none left\n%s", a, b)
	}
	for line := range strings.Lines(all) {
		if len(line) > 81 && !strings.HasPrefix(line, "state: ") {
			t.Errorf("over 80 columns: %s", line)
		}
	}
}

func TestLiveForPrograms(t *testing.T) {
	out := invoke(t, "", "--store=mem:", "live", "--candles", "demo:?candles=3000&seed=7", "--symbol", "S", "--json",
		"--candles", "demo:?seed=8&candles=2000", "--symbol", "T", "--risk", "r", "--max-positions", "1").ok(t)
	kinds := map[string]int{}
	var last struct {
		Kind     string
		Symbols  []struct{ Handled, Skipped, Trades int }
		Entities []string
	}
	for line := range strings.Lines(out) {
		last.Kind = ""
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		kinds[last.Kind]++
	}
	if last.Kind != "summary" || len(last.Symbols) != 2 || last.Symbols[0].Handled != 3000 || last.Symbols[1].Handled != 2000 ||
		kinds["restored"] != 2 || kinds["closed"] != last.Symbols[0].Trades+last.Symbols[1].Trades || kinds["closed"] == 0 ||
		kinds["opened"]-kinds["closed"] > 1 || kinds["rejected"] == 0 || kinds["active"] != 0 {
		t.Errorf("%v\n%+v", kinds, last)
	}
}

func TestLiveReadsWhatPeopleHave(t *testing.T) {
	csv := strings.Join(rows(200), "\n")
	var array, ndjson []string
	for _, row := range rows(200) {
		array = append(array, "["+row+"]")
		f := strings.Split(row, ",")
		ndjson = append(ndjson, fmt.Sprintf(`{"t":%s,"o":%s,"h":"%s","l":%s,"c":%s}`, f[0], f[1], f[2], f[3], f[4]))
	}
	for name, text := range map[string]string{
		"csv": csv, "header": "timestamp;o\n", "array": "[" + strings.Join(array, ",\n") + "]", "ndjson": strings.Join(ndjson, "\n"),
	} {
		if name == "header" {
			text = strings.ReplaceAll("timestamp,open,high,low,close,volume\n"+csv, ",", ";")
		}
		out := invoke(t, text, "--store=mem:", "live", "--candles", "-", "--symbol", "S").ok(t)
		if !strings.Contains(out, "200 candles handled") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

func TestLiveStopsAtABadRow(t *testing.T) {
	store, _ := newStore(t)
	file := filepath.Join(t.TempDir(), "c.csv")
	bad := rows(300)
	bad[200] = strings.Replace(bad[200], ",1", ",x1", 1)
	writeFile(t, file, strings.Join(bad, "\n"))
	for range 2 {
		r := invoke(t, "", store, "live", "--candles", file, "--symbol", "S")
		r.fails(t, exitFailed, "live: candles of S: "+file+": line 201: ", "what came before is handled")
		if !strings.Contains(r.out, "S sma-cross: ") {
			t.Errorf("no summary:\n%s", r.out)
		}
	}
	writeFile(t, file, strings.Join(rows(300), "\n"))
	if out := invoke(t, "", store, "live", "--candles", file, "--symbol", "S").ok(t); !strings.Contains(out, "100 candles handled, 200 skipped") {
		t.Errorf("after it was put right:\n%s", out)
	}
}

func TestLiveBadInputs(t *testing.T) {
	store, dir := newStore(t)
	folder := t.TempDir()
	for name, c := range map[string]struct {
		from  string
		words []string
	}{
		"no file":   {filepath.Join(folder, "none.csv"), []string{"none.csv", "no such file", "or - for stdin"}},
		"directory": {folder, []string{"is a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			invoke(t, "", store, "live", "--candles", c.from, "--symbol", "S").fails(t, exitFailed, c.words...)
		})
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the store was made: %v", err)
	}
	invoke(t, "", store, "live", "--candles", "demo:", "--symbol", "S", "--risk", "../r").fails(t, exitUsage, "--risk", "../r")
	invoke(t, "PK\x03\x04", store, "live", "--candles", "-", "--symbol", "S").fails(t, exitFailed, "zip")
}

// What is stored belongs to one exchange, and a damaged signal is not none.
func TestLiveRefusesStateThatIsNotItsOwn(t *testing.T) {
	store, dir := newStore(t)
	args := []string{store, "live", "--candles", "demo:?candles=100", "--symbol", "S"}
	invoke(t, "", append(args, "--exchange", "binance")...).ok(t)
	invoke(t, "", append(args, "--exchange", "okx")...).fails(t, exitFailed, "binance", "okx", "another store")

	writeFile(t, filepath.Join(dir, "schedule/sma-cross/S.json"), `{"id":"1","pos`)
	invoke(t, "", store, "check", "--repair").fails(t, exitDamaged, "1 problem")
	r := invoke(t, "", append(args, "--exchange", "binance")...)
	if lines := strings.Split(strings.TrimSpace(r.err), "\n"); r.code != exitDamaged || len(lines) != 2 ||
		!strings.HasPrefix(lines[0], "holdfast: recovery: schedule/sma-cross S: ") ||
		!strings.Contains(lines[1], "schedule/sma-cross S: damaged: ") || !strings.Contains(lines[1], "holdfast check") {
		t.Errorf("exit status %d\n%s", r.code, r.err)
	}
}

// running is a live of the binary that reads a pipe.
type running struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startLive(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{Cmd: exec.Command(binary, append(args, "live", "--candles", "-", "--symbol", "S")...)}
	var err error
	if r.in, err = r.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Process.Kill(); r.in.Close(); r.Wait() })
	if line, err := r.out.ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	return r
}

func TestSecondProcess(t *testing.T) {
	store, dir := newStore(t)
	first := startLive(t, store)
	fmt.Fprintln(first.in, strings.Join(rows(100), "\n"))
	for _, args := range []string{"put e a", "rm e a", "import", "check --repair", "live --candles demo: --symbol S"} {
		r := spawn(t, "1", append([]string{store}, strings.Fields(args)...)...)
		r.fails(t, exitFailed, dir+" is held by process "+fmt.Sprint(first.Process.Pid), " since 20", "stop that process")
	}
	// Looking is free.
	for _, args := range []string{"ls", "export", "check", "ls cursor/sma-cross"} {
		spawn(t, "", append([]string{store}, strings.Fields(args)...)...).ok(t)
	}
	// kill -9 frees the lock.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	if r := spawn(t, "1", store, "put", "e", "a"); r.code != exitOK {
		t.Errorf("after kill -9: %+v", r)
	}
}

// The input is silent when the signal comes, as a feed of minutes is for most
// of the time.
func TestLiveEndsWellOnSignals(t *testing.T) {
	n := 1 // candles until the first position is opened
	for text := ""; !strings.Contains(text, `"opened"`); n++ {
		text = invoke(t, strings.Join(rows(n), "\n"), "--store=mem:", "live", "--json", "--candles", "-", "--symbol", "S").ok(t)
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		store, _ := newStore(t)
		r := startLive(t, store, "--json")
		fmt.Fprintln(r.in, strings.Join(rows(n-1), "\n"))
		line, err := r.out.ReadString('\n')
		if err != nil || !strings.Contains(line, `"opened"`) {
			t.Fatalf("%q, %v", line, err)
		}
		if err := r.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(r.out)
		if err := r.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		if !strings.Contains(string(rest), `"kind":"summary"`) {
			t.Errorf("%v: no summary in %s", sig, rest)
		}
		if left := invoke(t, "", store, "get", "cursor/sma-cross", "S").ok(t); !strings.Contains(left, `"untold":[]`) {
			t.Errorf("%v: what was told is not noted as told: %s", sig, left)
		}
	}
}

// A person who waits sees how far it is: of a file in percent, of what is made
// up by count. Candles that come as they happen are not waited for.
func TestLiveProgress(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.csv")
	writeFile(t, file, strings.Join(rows(200), "\n"))
	for from, want := range map[string]string{
		file: "/s, 100 %\x1b[K", "demo:?candles=200": "/s\x1b[K", file + " --symbol T --candles demo:?candles=400": "/s\x1b[K", "-": "",
	} {
		var out, errs bytes.Buffer
		n := 0
		a := &app{stdin: strings.NewReader(strings.Join(rows(200), "\n")), stdout: &out, stderr: &errs,
			now:        func() time.Time { n++; return time.Unix(int64(n), 0) },
			isTerminal: func(v any) bool { return v == &errs }}
		code := a.run(context.Background(), strings.Fields("--store=mem: live --symbol S --candles "+from))
		if code != exitOK || want == "" && errs.Len() > 0 || !strings.Contains(errs.String(), want) ||
			want != "" && !strings.HasSuffix(errs.String(), "\r\x1b[K") {
			t.Errorf("%s: exit status %d, stderr %q", from, code, errs.String())
		}
	}
}

func TestPrice(t *testing.T) {
	for v, want := range map[float64]string{
		23140.48: "23140.48", 23371.884804: "23371.885", 100: "100", 0.00001234: "0.00001234", 1e21: "1000000000000000000000",
		1e-9: "0.000000001", 0: "0", 1.5: "1.5", 99999999.9: "100000000",
	} {
		if got := price(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
