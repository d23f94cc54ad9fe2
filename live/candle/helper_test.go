package candle_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/live/candle"
)

// march1 is 2023-03-01T00:00:00Z.
const march1 = 1_677_628_800_000

// row1 and row2 are the candles that most inputs of these tests contain.
var (
	row1 = candle.Candle{Time: march1, Open: 10, High: 12.5, Low: 9.75, Close: 11, Volume: 3.25}
	row2 = candle.Candle{Time: march1 + 60_000, Open: 11, High: 11, Low: 11, Close: 11}
)

// readAll returns all candles of src, their lines if it is a Reader, and the
// error that ended it, nil for io.EOF.
func readAll(t testing.TB, src candle.Source) (got []candle.Candle, lines []int, err error) {
	t.Helper()
	for {
		c, err := src.Next()
		if err != nil {
			if c != (candle.Candle{}) {
				t.Errorf("Next returned %v with the error %v", c, err)
			}
			if _, again := src.Next(); again != err {
				t.Errorf("after %v Next returned %v", err, again)
			}
			if err == io.EOF {
				err = nil
			}
			return got, lines, err
		}
		got = append(got, c)
		if r, ok := src.(*candle.Reader); ok {
			lines = append(lines, r.Line())
		}
	}
}

func newReader(text string) *candle.Reader {
	return candle.NewReader(strings.NewReader(text), "BTCUSDT.csv")
}

// rowError returns err as a RowError, which every error of a Reader is.
func rowError(t testing.TB, err error) *candle.RowError {
	t.Helper()
	var row *candle.RowError
	if !errors.As(err, &row) {
		t.Fatalf("the error is %T %v, want a *RowError", err, err)
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("the error has several lines: %q", err)
	}
	return row
}
