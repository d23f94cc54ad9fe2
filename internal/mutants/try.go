package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// outcome is what became of a mutant.
type outcome struct {
	Name    string  `json:"name"`
	File    string  `json:"file"`
	Killed  bool    `json:"killed"`
	By      string  `json:"by"` // the first test that failed
	Seconds float64 `json:"seconds"`
	Trouble string  `json:"trouble,omitempty"` // why it was not killed
}

// patience is how long the killers of one mutant may take; a sabotage may well
// make them hang, which is no pass.
const patience = 60 * time.Second

// try tries mutants, several at a time, and first their killers without any.
func try(mutants []mutant, workers int) ([]outcome, error) {
	temp, err := os.MkdirTemp("", "holdfast-mutants-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	for _, m := range mutants {
		if _, err := m.apply(); err != nil {
			return nil, err
		}
	}
	sound := killers(mutants)
	problems := make([]error, len(sound))
	each(len(sound), workers, func(i int) {
		m := sound[i]
		by, err := m.test(filepath.Join(temp, fmt.Sprint("sound", i)), nil)
		if err == nil && by != "" {
			err = fmt.Errorf("%s fails without any sabotage: it proves nothing", by)
		}
		problems[i] = err
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(mutants))
	problems = make([]error, len(mutants))
	each(len(mutants), workers, func(i int) {
		outcomes[i], problems[i] = mutants[i].try(filepath.Join(temp, fmt.Sprint(i)))
	})
	return outcomes, errors.Join(problems...)
}

// killers are mutants with the killers of all, each of those once.
func killers(mutants []mutant) []mutant {
	var all []mutant
	for _, m := range mutants {
		same := func(o mutant) bool { return o.pkg == m.pkg && o.run == m.run }
		if !slices.ContainsFunc(all, same) {
			all = append(all, m)
		}
	}
	return all
}

func each(n, workers int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// try applies the mutant and runs its killers.
func (m mutant) try(temp string) (outcome, error) {
	o := outcome{Name: m.name, File: m.file}
	text, err := m.apply()
	if err != nil {
		return o, err
	}
	began := time.Now()
	// Killers that draw what they judge from a seed may miss a mutant now and
	// then; what they miss three times is not noticed.
	for tries := 3; tries > 0 && o.By == "" && err == nil; tries-- {
		o.By, err = m.test(temp, &text)
	}
	o.Seconds = time.Since(began).Seconds()
	o.Killed = o.By != ""
	if !o.Killed {
		o.Trouble = fmt.Sprintf("go test -run '%s' ./%s passes", m.run, m.pkg)
	}
	return o, err
}

// apply returns the file with the sabotage in it.
func (m mutant) apply() (string, error) {
	b, err := os.ReadFile(m.file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.name, err)
	}
	text := string(b)
	for i := 0; i < len(m.edits); i += 2 {
		if n := strings.Count(text, m.edits[i]); n != 1 {
			return "", fmt.Errorf("%s: %s has %d times, not once:\n%s", m.name, m.file, n, m.edits[i])
		}
		text = strings.Replace(text, m.edits[i], m.edits[i+1], 1)
	}
	return text, nil
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// test compiles and runs the killers, over text in the place of the file if there
// is any, and returns the name of the first that fails, "" if all pass.
func (m mutant) test(temp string, text *string) (by string, err error) {
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return "", err
	}
	binary := filepath.Join(temp, "killers.test")
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "HOLDFAST_FIGURES=") // what a sabotaged build measures is nobody's figure
	})
	if text != nil {
		overlay, err := m.overlay(temp, *text)
		if err != nil {
			return "", err
		}
		env = append(env, "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay) // so that a command which a test builds has it too
	}
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Dir, build.Env = m.pkg, env
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not compile: that is no kill: %s", m.name, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := []string{"-test.v", "-test.run=" + m.run, "-test.timeout=" + patience.String(), "-test.short=" + strconv.FormatBool(!m.long)}
	run := exec.CommandContext(ctx, binary, args...)
	run.Dir, run.Env = m.pkg, env
	out, err := run.CombinedOutput()
	switch found := failed.FindAllStringSubmatch(string(out), -1); {
	case err == nil && !strings.Contains(string(out), "--- PASS"):
		return "", fmt.Errorf("%s: go test -run '%s' ./%s runs no test", m.name, m.run, m.pkg)
	case err == nil:
		return "", nil
	case len(found) > 0:
		return found[len(found)-1][1], nil
	case ctx.Err() != nil || strings.Contains(string(out), "panic: "):
		return "a panic, or no end", nil
	}
	return "", fmt.Errorf("%s: %w: %.2000s", m.name, err, out)
}

// overlay writes the file and what tells the go command of it.
func (m mutant) overlay(temp, text string) (string, error) {
	file, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	changed, list := filepath.Join(temp, "changed.go"), filepath.Join(temp, "overlay.json")
	data, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", err
	}
	return list, errors.Join(os.WriteFile(changed, []byte(text), 0o600), os.WriteFile(list, data, 0o600))
}
