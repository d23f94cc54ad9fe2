package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Check says what opening would do under each policy, and that there is damage
// until that has been done.
func TestCheckTellsWhatEachPolicyWouldDo(t *testing.T) {
	for policy, c := range map[string]struct{ out, next string }{
		"quarantine": {"would be moved to quarantine", "check --repair"},
		"delete":     {"would be deleted", "check --repair"},
		"refuse":     {"would fail", "put right what opening fails for"},
	} {
		store, dir := newStore(t)
		put(t, store, "e", "fine", "1")
		writeFile(t, filepath.Join(dir, "e/bad.json"), "")
		r := invoke(t, "", store+"?invalid="+policy, "check")
		r.fails(t, exitDamaged, "1 problem", c.next)
		if !strings.Contains(r.out, c.out) || !strings.Contains(r.out, "1 problem found") {
			t.Errorf("%s: check printed\n%s", policy, r.out)
		}
	}
}

// What repair cannot mend is not recommended to it.
func TestCheckRecommendsWhatHelps(t *testing.T) {
	store, dir := newStore(t)
	put(t, store, "e", "fine", "1")
	writeFile(t, filepath.Join(dir, "e/bad.json"), "")
	invoke(t, "", store, "check", "--repair").fails(t, exitDamaged)
	invoke(t, "", store, "check").fails(t, exitDamaged, "put a good value with")
	if err := os.Symlink("e", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	invoke(t, "", store, "check").fails(t, exitDamaged, "put right what opening fails for")
}

// A file that is newest first would lose all rows but one; a pipe may send
// candles once more.
func TestLiveRefusesAFileThatGoesBackInTime(t *testing.T) {
	store, _ := newStore(t)
	newestFirst := rows(50)
	slices.Reverse(newestFirst)
	file := filepath.Join(t.TempDir(), "reversed.csv")
	writeFile(t, file, strings.Join(newestFirst, "\n"))
	r := invoke(t, "", store, "live", "--candles", file, "--symbol", "S")
	r.fails(t, exitFailed, "reversed.csv: line 2: 2024-01-01 00:48 comes after 2024-01-01 00:49: sort the rows")
	again, _ := newStore(t)
	twice := strings.Join(slices.Concat(rows(20), rows(30)), "\n")
	if out := invoke(t, twice, again, "live", "--candles", "-", "--symbol", "S").ok(t); !strings.Contains(out, "30 candles handled, 20 skipped as not newer") {
		t.Errorf("got\n%s", out)
	}
}
