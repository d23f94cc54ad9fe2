package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const (
	defaultStore = "file:./logs/data"
	storeEnv     = "HOLDFAST_STORE"
)

// app is what all commands share: where they read and write, and the flags
// that all of them take.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	isTerminal     func(any) bool

	store string // --store
	json  bool   // --json
}

// storeURL is --store, else the environment's, else the default.
func (a *app) storeURL(cmd *cobra.Command) string {
	if cmd.Flags().Changed("store") {
		return a.store
	}
	if url := os.Getenv(storeEnv); url != "" {
		return url
	}
	return defaultStore
}

// look runs f on the store opened for reading alone, so that it works beside
// the process that has the store, and changes nothing.
func (a *app) look(cmd *cobra.Command, f func(context.Context, *holdfast.Store) error) error {
	return a.use(cmd, &holdfast.Options{ReadOnly: true}, f)
}

// change runs f on the store opened for writing, and tells first what recovery
// found.
func (a *app) change(cmd *cobra.Command, f func(context.Context, *holdfast.Store) error) error {
	return a.use(cmd, nil, func(ctx context.Context, s *holdfast.Store) error {
		a.tellFindings(s)
		return f(ctx, s)
	})
}

// tellFindings tells what recovery found when the store was opened.
func (a *app) tellFindings(s *holdfast.Store) {
	for _, finding := range s.Report().Findings {
		a.note(noticeLine(finding))
	}
}

// changeThere is change for what makes sense only where there is a store: a
// mistyped place is an error, and not created.
func (a *app) changeThere(cmd *cobra.Command, f func(context.Context, *holdfast.Store) error) error {
	there := func(context.Context, *holdfast.Store) error { return nil }
	if err := a.look(cmd, there); err != nil {
		return err
	}
	return a.change(cmd, f)
}

func (a *app) use(cmd *cobra.Command, o *holdfast.Options, f func(context.Context, *holdfast.Store) error) (err error) {
	ctx := cmd.Context()
	s, err := holdfast.Open(ctx, a.storeURL(cmd), o)
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.Close(); err == nil {
			err = closing
		}
	}()
	return f(ctx, s)
}

// values is an entity of the store as the bytes that were put.
func values(s *holdfast.Store, entity string) (*holdfast.Collection[json.RawMessage], error) {
	return holdfast.NewCollection[json.RawMessage](s, entity, nil)
}

// printJSON writes v as one line of JSON.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return output(enc.Encode(v))
}

// output says of an error of writing the result that it is one.
func output(err error) error {
	if err == nil {
		return nil
	}
	return advise(fmt.Errorf("output: %w", err), "the result could not be written; see where stdout leads")
}

// input opens the file that an argument names; "-" and no argument are stdin.
// The size is that of a regular file, else 0.
func (a *app) input(ctx context.Context, args []string) (r io.ReadCloser, name string, size int64, err error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(a.stdin), "stdin", 0, nil
	}
	f, err := open(ctx, args[0])
	if errors.Is(err, errInterrupted) {
		return nil, "", 0, advise(fmt.Errorf("%s: %w", quote(args[0]), err), "nothing was read of it, and nothing was changed: run it again")
	}
	if err != nil {
		return nil, "", 0, advise(err, "name a file that can be read, or - for stdin")
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = advise(errors.New(args[0]+": is a directory"), "name a file, or - for stdin")
	}
	if err != nil {
		f.Close()
		return nil, "", 0, err
	}
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return f, args[0], size, nil
}

var errInterrupted = errors.New("interrupted")

// open opens a file in a goroutine of its own, so that a signal is heeded while
// nobody has come to write to a pipe that has a name.
func open(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened)
	go func() {
		f, err := os.Open(name)
		select {
		case done <- opened{f, err}:
		case <-ctx.Done():
			if err == nil {
				f.Close()
			}
		}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}

// readAll reads to the end in a goroutine of its own, so that a signal is heeded
// while the input is silent; a Read that never returns keeps that until the
// process ends.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type read struct {
		data []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		data, err := io.ReadAll(r)
		done <- read{data, err}
	}()
	select {
	case all := <-done:
		return all.data, all.err
	case <-ctx.Done():
		return nil, errInterrupted
	}
}
