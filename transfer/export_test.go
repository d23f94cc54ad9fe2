package transfer

import "testing"

// Canonical is the canonical form of a value.
func Canonical(t *testing.T, text string) string {
	t.Helper()
	data, err := canonicalJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
