package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const historyHelp = `History lists the states that a value has had, the newest first, as far back
as the store keeps them ("holdfast check" says how far that is): the time of
the change (UTC), the revision, the size in bytes, and what happened: "put" with
the beginning of the value, "cleared (null)" or "removed".

"holdfast get ENTITY ID --at TIME" prints a state in full, "holdfast diff"
compares two, and "holdfast undo" takes the newest change back.

With --json it prints one object a line, the whole value included:
{"entity","id","state","size","modTime","rev","data"}, where "state" is
"value", "cleared" or "removed", and what was removed has no "rev" and "data".`

const historyExample = `  holdfast history signal/strategy-a BTCUSDT
  holdfast history --limit 5 signal/strategy-a BTCUSDT
  holdfast history --json risk/conservative positions | jq -c .data`

func newHistory(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:               "history ENTITY ID [--limit N]",
		Short:             "List the states that a value has had",
		Long:              historyHelp,
		Example:           historyExample,
		Args:              takes(2, 2, "ENTITY ID"),
		ValidArgsFunction: a.completions(true, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return misused(cmd, fmt.Errorf("--limit %d: it takes a number from 0 (all) on", limit))
			}
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				return a.history(ctx, s, args[0], args[1], limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "list only the newest `N`; 0: all")
	return cmd
}

func (a *app) history(ctx context.Context, s *holdfast.Store, entity, id string, limit int) error {
	c, err := values(s, entity)
	if err != nil {
		return err
	}
	print, end := a.printLine, func() error { return nil }
	if !a.json {
		h := &historyTable{a: a}
		print, end = h.add, h.print
	}
	n := 0
	for v, err := range c.History(ctx, id) {
		if err != nil && n > 0 {
			// What is newer than a damaged stretch has been read, and is told.
			return cmp.Or(end(), err)
		}
		if err != nil {
			return err
		}
		if err := print(stateOf(entity, v)); err != nil {
			return err
		}
		if n++; n == limit {
			break
		}
	}
	if n == 0 {
		return noStates(ctx, c, id)
	}
	return end()
}

func (a *app) printLine(s state) error { return printJSON(a.stdout, s) }

// historyTable holds the lines until their columns are known: without the
// values, of which there may be more than memory has room for.
type historyTable struct {
	a     *app
	lines []historyLine
}

type historyLine struct{ time, rev, size, what string }

func (h *historyTable) add(s state) error {
	l := historyLine{formatTime(s.ModTime), oneLine(s.Rev), strconv.Itoa(s.Size), whatHappened(s, h.a.columns())}
	if s.State == stateRemoved {
		l.rev, l.size = "-", "-"
	}
	h.lines = append(h.lines, l)
	return nil
}

// whatHappened says it in at most n characters.
func whatHappened(s state, n int) string {
	switch s.State {
	case stateRemoved:
		return "removed"
	case stateCleared:
		return "cleared (null)"
	}
	return cut("put "+preview(s.Data, n), n)
}

func (h *historyTable) print() error {
	table := h.a.newTable("TIME\tREVISION\tSIZE\tCHANGE")
	rev, size := len("REVISION"), len("SIZE")
	for _, l := range h.lines {
		rev, size = max(rev, len([]rune(l.rev))), max(size, len(l.size))
	}
	// Of a very long revision enough of the value remains to tell states apart.
	left := max(h.a.columns()-len(h.lines[0].time)-rev-size-len("  ")*3, len("cleared (null)"))
	for _, l := range h.lines {
		row := fmt.Sprintf("%s\t%s\t%s\t%s", l.time, l.rev, l.size, cut(l.what, left))
		if err := table.add(row, nil); err != nil {
			return err
		}
	}
	return table.end()
}
