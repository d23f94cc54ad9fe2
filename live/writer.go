package live

import (
	"context"
	"encoding/json"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/trade"
)

// writer writes one value, or adds its writing to a batch.
type writer interface {
	signal(row *trade.SignalRow) error
	scheduled(row *trade.SignalRow) error
	trade(t Trade) error
	risk(change func(trade.Positions) (trade.Positions, error)) error
	cursor(data json.RawMessage) error
	release() error
}

type inOrder struct {
	*stores
	ctx context.Context
}

func (w inOrder) signal(row *trade.SignalRow) error {
	return w.signals.Write(w.ctx, w.strategy, w.symbol, row)
}

func (w inOrder) scheduled(row *trade.SignalRow) error {
	return w.schedules.Write(w.ctx, w.strategy, w.symbol, row)
}

func (w inOrder) trade(t Trade) error { return w.ledger.Put(w.ctx, t.ID, t) }

func (w inOrder) risk(change func(trade.Positions) (trade.Positions, error)) error {
	return w.risks.Update(w.ctx, w.riskName, change)
}

func (w inOrder) release() error { return w.risk(w.released) }

func (w inOrder) cursor(data json.RawMessage) error { return w.cursors.Put(w.ctx, w.symbol, data) }

type inBatch struct {
	*stores
	b *holdfast.Batch
}

func (w inBatch) signal(row *trade.SignalRow) error {
	return w.signals.WriteIn(w.b, w.strategy, w.symbol, row)
}

func (w inBatch) scheduled(row *trade.SignalRow) error {
	return w.schedules.WriteIn(w.b, w.strategy, w.symbol, row)
}

func (w inBatch) trade(t Trade) error { return w.ledger.In(w.b).Put(t.ID, t) }

func (w inBatch) risk(change func(trade.Positions) (trade.Positions, error)) error {
	return w.risks.UpdateIn(w.b, w.riskName, change)
}

func (w inBatch) release() error { return w.risk(w.released) }

func (w inBatch) cursor(data json.RawMessage) error { return w.cursors.In(w.b).Put(w.symbol, data) }
