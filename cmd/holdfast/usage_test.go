package main

import (
	"strings"
	"testing"
)

// misuses are command lines, and a word that the answer must have.
var misuses = []struct{ args, word string }{
	{"nosuch", "nosuch"},
	{"lss", "did you mean ls"},
	{"ls --nosuch", "--nosuch"},
	{"ls a b", "from b on"},
	{"get a", "ENTITY ID"},
	{"get a b c", "from c on"},
	{"put a", "ENTITY ID [FILE|-]"},
	{"put a b c d", "from d on"},
	{"rm a", "--all ENTITY"},
	{"rm", "--all ENTITY"},
	{"rm --all", "ENTITY"},
	{"rm --all a b", "from b on"},
	{"history a", "ENTITY ID"},
	{"history a b c", "from c on"},
	{"history a b --limit -1", "--limit -1"},
	{"history a b --limit many", "many"},
	{"undo a", "ENTITY ID"},
	{"undo a b c", "from c on"},
	{"diff a", "ENTITY ID [REV|TIME [REV|TIME]]"},
	{"diff a b c d e", "from e on"},
	{"import a b", "from b on"},
	{"import --writers 0", "--writers 0"},
	{"import --writers 5000", "--writers 5000"},
	{"import --writers many", "many"},
	{"export a b", "from b on"},
	{"check a", "from a on"},
	{"check --repair=maybe", "maybe"},
	{"version 1", "from 1 on"},
	{"completion", "bash, zsh, fish, powershell"},
	{"completion csh", "csh"},
	{"help nosuch", "nosuch"},
	{"live", "go in pairs"},
	{"live --candles demo:", "go in pairs"},
	{"live --symbol S", "go in pairs"},
	{"live --candles demo: --symbol S T", "from T on"},
	{"live --candles demo: --symbol=", "--symbol is empty"},
	{"live --candles demo: --symbol S --exchange=", "--exchange is empty"},
	{"live --candles demo: --symbol S --candles demo: --symbol S", "twice"},
	{"live --candles - --symbol S --candles - --symbol T", "one symbol only"},
	{"live --candles demo: --symbol S --strategy nosuch", "use one of pullback, sma-cross"},
	{"live --candles demo: --symbol S --strategy ../x", "use one of pullback, sma-cross"},
	{"live --candles demo:?candles=many --symbol S", "demo:?candles=N&seed=N"},
	{"live --candles demo:?count=3 --symbol S", "demo:?candles=N&seed=N"},
	{"live --candles demo:3 --symbol S", "demo:?candles=N&seed=N"},
	{"live --candles demo:?candles=999999999 --symbol S", "at most"},
	{"live --candles demo: --symbol S --risk ../r", "--risk"},
	{"live --candles demo: --symbol S --fee x", `invalid argument "x" for "--fee" flag: invalid syntax`},
	{"live --candles demo: --symbol S --max-positions 1", "needs a --risk"},
	{"live --candles demo: --symbol S --max-positions -1 --risk r", "0 or more"},
	{"live --candles demo: --symbol S --fee 100", "--fee 100"},
	{"live --candles demo: --symbol S --fee NaN", "--fee NaN"},
	{"live --candles demo: --symbol S --fee much", "much"},
	{"live --candles demo: --symbol S --lease-ttl 5s", "--lease-ttl needs --lease"},
	{"live --candles demo: --symbol S --lease --lease-ttl 1ms", "100ms to 24h"},
	{"live --candles demo: --symbol S --lease --lease-ttl soon", "soon"},
	{"ls --store", "--store"},
}

func TestWrongUsageIsStatus2(t *testing.T) {
	for _, c := range misuses {
		t.Run(c.args, func(t *testing.T) {
			r := invoke(t, "", strings.Fields(c.args)...)
			r.fails(t, exitUsage, c.word, `--help"`)
			if r.out != "" {
				t.Errorf("stdout %q, want nothing", r.out)
			}
		})
	}
}

// A script whose variable came out empty has not listed anything.
func TestBareCommandHelpsAndFails(t *testing.T) {
	r := invoke(t, "")
	if r.code != exitUsage || r.out != "" || !strings.Contains(r.err, "Commands:") {
		t.Errorf("exit status %d, stdout %q, stderr %q; want 2 and the help on stderr", r.code, r.out, r.err)
	}
}

func TestHelpFitsAndHasExamples(t *testing.T) {
	pages := map[string][]string{"": {"help"}}
	for _, c := range newRoot(&app{}).Commands() {
		pages[c.Name()] = []string{"help", c.Name()}
	}
	for name, args := range pages {
		t.Run(name, func(t *testing.T) {
			page := invoke(t, "", args...).ok(t)
			for line := range strings.Lines(page) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if name != "help" && !strings.Contains(page, "Examples:\n  ") {
				t.Errorf("no examples:\n%s", page)
			}
			if name == "" || name == "help" {
				return
			}
			if other := invoke(t, "", name, "--help").ok(t); other != page {
				t.Errorf("help %s and %s --help differ:\n%s\n%s", name, name, page, other)
			}
		})
	}
}

func TestStoreComesFromFlagThenEnvironmentThenDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	invoke(t, "1", "put", "a", "b").ok(t)
	if got := invoke(t, "", "--store", "file:logs/data", "get", "a", "b").ok(t); got != "1" {
		t.Errorf("the default is not file:./logs/data: got %q", got)
	}
	t.Setenv(storeEnv, "file:env")
	invoke(t, "2", "put", "a", "b").ok(t)
	if got := invoke(t, "", "--store=file:env", "get", "a", "b").ok(t); got != "2" {
		t.Errorf("the environment was not heeded: got %q", got)
	}
	if got := invoke(t, "", "get", "a", "b", "--store", "file:./logs/data").ok(t); got != "1" {
		t.Errorf("--store does not come before the environment: got %q", got)
	}
	t.Setenv(storeEnv, "")
	if got := invoke(t, "", "get", "a", "b").ok(t); got != "1" {
		t.Errorf("an empty environment variable counts: got %q", got)
	}
}

func TestBadStores(t *testing.T) {
	for _, c := range []struct{ store, word string }{
		{"nosuch:x", `unknown scheme "nosuch": use one of file, mem`},
		{"./data", "write file:PATH"},
		{"", "write file:PATH"},
		{"file:", "names no directory"},
		{"file:./data?nosuch=1", "nosuch"},
		{"file:./data?mode=sideways", "use ro or rw"},
		{"mem:?x=1", "takes none"},
		{"bad://user:secret@%zz/", "cannot be parsed"},
	} {
		t.Run(c.store, func(t *testing.T) {
			r := invoke(t, "1", "--store", c.store, "put", "a", "b")
			r.fails(t, exitUsage, "open: ", c.word)
			if strings.Contains(r.err, "secret") {
				t.Errorf("stderr %q tells the password", r.err)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	text := invoke(t, "", "version").ok(t)
	if !strings.HasPrefix(text, "holdfast ") || !strings.Contains(text, "go1.") {
		t.Errorf("got %q", text)
	}
	if doc := invoke(t, "", "version", "--json").ok(t); !strings.Contains(doc, `"version":`) {
		t.Errorf("got %q", doc)
	}
	if flag := invoke(t, "", "--version").ok(t); !strings.HasPrefix(flag, "holdfast ") {
		t.Errorf("got %q", flag)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if script := invoke(t, "", "completion", shell).ok(t); !strings.Contains(script, "holdfast") {
			t.Errorf("%s: got %.80q", shell, script)
		}
	}
	store, _ := newStore(t)
	put(t, store, "signal/a", "BTCUSDT", "1")
	put(t, store, "signal/a", "ETHUSDT", "1")
	for _, c := range []struct{ args, want string }{
		{"get ", "signal/a\n:4\n"},
		{"get signal/a ", "BTCUSDT\nETHUSDT\n:4\n"},
		{"put signal/a ", "BTCUSDT\nETHUSDT\n:4\n"},
		{"put signal/a x ", ":0\n"}, // files
		{"history signal/a ", "BTCUSDT\nETHUSDT\n:4\n"},
		{"diff signal/a ", "BTCUSDT\nETHUSDT\n:4\n"},
		{"undo signal/a ", "BTCUSDT\nETHUSDT\n:4\n"},
		{"export ", "signal/a\n:4\n"},
		{"export signal/a ", ":4\n"},
		{"live --strategy ", "pullback\nsma-cross\n:4\n"},
		{"completion ", "bash\nzsh\nfish\npowershell\n:4\n"},
	} {
		args := append([]string{store, "__complete"}, strings.Split(c.args, " ")...)
		if r := invoke(t, "", args...); r.code != 0 || r.out != c.want {
			t.Errorf("%q: exit status %d, got %q, want %q", c.args, r.code, r.out, c.want)
		}
	}
	if r := invoke(t, "", "--store=file:"+t.TempDir()+"/none", "__complete", "get", ""); r.out != ":4\n" {
		t.Errorf("a store that is not there: got %q", r.out)
	}
}
