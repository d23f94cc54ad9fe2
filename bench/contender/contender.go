// Package contender has what is measured: Holdfast, the limit of the disk, and
// what people use instead. Each is used as its documentation says for values
// that must survive a power cut, with nothing added and nothing left out.
package contender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// Contender keeps values by key. Put and Get may be called from many
// goroutines.
type Contender interface {
	// Open uses dir, which exists, and finds what an earlier one left there.
	Open(dir string) error
	// Put is durable when it returns nil. It does not keep value.
	Put(key string, value []byte) error
	// Get returns a copy.
	Get(key string) ([]byte, error)
	Close() error
}

// Lister reads everything back, decoded with encoding/json into a row.
type Lister interface {
	All(each func(key string, r *row.Row)) error
}

// Loader fills an empty contender by a shorter way than n single puts. That is
// not measured, and durable once Close has returned.
// The bytes that value returns are good until its next call.
type Loader interface {
	Load(n int, value func(i int) []byte) error
}

// Typed takes rows instead of bytes, and does the encoding itself.
type Typed interface {
	PutRow(key string, r *row.Row) error
	GetRow(key string) (row.Row, error)
}

// Appender copies a value into memory that the reader uses again.
type Appender interface {
	AppendGet(key string, dst []byte) ([]byte, error)
}

// External measures itself, because it is not written in Go.
type External interface {
	Writes(ctx context.Context, l Load) (Tally, error)
	Reads(ctx context.Context, l Load) (Tally, error)
	// List opens and reads all; it drops the caches itself if cold.
	List(ctx context.Context, cold bool) (Tally, error)
}

// Load is the work of a write or read cell. Writer w has the keys w, w+Threads,
// w+2×Threads, … to itself and takes them in turn.
type Load struct {
	Dir     string        `json:"dir"`
	Threads int           `json:"threads"`
	Keys    int           `json:"keys"`
	Warm    time.Duration `json:"warmNanoseconds"`
	Measure time.Duration `json:"measureNanoseconds"`
}

// Tally is what came of it.
type Tally struct {
	Ops     int64   `json:"ops"`
	Seconds float64 `json:"seconds"`
	Open    float64 `json:"open"` // seconds
	P50     float64 `json:"p50"`  // microseconds
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	Last    []int64 `json:"last"` // by key: the last write that was acknowledged
}

// ErrMissing says that a contender cannot run on this machine, and why.
var ErrMissing = errors.New("missing")

func missing(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMissing}, args...)...)
}

// errAbsent is the answer of Get where there is no value.
var errAbsent = errors.New("no such key")

// New makes a contender for so many threads: some are used differently by one
// writer and by many.
func New(name string, threads int) (Contender, error) {
	switch name {
	case suite.Limit:
		return &limit{}, nil
	case suite.GroupLimit:
		return &groupLimit{}, nil
	case suite.MapLimit:
		return &lockedMap{}, nil
	case suite.MapInto:
		return &mapInto{}, nil
	case suite.Holdfast, suite.Holdfast + suite.KilledSuffix:
		return &files{}, nil
	case suite.Typed:
		return &typedFiles{}, nil
	case suite.HoldfastInto:
		return &filesInto{}, nil
	case suite.Direct:
		return &files{params: "journal=off"}, nil
	}
	return newPeer(name, threads)
}

func newPeer(name string, threads int) (Contender, error) {
	switch name {
	case suite.BacktestKit:
		return &backtestKit{}, nil
	case suite.Files:
		return &plainFiles{}, nil
	case suite.Renameio:
		return newRenameio()
	case suite.Bbolt:
		return &bboltDB{batch: threads > 1}, nil
	case suite.Pebble:
		return &pebbleDB{}, nil
	case suite.SQLite:
		return &sqlite{readers: threads}, nil
	case suite.Diskv:
		return &diskvStore{}, nil
	case suite.DiskvInto:
		return &diskvInto{}, nil
	case suite.Buntdb:
		return &buntDB{}, nil
	case suite.RedisServer:
		return &redisServer{threads: threads}, nil
	}
	return nil, fmt.Errorf("no contender is named %q", name)
}
