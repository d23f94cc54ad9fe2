package candle_test

import (
	"math"
	"testing"

	"github.com/holdfast-go/holdfast/live/candle"
)

func TestValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		o, h, l, c, v float64
		want          string
	}{
		{10, 12, 9, 11, 3, ""},
		{10, 10, 10, 10, 0, ""},
		{1e-9, 1e-9, 1e-9, 1e-9, math.MaxFloat64, ""},
		{0, 12, 9, 11, 3, "open 0 is not a finite number above 0"},
		{10, inf, 9, 11, 3, "high +Inf is not a finite number above 0"},
		{10, 12, nan, 11, 3, "low NaN is not a finite number above 0"},
		{10, 12, 9, -1.5, 3, "close -1.5 is not a finite number above 0"},
		{10, 12, 9, 11, -3, "volume -3 is not a finite number of 0 or above"},
		{10, 12, 9, 11, nan, "volume NaN is not a finite number of 0 or above"},
		{10, 12, 9, 11, inf, "volume +Inf is not a finite number of 0 or above"},
		{13, 12.5, 13, 13, 3, "high 12.5 is below low 13"},
		{10, 12, 10.5, 11, 3, "low 10.5 is above open 10"},
		{11, 12, 10.5, 10, 3, "low 10.5 is above close 10"},
		{12.25, 12, 9, 11, 3, "high 12 is below open 12.25"},
		{11, 12, 9, 50_000_000, 3, "high 12 is below close 50000000"},
	}
	for _, tt := range tests {
		err := candle.Candle{Open: tt.o, High: tt.h, Low: tt.l, Close: tt.c, Volume: tt.v}.Validate()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%v: got %q, want %q", tt, got, tt.want)
		}
	}
}
