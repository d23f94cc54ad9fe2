// Package row makes the values that are written: rows of open signals, 400
// bytes of JSON each, another one for every write.
package row

import (
	"encoding/json"
	"fmt"
	"strconv"
)

const (
	// Size is the length of every value.
	Size = 400
	// MaxKeys is how many keys there can be: names have a fixed length.
	MaxKeys = 10_000_000
)

// Row is what a value decodes to, for every contender the same.
type Row struct {
	ID                  string  `json:"id"`
	Position            string  `json:"position"`
	Note                string  `json:"note"`
	PriceOpen           float64 `json:"priceOpen"`
	TakeProfit          float64 `json:"priceTakeProfit"`
	StopLoss            float64 `json:"priceStopLoss"`
	MinuteEstimatedTime int     `json:"minuteEstimatedTime"`
	ExchangeName        string  `json:"exchangeName"`
	StrategyName        string  `json:"strategyName"`
	ScheduledAt         int64   `json:"scheduledAt"`
	PendingAt           int64   `json:"pendingAt"`
	Symbol              string  `json:"symbol"`
	IsScheduled         bool    `json:"_isScheduled"`
}

const (
	note  = "breakout above the 20 day high on rising volume, stop below the last swing low of the 1h"
	epoch = 1_700_000_000_000 // milliseconds; the time of write 0
)

// Key names the i-th entity.
func Key(i int) string { return string(appendKey(nil, i)) }

// Keys names the first n entities.
func Keys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = Key(i)
	}
	return keys
}

// Index is the number of a key that Key has made.
func Index(key string) (int, error) {
	if len(key) != 12 || key[0] != 'C' || key[8:] != "USDT" {
		return 0, fmt.Errorf("%q is not a key of the benchmark", key)
	}
	return strconv.Atoi(key[1:8])
}

// Make is the row of write number seq (0 to 10^10) to the i-th entity.
func Make(i int, seq int64) Row {
	price := float64(seq%10_000) + 0.5
	return Row{
		ID: fmt.Sprintf("4f1c2d6e-%012d", seq), Position: "long", Note: note,
		PriceOpen: 20_000 + price, TakeProfit: 21_000 + price, StopLoss: 19_000 + price,
		MinuteEstimatedTime: 240, ExchangeName: "binance", StrategyName: "sma-crossover-1h",
		ScheduledAt: epoch, PendingAt: epoch + seq, Symbol: Key(i),
	}
}

// Seq is the number of the write that a row came from.
func (r *Row) Seq() int64 { return r.PendingAt - epoch }

// Append appends the JSON of Make(i, seq): what encoding/json makes of it, at
// a cost that does not show in what is measured.
func Append(dst []byte, i int, seq int64) []byte {
	price := seq % 10_000
	dst = append(dst, `{"id":"4f1c2d6e-`...)
	dst = appendDigits(dst, seq, 12)
	dst = append(dst, `","position":"long","note":"`+note+`","priceOpen":`...)
	dst = append(appendDigits(dst, 20_000+price, 5), `.5,"priceTakeProfit":`...)
	dst = append(appendDigits(dst, 21_000+price, 5), `.5,"priceStopLoss":`...)
	dst = append(appendDigits(dst, 19_000+price, 5), `.5,"minuteEstimatedTime":240,"exchangeName":"binance"`...)
	dst = append(dst, `,"strategyName":"sma-crossover-1h","scheduledAt":1700000000000,"pendingAt":`...)
	dst = append(appendDigits(dst, epoch+seq, 13), `,"symbol":"`...)
	return append(appendKey(dst, i), `","_isScheduled":false}`...)
}

// Parse decodes a value as every contender does.
func Parse(data []byte) (Row, error) {
	var r Row
	err := json.Unmarshal(data, &r)
	return r, err
}

func appendKey(dst []byte, i int) []byte {
	return append(appendDigits(append(dst, 'C'), int64(i), 7), "USDT"...)
}

// appendDigits appends the decimal digits of n, with zeros in front.
func appendDigits(dst []byte, n int64, width int) []byte {
	at := len(dst)
	dst = append(dst, "0000000000000"[:width]...)
	for i := at + width - 1; i >= at; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
