package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/lease"
)

const exportHelp = `Export prints all values, or those of one entity, as lines that import reads:
{"entity":…,"id":…,"data":…}. Entities come in byte order, ids in natural
order. White space between the tokens of a value is left out; numbers and
strings stay as they are written.

Who holds a lease is no state to be brought back: the entity lease, and what is
below it, is left out unless it is named.

It prints JSON lines with and without --json. A damaged value is told on
stderr and left out; the rest is exported, and the exit status is 3.`

const exportExample = `  holdfast export > backup.ndjson
  holdfast export signal/strategy-a
  holdfast export | holdfast --store file:./copy import --writers 64`

func newExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "export [ENTITY]",
		Short:             "Print all values, for import",
		Long:              exportHelp,
		Example:           exportExample,
		Args:              takes(0, 1, "[ENTITY]"),
		ValidArgsFunction: a.completions(false, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				return a.export(ctx, s, args)
			})
		},
	}
}

// exporter writes values as lines.
type exporter struct {
	a        *app
	w        *bufio.Writer
	progress *progress
	lines    int
	bytes    int64
	damaged  error // the last of the damaged values
}

func (a *app) export(ctx context.Context, s *holdfast.Store, only []string) error {
	x := &exporter{a: a, w: bufio.NewWriterSize(a.stdout, 64<<10), progress: a.newProgress("export", "values", 0)}
	if a.isTerminal(a.stdout) {
		x.progress = nil
	}
	err := x.all(ctx, s, only)
	if flush := x.w.Flush(); err == nil {
		err = output(flush)
	}
	x.progress.clear()
	if err == nil && x.damaged != nil {
		return &reported{x.damaged}
	}
	return err
}

func (x *exporter) all(ctx context.Context, s *holdfast.Store, only []string) error {
	if len(only) > 0 {
		err := x.entity(ctx, s, only[0])
		if err == nil && x.lines == 0 && x.damaged == nil {
			x.a.note(emptyEntity(only[0]))
		}
		return err
	}
	for entity, err := range s.Entities(ctx) {
		if err == nil && lease.Kept(entity) {
			continue
		}
		if err == nil {
			err = x.entity(ctx, s, entity)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) entity(ctx context.Context, s *holdfast.Store, entity string) error {
	c, err := values(s, entity)
	if err != nil {
		return err
	}
	for e, err := range c.All(ctx) {
		switch {
		case errors.Is(err, holdfast.ErrDamaged) && e.ID != "":
			x.progress.clear()
			x.a.complain(fmt.Errorf("export: left out: %w", err))
			x.damaged = err
			continue
		case err != nil:
			return err
		}
		if err := x.write(entity, e.ID, e.Value); err != nil {
			return err
		}
		x.progress.at(x.lines, x.bytes)
	}
	return nil
}

func (x *exporter) write(entity, id string, data []byte) error {
	line, err := exportLine(entity, id, data)
	if err != nil {
		return err
	}
	n, err := x.w.Write(line)
	x.lines++
	x.bytes += int64(n)
	return output(err)
}
