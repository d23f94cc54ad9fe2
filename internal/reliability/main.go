// Command reliability puts the figures of a run into RELIABILITY.md:
//
//	HOLDFAST_FIGURES=/tmp/figures make crash mutants && \
//	HOLDFAST_FIGURES=/tmp/figures go test -count=1 -run 'PowerCuts|OrderOf|FailedFlush' ./cmd/holdfast
//	go run ./internal/reliability /tmp/figures
//
// It reads what the tests have left as JSON (see testtool.Figures) and writes the
// table of figures, with the day, and that of the mutants, each between its marks.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const page = "RELIABILITY.md"

// between puts text between the two marks of a part of the page.
func between(text, part, with string) (string, error) {
	begin, end := "<!-- "+part+": go run ./internal/reliability DIR -->\n", "<!-- end of "+part+" -->\n"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, also := strings.Cut(rest, end)
	if !ok || !also {
		return "", fmt.Errorf("%s has not the two marks between which the %s stand", page, part)
	}
	return head + begin + with + end + tail, nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/reliability DIR, where DIR is what HOLDFAST_FIGURES named")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	table, err := figures(dir)
	if err != nil {
		return err
	}
	killers, err := mutants(dir)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	made := fmt.Sprintf("Made %s on %d processors, %s, %s.\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), runtime.GOOS, runtime.Version())
	text, err := between(string(b), "figures", made+table)
	if err == nil {
		text, err = between(text, "mutants", killers)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// figures makes the table of what lies in dir.
func figures(dir string) (string, error) {
	var b strings.Builder
	b.WriteString("| what | judged | lost |\n|---|---|---|\n")
	for _, name := range []string{"filestore", "journal", "atomicfile"} {
		var f struct{ States, Protocols, Models, Second, Verdicts, Failed int }
		if err := read(dir, "crash-"+name, &f); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| crash states of `%s` | %s distinct states in %d protocols under %d models, %s of them after a second crash; %s verdicts | %d |\n",
			name, thousands(f.States), f.Protocols, f.Models, thousands(f.Second), thousands(f.Verdicts), f.Failed)
	}
	for _, name := range []string{"ext4", "xfs"} {
		var f struct {
			Cuts                           map[string]int
			InRecovery, Acknowledged, Lost int
		}
		if err := read(dir, "powercuts-"+name, &f); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| real power cuts, %s | %d with the journal, %d without, %d more in a recovery; %s acknowledged changes | %d |\n",
			name, f.Cuts["journal"], f.Cuts["direct"], f.InRecovery, thousands(f.Acknowledged), f.Lost)
	}
	var o struct{ Calls, Acknowledged, TakenOut, Noticed, FailedFlush int }
	if err := read(dir, "order", &o); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "| order of system calls | %s calls around %d acknowledgements; %d runs with a flush that fails | 0 |\n",
		thousands(o.Calls), o.Acknowledged, o.FailedFlush)
	var f struct{ Faults, Sites, CrashStates int }
	if err := read(dir, "faults", &f); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "| every failing call | %s faults over %s call sites, each with 5 errors, once and from then on; %s crash states after them | 0 |\n",
		thousands(f.Faults), thousands(f.Sites), thousands(f.CrashStates))
	m, err := killed(dir)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "| sabotages of the protocols | %d, of which the tests noticed %d | |\n", m.Mutants, m.Killed)
	return b.String(), nil
}

// trial is what the mutants have left: see internal/mutants.
type trial struct {
	Mutants, Killed int
	Outcomes        []struct{ Name, By string }
}

func killed(dir string) (trial, error) {
	var t trial
	err := read(dir, "mutants", &t)
	return t, err
}

// mutants makes the table of the mutants and their killers.
func mutants(dir string) (string, error) {
	t, err := killed(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| sabotage | noticed by |\n|---|---|\n")
	for _, o := range t.Outcomes {
		by := "nobody"
		if o.By != "" {
			by = "`" + o.By + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", o.Name, by)
	}
	return b.String(), nil
}

func read(dir, name string, v any) error {
	data, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
