package storetest_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/storetest"
)

// mutant is a backend that breaks one promise, and the subtest that must see
// it.
type mutant struct {
	name    string
	seen    string // "Chapter/sentence"
	twist   func(*twisted)
	restart func(*core)
}

const sacrifice = "STORETEST_MUTANTS"

func mutants() []mutant {
	return slices.Concat(valueMutants, damageMutants, nameMutants, jsonMutants,
		revisionMutants, applyMutants, listMutants, loadMutants, scanMutants, appendGetMutants, historyMutants, watchMutants, otherMutants)
}

// TestMutants fails, mutant by mutant, in the processes that
// TestSuiteSeesMutants starts.
func TestMutants(t *testing.T) {
	if os.Getenv(sacrifice) == "" {
		t.Skip("run by TestSuiteSeesMutants")
	}
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			b := backend{restart: m.restart, wrap: func(h *handle) driver.Store {
				w := newTwisted(h)
				if m.twist != nil {
					m.twist(w)
				}
				return w
			}}
			o := b.options()
			o.Patience = 300 * time.Millisecond
			storetest.Run(t, b.open, o)
		})
	}
}

// A suite that cannot fail is a defect: each mutant must make fail the very
// sentence that it breaks.
func TestSuiteSeesMutants(t *testing.T) {
	bySentence := map[string][]mutant{}
	for _, m := range mutants() {
		bySentence[m.seen] = append(bySentence[m.seen], m)
	}
	for sentence, ms := range bySentence {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			output, failed := runMutants(t, sentence, ms)
			if !failed {
				t.Errorf("the suite passes mutants; it said:\n%.4000s", output)
			}
			for _, m := range ms {
				if fails := "--- FAIL: TestMutants/" + m.name + "/" + underscored(sentence) + " ("; !strings.Contains(output, fails) {
					t.Errorf("the suite does not see the mutant %s; it said:\n%.4000s", m.name, output)
				}
			}
		})
	}
}

// runMutants runs the sentence that must see the mutants, in a process of its
// own, since it fails.
func runMutants(t *testing.T, sentence string, ms []mutant) (output string, failed bool) {
	t.Helper()
	var names []string
	for _, m := range ms {
		names = append(names, regexp.QuoteMeta(m.name))
	}
	chapter, rest, _ := strings.Cut(underscored(sentence), "/")
	pattern := "^TestMutants$/^(" + strings.Join(names, "|") + ")$/^" + chapter + "$/^" + regexp.QuoteMeta(rest) + "$"
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+pattern)
	cmd.Env = append(os.Environ(), sacrifice+"=1")
	out, err := cmd.CombinedOutput()
	return string(out), err != nil
}

func underscored(s string) string { return strings.ReplaceAll(s, " ", "_") }
