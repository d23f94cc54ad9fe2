// Package suite says what is measured, and what a measurement consists of: pure
// data, which the measuring side fills in and the reporting side reads.
package suite

import (
	"fmt"
	"time"
)

// Kind is what a workload does.
type Kind string

// The kinds of workloads.
const (
	Write  Kind = "write"  // durable puts that overwrite, by so many writers
	Read   Kind = "read"   // one warm value, copied out, by so many readers
	Start  Kind = "start"  // open, list and decode so many entities
	Growth Kind = "growth" // what one more entity costs, at so many
)

// The contenders, as the tables name them.
const (
	Limit        = "the disk's limit"
	GroupLimit   = "the disk's limit, group commit"
	MapLimit     = "map with a lock, copied"
	MapInto      = "map" + IntoSuffix
	Holdfast     = "Holdfast"
	HoldfastInto = "Holdfast" + IntoSuffix
	Typed        = "Holdfast, typed"
	Direct       = "Holdfast, direct"
	BacktestKit  = "backtest-kit's way"
	Files        = "file, fsync, rename, fsync dir"
	Renameio     = "renameio"
	Bbolt        = "bbolt"
	Pebble       = "Pebble"
	SQLite       = "SQLite"
	Diskv        = "diskv, cached"
	DiskvInto    = "diskv" + IntoSuffix
	Buntdb       = "buntdb"
	RedisServer  = "Redis"
	KilledSuffix = ", killed"
	IntoSuffix   = ", into a buffer" // that the reader uses again
)

// Workload is one section of the table.
type Workload struct {
	ID      string
	Title   string
	Kind    Kind
	Threads int  // writers or readers
	Size    int  // entities, where their number is the point
	Cold    bool // with nothing in the page cache
	Limit   string
	Names   []string // contenders, in the order of the table
}

// Lower tells that less is better: times rather than rates.
func (w Workload) Lower() bool { return w.Kind == Start || w.Kind == Growth }

// All are the workloads; entities is the size of the start-up ones, growth the
// largest of the growing ones.
func All(entities, growth int) []Workload {
	peers := []string{SQLite, Pebble, Bbolt, RedisServer, Buntdb, Renameio, Files, BacktestKit}
	ours := []string{Holdfast, Typed, Direct}
	writes := func(threads int, limit, title string) Workload {
		return Workload{ID: fmt.Sprintf("write-%d", threads), Title: title, Kind: Write, Threads: threads,
			Limit: limit, Names: join([]string{limit}, ours, peers)}
	}
	reads := func(threads int, title string) Workload {
		return Workload{ID: fmt.Sprintf("read-%d", threads), Title: title, Kind: Read, Threads: threads, Limit: MapLimit,
			Names: join([]string{MapLimit, MapInto}, ours, []string{HoldfastInto, Diskv, DiskvInto}, peers)}
	}
	starts := func(id, title string, cold bool) Workload {
		return Workload{ID: id, Title: title, Kind: Start, Size: entities, Cold: cold,
			Names: []string{Holdfast, Holdfast + KilledSuffix, Direct, SQLite, Pebble, Bbolt, RedisServer, Buntdb, Files, BacktestKit}}
	}
	all := []Workload{
		writes(1, Limit, "1 writer, durable"),
		writes(64, GroupLimit, "64 writers, durable"),
		writes(256, GroupLimit, "256 writers, durable"),
		reads(1, "reading one warm entity, 1 reader"),
		reads(8, "reading one warm entity, 8 readers"),
		starts("start-warm", fmt.Sprintf("open, list and decode %s entities, warm", Thousands(entities)), false),
		starts("start-cold", fmt.Sprintf("open, list and decode %s entities, cold", Thousands(entities)), true),
	}
	for n := min(1000, growth); n <= growth; n *= 10 {
		all = append(all, Workload{ID: fmt.Sprintf("growth-%d", n), Title: "growth, " + Thousands(n) + " entities",
			Kind: Growth, Size: n, Threads: 64, Names: []string{Holdfast}})
	}
	return all
}

// Thousands writes a whole number with a comma between thousands.
func Thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}

func join(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Place is a directory to measure in.
type Place struct {
	Label   string `json:"label"`   // "ext4, no journal"
	Type    string `json:"type"`    // "ext4"
	Journal string `json:"journal"` // "journal", "no journal", or "" where that is not known
	Loop    bool   `json:"loop"`    // an image file on a loop device
	Dir     string `json:"-"`
}

// Machine is what it was measured on.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// Outcome is what one measurement found. Which fields it has depends on the
// kind of the workload; a zero is "not measured".
type Outcome struct {
	Missing string `json:"missing,omitempty"` // why it could not run here
	Failed  string `json:"failed,omitempty"`  // it ran, and went wrong
	Note    string `json:"note,omitempty"`

	Ops     int64   `json:"ops,omitempty"`
	Seconds float64 `json:"seconds,omitempty"` // of Ops; of a start, open and list together
	Open    float64 `json:"open,omitempty"`    // seconds
	P50     float64 `json:"p50,omitempty"`     // microseconds
	P99     float64 `json:"p99,omitempty"`
	Max     float64 `json:"max,omitempty"`
	PutCost float64 `json:"putCost,omitempty"` // microseconds of wall time an entity while growing
	PutTime float64 `json:"putTime,omitempty"` // seconds of Ops where Seconds is of a start
	Heap    int64   `json:"heap,omitempty"`    // bytes in use after garbage collection, opened
	RSS     int64   `json:"rss,omitempty"`     // bytes of memory of the process, opened
	Disk    int64   `json:"disk,omitempty"`    // bytes allocated, closed
}

// Bad tells that there is nothing to compare.
func (o Outcome) Bad() bool { return o.Missing != "" || o.Failed != "" }

// Sample is one measurement: a contender at a workload in a place, once.
type Sample struct {
	Round     int    `json:"round"` // from 1
	Place     int    `json:"place"` // index in Results.Places
	Workload  string `json:"workload"`
	Contender string `json:"contender"`
	Outcome
}

// Results is everything that a run found, and what it takes to understand it.
type Results struct {
	Date    time.Time     `json:"date"`
	Machine Machine       `json:"machine"`
	Places  []Place       `json:"places"`
	Notes   []string      `json:"notes,omitempty"`
	Rounds  int           `json:"rounds"`
	Cell    time.Duration `json:"cellNanoseconds"`
	Keys    int           `json:"keys"`
	Size    int           `json:"entities"`
	Growth  int           `json:"growth"`
	Seed    uint64        `json:"seed"`
	Samples []Sample      `json:"samples"`
}

// Workloads are those of the run.
func (r *Results) Workloads() []Workload { return All(r.Size, r.Growth) }
