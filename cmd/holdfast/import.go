package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const importHelp = `Import reads lines from FILE, or from stdin, and carries each out as it
arrives:

  {"entity":"signal/strategy-a","id":"BTCUSDT","data":{…}}    stores a value
  {"entity":"signal/strategy-a","id":"BTCUSDT","delete":true} removes one

To remove what is not there is fine. Lines of one entity and id take effect in
their order. With one writer so do all lines; many writers share the waits for
the disk and are many times faster. Blank lines are passed over. A line may
have 96 MiB.

With --ack, "ACK entity id line-number" is printed as soon as a line is
durable, unbuffered, names quoted as in Go if they contain spaces, quotes or
control characters. Otherwise a summary is printed at the end. With --json
those are objects, {"ack":line,"entity","id"} and {"lines","put","deleted"}.

A line that cannot be read or stored ends the import with its number; all lines
before it are stored, and with many writers perhaps some behind it. To import
lines once more is harmless.`

const importExample = `  holdfast import backup.ndjson
  holdfast import --writers 64 backup.ndjson
  my-bot --events | holdfast import --ack`

// maxWriters is more than any backend is faster with.
const maxWriters = 4096

func newImport(a *app) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:     "import [--writers N] [--ack] [FILE|-]",
		Short:   "Store and remove values as lines tell",
		Long:    importHelp,
		Example: importExample,
		Args:    takes(0, 1, "[FILE|-]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.writers < 1 || o.writers > maxWriters {
				return misused(cmd, fmt.Errorf("--writers %d: it takes a number from 1 to %d", o.writers, maxWriters))
			}
			in, name, size, err := a.input(cmd.Context(), args)
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			defer in.Close()
			o.progress = a.newProgress("import", "lines", size)
			if o.ack && a.isTerminal(a.stdout) {
				o.progress = nil
			}
			return a.change(cmd, func(ctx context.Context, s *holdfast.Store) error {
				if err := a.importLines(ctx, s, in, o); err != nil {
					return fmt.Errorf("import %s: %w", quote(name), err)
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&o.writers, "writers", 1, "how many lines are written at once: `N`")
	cmd.Flags().BoolVar(&o.ack, "ack", false, "print ACK for each line that is durable")
	return cmd
}

type importOptions struct {
	writers  int
	ack      bool
	progress *progress
}

func (a *app) importLines(ctx context.Context, s *holdfast.Store, in io.Reader, o importOptions) error {
	done := make(chan struct{})
	defer close(done)
	w := a.newWriters(ctx, s, o)
	err := w.dispatch(ctx, readLines(in, done), o.progress)
	if failed := w.wait(); failed != nil {
		err = failed
	}
	o.progress.clear()
	if err != nil || o.ack && !a.json {
		return err
	}
	if a.json {
		return printJSON(a.stdout, map[string]int{"lines": w.put + w.deleted, "put": w.put, "deleted": w.deleted})
	}
	_, err = fmt.Fprintf(a.stdout, "imported %d lines: %d put, %d deleted\n", w.put+w.deleted, w.put, w.deleted)
	return output(err)
}

// dispatch hands the lines to the writers until the input ends, a line is bad,
// a writer fails or ctx ends.
func (w *writers) dispatch(ctx context.Context, lines <-chan inputLine, p *progress) error {
	for count := 1; ; count++ {
		var line inputLine
		select {
		case line = <-lines:
		case <-ctx.Done():
			return advise(fmt.Errorf("interrupted: %d lines are stored", count-1), "import all of them again, or the rest")
		case <-w.failed:
			return nil // wait tells
		}
		switch {
		case errors.Is(line.err, io.EOF):
			return nil
		case line.err != nil:
			return badLine(line.number, line.err)
		}
		c, err := parseLine(line.text)
		if err != nil {
			return badLine(line.number, err)
		}
		c.line, c.size = line.number, len(line.text)
		w.give(c)
		p.at(count, line.read)
	}
}

func badLine(number int, err error) error {
	return advise(fmt.Errorf("line %d: %w", number, err), "the lines before it are stored: correct it and import again")
}
