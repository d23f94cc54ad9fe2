package trade_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/trade"
)

func decode(t *testing.T, data string) *trade.SignalRow {
	t.Helper()
	var row trade.SignalRow
	if err := json.Unmarshal([]byte(data), &row); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return &row
}

func encode(t *testing.T, row *trade.SignalRow) string {
	t.Helper()
	data, err := row.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRowIsWrittenAsItWasRead(t *testing.T) {
	for _, data := range []string{
		`{}`,
		`{"id":"a"}`,
		`{"id":null,"priceOpen":null,"minuteEstimatedTime":null,"_isScheduled":null}`,
		`{"id":"a","priceOpen":0.1234567890123456789012345}`,
		`{"id":"a","priceOpen":50000.50,"scheduledAt":1.7e12}`,
		`{"id":"a\ud800","note":"\u0041<b>&"}`,
		`{"id":"a","Symbol":"not ours: names are exact","x":{"b":1, "a": [ 1 ]}}`,
		`{"id":"a","big":123456789012345678901234567890,"\ud83d":0}`,
		`{"\u0069d":"a"}`,
	} {
		if got := encode(t, decode(t, data)); got != data {
			t.Errorf("read  %s\nwrote %s", data, got)
		}
	}
}

func TestUnknownFieldsFollowTheKnownOnes(t *testing.T) {
	row := decode(t, `{"z":1,"symbol":"S","y":{"k":2},"id":"a","x":null}`)
	if got, want := encode(t, row), `{"id":"a","symbol":"S","z":1,"y":{"k":2},"x":null}`; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}

func TestChangedFieldIsWrittenAndTheOthersStay(t *testing.T) {
	row := decode(t, `{"id":"a","priceOpen":1.50,"priceStopLoss":1.250,"pendingAt":null,"extra":1}`)
	row.StopLoss, row.PendingAt, row.Note = 1.3, 7, "moved <up>"
	want := `{"id":"a","note":"moved <up>","priceOpen":1.50,"priceStopLoss":1.3,"pendingAt":7,"extra":1}`
	if got := encode(t, row); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	cleared := *row // a copy carries what it was read from
	cleared.ID = ""
	if got := encode(t, &cleared); !strings.HasPrefix(got, `{"id":"",`) || !strings.HasSuffix(got, `"extra":1}`) {
		t.Errorf("a field set to its zero value must be written, not dropped: %s", got)
	}
}

func TestNewRowHasAllFields(t *testing.T) {
	want := `{"id":"","position":"short","note":"","priceOpen":0,"priceTakeProfit":1e-7,"priceStopLoss":1e+21,` +
		`"minuteEstimatedTime":null,"exchangeName":"","strategyName":"","scheduledAt":0,"pendingAt":0,"symbol":"","_isScheduled":false}`
	if got := encode(t, &trade.SignalRow{Position: trade.Short, TakeProfit: 1e-7, StopLoss: 1e21}); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}

func TestRowErrorsNameTheField(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{`{"id":"a","id":"b"}`, `field "id" stands there twice`},
		{`{"id":"a","x":1,"x":1}`, `field "x" stands there twice`},
		{`{"i\u0064":"a","id":"b"}`, `field "id" stands there twice`},
		{`{"priceOpen":"secret"}`, `field "priceOpen": string where a number belongs`},
		{`{"id":5}`, `field "id": number where a string belongs`},
		{`{"minuteEstimatedTime":[]}`, `field "minuteEstimatedTime": array where a number or null belongs`},
		{`{"pendingAt":1.5}`, `field "pendingAt": number where a whole number belongs`},
		{`{"pendingAt":1e17}`, `field "pendingAt": number where a whole number belongs`},
		{`{"_isScheduled":0}`, `field "_isScheduled": number where a boolean belongs`},
		{`{"priceOpen":1e999}`, `field "priceOpen": number out of range`},
		{`[]`, `not an object`},
		{`"x"`, `not an object`},
	} {
		var row trade.SignalRow
		err := json.Unmarshal([]byte(c.data), &row)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.data, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a value stands in an error: %v", err)
		}
	}
	for _, data := range []string{`{"a":1} {}`, `{"a":1`, `{"a"}`, `{"a":tru}`, ``, `{,}`} {
		if err := new(trade.SignalRow).UnmarshalJSON([]byte(data)); err == nil {
			t.Errorf("%q was read", data)
		}
	}
	_, err := trade.SignalRow{PriceOpen: math.NaN()}.MarshalJSON()
	if err == nil || !strings.Contains(err.Error(), "priceOpen") {
		t.Errorf("a price that JSON cannot hold: %v", err)
	}
}

func FuzzRowRoundTrip(f *testing.F) {
	f.Add([]byte(`{"id":"a","priceOpen":1.50,"extra":{"k":[1,null]}}`))
	f.Add([]byte(`{"a":1,"\u0061":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var row trade.SignalRow
		if row.UnmarshalJSON(data) != nil {
			return
		}
		once, err := row.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again trade.SignalRow
		if err := again.UnmarshalJSON(once); err != nil {
			t.Fatalf("%s became %s: %v", data, once, err)
		}
		if twice, err := again.MarshalJSON(); err != nil || string(twice) != string(once) {
			t.Fatalf("%s became %s, then %s (%v)", data, once, twice, err)
		}
	})
}
