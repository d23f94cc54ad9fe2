package trade_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"

	"github.com/holdfast-go/holdfast/driver"
)

// damaged is a store in which every value is.
type damaged struct{ *memstore.Store }

func (damaged) Get(context.Context, driver.Key) (driver.Record, error) {
	return driver.Record{}, driver.ErrDamaged
}

func TestSignalAbsentClearedDamaged(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	a := trade.NewSignalAdapter(s)
	if row, err := a.Read(ctx, "st", "BTC/USDT:USDT"); row != nil || err != nil {
		t.Errorf("absent: %v, %v", row, err)
	}
	if err := a.Write(ctx, "st", "BTC/USDT:USDT", &trade.SignalRow{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if row, err := a.Read(ctx, "st", "BTC/USDT:USDT"); err != nil || row == nil || row.ID != "a" {
		t.Errorf("written: %v, %v", row, err)
	}
	if err := a.Write(ctx, "st", "BTC/USDT:USDT", nil); err != nil {
		t.Fatal(err)
	}
	if row, err := a.Read(ctx, "st", "BTC/USDT:USDT"); row != nil || err != nil {
		t.Errorf("cleared: %v, %v", row, err)
	}
	if got := stored(t, s, "signal/st", "BTC/USDT:USDT"); got != "null" {
		t.Errorf("cleared is stored as %s, want null", got)
	}
	broken, err := holdfast.New(damaged{memstore.New()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if row, err := trade.NewSignalAdapter(broken).Read(ctx, "st", "S"); row != nil || !errors.Is(err, holdfast.ErrDamaged) {
		t.Errorf("damaged: %v, %v", row, err)
	}
	if ps, err := trade.NewRiskAdapter(broken).Read(ctx, "r"); ps != nil || !errors.Is(err, holdfast.ErrDamaged) {
		t.Errorf("damaged positions: %v, %v", ps, err)
	}
	store(t, s, "signal/st", "S", `{"id":"a","priceOpen":true}`)
	_, err = a.Read(ctx, "st", "S")
	if err == nil || !strings.Contains(err.Error(), `get signal/st S`) || !strings.Contains(err.Error(), `"priceOpen"`) {
		t.Errorf("the error names neither place nor field: %v", err)
	}
}

func TestScheduledSignalsLieApart(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	if err := trade.NewScheduleAdapter(s).Write(ctx, "st", "S", &trade.SignalRow{ID: "a", IsScheduled: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stored(t, s, "schedule/st", "S"), `"_isScheduled":true`) {
		t.Error("not stored in schedule/st")
	}
	if row, err := trade.NewSignalAdapter(s).Read(ctx, "st", "S"); row != nil || err != nil {
		t.Errorf("a scheduled signal is read as an open one: %v, %v", row, err)
	}
}

func TestNamesAreRefusedBeforeAnythingIsWritten(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	for _, name := range []string{"", "a/b", "..", ".", "a\x00b", "\xff"} {
		for what, err := range map[string]error{
			"signal":   trade.NewSignalAdapter(s).Write(ctx, name, "S", &trade.SignalRow{}),
			"schedule": trade.NewScheduleAdapter(s).Write(ctx, name, "S", nil),
			"risk":     trade.NewRiskAdapter(s).Write(ctx, name, nil),
			"update": trade.NewRiskAdapter(s).Update(ctx, name, func(ps trade.Positions) (trade.Positions, error) {
				t.Error("change ran")
				return ps, nil
			}),
		} {
			var e *holdfast.Error
			if !errors.Is(err, holdfast.ErrInvalidName) || !errors.As(err, &e) {
				t.Errorf("%s %q: %v, want ErrInvalidName", what, name, err)
			}
		}
	}
	err := trade.NewSignalAdapter(s).Write(ctx, "a/b", "S", nil)
	if !strings.Contains(err.Error(), `"a/b"`) || !strings.Contains(err.Error(), `write "-" or "_"`) {
		t.Errorf("the error names neither the name nor the way out: %v", err)
	}
	for entity := range s.Entities(ctx) {
		t.Errorf("%s was written", entity)
	}
}

func TestSignalInBatch(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	err := s.Update(ctx, func(b *holdfast.Batch) error {
		if err := trade.NewSignalAdapter(s).WriteIn(b, "st", "S", &trade.SignalRow{ID: "a"}); err != nil {
			return err
		}
		return trade.NewRiskAdapter(s).UpdateIn(b, "r", func(ps trade.Positions) (trade.Positions, error) {
			return ps.Put("st:S", trade.Position{StrategyName: "st"}), errors.New("refused")
		})
	})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
	for entity := range s.Entities(ctx) {
		t.Errorf("%s was written by half a batch", entity)
	}
}
