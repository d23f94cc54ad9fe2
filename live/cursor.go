package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/trade"
)

// cursorVersion is of the form below. A higher one is refused: a newer
// release wrote it.
const cursorVersion = 1

// cursorRow is how far a runner has come: entity "cursor/{strategy}", id
// {symbol}.
//
//	{
//	  "version": 1,
//	  "exchangeName": "binance", "strategyName": "sma-cross",
//	  "symbol": "BTCUSDT", "riskName": "",
//	  "lastCandle": 1700000000000,   open time of the last candle handled, ms
//	  "recent": [[time,open,high,low,close,volume],…],
//	                                 the strategy's window but its oldest, up to
//	                                 and with lastCandle, oldest first: at most
//	                                 9,999
//	  "redo": null,                  or the change that is being written
//	  "untold": [event,…]            events that may not have been told: at most 2
//	}
type cursorRow struct {
	Version      int         `json:"version"`
	ExchangeName string      `json:"exchangeName"`
	StrategyName string      `json:"strategyName"`
	Symbol       string      `json:"symbol"`
	RiskName     string      `json:"riskName"`
	LastCandle   int64       `json:"lastCandle"`
	Recent       [][]float64 `json:"recent"`
	Redo         *redo       `json:"redo"`
	Untold       []Event     `json:"untold"`
}

// redo is all that one change of state writes beside the cursor, so that an
// interrupted change can be finished. Every part of it can be done twice.
type redo struct {
	ID       string     `json:"id"`                  // of the one signal that it is about
	Signal   *rowEffect `json:"signal,omitempty"`    // what signal/{strategy} becomes
	Schedule *rowEffect `json:"scheduled,omitempty"` // what schedule/{strategy} becomes
	Trade    *Trade     `json:"trade,omitempty"`     // what is added to the ledger
	Release  bool       `json:"release,omitempty"`   // the risk position is removed
}

type rowEffect struct {
	Row *trade.SignalRow `json:"row"` // nil clears
}

// cursor is the same in memory, ready to be written once per candle: nothing
// but the newest candle has to be encoded for it.
type cursor struct {
	head   []byte // up to and with `"lastCandle":`
	keep   int    // how many candles to keep: the window but one
	last   int64  // 0 if there is none
	recent []candle.Candle
	lines  [][]byte // recent, encoded
	untold []Event  // of the last candle, as stored
}

func newCursor(cfg *Config) (*cursor, error) {
	head, err := encodeJSON(struct {
		Version      int    `json:"version"`
		ExchangeName string `json:"exchangeName"`
		StrategyName string `json:"strategyName"`
		Symbol       string `json:"symbol"`
		RiskName     string `json:"riskName"`
	}{cursorVersion, cfg.Exchange, cfg.Strategy.Name(), cfg.Symbol, cfg.RiskName})
	if err != nil {
		return nil, err
	}
	head = append(head[:len(head)-1], `,"lastCandle":`...)
	return &cursor{head: head, keep: cfg.Strategy.Window() - 1}, nil
}

// push makes a candle the last one handled.
func (cu *cursor) push(c candle.Candle) {
	cu.last = c.Time
	cu.recent = append(cu.recent, c)
	cu.lines = append(cu.lines, appendCandle(nil, c))
	if over := len(cu.recent) - cu.keep; over > 0 {
		// Moved down, so that the arrays do not grow for as long as it runs.
		cu.recent = cu.recent[:copy(cu.recent, cu.recent[over:])]
		cu.lines = cu.lines[:copy(cu.lines, cu.lines[over:])]
	}
}

// encode writes the row, see cursorRow.
func (cu *cursor) encode(r *redo, untold []Event) ([]byte, error) {
	b := bytes.Clone(cu.head)
	b = strconv.AppendInt(b, cu.last, 10)
	b = append(b, `,"recent":[`...)
	b = append(b, bytes.Join(cu.lines, []byte{','})...)
	b = append(b, `],"redo":`...)
	doing, err := encodeJSON(r)
	if err != nil {
		return nil, fmt.Errorf("encode the change: %w", err)
	}
	b = append(append(b, doing...), `,"untold":`...)
	if untold == nil {
		untold = []Event{}
	}
	events, err := encodeJSON(untold)
	if err != nil {
		return nil, fmt.Errorf("encode the events: %w", err)
	}
	return append(append(b, events...), '}'), nil
}

// readCursor decodes and judges a row; nil for one that was cleared.
func readCursor(data []byte) (*cursorRow, error) {
	var row *cursorRow
	if err := json.Unmarshal(data, &row); err != nil || row == nil {
		return nil, err
	}
	if row.Version != cursorVersion {
		return nil, fmt.Errorf("version %d: this release reads version %d", row.Version, cursorVersion)
	}
	if !validTime(row.LastCandle) {
		return nil, fmt.Errorf("lastCandle %d is not a time in ms", row.LastCandle)
	}
	return row, nil
}

// adopt takes over the position and the candles of a row.
func (cu *cursor) adopt(row *cursorRow) error {
	var before int64
	for i, v := range row.Recent {
		if len(v) != 6 {
			return fmt.Errorf("recent candle %d has %d values: [time,open,high,low,close,volume] belong there", i+1, len(v))
		}
		c := candle.Candle{Time: int64(v[0]), Open: v[1], High: v[2], Low: v[3], Close: v[4], Volume: v[5]}
		if err := c.Validate(); err != nil {
			return fmt.Errorf("recent candle %d: %w", i+1, err)
		}
		if c.Time <= before || c.Time > row.LastCandle {
			return fmt.Errorf("recent candle %d: its time %d is out of order", i+1, c.Time)
		}
		before = c.Time
		cu.push(c)
	}
	if cu.last != 0 && cu.last != row.LastCandle {
		return errors.New("the recent candles do not reach lastCandle")
	}
	cu.last, cu.untold = row.LastCandle, row.Untold
	return nil
}

// window appends the candles that a strategy sees when c is the present one.
func (cu *cursor) window(b []candle.Candle, c candle.Candle) []candle.Candle {
	return append(append(b, cu.recent...), c)
}

func appendCandle(b []byte, c candle.Candle) []byte {
	b = strconv.AppendInt(append(b, '['), c.Time, 10)
	for _, v := range [...]float64{c.Open, c.High, c.Low, c.Close, c.Volume} {
		format := byte('f')
		if v != 0 && v < 1e-6 || v >= 1e21 {
			format = 'e'
		}
		b = strconv.AppendFloat(append(b, ','), v, format, -1, 64)
	}
	return append(b, ']')
}

// encodeJSON is json.Marshal without the escaping of <, > and &.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
