package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	_ "github.com/holdfast-go/holdfast/memstore" // registers mem:
)

// Position is what the examples keep.
type Position struct {
	Side  string  `json:"side"`
	Price float64 `json:"price"`
}

func Example() {
	ctx := context.Background()
	// An application imports filestore and opens "file:./logs/data".
	store, err := holdfast.Open(ctx, "mem:", nil)
	if err != nil {
		log.Fatal(err) // ErrLocked names the process that has it
	}
	defer store.Close()

	positions, err := holdfast.NewCollection[*Position](store, "positions/main", nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := positions.Put(ctx, "BTC/USDT:USDT", &Position{"long", 50000.5}); err != nil {
		log.Fatal(err) // not acknowledged
	}
	// Durable from here on.
	for entry, err := range positions.All(ctx) {
		switch {
		case err != nil:
			log.Print(err) // ErrDamaged: there is one, and it cannot be read
		case entry.Value == nil:
			fmt.Println(entry.ID, "cleared")
		default:
			fmt.Println(entry.ID, *entry.Value)
		}
	}
	_, err = positions.Get(ctx, "ETH/USDT:USDT")
	fmt.Println(err)
	// Output:
	// BTC/USDT:USDT {long 50000.5}
	// get positions/main ETH/USDT:USDT: not found
}

// The signal is closed, the risk position freed and the cursor moved in one
// step: after a crash all of it has happened, or nothing.
func ExampleStore_Update() {
	ctx := context.Background()
	store, err := holdfast.Open(ctx, "mem:", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	signals, err1 := holdfast.NewCollection[*Position](store, "signal/strategy-a", nil)
	risk, err2 := holdfast.NewCollection[map[string]Position](store, "risk/conservative", nil)
	cursor, err3 := holdfast.NewCollection[int64](store, "cursor/strategy-a", nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		log.Fatal(err)
	}

	err = store.Update(ctx, func(b *holdfast.Batch) error {
		open, err := risk.In(b).Get("positions") // must stay so until all is written
		if err != nil && !errors.Is(err, holdfast.ErrNotFound) {
			return err
		}
		delete(open, "strategy-a:BTCUSDT")
		return errors.Join(
			signals.In(b).Put("BTCUSDT", nil), // cleared: JSON null
			risk.In(b).Put("positions", open),
			cursor.In(b).Put("BTCUSDT", 1700000000000),
		)
	})
	at, _ := cursor.Get(ctx, "BTCUSDT")
	fmt.Println(err, at)
	// Output: <nil> 1700000000000
}

// Two goroutines, or two processes on a shared backend, may count at once and
// no step is lost.
func ExampleCollection_Update() {
	ctx := context.Background()
	store, err := holdfast.Open(ctx, "mem:", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	trades, err := holdfast.NewCollection[int](store, "stats", nil)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		err = trades.Update(ctx, "trades", func(n int, found bool) (int, error) { return n + 1, nil })
	}
	n, _ := trades.Get(ctx, "trades")
	fmt.Println(n, err)
	// Output: 3 <nil>
}

// emptyStore is a mock as backtest-kit's tests use it: nothing is there, and
// nothing is kept.
type emptyStore struct{}

func (emptyStore) Init(context.Context, string) error            { return nil }
func (emptyStore) Has(context.Context, driver.Key) (bool, error) { return false, nil }
func (emptyStore) Put(context.Context, driver.Key, []byte) error { return nil }
func (emptyStore) Get(context.Context, driver.Key) (driver.Record, error) {
	return driver.Record{}, driver.ErrNotFound
}

func ExampleNew_mock() {
	ctx := context.Background()
	store, err := holdfast.New(emptyStore{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	signals, err := holdfast.NewCollection[*Position](store, "signal/strategy-a", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signals.Put(ctx, "BTCUSDT", &Position{"long", 50000.5}))
	fmt.Println(signals.Has(ctx, "BTCUSDT"))
	_, err = signals.Get(ctx, "BTCUSDT")
	fmt.Println(err)
	fmt.Println(errors.Is(signals.Delete(ctx, "BTCUSDT"), errors.ErrUnsupported))
	// Output:
	// <nil>
	// false <nil>
	// get signal/strategy-a BTCUSDT: not found
	// true
}
