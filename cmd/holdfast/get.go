package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/internal/shell"
)

const getHelp = `Get prints one value, byte for byte as it was put; on a terminal a line end
follows. A cleared value is the JSON null.

With --at it prints what the value was then, where the store keeps history: at
a time such as 2026-01-02T15:04:05Z, a date (the end of that day, UTC), how long
ago (15m, 2h, 3d), or at a revision that "holdfast history" lists. That the
value did not exist then is an error, and so is that history does not reach back
that far: then it is not known.

With --json it prints one object:
{"entity","id","state","size","modTime","rev","data"}.`

const getExample = `  holdfast get signal/strategy-a BTCUSDT
  holdfast get risk/conservative positions | jq .
  holdfast get signal/strategy-a BTCUSDT --at 2h
  holdfast get signal/strategy-a BTCUSDT --at 2026-01-02T15:04:05Z`

func newGet(a *app) *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:               "get ENTITY ID [--at TIME]",
		Short:             "Print a value, as it is or was",
		Long:              getHelp,
		Example:           getExample,
		Args:              takes(2, 2, "ENTITY ID"),
		ValidArgsFunction: a.completions(true, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				c, err := values(s, args[0])
				if err != nil {
					return err
				}
				if cmd.Flags().Changed("at") {
					return a.getAt(cmd, c, args[1], at)
				}
				return a.get(ctx, c, args[1])
			})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "print what it was at `TIME`, or how long ago")
	return cmd
}

func (a *app) get(ctx context.Context, c *rawValues, id string) error {
	e, err := c.Entry(ctx, id)
	if err != nil {
		return err
	}
	return a.printState(stateOf(c.Entity(), rawVersion{Entry: e}))
}

func (a *app) getAt(cmd *cobra.Command, c *rawValues, id, at string) error {
	s, err := a.findState(cmd, c, id, at)
	if err != nil {
		return err
	}
	if s.State == stateRemoved {
		err := fmt.Errorf("get %s %s: %w at that time: %s", quote(c.Entity()), quote(id), holdfast.ErrNotFound, s.label())
		return advise(err, "see when there was a value with: "+shell.Command("history", c.Entity(), id))
	}
	return a.printState(s)
}

func (a *app) printState(s state) error {
	if a.json {
		return printJSON(a.stdout, s)
	}
	data := s.Data
	if a.isTerminal(a.stdout) && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(data, '\n')
	}
	_, err := a.stdout.Write(data)
	return output(err)
}

func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }
