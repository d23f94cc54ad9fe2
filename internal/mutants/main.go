// Mutants shows that the tests can fail: it sabotages the protocols one line at
// a time, through "go test -overlay" so that no source is changed, and demands
// that the tests named for each sabotage fail. A mutant that does not compile, or
// whose line is no longer there, is an error; so is a killer that fails without
// any sabotage.
//
//	go run ./internal/mutants           all of them, from the root of the repository
//	go run ./internal/mutants -run JOUR those whose name has this in it
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	only := flag.String("run", "", "only those whose name contains `TEXT`")
	workers := flag.Int("workers", runtime.NumCPU(), "how many are tried at once")
	flag.Parse()
	began := time.Now()
	var chosen []mutant
	for _, m := range all {
		if strings.Contains(m.name, *only) {
			chosen = append(chosen, m)
		}
	}
	outcomes, err := try(chosen, *workers)
	if err == nil {
		print(os.Stdout, outcomes, time.Since(began))
		err = keep(outcomes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
	for _, o := range outcomes {
		if !o.Killed {
			os.Exit(1)
		}
	}
}

// print is the table, 80 columns wide.
func print(w io.Writer, outcomes []outcome, took time.Duration) {
	fmt.Fprintf(w, "%-47s %-8s %s\n", "mutant", "", "killed by")
	killed := 0
	for _, o := range outcomes {
		by := o.By
		if o.Killed {
			killed++
		} else {
			by = "NOBODY: " + o.Trouble
		}
		fmt.Fprintf(w, "%-47s %4.1f s   %s\n", o.Name, o.Seconds, cut(by, 23))
		if !o.Killed {
			fmt.Fprintf(w, "  %s\n", o.Trouble)
		}
	}
	fmt.Fprintf(w, "mutants: %d of %d killed in %v\n", killed, len(outcomes), took.Round(time.Second))
}

func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return text[:n-1] + "…"
}

// keep writes the figures where HOLDFAST_FIGURES says.
func keep(outcomes []outcome) error {
	dir := os.Getenv("HOLDFAST_FIGURES")
	if dir == "" {
		return nil
	}
	killed := 0
	for _, o := range outcomes {
		if o.Killed {
			killed++
		}
	}
	data, err := json.MarshalIndent(map[string]any{"mutants": len(outcomes), "killed": killed, "outcomes": outcomes}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "mutants.json"), append(data, '\n'), 0o600)
}
