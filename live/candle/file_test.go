package candle_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/live/candle"
)

// TestRealFile reads 21 days of minutes as a person keeps them.
func TestRealFile(t *testing.T) {
	path := testtool.Shared(t, "data", "BTCUSDT-1m-2023-03.csv")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, lines, err := readAll(t, candle.NewReader(f, filepath.Base(path)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 30_240 {
		t.Fatalf("got %d candles", len(got))
	}
	want := candle.Candle{Time: march1, Open: 23140.48, High: 23150.77, Low: 23128.52, Close: 23142.31, Volume: 2.131777}
	if got[0] != want {
		t.Errorf("the first is %v, want %v", got[0], want)
	}
	want = candle.Candle{Time: march1 + 30_239*60_000, Open: 28122.53, High: 28123.37, Low: 28094.85, Close: 28110.26, Volume: 0.82091}
	if last := got[len(got)-1]; last != want {
		t.Errorf("the last is %v, want %v", last, want)
	}
	for i := range got {
		if got[i].Time != march1+int64(i)*60_000 || lines[i] != i+2 {
			t.Fatalf("candle %d is of %d, on line %d", i, got[i].Time, lines[i])
		}
	}
}
