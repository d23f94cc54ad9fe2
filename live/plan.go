package live

import (
	"fmt"
	"math"

	"github.com/holdfast-go/holdfast/trade"
)

// Plan is what a strategy wants to do. Prices are in the quote currency.
type Plan struct {
	Position trade.Side
	// PriceOpen is the entry price to wait for: at or below it for long, at or
	// above it for short. 0 enters at the candle's close, and so does a price
	// that the close has already reached.
	PriceOpen  float64
	TakeProfit float64
	StopLoss   float64
	// Minutes is after how many minutes the position is closed whatever its
	// price. 0 is no limit.
	Minutes float64
	Note    string // for people
}

// Validate tells what is wrong with a plan that enters at the given price:
// prices must be finite and above 0, and for long StopLoss < entry <
// TakeProfit, for short the other way round.
func (p Plan) Validate(entry float64) error {
	for _, price := range []struct {
		name  string
		value float64
	}{{"entry price", entry}, {"take profit", p.TakeProfit}, {"stop loss", p.StopLoss}} {
		if !isPrice(price.value) {
			return fmt.Errorf("%s %v is not a finite price above 0", price.name, price.value)
		}
	}
	if !(p.Minutes >= 0 && p.Minutes <= math.MaxFloat64) {
		return fmt.Errorf("estimated time of %v minutes: at least 0", p.Minutes)
	}
	profit, stop := "above", "below"
	profitOK, stopOK := p.TakeProfit > entry, p.StopLoss < entry
	switch p.Position {
	case trade.Long:
	case trade.Short:
		profit, stop = stop, profit
		profitOK, stopOK = p.TakeProfit < entry, p.StopLoss > entry
	default:
		return fmt.Errorf("position %q: long or short", p.Position)
	}
	switch {
	case !profitOK:
		return fmt.Errorf("%s: take profit %v is not %s the entry price %v", p.Position, p.TakeProfit, profit, entry)
	case !stopOK:
		return fmt.Errorf("%s: stop loss %v is not %s the entry price %v", p.Position, p.StopLoss, stop, entry)
	}
	return nil
}

func isPrice(v float64) bool { return v > 0 && v <= math.MaxFloat64 }
