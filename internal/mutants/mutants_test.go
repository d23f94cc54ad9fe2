package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A sabotage whose line is no longer there would be no sabotage.
func TestEveryMutantFindsItsLine(t *testing.T) {
	t.Chdir("../..")
	names := map[string]bool{}
	for _, m := range all {
		if _, err := m.apply(); err != nil {
			t.Error(err)
		}
		if names[m.name] || len(m.name) > 47 {
			t.Errorf("%s: named twice, or too long for the table", m.name)
		}
		names[m.name] = true
	}
	if len(all) < 30 {
		t.Errorf("%d mutants", len(all))
	}
}

// What the tool takes for a kill, and what not.
func TestKillsAreToldApart(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module m\n\ngo 1.26\n",
		"m.go":      "package m\n\nfunc one() int { return 1 }\nfunc two() int { return 2 }\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) {\n\tif one() != 1 {\n\t\tt.Error()\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")
	for name, x := range map[string]struct {
		run   string
		edits []string
		want  string // of the killer, or within the error
		err   bool
	}{
		"killed":             {"TestOne", []string{"return 1", "return 3"}, "TestOne", false},
		"a panic":            {"TestOne", []string{"return 1", "panic(1)"}, "TestOne", false},
		"survives":           {"TestOne", []string{"return 2", "return 3"}, "", false},
		"does not compile":   {"TestOne", []string{"return 1", "return"}, "does not compile", true},
		"is gone":            {"TestOne", []string{"return 7", "return 3"}, "0 times, not once", true},
		"is ambiguous":       {"TestOne", []string{"return", "return 3 +"}, "2 times, not once", true},
		"there is no killer": {"TestTwo", []string{"return 1", "return 3"}, "runs no test", true},
	} {
		m := mutant{name: name, file: "m.go", pkg: ".", run: x.run, edits: x.edits}
		outcomes, err := try([]mutant{m}, 1)
		switch {
		case x.err && (err == nil || !strings.Contains(err.Error(), x.want)):
			t.Errorf("%s: %v, want %q", name, err, x.want)
		case !x.err && (err != nil || outcomes[0].By != x.want || outcomes[0].Killed != (x.want != "")):
			t.Errorf("%s: %+v, %v", name, outcomes, err)
		}
	}
	m := mutant{name: "unsound", file: "m.go", pkg: ".", run: "TestOne", edits: []string{"return 2", "return 3"}}
	if err := os.WriteFile("m.go", []byte("package m\n\nfunc one() int { return 9 }\nfunc two() int { return 2 }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := try([]mutant{m}, 1); err == nil || !strings.Contains(err.Error(), "it proves nothing") {
		t.Errorf("a killer that fails anyway: %v", err)
	}
}
