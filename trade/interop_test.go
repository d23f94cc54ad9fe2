package trade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

// files lists what matches in the directory that backtest-kit wrote.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	base := testtool.Shared(t, "interop", "logs", "data")
	found, err := filepath.Glob(filepath.Join(base, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("nothing matches %s in %s", pattern, base)
	}
	return found
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newStore(t *testing.T) *holdfast.Store {
	t.Helper()
	s, err := holdfast.New(memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// raw reads the bytes that are stored, and writes them.
func raw(t *testing.T, s *holdfast.Store, entity string) *holdfast.Collection[json.RawMessage] {
	t.Helper()
	c, err := holdfast.NewCollection[json.RawMessage](s, entity, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func stored(t *testing.T, s *holdfast.Store, entity, id string) string {
	t.Helper()
	data, err := raw(t, s, entity).Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func store(t *testing.T, s *holdfast.Store, entity, id, data string) {
	t.Helper()
	if err := raw(t, s, entity).Put(context.Background(), id, json.RawMessage(data)); err != nil {
		t.Fatal(err)
	}
}

func TestSignalsOfBacktestKitRoundTrip(t *testing.T) {
	ctx := context.Background()
	for _, file := range files(t, "signal/*/*.json") {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			s, data := newStore(t), read(t, file)
			strategy := filepath.Base(filepath.Dir(file))
			store(t, s, "signal/"+strategy, "X", string(data))
			a := trade.NewSignalAdapter(s)
			row, err := a.Read(ctx, strategy, "X")
			if err != nil {
				t.Fatal(err)
			}
			if (row == nil) != (string(bytes.TrimSpace(data)) == "null") {
				t.Fatalf("row %v of %s", row, data)
			}
			if err := a.Write(ctx, strategy, "X", row); err != nil {
				t.Fatal(err)
			}
			sameJSON(t, data, []byte(stored(t, s, "signal/"+strategy, "X")))
			if row == nil {
				return
			}
			// A row made of the same values has the same keys in the same order.
			fresh := &trade.SignalRow{
				ID: row.ID, Position: row.Position, Note: row.Note, PriceOpen: row.PriceOpen,
				TakeProfit: row.TakeProfit, StopLoss: row.StopLoss, MinuteEstimatedTime: row.MinuteEstimatedTime,
				ExchangeName: row.ExchangeName, StrategyName: row.StrategyName, ScheduledAt: row.ScheduledAt,
				PendingAt: row.PendingAt, Symbol: row.Symbol, IsScheduled: row.IsScheduled,
			}
			if err := a.Write(ctx, strategy, "X", fresh); err != nil {
				t.Fatal(err)
			}
			got, want := keys(t, []byte(stored(t, s, "signal/"+strategy, "X"))), keys(t, data)
			want = slices.DeleteFunc(want, func(k string) bool { return k == "extra" })
			if !slices.Equal(got, want) {
				t.Errorf("a new row has the keys %q, backtest-kit's %q", got, want)
			}
		})
	}
}

func TestRiskPositionsOfBacktestKitRoundTrip(t *testing.T) {
	ctx := context.Background()
	for _, file := range files(t, "risk/*/positions.json") {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			s, data := newStore(t), read(t, file)
			store(t, s, "risk/"+name, "positions", string(data))
			a := trade.NewRiskAdapter(s)
			ps, err := a.Read(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Write(ctx, name, ps); err != nil {
				t.Fatal(err)
			}
			sameJSON(t, data, []byte(stored(t, s, "risk/"+name, "positions")))
		})
	}
}

// sameJSON wants the same values and the same order of keys.
func sameJSON(t *testing.T, want, got []byte) {
	t.Helper()
	var a, b any
	for _, v := range []struct {
		data []byte
		into *any
	}{{want, &a}, {got, &b}} {
		dec := json.NewDecoder(bytes.NewReader(v.data))
		dec.UseNumber() // a rounded price is another price
		if err := dec.Decode(v.into); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("values changed:\nfrom %s\nto   %s", want, got)
	}
	if !slices.Equal(keys(t, want), keys(t, got)) {
		t.Errorf("keys changed:\nfrom %s\nto   %s", want, got)
	}
}

// keys lists all strings of the data in order: the keys among them.
func keys(t *testing.T, data []byte) []string {
	t.Helper()
	var found []string
	dec := json.NewDecoder(bytes.NewReader(data))
	depth, isKey := 0, true
	for {
		token, err := dec.Token()
		if err != nil {
			return found
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			isKey = true
		case string:
			if isKey && depth == 1 {
				found = append(found, v)
			}
			isKey = !isKey
		default:
			isKey = true
		}
	}
}
