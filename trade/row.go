package trade

import "slices"

// Side is the direction of a trade.
type Side string

// The two directions.
const (
	Long  Side = "long"
	Short Side = "short"
)

// SignalRow is a signal as backtest-kit stores it (its ISignalRow), open or
// scheduled. Prices are in the quote currency, times in milliseconds since
// 1970-01-01 UTC.
//
// Reading a row and writing it again changes no value and drops no field:
// fields that are not listed here are kept as they stood and written after the
// listed ones, a field that was absent stays absent until it is set, a null
// stays null until it is set. A row made in Go is written with all of its
// fields, in the order below. A copy of a row carries all of that with it.
type SignalRow struct {
	ID         string  // unique; package live derives it, backtest-kit draws it
	Position   Side    // read as it stands: other texts are not refused here
	Note       string  // for people
	PriceOpen  float64 // entry
	TakeProfit float64 // priceTakeProfit
	StopLoss   float64 // priceStopLoss

	// MinuteEstimatedTime is after how many minutes from PendingAt the trade
	// is closed whatever its price. Nil, written as null, is no limit.
	MinuteEstimatedTime *float64

	ExchangeName string // "" in old rows
	StrategyName string
	ScheduledAt  int64 // when the signal was made
	PendingAt    int64 // when the position was opened; for a scheduled signal, ScheduledAt
	Symbol       string
	IsScheduled  bool // _isScheduled: waits for its entry price

	src *source
}

func (r *SignalRow) fields() []field {
	return []field{
		{"id", &r.ID},
		{"position", &r.Position},
		{"note", &r.Note},
		{"priceOpen", &r.PriceOpen},
		{"priceTakeProfit", &r.TakeProfit},
		{"priceStopLoss", &r.StopLoss},
		{"minuteEstimatedTime", &r.MinuteEstimatedTime},
		{"exchangeName", &r.ExchangeName},
		{"strategyName", &r.StrategyName},
		{"scheduledAt", &r.ScheduledAt},
		{"pendingAt", &r.PendingAt},
		{"symbol", &r.Symbol},
		{"_isScheduled", &r.IsScheduled},
	}
}

// MarshalJSON implements json.Marshaler. A price that is not finite is an
// error that names the field.
func (r SignalRow) MarshalJSON() ([]byte, error) { return appendObject(nil, r.src, r.fields()) }

// UnmarshalJSON implements json.Unmarshaler. A value of the wrong type, a name
// that stands there twice and anything but an object are errors that name the
// field.
func (r *SignalRow) UnmarshalJSON(data []byte) error {
	var row SignalRow
	src, err := decodeObject(slices.Clone(data), row.fields())
	if err != nil {
		return err
	}
	row.src = src
	*r = row
	return nil
}

// rowCodec reads and writes a row that may be cleared: nil is the JSON null.
type rowCodec struct{}

func (rowCodec) Encode(r *SignalRow) ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	return r.MarshalJSON()
}

func (rowCodec) Decode(data []byte) (*SignalRow, error) {
	if isNull(data) {
		return nil, nil
	}
	var r SignalRow
	if err := r.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	return &r, nil
}
