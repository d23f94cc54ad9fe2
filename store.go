// Package holdfast keeps the state of live-trading processes: open signals,
// risk positions, whatever else a strategy must still know after a crash.
//
// A [Store] is opened by URL over a backend, plain JSON files by default. A
// [Collection] is one entity of it, typed: the signals of one strategy by
// symbol, for example. When Put, Delete, Clear or Update returns nil on the
// default backend, the change survives kill -9, an operating-system crash and
// a power cut.
//
// The names of backtest-kit, whose persistence layer this carries over to Go,
// stand in the comments of the methods that took their place.
package holdfast

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/driver"
)

// The types of the contract that an application meets, under their own names.
type (
	// Record is a value as it is stored, with its revision.
	Record = driver.Record
	// Properties is what the backend promises, as data.
	Properties = driver.Properties
	// Report is what recovery found and did.
	Report = driver.Report
	// Finding is one line of a Report.
	Finding = driver.Finding
)

// Options of a Store. Nil stands for the zero value, which stands for the
// defaults.
type Options struct {
	// Logger gets what recovery finds and what goes wrong in the background.
	// Default: nothing is logged. Values never appear in it. New does not use
	// it: its caller has made the backend, with whatever logger that has.
	Logger *slog.Logger

	// ReadOnly opens the store for looking alone: no lock is taken, nothing is
	// recovered, moved or created, and every change is refused with
	// ErrReadOnly. A store of files can be read so while its owner runs.
	ReadOnly bool

	// Repair has a backend that keeps more than one trace of a value read them
	// all and put right what differs, and opens one that otherwise refuses
	// because acknowledged changes are lost and it cannot be told of which
	// values. Report tells. A file store keeps the damaged bytes.
	Repair bool
}

// Store is an open backend with the portable meaning on top. All methods may
// be called from many goroutines.
type Store struct {
	d        driver.Store
	readOnly bool
	ready    sync.Map // entity → struct{}: Init has succeeded
	closed   atomic.Bool
	changes  *changes
}

// changes counts calls that may have changed something: it is not the same
// afterwards as before. Stores made of each other by Through share one.
type changes struct {
	_ [64]byte // what every change writes is not to be on one cache line with what every call reads
	atomic.Uint64
	_ [64]byte
}

// Open opens a store by URL: "file:./logs/data" or "mem:", or the scheme of any
// other backend. The scheme's package must have been imported (import _
// "github.com/holdfast-go/holdfast/filestore" for file:). A URL that cannot be
// understood, an unknown scheme or parameter included, is ErrInvalidURL. Whoever
// opens a store closes it.
//
// Where another process has the store, the error is ErrLocked and names it.
func Open(ctx context.Context, url string, o *Options) (*Store, error) {
	var d driver.OpenOptions
	if o != nil {
		d.Logger, d.ReadOnly, d.Repair = o.Logger, o.ReadOnly, o.Repair
	}
	backend, err := driver.Open(ctx, url, d)
	if err != nil {
		return nil, fail("open", driver.Key{}, err)
	}
	return New(backend, o)
}

// New makes a Store of any backend, the application's own included. The Store
// owns it from then on: Close closes it.
func New(d driver.Store, o *Options) (*Store, error) {
	if d == nil {
		return nil, fail("open", driver.Key{}, errors.New("no backend: New was called with nil"))
	}
	return &Store{d: d, readOnly: o != nil && o.ReadOnly, changes: &changes{}}, nil
}

// Through makes another Store with the options of this one, which reaches the
// same values by way of d: a wrapper around Driver, such as the fence of a
// lease. What is changed by way of one of the two is seen in a listing of the
// other as if it had been changed there; two Stores that New made over one
// backend are strangers to each other. The new Store owns d, and is closed for
// itself.
func (s *Store) Through(d driver.Store) (*Store, error) {
	t, err := New(d, &Options{ReadOnly: s.readOnly})
	if err == nil {
		t.changes = s.changes
	}
	return t, err
}

// Driver returns the backend itself, for code that needs more of it than the
// portable meaning, such as a lease or a benchmark.
func (s *Store) Driver() driver.Store { return s.d }

// Report tells what recovery found and did when the store was opened. It is
// empty for a backend that has no recovery.
func (s *Store) Report() Report {
	if r, ok := driver.As[driver.Recoverer](s.d); ok {
		return r.Report()
	}
	return Report{}
}

// Properties tells what the backend promises. A backend that does not say
// promises nothing.
func (s *Store) Properties() Properties {
	p := Properties{Backend: "custom", Batch: driver.BatchNone, MaxData: driver.MaxData}
	if d, ok := driver.As[driver.Describer](s.d); ok {
		p = d.Properties()
	}
	p.ReadOnly = p.ReadOnly || s.readOnly
	return p
}

// Check reads every value and reports what is wrong, and what opening the
// store for writing would do about it; it changes nothing. progress, if not
// nil, is told now and then how many values have been read.
func (s *Store) Check(ctx context.Context, progress func(values int)) (Report, error) {
	c, ok := driver.As[driver.Checker](s.d)
	if err := s.usable(ctx, ok); err != nil {
		return Report{}, fail("check", driver.Key{}, err)
	}
	report, err := c.Check(ctx, progress)
	return report, fail("check", driver.Key{}, err)
}

// Entities yields the names of the entities that hold at least one value, in
// byte order. An error ends the sequence.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		l, ok := driver.As[driver.Lister](s.d)
		if err := s.usable(ctx, ok); err != nil {
			yield("", fail("list", driver.Key{}, err))
			return
		}
		for entity, err := range l.Entities(ctx) {
			if !yield(entity, fail("list", driver.Key{}, err)) || err != nil {
				return
			}
		}
	}
}

// Close ends the use of the store and of its backend, and waits for what is
// under way. A second Close returns nil.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if c, ok := driver.As[io.Closer](s.d); ok {
		return fail("close", driver.Key{}, c.Close())
	}
	return nil
}

// usable tells why a call cannot be made at all.
func (s *Store) usable(ctx context.Context, capable bool) error {
	switch {
	case !capable:
		return errors.ErrUnsupported
	case s.closed.Load():
		return ErrClosed
	}
	return ctx.Err()
}

// writable refuses changes of a store that was opened for reading alone.
func (s *Store) writable() error {
	if s.readOnly {
		return ErrReadOnly
	}
	return nil
}

// first returns the first of errs that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// beginWrite is begin for calls that change something. A store that was opened
// for reading alone does not even prepare the entity.
func (s *Store) beginWrite(ctx context.Context, k driver.Key, capable bool) error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.begin(ctx, k, capable)
}

// begin checks what every call on a key checks, and prepares its entity once.
func (s *Store) begin(ctx context.Context, k driver.Key, capable bool) error {
	if err := s.usable(ctx, capable); err != nil {
		return err
	}
	if s.isReady(k.Entity) {
		return driver.ValidateID(k.ID)
	}
	if err := driver.ValidateKey(k); err != nil {
		return err
	}
	return s.init(ctx, k.Entity)
}

// beginEntity is begin for calls on an entity as a whole.
func (s *Store) beginEntity(ctx context.Context, entity string, capable bool) error {
	if err := s.usable(ctx, capable); err != nil {
		return err
	}
	if s.isReady(entity) {
		return nil
	}
	if err := driver.ValidateEntity(entity); err != nil {
		return err
	}
	return s.init(ctx, entity)
}

// isReady tells whether the entity is prepared, and so that its name is valid.
func (s *Store) isReady(entity string) bool {
	_, ok := s.ready.Load(entity)
	return ok
}

func (s *Store) init(ctx context.Context, entity string) error {
	if err := s.d.Init(ctx, entity); err != nil {
		return err
	}
	s.ready.Store(entity, struct{}{})
	return nil
}

func (s *Store) get(ctx context.Context, k driver.Key) (Record, error) {
	return s.getBy(ctx, k, nil, nil)
}

// getBy is get; with a getter, the data may be where buf is.
func (s *Store) getBy(ctx context.Context, k driver.Key, getter driver.AppendGetter, buf []byte) (rec Record, err error) {
	if err := s.begin(ctx, k, true); err != nil {
		return Record{}, fail("get", k, err)
	}
	if getter != nil {
		rec, err = getter.AppendGet(ctx, k, buf)
	} else {
		rec, err = s.d.Get(ctx, k)
	}
	if err != nil {
		err = fail("get", k, err)
	}
	return rec, err
}

func (s *Store) put(ctx context.Context, k driver.Key, data []byte) error {
	err := s.beginWrite(ctx, k, true)
	if err == nil {
		err = s.d.Put(ctx, k, data)
		s.changes.Add(1)
	}
	return fail("put", k, err)
}

func (s *Store) delete(ctx context.Context, k driver.Key) error {
	del, ok := driver.As[driver.Deleter](s.d)
	err := s.beginWrite(ctx, k, ok)
	if err == nil {
		err = del.Delete(ctx, k)
		s.changes.Add(1)
	}
	return fail("delete", k, err)
}
