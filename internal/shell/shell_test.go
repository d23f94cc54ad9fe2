package shell_test

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"github.com/holdfast-go/holdfast/internal/shell"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

func TestCommandsForAShell(t *testing.T) {
	for _, c := range []struct{ id, want string }{
		{"BTC/USDT:USDT", "holdfast rm e BTC/USDT:USDT"},
		{"-5", "holdfast rm e -- -5"},
		{"a$HOME", "holdfast rm e 'a$HOME'"},
		{"it's", `holdfast rm e 'it'\''s'`},
		{"a b", "holdfast rm e 'a b'"},
		{"~", "holdfast rm e '~'"},
		{"`id`", "holdfast rm e '`id`'"},
		{"日本", "holdfast rm e '日本'"},
		{"", "holdfast rm e ''"},
		{"a\n  it's \\ \u202eb", `holdfast rm e $'a\012  it\'s \\ \342\200\256b'`},
	} {
		got := shell.Command("rm", "e", c.id)
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.id, got, c.want)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %s does not stand on one line", c.id, got)
		}
		t.Run("", func(t *testing.T) {
			bash, err := exec.LookPath("bash")
			if err != nil {
				testtool.Missing(t, "bash")
			}
			out, err := exec.Command(bash, "-c", `holdfast() { printf '%s\0' "$@"; }; `+got).Output()
			if args := strings.ReplaceAll(string(out), "--\x00", ""); err != nil || args != "rm\x00e\x00"+c.id+"\x00" {
				t.Errorf("%s: the shell makes %q of it, %v", got, args, err)
			}
		})
	}
	if got, want := shell.Command("rm", "-e", "-5"), "holdfast rm -- -e -5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
