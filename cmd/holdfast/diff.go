package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const diffHelp = `Diff compares two states of a value: what it is with what it was before, or with
what it was at a revision or time, or two such states. Times are written as for
get --at; "holdfast history" lists revisions.

Below the two states it prints a line for each place that differs, paths as jq
writes them: ".price: 1.0 → 1.00" for what changed, "+ .note: …" for what came,
"- .note: …" for what went. Numbers are compared as they are written, arrays
index by index. The exit status is 0 whether or not they differ.

With --json it prints one list, empty if there is no difference:
[{"path","op","old","new"}], with paths as JSON Pointers and "add", "remove"
or "replace" as the op. A removed value is none, not null.`

const diffExample = `  holdfast diff signal/strategy-a BTCUSDT
  holdfast diff signal/strategy-a BTCUSDT 2h
  holdfast diff signal/strategy-a BTCUSDT 2026-01-01 2026-01-02`

func newDiff(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "diff ENTITY ID [REV|TIME [REV|TIME]]",
		Short:             "Compare two states of a value",
		Long:              diffHelp,
		Example:           diffExample,
		Args:              takes(2, 4, "ENTITY ID [REV|TIME [REV|TIME]]"),
		ValidArgsFunction: a.completions(true, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				c, err := values(s, args[0])
				if err != nil {
					return err
				}
				old, new, err := a.statesToCompare(cmd, c, args[1], args[2:])
				if err != nil {
					return err
				}
				return a.diff(old, new)
			})
		},
	}
}

func (a *app) statesToCompare(cmd *cobra.Command, c *rawValues, id string, at []string) (old, new state, err error) {
	ctx := cmd.Context()
	if len(at) == 2 {
		if old, err = a.findState(cmd, c, id, at[0]); err == nil {
			new, err = a.findState(cmd, c, id, at[1])
		}
		return old, new, err
	}
	// What is damaged now has no present state, whatever it was.
	if _, err := c.Has(ctx, id); err != nil {
		return old, new, err
	}
	states, err := newest(ctx, c, id, 2-len(at))
	switch {
	case err != nil:
		return old, new, err
	case len(at) == 1:
		old, err = a.findState(cmd, c, id, at[0])
		return old, states[0], err
	case len(states) == 1:
		return old, new, &holdfast.Error{Op: "diff", Entity: c.Entity(), ID: id,
			Err: fmt.Errorf("%w: the state before that of %s", holdfast.ErrNotKept, formatTime(states[0].ModTime))}
	}
	return states[1], states[0], nil
}

func (a *app) diff(old, new state) error {
	found, err := diffJSON(old.Data, new.Data)
	if err != nil {
		return err
	}
	if a.json {
		return printJSON(a.stdout, found)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", old.label(), new.label())
	for _, d := range found {
		fmt.Fprintln(&b, d.line())
	}
	switch {
	case len(found) > 0:
	case bytes.Equal(old.Data, new.Data):
		fmt.Fprintln(&b, "no difference")
	default:
		fmt.Fprintln(&b, "no difference but in white space, the order of keys or escapes")
	}
	_, err = a.stdout.Write(b.Bytes())
	return output(err)
}
