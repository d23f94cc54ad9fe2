package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const undoHelp = `Undo takes back the newest change of a value: it puts back what the value was
before it, byte for byte, or removes the value if it was removed before. That
is a change like any other, as durable as a put; history keeps what was undone,
so a second undo takes back the first. It prints what it put back.

What was put once and never changed is not removed: whether there was a value
before is not recorded. Remove it with "holdfast rm ENTITY ID".

With --json it prints the state that it put back, as history lists it:
{"entity","id","state","size","modTime","rev","data"}.`

const undoExample = `  holdfast undo signal/strategy-a BTCUSDT
  holdfast diff signal/strategy-a BTCUSDT       # what it would take back`

func newUndo(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "undo ENTITY ID",
		Short:             "Take back the newest change of a value",
		Long:              undoHelp,
		Example:           undoExample,
		Args:              takes(2, 2, "ENTITY ID"),
		ValidArgsFunction: a.completions(true, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeThere(cmd, func(ctx context.Context, s *holdfast.Store) error {
				c, err := values(s, args[0])
				if err != nil {
					return err
				}
				v, err := c.Undo(ctx, args[1])
				if err != nil {
					return err
				}
				return undone(args[0], args[1], a.printUndone(stateOf(args[0], v)))
			})
		},
	}
}

// undone says of an error of printing that the change is undone nevertheless:
// whoever repeats what failed would do the change again.
func undone(entity, id string, err error) error {
	if err == nil {
		return nil
	}
	return advise(fmt.Errorf("undo %s %s: undone, but not told: %w", quote(entity), quote(id), err),
		"do not undo again, which would bring the change back; see where stdout leads")
}

func (a *app) printUndone(s state) error {
	if a.json {
		return printJSON(a.stdout, s)
	}
	did := "put back "
	switch s.State {
	case stateRemoved:
		did = "removed, as it was from " + formatTime(s.ModTime) + " on"
	case stateCleared:
		did += "cleared (null), of " + formatTime(s.ModTime)
	default:
		did += fmt.Sprintf("what was put at %s: %s", formatTime(s.ModTime), preview(s.Data, a.columns()))
	}
	_, err := fmt.Fprintln(a.stdout, cut(fmt.Sprintf("%s %s: %s", quote(s.Entity), quote(s.ID), did), a.columns()))
	return output(err)
}
