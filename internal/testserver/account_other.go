//go:build !unix

package testserver

import (
	"os/exec"
	"testing"
)

// account is whom a server runs as: here, whoever runs the test.
type account struct{}

func unprivileged(testing.TB) account       { return account{} }
func (account) become(*exec.Cmd)            {}
func (account) tempDir(t testing.TB) string { return t.TempDir() }
