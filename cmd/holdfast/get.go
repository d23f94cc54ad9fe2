package main

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const getHelp = `Get prints one value, byte for byte as it was put; on a terminal a line end
follows. A cleared value is the JSON null.

With --json it prints one object:
{"entity","id","state","size","modTime","rev","data"}.`

const getExample = `  holdfast get signal/strategy-a BTCUSDT
  holdfast get risk/conservative positions | jq .`

func newGet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "get ENTITY ID",
		Short:             "Print a value",
		Long:              getHelp,
		Example:           getExample,
		Args:              takes(2, 2, "ENTITY ID"),
		ValidArgsFunction: a.completions(true, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd, func(ctx context.Context, s *holdfast.Store) error {
				return a.get(ctx, s, args[0], args[1])
			})
		},
	}
}

func (a *app) get(ctx context.Context, s *holdfast.Store, entity, id string) error {
	c, err := values(s, entity)
	if err != nil {
		return err
	}
	e, err := c.Entry(ctx, id)
	if err != nil {
		return err
	}
	if a.json {
		v, err := describe(entity, e, nil)
		if err != nil {
			return err
		}
		return printJSON(a.stdout, struct {
			valueInfo
			Data json.RawMessage `json:"data"`
		}{v, e.Value})
	}
	data := e.Value
	if a.isTerminal(a.stdout) && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(data, '\n')
	}
	_, err = a.stdout.Write(data)
	return output(err)
}

func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }
