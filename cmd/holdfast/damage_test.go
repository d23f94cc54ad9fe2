package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damages are the ways in which a value's file goes bad; each makes it.
var damages = map[string]struct {
	make func(t *testing.T, path string)
	word string
}{
	"truncated": {func(t *testing.T, path string) { writeFile(t, path, `{"id":"1","priceOp`) }, "not valid JSON"},
	"empty":     {func(t *testing.T, path string) { writeFile(t, path, "") }, "empty file"},
	"zeros":     {func(t *testing.T, path string) { writeFile(t, path, strings.Repeat("\x00", 100)) }, "not valid JSON"},
	"directory": {func(t *testing.T, path string) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}, "a directory"},
	"symbolic link out of the store": {func(t *testing.T, path string) {
		secret := filepath.Join(t.TempDir(), "secret.json")
		writeFile(t, secret, `"secret"`)
		if err := os.Symlink(secret, path); err != nil {
			t.Skip(err)
		}
	}, "a symbolic link"},
}

func TestDamageIsNeverAnAnswer(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			store, dir := newStore(t)
			put(t, store, "signal/a", "fine", "1")
			damage.make(t, filepath.Join(dir, "signal/a/BTCUSDT.json"))

			r := invoke(t, "", store, "get", "signal/a", "BTCUSDT")
			r.fails(t, exitDamaged, "get signal/a BTCUSDT: damaged", "BTCUSDT.json", damage.word, "holdfast check")
			if r.out != "" {
				t.Errorf("get printed %q", r.out)
			}
			r = invoke(t, "", store, "ls", "signal/a")
			r.fails(t, exitDamaged, "ls signal/a: 1 of 2", "holdfast check")
			if !strings.Contains(r.out, "BTCUSDT  -     -                     damaged\n") {
				t.Errorf("ls printed\n%s", r.out)
			}
			r = invoke(t, "", store, "check")
			r.fails(t, exitDamaged, "check: 1 problem: damaged", "check --repair")
			if !strings.Contains(r.out, "signal/a BTCUSDT\n") || !strings.Contains(r.out, "would be moved to quarantine") {
				t.Errorf("check printed\n%s", r.out)
			}
			if got := invoke(t, "", store, "get", "signal/a", "fine").ok(t); got != "1" {
				t.Errorf("the other value: got %q", got)
			}
		})
	}
}

func TestRepairKeepsTheEvidenceAndTellsWhatRemains(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			store, dir := newStore(t)
			put(t, store, "e", "fine", "1")
			damage.make(t, filepath.Join(dir, "e/a.json"))
			r := invoke(t, "", store, "check", "--repair")
			r.fails(t, exitDamaged, "1 problem remain", "holdfast put ENTITY ID FILE", "holdfast rm ENTITY ID")
			if !strings.Contains(r.out, "moved to "+filepath.Join(dir, ".holdfast", "quarantine")) {
				t.Errorf("check --repair printed\n%s", r.out)
			}
			invoke(t, "", store, "get", "e", "a").fails(t, exitDamaged, "kept in ")
			invoke(t, "", store, "check").fails(t, exitDamaged, "1 problem")

			r = invoke(t, "2", store, "put", "e", "a")
			if r.code != 0 || !strings.HasPrefix(r.err, "holdfast: recovery: e a: ") {
				t.Errorf("putting a good value: %+v", r)
			}
			if got := invoke(t, "", store, "check").ok(t); !strings.HasPrefix(got, dir+": 2 values in 1 entity: no damage\n") {
				t.Errorf("check printed %q", got)
			}
			if got := invoke(t, "", store, "get", "e", "a").ok(t); got != "2" {
				t.Errorf("got %q", got)
			}
			if kept, _ := filepath.Glob(filepath.Join(dir, ".holdfast/quarantine/*/why.json")); len(kept) != 1 {
				t.Errorf("the evidence is gone: %v", kept)
			}
		})
	}
}

func TestCheckForPrograms(t *testing.T) {
	store, dir := newStore(t)
	put(t, store, "e", "fine", "1")
	check := func(args ...string) (doc struct {
		Location                  string
		Repair                    bool
		Damaged, Entities, Values int
		Findings                  []struct{ Entity, ID, Problem, Action string }
	}) {
		t.Helper()
		out := invoke(t, "", append([]string{store, "check", "--json"}, args...)...).out
		if err := json.Unmarshal([]byte(out), &doc); err != nil || strings.Count(out, "\n") != 1 {
			t.Fatalf("%v in %q", err, out)
		}
		return doc
	}
	if doc := check(); doc.Location != dir || doc.Repair || doc.Damaged != 0 || doc.Values != 1 || doc.Findings == nil {
		t.Errorf("got %+v", doc)
	}
	writeFile(t, filepath.Join(dir, "e/bad.json"), "")
	doc := check()
	if doc.Damaged != 1 || len(doc.Findings) != 1 || doc.Findings[0].ID != "bad" || doc.Findings[0].Action != "quarantined" {
		t.Errorf("got %+v", doc)
	}
	if doc := check("--repair"); !doc.Repair || doc.Damaged != 1 {
		t.Errorf("got %+v", doc)
	}
}

func TestRepairByPolicy(t *testing.T) {
	store, dir := newStore(t)
	put(t, store, "e", "fine", "1")
	writeFile(t, filepath.Join(dir, "e/bad.json"), "{")
	r := invoke(t, "", store+"?invalid=refuse", "check", "--repair")
	r.fails(t, exitDamaged, "bad.json", "the policy is to refuse")
	invoke(t, "", store, "check").fails(t, exitDamaged, "1 problem") // nothing was done
	if out := invoke(t, "", store+"?invalid=delete", "check", "--repair").ok(t); !strings.Contains(out, "deleted") {
		t.Errorf("got %s", out)
	}
	invoke(t, "", store, "check").ok(t)
	invoke(t, "", store, "get", "e", "bad").fails(t, exitFailed, "not found")
}
