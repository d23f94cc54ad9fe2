package live

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/lease"
	"github.com/holdfast-go/holdfast/trade"
)

// DefaultAwaitMinutes is how long a scheduled signal waits for its entry price
// where Config does not say.
const DefaultAwaitMinutes = 120

// maxWindow bounds how many candles a strategy may ask for: they are written
// with every tick.
const maxWindow = 10_000

// Config of a Runner. Store, Exchange, Symbol and Strategy are required.
type Config struct {
	// Store holds everything: the signals, the risk positions, the ledger of
	// closed trades and the cursor. It stays the caller's, who closes it after
	// the Runner.
	Store *holdfast.Store
	// SignalStore and RiskStore, if not nil, hold the signals (open and
	// scheduled) and the risk positions instead: signals in Redis and risk in
	// files, for example. It is what backtest-kit's usePersistSignalAdapter
	// and usePersistRiskAdapter choose.
	SignalStore, RiskStore *holdfast.Store

	// Lease, if not nil, fences every write: another process that takes the lease
	// over ends this one's, with holdfast.ErrFenced, before anything is told that
	// the other may tell too. Store is then Lease.Store(), which is also what nil
	// stands for; SignalStore and RiskStore cannot lie elsewhere. It stays the
	// caller's, who releases it after the Runner is closed. One lease for each
	// strategy and symbol lets several processes share the work.
	Lease *lease.Lease

	Exchange string // such as "binance"; a signal of another one is refused
	Symbol   string // such as "BTCUSDT" or "BTC/USDT:USDT"

	// Strategy decides when to trade. Its name is part of what is stored and
	// may not contain "/" or ":".
	Strategy Strategy

	// RiskName is the risk profile that open positions count towards, shared
	// by all runners that name it. "" is none.
	RiskName string
	// Validations are asked, in their order, before a signal is scheduled and
	// again before a position is opened. They need a RiskName.
	Validations []Validation

	Callbacks Callbacks

	// FeePercent is what each side of a trade costs, in percent of the amount:
	// 0.1 takes about 0.2 off a round trip. At least 0, below 100.
	FeePercent float64
	// AwaitMinutes is how long a scheduled signal waits for its entry price.
	// 0 stands for DefaultAwaitMinutes.
	AwaitMinutes float64

	// Logger gets what is worth a look. Default: nothing is logged.
	Logger *slog.Logger
}

// Validation judges whether a position may be opened beside those that are
// open under the risk profile. An error refuses it, and its text becomes the
// Detail of the event. It must depend on its arguments alone and keep or
// change none of them; it may be asked more than once.
//
// It is backtest-kit's risk validation.
type Validation func(active trade.Positions, candidate trade.SignalRow) error

// MaxOpenPositions refuses a position when n are open under the profile.
func MaxOpenPositions(n int) Validation {
	return func(active trade.Positions, _ trade.SignalRow) error {
		if len(active) >= n {
			return fmt.Errorf("%d of at most %d positions are open", len(active), n)
		}
		return nil
	}
}

// check refuses what could not work, and fills in the defaults.
func (c *Config) check() error {
	if c.Lease != nil && c.Store == nil {
		c.Store = c.Lease.Store()
	}
	switch {
	case c.Store == nil:
		return errors.New("no store: set Config.Store")
	case c.Lease != nil && !c.fenced():
		return errors.New("a store that the lease does not fence: leave Store, SignalStore and RiskStore empty beside Config.Lease")
	case c.Exchange == "":
		return errors.New("no exchange: set Config.Exchange, so that a signal of another one is not taken for this one's")
	case !utf8.ValidString(c.Exchange):
		return fmt.Errorf("the exchange's name %q is not UTF-8: it would not be what is stored", c.Exchange)
	case c.Symbol == "":
		return errors.New("no symbol: set Config.Symbol")
	case c.Strategy == nil:
		return errors.New("no strategy: set Config.Strategy")
	case c.Strategy.Name() == "":
		return fmt.Errorf("%w: the strategy has no name, and its name is part of what is stored", holdfast.ErrInvalidName)
	case strings.ContainsAny(c.Strategy.Name(), "/:"):
		return fmt.Errorf("%w: strategy name %q contains \"/\" or \":\", which separate the parts of ids: write \"-\" or \"_\" instead",
			holdfast.ErrInvalidName, c.Strategy.Name())
	case c.Strategy.Window() < 1 || c.Strategy.Window() > maxWindow:
		return fmt.Errorf("strategy %s wants a window of %d candles: 1 to %d are possible", c.Strategy.Name(), c.Strategy.Window(), maxWindow)
	case len(c.Validations) > 0 && c.RiskName == "":
		return errors.New("validations without a risk profile would see no positions: set Config.RiskName")
	case !(c.FeePercent >= 0 && c.FeePercent < 100):
		return fmt.Errorf("fee of %v percent: at least 0 and below 100", c.FeePercent)
	case !(c.AwaitMinutes >= 0 && c.AwaitMinutes <= math.MaxFloat64):
		return fmt.Errorf("a wait of %v minutes: at least 0", c.AwaitMinutes)
	}
	c.defaults()
	return nil
}

// fenced tells whether the lease fences everything that is written.
func (c *Config) fenced() bool {
	for _, s := range []*holdfast.Store{c.Store, c.SignalStore, c.RiskStore} {
		if s != nil && s != c.Lease.Store() {
			return false
		}
	}
	return true
}

func (c *Config) defaults() {
	if c.SignalStore == nil {
		c.SignalStore = c.Store
	}
	if c.RiskStore == nil {
		c.RiskStore = c.Store
	}
	if c.AwaitMinutes == 0 {
		c.AwaitMinutes = DefaultAwaitMinutes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}
