//go:build !unix

package redisstore_test

import (
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

func hang(t *testing.T, _ *testserver.Redis) { t.Skip("no signal stops a process here") }
func resume(*testserver.Redis)               {}
