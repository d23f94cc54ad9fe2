// Package trade has the rows that a trading process must still know after a
// crash, and the adapters that keep them: the open signal of each strategy and
// symbol, the scheduled one, and the open positions of each risk profile.
//
// Entities, ids and JSON are backtest-kit's, so that a directory written by
// either is read by the other.
package trade

import (
	"context"
	"errors"

	"github.com/holdfast-go/holdfast"
)

// SignalAdapter keeps one signal per strategy and symbol. All methods may be
// called from many goroutines. A write is atomic, and durable when it returns
// nil, as far as the store promises it.
//
// It is backtest-kit's PersistSignalAdapter. What usePersistSignalAdapter
// chooses there is the Store handed to NewSignalAdapter here.
type SignalAdapter struct {
	store  *holdfast.Store
	prefix string
}

// NewSignalAdapter keeps open signals: entity "signal/{strategyName}", id
// {symbol}. The store stays the caller's, who closes it.
func NewSignalAdapter(store *holdfast.Store) *SignalAdapter {
	return &SignalAdapter{store: store, prefix: "signal"}
}

// NewScheduleAdapter keeps signals that wait for their entry price: entity
// "schedule/{strategyName}", id {symbol}; all else as for open ones.
func NewScheduleAdapter(store *holdfast.Store) *SignalAdapter {
	return &SignalAdapter{store: store, prefix: "schedule"}
}

// Read returns the signal, nil where there is none or it was cleared. A
// damaged one is ErrDamaged, never nil; one that is JSON but not a signal is
// an error that names the field. It is backtest-kit's readSignalData.
func (a *SignalAdapter) Read(ctx context.Context, strategyName, symbol string) (*SignalRow, error) {
	c, err := a.collection("read", strategyName)
	if err != nil {
		return nil, err
	}
	row, err := c.Get(ctx, symbol)
	if errors.Is(err, holdfast.ErrNotFound) {
		return nil, nil
	}
	return row, err
}

// Write stores the signal; nil clears it, with the JSON null. A strategy's
// name that is empty, "." or "..", or contains "/", is ErrInvalidName, before
// anything is written. It is backtest-kit's writeSignalData.
func (a *SignalAdapter) Write(ctx context.Context, strategyName, symbol string, row *SignalRow) error {
	c, err := a.collection("write", strategyName)
	if err != nil {
		return err
	}
	return c.Put(ctx, symbol, row)
}

// WriteIn is Write as a part of a batch of the adapter's store.
func (a *SignalAdapter) WriteIn(b *holdfast.Batch, strategyName, symbol string, row *SignalRow) error {
	c, err := a.collection("write", strategyName)
	if err != nil {
		return err
	}
	return c.In(b).Put(symbol, row)
}

func (a *SignalAdapter) collection(op, strategyName string) (*holdfast.Collection[*SignalRow], error) {
	entity, err := entityName(op, a.prefix, "strategy name", strategyName)
	if err != nil {
		return nil, err
	}
	return holdfast.NewCollection(a.store, entity, &holdfast.CollectionOptions[*SignalRow]{Codec: rowCodec{}})
}
