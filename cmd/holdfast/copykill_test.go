package main

import (
	"bytes"
	"os/exec"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/testserver"
)

// A copy that is killed at random moments and run again leaves what an
// uninterrupted one leaves, and never changes what it has copied.
func TestKilledCopy(t *testing.T) {
	if testing.Short() {
		t.Skip("killing takes its time: not with -short")
	}
	const kills = 8 // each later than the one before, on the whole
	src, _ := copySource(t, "", manyValues)
	want := exported(t, src)
	_, whole := newStore(t)
	began := time.Now()
	spawn(t, "", "copy", src, "file:"+whole).ok(t)
	took := time.Since(began)
	redis := testserver.StartRedis(t)
	_, direct := newStore(t)
	_, journal := newStore(t)
	for name, dst := range map[string]string{"direct": "file:" + direct + "?journal=off", "journal": "file:" + journal, "redis": redis.URL("")} {
		t.Run(name, func(t *testing.T) {
			rng, killed := newRNG(t), 0
			for round := range kills {
				cmd := exec.Command(binary, "copy", "--resume", "--writers", "2", src, dst)
				var errs bytes.Buffer
				cmd.Stderr = &errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				timer := time.AfterFunc(time.Duration(rng.Int64N(int64(took)*int64(round+1)/kills+1)), func() { cmd.Process.Kill() })
				err := cmd.Wait()
				timer.Stop()
				switch code := cmd.ProcessState.ExitCode(); {
				case code == -1:
					killed++
				case err != nil:
					t.Fatalf("exit status %d: %s", code, &errs)
				}
			}
			c, r := copyJSON(t, src, dst, "--resume", "--verify")
			if r.code != exitOK || c.Copied+c.Equal != manyValues || c.Verified.Same != manyValues || c.Verified.Extra != 0 {
				t.Errorf("got %+v", r)
			}
			t.Logf("%d of %d were killed; %d values were there already", killed, kills, c.Equal)
			if exported(t, dst) != want {
				t.Error("the export differs")
			}
		})
	}
}
