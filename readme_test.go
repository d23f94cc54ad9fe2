package holdfast_test

import (
	"os"
	"strings"
	"testing"
)

// The code in the README is that of Example, but for the place of the store and
// the type, which the examples share.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	must(t, err)
	example, err := os.ReadFile("example_test.go")
	must(t, err)
	_, code, found := strings.Cut(string(readme), "```go\n")
	code, _, closed := strings.Cut(code, "```\n")
	if !found || !closed {
		t.Fatal("no Go code in the README")
	}
	has := map[string]bool{}
	for line := range strings.Lines(string(example)) {
		has[strings.TrimSpace(line)] = true
	}
	for line := range strings.Lines(strings.ReplaceAll(code, `"file:./logs/data"`, `"mem:"`)) {
		if line = strings.TrimSpace(line); line != "" && !has[line] {
			t.Errorf("the README shows %q, and the example does not have it", line)
		}
	}
}
