package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
)

const rmHelp = `Rm removes one value, or with --all every value of an entity. When the exit
status is 0 the removal is durable. It does not ask first, and prints nothing.

One that is not there is an error; an entity without values is not. Damaged
values are removed too; what was in quarantine of them stays there.`

const rmExample = `  holdfast rm signal/strategy-a BTCUSDT
  holdfast rm --all signal/strategy-a`

func newRm(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:               "rm ENTITY ID | rm --all ENTITY",
		Short:             "Remove a value, or all values of an entity",
		Long:              rmHelp,
		Example:           rmExample,
		ValidArgsFunction: a.completions(true, false),
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return takes(1, 1, "ENTITY after --all")(cmd, args)
			}
			return takes(2, 2, "ENTITY ID, or --all ENTITY")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeThere(cmd, func(ctx context.Context, s *holdfast.Store) error {
				c, err := values(s, args[0])
				if err != nil {
					return err
				}
				if all {
					return c.Clear(ctx)
				}
				return c.Delete(ctx, args[1])
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove all values of the entity")
	return cmd
}
