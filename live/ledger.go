package live

import (
	"context"
	"math"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/trade"
)

// Trade is a closed trade as the ledger keeps it: entity "ledger/{strategy}",
// id {id of the signal}. Prices are in the quote currency, times in ms since
// 1970-01-01 UTC: the open times of the candles.
type Trade struct {
	ID           string     `json:"id"`
	Symbol       string     `json:"symbol"`
	StrategyName string     `json:"strategyName"`
	ExchangeName string     `json:"exchangeName"`
	RiskName     string     `json:"riskName"` // "" for none
	Position     trade.Side `json:"position"`
	PriceOpen    float64    `json:"priceOpen"`
	PriceClose   float64    `json:"priceClose"`
	TakeProfit   float64    `json:"priceTakeProfit"`
	StopLoss     float64    `json:"priceStopLoss"`
	OpenedAt     int64      `json:"openedAt"`
	ClosedAt     int64      `json:"closedAt"`
	CloseReason  Reason     `json:"closeReason"`
	PnlPercent   float64    `json:"pnlPercent"` // after the fees of both sides, to six decimals
	FeePercent   float64    `json:"feePercent"` // per side
	Note         string     `json:"note"`
}

// Summary is what came of a strategy on one symbol.
type Summary struct {
	Trades     int              `json:"trades"`     // closed
	Wins       int              `json:"wins"`       // PnlPercent above 0
	Losses     int              `json:"losses"`     // PnlPercent below 0
	PnlPercent float64          `json:"pnlPercent"` // sum over the trades, not compounded
	Open       *trade.SignalRow `json:"open"`       // nil if no position is open
	Scheduled  *trade.SignalRow `json:"scheduled"`  // nil if no signal waits
}

func ledger(s *holdfast.Store, strategy string) (*holdfast.Collection[Trade], error) {
	return holdfast.NewCollection[Trade](s, "ledger/"+strategy, nil)
}

// Summary reads the ledger and adds up the runner's trades. It reads every
// trade of the strategy. It may be called after Close too, as long as the
// store is open.
func (r *Runner) Summary(ctx context.Context) (Summary, error) {
	s := Summary{Open: copyRow(r.state.signal), Scheduled: copyRow(r.state.scheduled)}
	for e, err := range r.stores.ledger.All(ctx) {
		if err != nil {
			return Summary{}, r.fail("summary", err)
		}
		if e.Value.Symbol != r.cfg.Symbol {
			continue
		}
		s.Trades++
		s.PnlPercent = round6(s.PnlPercent + e.Value.PnlPercent)
		switch pnl := e.Value.PnlPercent; {
		case pnl > 0:
			s.Wins++
		case pnl < 0:
			s.Losses++
		}
	}
	return s, nil
}

// pnlPercent is what a trade brings in percent of what was put in, after fees
// of feePercent of the amount at entry and at exit. The conversions keep a
// compiler from fusing products with sums: the result is stored, and must be
// the same on every platform.
func pnlPercent(side trade.Side, entry, exit, feePercent float64) float64 {
	const most = 1e9 // so that absurd prices give an absurd number, but a number
	ratio := min(exit/entry, most)
	gain := float64((ratio - 1) * 100)
	if side == trade.Short {
		gain = -gain
	}
	return round6(gain - float64(feePercent*(1+ratio)))
}

// round6 rounds to six decimals, and makes a negative zero an ordinary one.
func round6(v float64) float64 {
	return math.Round(float64(v*1e6))/1e6 + 0
}
