package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

func found(p driver.Problem, a driver.Action, kept string) driver.Finding {
	return driver.Finding{Entity: "signal/a", ID: "BTC USDT", Path: "/data/signal/a/BTC USDT.json", Problem: p, Action: a, Kept: kept}
}

const quotedID = "signal/a \"BTC USDT\"\n  problem  "

// journalProblems are findings, what check says of each, and what becomes of it.
var journalProblems = map[string]struct {
	finding     driver.Finding
	out, opened string
	next        string // of check, "" if that is no damage
	remains     bool   // after a repair
}{
	"edited": {found(driver.ProblemEdited, driver.ActionAdopt, ""),
		quotedID + "edited by hand\n", "would be taken over\n", "", false},
	"missing": {found(driver.ProblemMissing, driver.ActionRestore, ""),
		quotedID + "missing, though it was never removed\n",
		`would be put back as it was acknowledged last; to remove it for good: holdfast rm signal/a 'BTC USDT'` + "\n", "", false},
	"checksum": {found(driver.ProblemChecksum, driver.ActionRestore, "/q/1"),
		quotedID + "not what was written, though nobody has edited it\n",
		"would be put back as it was acknowledged last; the damaged bytes are in /q/1\n",
		`"holdfast check --repair" puts the last acknowledged values back`, false},
	"checksum without a good one": {found(driver.ProblemChecksum, driver.ActionQuarantine, ""),
		quotedID + "not what was written, though nobody has edited it\n",
		"would be moved to quarantine: put a good value, or remove it\n", `"holdfast check --repair" does what is said above`, true},
	"journal": {driver.Finding{Path: "/data/.holdfast/journal/1", Problem: driver.ProblemJournal, Detail: "bytes 10 to 20", Action: driver.ActionNone},
		"/data/.holdfast/journal/1\n  problem  a damaged stretch of the journal (bytes 10 to 20)\n",
		"would be left as it is\n", "all that the journal can prove is in place", true},
}

func TestWhatCheckSaysOfTheJournalsProblems(t *testing.T) {
	for name, c := range journalProblems {
		t.Run(name, func(t *testing.T) {
			store, s := newShelf(t)
			s.report = driver.Report{Entities: 1, Values: 1, Findings: []driver.Finding{c.finding}}
			r := invoke(t, "", store, "check")
			if c.next == "" {
				r.ok(t)
			} else {
				r.fails(t, exitDamaged, "1 problem: damaged", c.next)
			}
			if !strings.HasPrefix(r.out, c.out) || !strings.Contains(r.out, "  opening  "+c.opened) {
				t.Errorf("check printed\n%s", r.out)
			}
			r = invoke(t, "", store, "check", "--repair")
			if c.remains != (r.code == exitDamaged) || !c.remains && r.code != exitOK {
				t.Errorf("check --repair: %+v", r)
			}
		})
	}
}

// What recovery has done is told by whatever command opened the store.
func TestRecoveryIsTold(t *testing.T) {
	store, s := newShelf(t)
	s.report.Findings = []driver.Finding{found(driver.ProblemEdited, driver.ActionAdopt, ""), found(driver.ProblemMissing, driver.ActionRestore, "")}
	r := invoke(t, "1", store, "put", "e", "a")
	want := `holdfast: recovery: signal/a "BTC USDT": edited by hand: taken over` + "\n" +
		`holdfast: recovery: signal/a "BTC USDT": missing, though it was never removed: put back as it was acknowledged last; ` +
		`to remove it for good: holdfast rm signal/a 'BTC USDT'` + "\n"
	if r.code != exitOK || r.err != want {
		t.Errorf("got %+v, want\n%s", r, want)
	}
}

func TestCheckTellsHowFarBackHistoryReaches(t *testing.T) {
	store, s := newShelf(t)
	oldest := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for _, c := range []struct {
		r    driver.Retention
		want string
	}{
		{driver.Retention{Oldest: oldest, Size: 12900000, MaxSize: 256 << 20, MaxAge: 30 * 24 * time.Hour, Versions: 1234},
			"history: 1,234 states back to 2026-01-02T03:04:05Z\n  size     12.3 MiB\n  limit    at most 256 MiB and 30 days\n"},
		{driver.Retention{Oldest: oldest, Size: 1 << 10}, "history: back to 2026-01-02T03:04:05Z\n  size     1 KiB\n  limit    no limit\n"},
		{driver.Retention{MaxAge: 36 * time.Hour}, "history: nothing yet\n  size     0 B\n  limit    at most 36h0m0s\n"},
		{driver.Retention{MaxSize: 5 << 30}, "history: nothing yet\n  size     0 B\n  limit    at most 5 GiB\n"},
	} {
		s.report.History = &c.r
		for _, args := range [][]string{{store, "check"}, {store, "check", "--repair"}} {
			if got := invoke(t, "", args...).ok(t); !strings.HasSuffix(got, "no damage\n"+c.want) {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		}
		var doc struct{ History driver.Retention }
		out := invoke(t, "", store, "check", "--json").ok(t)
		if err := json.Unmarshal([]byte(out), &doc); err != nil || !doc.History.Oldest.Equal(c.r.Oldest) || doc.History.MaxSize != c.r.MaxSize {
			t.Errorf("got %s, %v", out, err)
		}
	}
	s.report.History = nil
	if got := invoke(t, "", store, "check").ok(t); strings.Contains(got, "history") {
		t.Errorf("got %s", got)
	}
}
