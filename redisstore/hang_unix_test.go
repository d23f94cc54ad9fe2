//go:build unix

package redisstore_test

import (
	"testing"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

func hang(_ *testing.T, r *testserver.Redis) { r.Pause() }
func resume(r *testserver.Redis)             { r.Resume() }
