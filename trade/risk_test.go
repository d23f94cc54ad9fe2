package trade_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

// plain is a store with nothing but the four methods.
type plain struct{ driver.Store }

func newPlain(t *testing.T) *holdfast.Store {
	t.Helper()
	s, err := holdfast.New(plain{memstore.New()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPositions(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	a := trade.NewRiskAdapter(s)
	ps, err := a.Read(ctx, "r")
	if err != nil || len(ps) != 0 {
		t.Fatalf("absent: %v, %v", ps, err)
	}
	if err := a.Write(ctx, "r", ps); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, s, "risk/r", "positions"); got != "[]" {
		t.Errorf("none are stored as %s", got)
	}
	before := trade.Positions{}.Put("b:1", trade.Position{}).Put("a:1", trade.Position{}).Put("c:1", trade.Position{})
	after := before.Put("a:1", trade.Position{StrategyName: "a"}).Put("a:1", trade.Position{StrategyName: "a"}).Remove("b:1").Remove("b:1")
	if got := fmt.Sprintf("%d %q %d %s %s %s", len(before), before[1].Position.StrategyName, len(after), after[0].Key, after[0].Position.StrategyName, after[1].Key); got != `3 "" 2 a:1 a c:1` {
		t.Errorf("got %s: the order of opening is kept, and the list that was changed stays as it was", got)
	}
	if _, has := after.Get("b:1"); has {
		t.Error("a removed position is there")
	}
	if p, has := after.Get("a:1"); !has || p.StrategyName != "a" {
		t.Errorf("Get: %v, %v", p, has)
	}
	store(t, s, "risk/r", "positions", "null")
	if ps, err := a.Read(ctx, "r"); err != nil || len(ps) != 0 {
		t.Errorf("cleared: %v, %v", ps, err)
	}
}

func TestUnknownFieldsOfPositionsSurviveAnUpdate(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	store(t, s, "risk/r", "positions", `[["a:1",{"signal":{"id":"x","k": 1},"strategyName":"a","lots":[ 1 ]}],["b:1",{"signal":null}]]`)
	err := trade.NewRiskAdapter(s).Update(ctx, "r", func(ps trade.Positions) (trade.Positions, error) {
		p, _ := ps.Get("a:1")
		p.OpenTimestamp = 5
		return ps.Put("a:1", p).Remove("b:1").Put("c:<1>", trade.Position{}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `[["a:1",{"signal":{"id":"x","k": 1},"strategyName":"a","openTimestamp":5,"lots":[ 1 ]}],` +
		`["c:<1>",{"signal":null,"strategyName":"","exchangeName":"","openTimestamp":0}]]`
	if got := stored(t, s, "risk/r", "positions"); got != want {
		t.Errorf("stored %s\nwant   %s", got, want)
	}
}

func TestPositionErrorsNameThePlace(t *testing.T) {
	ctx, s := context.Background(), newStore(t)
	for data, want := range map[string]string{
		`{}`:                            "not a list of [key, position] pairs",
		`[1]`:                           "not a list of [key, position] pairs",
		`[["a",{}],["b"]]`:              "position 2 of 2 is not a pair",
		`[["a",{},{}]]`:                 "position 1 of 1 is not a pair",
		`[[null,{}]]`:                   "position 1 of 1 is not a pair",
		`[["a",{}],["a",{}]]`:           `position "a" stands there twice`,
		`[["a",null]]`:                  `position "a": not an object`,
		`[["a",{"signal":{"id":1}}]]`:   `position "a": field "signal": field "id": number`,
		`[["a",{"openTimestamp":"1"}]]`: `position "a": field "openTimestamp": string`,
	} {
		store(t, s, "risk/r", "positions", data)
		_, err := trade.NewRiskAdapter(s).Read(ctx, "r")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", data, err, want)
		}
	}
}

// Updates of many goroutines through one adapter lose nothing, and through one
// adapter each where the store can compare and swap.
func TestUpdatesAreNotLost(t *testing.T) {
	shared := trade.NewRiskAdapter(newPlain(t))
	swap := newStore(t)
	for name, adapter := range map[string]func() *trade.RiskAdapter{
		"mutex":            func() *trade.RiskAdapter { return shared },
		"compare and swap": func() *trade.RiskAdapter { return trade.NewRiskAdapter(swap) },
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for g := range 8 {
				all.Go(func() {
					a := adapter()
					for i := range 20 {
						key := fmt.Sprintf("%d:%d", g, i)
						err := a.Update(context.Background(), "r", func(ps trade.Positions) (trade.Positions, error) {
							return ps.Put(key, trade.Position{}), nil
						})
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if ps, err := adapter().Read(context.Background(), "r"); err != nil || len(ps) != 160 {
				t.Errorf("%d positions, %v: want 160", len(ps), err)
			}
		})
	}
}

func TestRefusedUpdateChangesNothing(t *testing.T) {
	for name, s := range map[string]*holdfast.Store{"swap": newStore(t), "plain": newPlain(t)} {
		a, runs := trade.NewRiskAdapter(s), 0
		// An error that looks like the store's must not make it try again.
		refused := fmt.Errorf("refused: %w", errors.ErrUnsupported)
		err := a.Update(context.Background(), "r", func(ps trade.Positions) (trade.Positions, error) {
			runs++
			return ps.Put("a:1", trade.Position{}), refused
		})
		if !errors.Is(err, refused) || runs != 1 {
			t.Errorf("%s: %d runs, %v", name, runs, err)
		}
		if ps, err := a.Read(context.Background(), "r"); err != nil || len(ps) != 0 {
			t.Errorf("%s: %v, %v", name, ps, err)
		}
	}
}
