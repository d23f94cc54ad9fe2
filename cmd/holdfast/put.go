package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

const putHelp = `Put stores one value: the bytes of FILE, or of stdin, which must be one JSON
value of at most 64 MiB. They are kept as they are, white space included. When
the exit status is 0 the value is as durable as the store makes it: in files,
safe from a power cut. null clears a value, which is not the same as removing
it.

Data that is not JSON is refused, and nothing is changed. Put prints nothing.`

const putExample = `  holdfast put signal/strategy-a BTCUSDT signal.json
  echo '{"note":"by hand"}' | holdfast put notes today
  echo null | holdfast put signal/strategy-a BTCUSDT      # clear it`

func newPut(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "put ENTITY ID [FILE|-]",
		Short:             "Store a value",
		Long:              putHelp,
		Example:           putExample,
		Args:              takes(2, 3, "ENTITY ID [FILE|-]"),
		ValidArgsFunction: a.completions(true, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			key := driver.Key{Entity: args[0], ID: args[1]}
			data, err := a.putData(cmd.Context(), key, args[2:])
			if err != nil {
				return fmt.Errorf("put %s %s: %w", quote(key.Entity), quote(key.ID), err)
			}
			return a.change(cmd, func(ctx context.Context, s *holdfast.Store) error {
				c, err := values(s, key.Entity)
				if err != nil {
					return err
				}
				return c.Put(ctx, key.ID, data)
			})
		},
	}
}

// putData reads and judges all that can be judged before the store is opened:
// it is then not held while a pipe is slow, and bad input leaves no trace.
func (a *app) putData(ctx context.Context, key driver.Key, args []string) ([]byte, error) {
	if err := driver.ValidateKey(key); err != nil {
		return nil, err
	}
	in, name, _, err := a.input(ctx, args)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := readAll(ctx, io.LimitReader(in, driver.MaxData+1))
	if err != nil {
		return nil, advise(fmt.Errorf("%s: %w", name, err), "nothing was changed")
	}
	if len(data) > driver.MaxData {
		return nil, advise(fmt.Errorf("%s: over %d bytes, the most that a value may have", name, driver.MaxData),
			"split it into several values; nothing was changed")
	}
	if err := driver.ValidateData(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}
