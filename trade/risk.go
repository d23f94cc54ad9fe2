package trade

import (
	"context"
	"errors"
	"sync"

	"github.com/holdfast-go/holdfast"
)

// positionsID is the one id of a risk profile's entity.
const positionsID = "positions"

// RiskAdapter keeps the open positions of each risk profile: entity
// "risk/{riskName}", id always "positions", a list of [key, position] pairs.
// All methods may be called from many goroutines. A write is atomic, and
// durable when it returns nil, as far as the store promises it.
//
// It is backtest-kit's PersistRiskAdapter. What usePersistRiskAdapter chooses
// there is the Store handed to NewRiskAdapter here.
type RiskAdapter struct {
	store *holdfast.Store

	mu    sync.Mutex
	locks map[string]*sync.Mutex // by risk name; held during Update and Write
}

// NewRiskAdapter keeps risk positions in the store, which stays the caller's,
// who closes it. Where the store cannot compare and swap (Properties.Batch is
// "none"), those who Update the same profile must share one adapter.
func NewRiskAdapter(store *holdfast.Store) *RiskAdapter {
	return &RiskAdapter{store: store, locks: map[string]*sync.Mutex{}}
}

// Read returns the open positions of a risk profile in the order in which they
// were opened; none where nothing was ever written or it was cleared. Damaged
// is ErrDamaged, never none. It is backtest-kit's readPositionData.
func (a *RiskAdapter) Read(ctx context.Context, riskName string) (Positions, error) {
	c, err := a.collection("read", riskName)
	if err != nil {
		return nil, err
	}
	ps, err := c.Get(ctx, positionsID)
	return found(ps, err)
}

// Write stores the positions in place of all that there were. Use Update to
// change one among them. A risk name that is empty, "." or "..", or contains
// "/", is ErrInvalidName, before anything is written. It is backtest-kit's
// writePositionData.
func (a *RiskAdapter) Write(ctx context.Context, riskName string, ps Positions) error {
	c, err := a.collection("write", riskName)
	if err != nil {
		return err
	}
	lock := a.lock(riskName)
	lock.Lock()
	defer lock.Unlock()
	return c.Put(ctx, positionsID, ps)
}

// Update reads the positions, lets change make the new list of them, and
// writes that; no change that others make through this adapter falls between,
// nor any at all where the store can compare and swap, in which case change
// may run more than once. An error of change ends it and nothing has changed.
// change must not call the adapter.
func (a *RiskAdapter) Update(ctx context.Context, riskName string, change func(Positions) (Positions, error)) error {
	c, err := a.collection("update", riskName)
	if err != nil {
		return err
	}
	lock := a.lock(riskName)
	lock.Lock()
	defer lock.Unlock()
	var refused error
	err = c.Update(ctx, positionsID, func(old Positions, _ bool) (Positions, error) {
		var ps Positions
		ps, refused = change(old)
		return ps, refused
	})
	// An error of change is final even if it looks like the store's.
	if refused != nil || !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return a.updateLocked(ctx, c, change)
}

// updateLocked is Update for a store that cannot compare and swap: the
// caller's lock is all that keeps others out.
func (a *RiskAdapter) updateLocked(ctx context.Context, c *holdfast.Collection[Positions], change func(Positions) (Positions, error)) error {
	ps, err := c.Get(ctx, positionsID)
	ps, err = found(ps, err)
	if err != nil {
		return err
	}
	if ps, err = change(ps); err != nil {
		return &holdfast.Error{Op: "update", Entity: c.Entity(), ID: positionsID, Err: err}
	}
	return c.Put(ctx, positionsID, ps)
}

// UpdateIn is Update as a part of a batch of the adapter's store: what was
// read must still be so when the batch is applied.
func (a *RiskAdapter) UpdateIn(b *holdfast.Batch, riskName string, change func(Positions) (Positions, error)) error {
	c, err := a.collection("update", riskName)
	if err != nil {
		return err
	}
	in := c.In(b)
	ps, err := in.Get(positionsID)
	if ps, err = found(ps, err); err != nil {
		return err
	}
	if ps, err = change(ps); err != nil {
		return err
	}
	return in.Put(positionsID, ps)
}

// found turns the absence of a list into an empty one, and nothing else.
func found(ps Positions, err error) (Positions, error) {
	if errors.Is(err, holdfast.ErrNotFound) {
		return nil, nil
	}
	return ps, err
}

func (a *RiskAdapter) lock(riskName string) *sync.Mutex {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.locks[riskName]
	if l == nil {
		l = new(sync.Mutex)
		a.locks[riskName] = l
	}
	return l
}

func (a *RiskAdapter) collection(op, riskName string) (*holdfast.Collection[Positions], error) {
	entity, err := entityName(op, "risk", "risk name", riskName)
	if err != nil {
		return nil, err
	}
	return holdfast.NewCollection(a.store, entity, &holdfast.CollectionOptions[Positions]{Codec: positionsCodec{}})
}
