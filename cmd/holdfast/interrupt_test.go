package main

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"
)

// silent is an input that has nothing to say. It tells when it is asked.
type silent chan struct{}

func (s silent) Read([]byte) (int, error) {
	close(s)
	select {}
}

// interruptedRun runs the command, calls meanwhile beside it, and then ends its
// context, as the first SIGTERM does.
func interruptedRun(t *testing.T, stdin io.Reader, meanwhile func(), args ...string) result {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	a := &app{stdin: stdin, stdout: &out, stderr: &errs, now: time.Now, isTerminal: func(any) bool { return false }}
	code := make(chan int, 1)
	go func() { code <- a.run(ctx, args) }()
	meanwhile()
	interrupt()
	select {
	case c := <-code:
		return result{c, out.String(), errs.String()}
	case <-time.After(30 * time.Second):
		t.Fatalf("%v has not ended", args)
		return result{}
	}
}

func TestPutIsInterruptedWhileItsInputIsSilent(t *testing.T) {
	store, _ := newStore(t)
	put(t, store, "e", "a", "1")
	in := make(silent)
	interruptedRun(t, in, func() { <-in }, store, "put", "e", "a").
		fails(t, exitFailed, "put e a: stdin: interrupted", "nothing was changed")
	if got := invoke(t, "", store, "get", "e", "a").ok(t); got != "1" {
		t.Errorf("got %q", got)
	}
}
