package live

import (
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/live/candle"
)

// Strategy decides when to trade. A Strategy must be a pure function of the
// View: no clock, no random numbers, nothing remembered from call to call.
// That is what makes a run that was killed and restarted equal to one that was
// not. It may be shared by runners, and be called by several goroutines.
type Strategy interface {
	// Name is part of what is stored. Two strategies with different settings
	// in one store need different names.
	Name() string
	// Window is how many closed candles Signal needs, the present one
	// included: 1 to 10,000. It must always be the same.
	Window() int
	// Signal returns what to do, nil for nothing. It is asked once per candle
	// while there is neither an open nor a scheduled signal, but not for the
	// candle in which one ended. An error stops the tick; nothing is stored,
	// and the same candle can be handed in again.
	Signal(View) (*Plan, error)
}

// View is what a strategy sees: closed candles, and nothing after them.
type View struct {
	Symbol string
	Candle candle.Candle // the present one
	// Recent are the last Window candles that the runner has handled, oldest
	// first, the present one last. It is the runner's: read it during the
	// call, keep and change nothing.
	Recent []candle.Candle
}

// StrategyNames lists what StrategyByName knows.
func StrategyNames() []string { return []string{"pullback", "sma-cross"} }

// StrategyByName makes one of the strategies of this package with its default
// settings. The error for an unknown name lists the known ones.
func StrategyByName(name string) (Strategy, error) {
	switch name {
	case "pullback":
		return NewPullback(nil)
	case "sma-cross":
		return NewSMACross(nil)
	}
	return nil, fmt.Errorf("unknown strategy %q: use one of %s", name, strings.Join(StrategyNames(), ", "))
}
