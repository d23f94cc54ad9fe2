package holdfast_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// trivial is a backend that costs next to nothing: what a benchmark over it
// shows is the price of this package.
type trivial struct {
	ids []string
	rec driver.Record
}

func (*trivial) Init(context.Context, string) error { return nil }

func (d *trivial) Get(_ context.Context, k driver.Key) (driver.Record, error) {
	rec := d.rec
	rec.Key = k
	return rec, nil
}

func (*trivial) Has(context.Context, driver.Key) (bool, error) { return true, nil }

func (*trivial) Put(context.Context, driver.Key, []byte) error { return nil }

func (d *trivial) IDs(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range d.ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func (*trivial) Entities(context.Context) iter.Seq2[string, error] {
	return func(func(string, error) bool) {}
}

// signal is a value as a strategy keeps it.
type signal struct {
	ID              string    `json:"id"`
	Symbol          string    `json:"symbol"`
	Strategy        string    `json:"strategyName"`
	Exchange        string    `json:"exchangeName"`
	Position        string    `json:"position"`
	Note            string    `json:"note"`
	PriceOpen       float64   `json:"priceOpen"`
	PriceTakeProfit float64   `json:"priceTakeProfit"`
	PriceStopLoss   float64   `json:"priceStopLoss"`
	Minutes         int       `json:"minuteEstimatedTime"`
	ScheduledAt     int64     `json:"scheduledAt"`
	PendingAt       int64     `json:"pendingAt"`
	Status          string    `json:"status"`
	Partials        []float64 `json:"partials"`
	IsScheduled     bool      `json:"isScheduled"`
}

const signalText = `{"id":"3f2b8c1e-7d4a-4f6b-9a51-0c8e2d7f1b34","symbol":"BTCUSDT","strategyName":"strategy-a","exchangeName":"binance",` +
	`"position":"long","note":"breakout above the range of the week","priceOpen":64250.5,"priceTakeProfit":66800,"priceStopLoss":63100.25,` +
	`"minuteEstimatedTime":240,"scheduledAt":1718000000000,"pendingAt":1718000060000,"status":"active","partials":[0.25,0.5],"isScheduled":false}`

func newTrivial(n int) *trivial {
	d := &trivial{rec: driver.Record{Data: []byte(signalText), Rev: "1"}}
	for i := range n {
		d.ids = append(d.ids, fmt.Sprintf("SYM%06dUSDT", i))
	}
	return d
}

func benchCollection[T any](b *testing.B, d driver.Store) *holdfast.Collection[T] {
	b.Helper()
	s, err := holdfast.New(d, nil)
	if err != nil {
		b.Fatal(err)
	}
	c, err := holdfast.NewCollection[T](s, "signal/strategy-a", nil)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func benchSignal(b *testing.B) signal {
	b.Helper()
	var v signal
	if err := json.Unmarshal([]byte(signalText), &v); err != nil {
		b.Fatal(err)
	}
	return v
}

// overBoth runs a benchmark over the two backends.
func overBoth(b *testing.B, name string, run func(b *testing.B, d driver.Store)) {
	for _, x := range []struct {
		backend string
		make    func() driver.Store
	}{
		{"trivial", func() driver.Store { return newTrivial(1) }},
		{"mem", func() driver.Store { return memstore.New() }},
	} {
		b.Run(x.backend+"/"+name, func(b *testing.B) {
			d, k := x.make(), driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}
			if err := d.Put(b.Context(), k, []byte(signalText)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			run(b, d)
		})
	}
}

// BenchmarkGet has the bare backend beside the collections: what they add is
// the price of this package.
func BenchmarkGet(b *testing.B) {
	overBoth(b, "bare", func(b *testing.B, d driver.Store) {
		k := driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}
		for b.Loop() {
			if _, err := d.Get(b.Context(), k); err != nil {
				b.Fatal(err)
			}
		}
	})
	overBoth(b, "raw", benchGet[json.RawMessage])
	overBoth(b, "struct", benchGet[signal])
	overBoth(b, "any", benchGet[any])
}

func benchGet[T any](b *testing.B, d driver.Store) {
	c, ctx := benchCollection[T](b, d), b.Context()
	for b.Loop() {
		if _, err := c.Get(ctx, "BTCUSDT"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPut is BenchmarkGet for writing.
func BenchmarkPut(b *testing.B) {
	overBoth(b, "bare", func(b *testing.B, d driver.Store) {
		k, data := driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}, []byte(signalText)
		for b.Loop() {
			if err := d.Put(b.Context(), k, data); err != nil {
				b.Fatal(err)
			}
		}
	})
	overBoth(b, "raw", func(b *testing.B, d driver.Store) { benchPut(b, d, json.RawMessage(signalText)) })
	overBoth(b, "struct", func(b *testing.B, d driver.Store) { benchPut(b, d, benchSignal(b)) })
	overBoth(b, "pointer", func(b *testing.B, d driver.Store) { v := benchSignal(b); benchPut(b, d, &v) })
}

func benchPut[T any](b *testing.B, d driver.Store, v T) {
	c, ctx := benchCollection[T](b, d), b.Context()
	for b.Loop() {
		if err := c.Put(ctx, "BTCUSDT", v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAll decodes 100,000 entities on one processor and on all: the ratio
// is what decoding ahead gains.
func BenchmarkAll(b *testing.B) {
	const n = 100_000
	mem := memstore.New()
	d := newTrivial(n)
	for _, id := range d.ids {
		if err := mem.Put(b.Context(), driver.Key{Entity: "signal/strategy-a", ID: id}, []byte(signalText)); err != nil {
			b.Fatal(err)
		}
	}
	for _, x := range []struct {
		name string
		d    driver.Store
	}{{"trivial", d}, {"mem", mem}} {
		for _, procs := range []int{1, runtime.NumCPU()} {
			b.Run(fmt.Sprintf("%s/struct/%d", x.name, procs), func(b *testing.B) { benchAll[signal](b, x.d, n, procs) })
			b.Run(fmt.Sprintf("%s/raw/%d", x.name, procs), func(b *testing.B) { benchAll[json.RawMessage](b, x.d, n, procs) })
		}
	}
}

func benchAll[T any](b *testing.B, d driver.Store, want, procs int) {
	c := benchCollection[T](b, d)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range c.All(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != want {
			b.Fatalf("%d entries", n)
		}
	}
}
