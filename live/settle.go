package live

import (
	"bytes"
	"context"
	"fmt"

	"github.com/holdfast-go/holdfast/trade"
)

// settle brings the risk profile in line with the signals, which are the
// truth, and tells what it did.
func (r *Runner) settle(ctx context.Context, row *cursorRow) ([]string, error) {
	if s := r.state; s.signal != nil && s.scheduled != nil {
		return nil, fmt.Errorf("signal %q is open and signal %q is scheduled, and there can be one: remove the wrong one: %s, or %s",
			s.signal.ID, s.scheduled.ID, r.removal("signal/"), r.removal("schedule/"))
	}
	notes, err := r.settleProfile(ctx, r.cfg.RiskName, r.state.signal)
	if err == nil && row != nil && row.RiskName != r.cfg.RiskName {
		// finish has made sure that nothing is open. A position that a crash
		// left behind in the old profile would stand there for good.
		var more []string
		more, err = r.settleProfile(ctx, row.RiskName, nil)
		notes = append(notes, more...)
	}
	return notes, err
}

// settleProfile makes a profile hold the runner's position if it has an open
// signal, and none if not.
func (r *Runner) settleProfile(ctx context.Context, name string, signal *trade.SignalRow) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	ps, err := r.stores.risks.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	key := r.stores.key()
	p, has := ps.Get(key)
	if has {
		if err := same("exchange", p.ExchangeName, r.cfg.Exchange); err != nil {
			return nil, fmt.Errorf("risk/%s: position %q: %w, or remove the position", name, key, err)
		}
	}
	var note string
	switch {
	case signal == nil && !has:
		return nil, nil
	case signal == nil:
		note = "risk position without a signal was removed"
	case !has:
		p, note = positionOf(signal), "open signal without a risk position: it was added"
	case p.Signal != nil && !equal(p.Signal, signal):
		p.Signal, note = copyRow(signal), "risk position did not match the open signal: it was updated"
	default:
		return nil, nil
	}
	err = r.stores.risks.Update(ctx, name, func(ps trade.Positions) (trade.Positions, error) {
		if signal == nil {
			return ps.Remove(key), nil
		}
		return ps.Put(key, p), nil
	})
	return []string{note + ": " + name + " " + key}, err
}

// equal compares what would be written.
func equal(a, b *trade.SignalRow) bool {
	x, errX := encodeJSON(a)
	y, errY := encodeJSON(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
