package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
	"github.com/holdfast-go/holdfast/live"
)

const liveHelp = `Live trades closed candles on paper, with all of its state in the store: the
open and the scheduled signal, the risk positions, the closed trades, and the
last candle handled. Stopped in any way, kill -9 and power cuts included, it
continues where it was; candles that were handled are skipped.

Candles come from a CSV or JSON file, from stdin (-) while they happen, or are
made up (demo:, demo:?candles=N&seed=N). Give --candles and --symbol several
times, in pairs, to trade several symbols under one risk profile; their candles
are taken in the order of time, so none is handled before each input has one.

With --lease several processes may run it at once on a store that they share,
such as redis: or postgres:. One trades; the others stand by, say for whom, and
take over where it was within --lease-ttl of its death. One that was stopped or
cut off, and comes back after that, is fenced: nothing it writes is accepted any
more, and it ends with status 1. Each strategy and symbol has its own lease.
file: is refused, since its lock admits one process anyway; so is a MongoDB
without transactions, which cannot fence.

A line is printed for each trade when it is closed, after it is stored; the
last one may be printed again after a crash, or where the output failed. With
--json each event is an object on a line, whose "kind" is waiting, restored,
scheduled, opened, closed, cancelled, rejected or, at the end, summary.

A candle that is not newer than the last one handled is skipped. The rows of a
file must be in the order of time; a pipe may send candles once more.

It ends with its input, or on SIGINT or SIGTERM after the candle in work, with
exit status 0 and a summary. A row that cannot be read ends it with status 1.`

const liveExample = `  holdfast live --candles demo: --symbol BTCUSDT
  holdfast live --candles BTCUSDT-1m.csv --symbol BTCUSDT --strategy pullback
  feed | holdfast live --candles - --symbol BTC/USDT:USDT --exchange binance
  holdfast live --candles btc.csv --symbol BTCUSDT --candles eth.csv \
    --symbol ETHUSDT --risk conservative --max-positions 1
  feed | holdfast --store redis://localhost live --lease --candles - \
    --symbol BTCUSDT`

// liveOptions are the flags of live.
type liveOptions struct {
	candles, symbols         []string
	exchange, strategy, risk string
	maxPositions             int
	fee                      float64
	lease                    bool
	leaseTTL                 time.Duration
}

func newLive(a *app) *cobra.Command {
	var o liveOptions
	cmd := &cobra.Command{
		Use:     "live --candles FILE|-|demo: --symbol S [flags]",
		Short:   "Paper-trade candles with the state in the store",
		Long:    liveHelp,
		Example: liveExample,
		Args:    takes(0, 0, "no arguments, but --candles and --symbol"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			strategy, err := o.check()
			if err == nil && !o.lease && cmd.Flags().Changed("lease-ttl") {
				err = errors.New("--lease-ttl needs --lease")
			}
			if err != nil {
				return misused(cmd, err)
			}
			return a.live(cmd, o, strategy)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.candles, "candles", nil, "`FILE`, - for stdin, or demo:")
	flags.StringArrayVar(&o.symbols, "symbol", nil, "what the candles are of: `S`, such as BTCUSDT")
	flags.StringVar(&o.exchange, "exchange", "paper", "`NAME` of the exchange")
	flags.StringVar(&o.strategy, "strategy", "sma-cross", "`NAME`: pullback or sma-cross")
	flags.StringVar(&o.risk, "risk", "", "`NAME` of the risk profile that positions count towards")
	flags.IntVar(&o.maxPositions, "max-positions", 0, "at most `N` open positions under --risk; 0: any number")
	flags.Float64Var(&o.fee, "fee", 0.1, "`PERCENT` of the amount, for each side of a trade")
	flags.BoolVar(&o.lease, "lease", false, "trade only while holding the lease of the strategy and symbol,\nand wait until it is free")
	flags.DurationVar(&o.leaseTTL, "lease-ttl", lease.DefaultTTL, "`TIME` within which another takes over from one that died")
	names := live.StrategyNames()
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("strategy", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// check judges the flags and makes the strategy.
func (o *liveOptions) check() (live.Strategy, error) {
	stdins := 0
	for _, from := range o.candles {
		if from == "-" {
			stdins++
		}
	}
	symbols := slices.Clone(o.symbols)
	slices.Sort(symbols)
	switch {
	case len(o.candles) == 0 || len(o.candles) != len(o.symbols):
		return nil, fmt.Errorf("--candles and --symbol go in pairs, at least one: there are %d and %d", len(o.candles), len(o.symbols))
	case slices.Contains(o.symbols, ""):
		return nil, errors.New("--symbol is empty")
	case o.exchange == "":
		return nil, errors.New("--exchange is empty")
	case len(slices.Compact(symbols)) < len(o.symbols):
		return nil, errors.New("a --symbol stands there twice")
	case stdins > 1:
		return nil, errors.New("stdin (-) can be the --candles of one symbol only")
	case o.maxPositions < 0:
		return nil, fmt.Errorf("--max-positions %d: it takes 0 or more", o.maxPositions)
	case o.maxPositions > 0 && o.risk == "":
		return nil, errors.New("--max-positions needs a --risk profile to count in")
	case strings.Contains(o.risk, "/") || o.risk == "." || o.risk == "..":
		return nil, fmt.Errorf("--risk %s: a name without \"/\", and not \".\" or \"..\"", quote(o.risk))
	case o.leaseTTL < lease.MinTTL || o.leaseTTL > lease.MaxTTL:
		return nil, fmt.Errorf("--lease-ttl %v: it takes %v to %v", o.leaseTTL, lease.MinTTL, lease.MaxTTL)
	case !(o.fee >= 0 && o.fee < 100):
		return nil, fmt.Errorf("--fee %v: it takes a percentage from 0 to below 100", o.fee)
	}
	return live.StrategyByName(o.strategy)
}

func (a *app) live(cmd *cobra.Command, o liveOptions, strategy live.Strategy) error {
	feeds, err := a.openFeeds(cmd.Context(), o.candles, o.symbols)
	switch {
	case errors.Is(err, errDemo):
		return misused(cmd, fmt.Errorf("--candles: %w", err))
	case errors.Is(err, errInterrupted):
		return nil // it was told to end, and has begun nothing
	case err != nil:
		return fmt.Errorf("live: --candles: %w", err)
	}
	defer feeds.close()
	err = a.change(cmd, func(ctx context.Context, s *holdfast.Store) error {
		d := &desk{a: a, store: s, options: o, feeds: feeds}
		if !feeds.waits {
			d.progress = a.newProgress("live", "candles", feeds.size)
		}
		if o.lease {
			return d.standBy(ctx, strategy)
		}
		return d.run(ctx, strategy)
	})
	var alone *driver.LockedError
	if o.lease && errors.As(err, &alone) {
		return advise(err, "this store is for one process at a time: to stand by with --lease, use one that several processes share")
	}
	return err
}
