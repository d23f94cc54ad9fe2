package main

import (
	"fmt"
	"strings"
	"testing"
)

// A line that reads well and cannot be stored: the lines before it are stored
// whatever the number of writers, so that one can go on from it.
func TestImportStoresAllBeforeALineThatFails(t *testing.T) {
	const failing = 300
	var in strings.Builder
	for i := 1; i <= 2*failing; i++ {
		id := fmt.Sprint("id-", i)
		if i == failing {
			id = strings.Repeat("x", 300)
		}
		fmt.Fprintf(&in, `{"entity":"e","id":%q,"data":%d}`+"\n", id, i)
	}
	for _, writers := range []string{"1", "2", "32"} {
		store, _ := newStore(t)
		r := invoke(t, in.String(), store, "import", "--ack", "--writers", writers)
		r.fails(t, exitFailed, "line 300: ", "use a shorter one", "the lines before it are stored: import again from it on")
		stored := invoke(t, "", store, "export").ok(t)
		for i := 1; i < failing; i++ {
			if !strings.Contains(stored, fmt.Sprintf(`"id":"id-%d",`, i)) || !strings.Contains(r.out, fmt.Sprintf("ACK e id-%d %d\n", i, i)) {
				t.Fatalf("--writers %s: line %d is not stored and acknowledged", writers, i)
			}
		}
	}
}
