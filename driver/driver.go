// Package driver is the contract that a backend of Holdfast fulfils. An
// application does not use it: it uses package holdfast over it, and gets the
// same meaning from every backend.
//
// The required part is [Store], four methods. All else is a capability, a
// small interface that a Store may also have: [Deleter], [Lister], [Applier],
// [Loader], [Scanner], [AppendGetter], [Historian], [Watcher], [Recoverer], [Checker], [Flusher],
// [Describer], [io.Closer]. Package holdfast finds a capability with [As], by assertion on the
// value it was given, never by unwrapping it (beneath an encrypting wrapper that
// would write plain text), and answers errors.ErrUnsupported where it is missing.
// A wrapper that has as much as what it wraps is a [Partial].
//
// Package storetest judges an implementation.
package driver

import (
	"context"
	"iter"
	"time"
)

// Key names one value: an id within an entity. Entity is a path of names
// joined by "/", such as "signal/strategy-a"; ID is any text, such as
// "BTCUSDT" or "BTC/USDT:USDT". See [ValidateKey] for what every backend
// accepts or refuses.
type Key struct{ Entity, ID string }

// String returns the key as people write it: entity, a space, id.
func (k Key) String() string { return k.Entity + " " + k.ID }

// Record is a value as it is stored.
type Record struct {
	Key     Key
	Data    []byte    // one JSON value; the caller may keep and change it
	Rev     string    // revision: opaque, never empty; changes with every change of the value, whoever made it
	ModTime time.Time // of the last change, as the backend knows it
}

// Store is what every backend does.
//
// Concurrency: all methods may be called from many goroutines. A reader sees
// the whole old value or the whole new one.
//
// Ownership: a Store does not keep or change the data it is given once the
// call has returned, and hands out copies.
//
// Context: a call that finds its context done before it has changed anything
// returns the context's error and has changed nothing. A change that has been
// begun may finish; nil is returned only if it did, durably.
//
// Errors are the sentinels of this package, to be found with errors.Is, or the
// backend's own. A passing error (of I/O, of permission, of a network) is never
// turned into ErrNotFound or ErrDamaged.
type Store interface {
	// Init prepares an entity for use: package holdfast calls it, with
	// success, before anything else on that entity, so that a Store may rely
	// on it. It is idempotent, may be called by many at once, and may be called
	// again after it failed. It does not make the entity appear in Entities.
	// It is backtest-kit's waitForInit.
	Init(ctx context.Context, entity string) error

	// Get returns the value: ErrNotFound if there is none, ErrDamaged if there
	// is one that cannot be read as it was written. A cleared value is the
	// JSON null, and found. It is backtest-kit's readValue.
	Get(ctx context.Context, k Key) (Record, error)

	// Has tells whether Get would find a value. A damaged one is not an
	// answer but an error, ErrDamaged. It is backtest-kit's hasValue.
	Has(ctx context.Context, k Key) (bool, error)

	// Put writes the value, new or not. When it returns nil the change is
	// atomic and, where Properties says so, durable. Data that is not exactly
	// one JSON value in UTF-8 is refused with ErrInvalidJSON, a key that the
	// backend cannot hold with ErrInvalidName, before anything is written. It
	// is backtest-kit's writeValue.
	Put(ctx context.Context, k Key, data []byte) error
}

// Deleter removes values, with the durability of Put.
type Deleter interface {
	// Delete removes one value: ErrNotFound if there is none. A damaged value
	// is removed too; what was left of it stays in quarantine where the
	// backend has one.
	Delete(ctx context.Context, k Key) error

	// Clear removes all values of one entity (not of those whose names merely
	// begin with its name). Nil if there were none. It is one change per
	// value: after a crash within it some may be gone and others not, unless
	// Properties.AtomicClear says otherwise.
	Clear(ctx context.Context, entity string) error
}

// Lister enumerates. The sequences show a snapshot or a moving state: what was
// there before and stays throughout is yielded exactly once, what is created or
// removed meanwhile is yielded once or not at all. An error ends a sequence.
// A damaged value is listed: it is there.
type Lister interface {
	// IDs yields the ids of an entity in byte order.
	IDs(ctx context.Context, entity string) iter.Seq2[string, error]

	// Entities yields the entities that hold at least one value, in byte
	// order.
	Entities(ctx context.Context) iter.Seq2[string, error]
}

// Cond is a condition on the present state of one value.
type Cond struct {
	Key Key
	Rev string // what Record.Rev must be; "" means that there must be no value
}

// Op is one change within Apply.
type Op struct {
	Key    Key
	Data   []byte // for a put
	Delete bool   // remove instead; removing what is absent is no error here
}

// Applier changes several values at once.
type Applier interface {
	// Apply makes all changes, or none: ErrConflict if a condition does not
	// hold, ErrDamaged if a condition is on a damaged value. Conditions are
	// checked and changes made as one step that no other change falls into. Of
	// several ops on one key the last counts.
	//
	// A backend may limit itself to ops and conditions on one and the same key
	// (Properties.Batch says so): it answers errors.ErrUnsupported to anything
	// wider, before it has changed anything.
	Apply(ctx context.Context, conds []Cond, ops []Op) error
}

// Version is a state that a value has had. Of a removal, Record has the key and
// the time alone.
type Version struct {
	Record
	Deleted bool
}

// Historian keeps former states of values. Where a backend may be opened without
// history, Properties.History tells, and History yields errors.ErrUnsupported.
type Historian interface {
	// History yields the states of a value, the newest first, without a gap as
	// far back as the backend keeps them: a snapshot of the moment of the call
	// or of the first step. The newest is what Get finds, or a removal. Nothing
	// is yielded of a value that never was. An error ends the sequence.
	History(ctx context.Context, k Key) iter.Seq2[Version, error]
}

// Change tells that a value was put or removed.
type Change struct {
	Key     Key
	Deleted bool
}

// Watcher tells of changes as they happen.
type Watcher interface {
	// Watch yields the changes of one entity made after the call (by this
	// process or another, where the backend spans several), each after it is
	// durable, until ctx is done, the store is closed or the consumer stops.
	// Several changes of one value may be told as one, never as none. An error
	// ends the sequence; the end of ctx is one.
	Watch(ctx context.Context, entity string) iter.Seq2[Change, error]
}

// Describer says what a backend promises.
type Describer interface{ Properties() Properties }

// BatchScope says how wide Apply is.
type BatchScope string

// The scopes of Apply.
const (
	BatchNone BatchScope = "none" // no Apply
	BatchKey  BatchScope = "key"  // conditions on, and changes of, one and the same key
	BatchAny  BatchScope = "any"  // any keys of any entities
)

// Properties is what a backend promises, as data.
type Properties struct {
	Backend     string     `json:"backend"`     // "file", "mem", "redis", …
	Location    string     `json:"location"`    // where the state lies, without secrets
	Durable     bool       `json:"durable"`     // an acknowledged change survives a power cut
	ExactBytes  bool       `json:"exactBytes"`  // data round-trips byte for byte, not only value for value
	AtomicClear bool       `json:"atomicClear"` // Clear happens whole or not at all
	Batch       BatchScope `json:"batch"`       // how wide Apply is
	History     bool       `json:"history"`     // former states are kept, see Historian
	Shared      bool       `json:"shared"`      // several processes may use it at once
	ReadOnly    bool       `json:"readOnly"`    // opened for reading alone
	MaxData     int64      `json:"maxData"`     // largest value in bytes
	Notes       []string   `json:"notes,omitempty"`
}
