package trade

import (
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast"
)

// entityName joins a prefix and a name that must be one element of a path:
// what refuses to be one is said in the words of who chose it, before anything
// is touched.
func entityName(op, prefix, what, name string) (string, error) {
	var why string
	switch {
	case name == "":
		why = "is empty: give it a name"
	case strings.Contains(name, "/"):
		why = `contains "/", which separates the parts of an entity's name: write "-" or "_" instead`
	case name == "." || name == "..":
		why = "is a step between directories: give it another name"
	default:
		return prefix + "/" + name, nil
	}
	err := fmt.Errorf("%w: %s %q %s", holdfast.ErrInvalidName, what, name, why)
	return "", &holdfast.Error{Op: op, Entity: prefix, Err: err}
}
