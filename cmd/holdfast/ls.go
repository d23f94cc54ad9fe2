package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const lsHelp = `Ls lists the entities of the store and how many values each holds, or the
ids of one entity in natural order (log-2 before log-10), with the size in
bytes, the time of the last change and the state of each value: "value",
"cleared" (JSON null) or "damaged". Where one is damaged the exit status is 3.

Names with spaces, quotes or control characters are quoted.

With --json it prints one object a line: {"entity","values"} for entities,
{"entity","id","state","size","modTime","rev"} for ids.`

const lsExample = `  holdfast ls
  holdfast ls signal/strategy-a
  holdfast ls --json signal/strategy-a | jq -r .id`

// The states of a value.
const (
	stateValue   = "value"
	stateCleared = "cleared"
	stateDamaged = "damaged"
)

// valueInfo is a value as ls and get describe it to programs.
type valueInfo struct {
	Entity  string    `json:"entity"`
	ID      string    `json:"id"`
	State   string    `json:"state"`
	Size    int       `json:"size"`
	ModTime time.Time `json:"modTime,omitzero"`
	Rev     string    `json:"rev,omitempty"`
}

// describe takes an entry as Collection.All yields it. An error that does not
// mean damage stays an error.
func describe(entity string, e holdfast.Entry[json.RawMessage], err error) (valueInfo, error) {
	v := valueInfo{Entity: entity, ID: e.ID, State: stateValue, Size: len(e.Value), ModTime: e.ModTime.UTC(), Rev: e.Rev}
	switch {
	case errors.Is(err, holdfast.ErrDamaged) && e.ID != "":
		return valueInfo{Entity: entity, ID: e.ID, State: stateDamaged}, nil
	case err != nil:
		return valueInfo{}, err
	case isNull(e.Value):
		v.State = stateCleared
	}
	return v, nil
}

func newLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "ls [ENTITY]",
		Short:             "List entities, or the ids of one",
		Long:              lsHelp,
		Example:           lsExample,
		Args:              takes(0, 1, "[ENTITY]"),
		ValidArgsFunction: a.completions(false, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				if len(args) == 0 {
					return a.lsEntities(ctx, s)
				}
				return a.lsIDs(ctx, s, args[0])
			})
		},
	}
}

func (a *app) lsEntities(ctx context.Context, s *holdfast.Store) error {
	table := a.newTable("ENTITY\tVALUES")
	for entity, err := range s.Entities(ctx) {
		if err != nil {
			return err
		}
		c, err := values(s, entity)
		if err != nil {
			return err
		}
		n, err := c.Len(ctx)
		if err != nil {
			return err
		}
		row := fmt.Sprintf("%s\t%d", quote(entity), n)
		if err := table.add(row, map[string]any{"entity": entity, "values": n}); err != nil {
			return err
		}
	}
	if table.rows == 0 {
		a.note("nothing is stored in " + s.Properties().Location)
	}
	return table.end()
}

func (a *app) lsIDs(ctx context.Context, s *holdfast.Store, entity string) error {
	c, err := values(s, entity)
	if err != nil {
		return err
	}
	table := a.newTable("ID\tSIZE\tCHANGED\tSTATE")
	damaged := 0
	for e, err := range c.All(ctx) {
		v, err := describe(entity, e, err)
		if err != nil {
			return err
		}
		changed := "-" // by another program, at a time that the backend does not know
		if !v.ModTime.IsZero() {
			changed = v.ModTime.Format(time.RFC3339)
		}
		row := fmt.Sprintf("%s\t%d\t%s\t%s", quote(v.ID), v.Size, changed, v.State)
		if v.State == stateDamaged {
			damaged++
			row = fmt.Sprintf("%s\t-\t-\t%s", quote(v.ID), v.State)
		}
		if err := table.add(row, v); err != nil {
			return err
		}
	}
	if table.rows == 0 {
		a.note(emptyEntity(entity))
	}
	if err := table.end(); err != nil || damaged == 0 {
		return err
	}
	return advise(fmt.Errorf("ls %s: %d of %d: %w", quote(entity), damaged, table.rows, holdfast.ErrDamaged),
		`"holdfast check" says what is wrong and what to do`)
}

func emptyEntity(entity string) string {
	return fmt.Sprintf("%s: it holds no values: holdfast ls lists the entities that do", quote(entity))
}

// table prints rows under a heading for people, or as JSON for programs.
type table struct {
	a       *app
	heading string
	w       *tabwriter.Writer
	rows    int
}

func (a *app) newTable(heading string) *table {
	return &table{a: a, heading: heading, w: tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)}
}

func (t *table) add(row string, forPrograms any) error {
	t.rows++
	if t.a.json {
		return printJSON(t.a.stdout, forPrograms)
	}
	if t.rows == 1 {
		row = t.heading + "\n" + row
	}
	_, err := fmt.Fprintln(t.w, row)
	return output(err)
}

func (t *table) end() error { return output(t.w.Flush()) }
