package otelstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/otelstore"
	"github.com/holdfast-go/holdfast/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bench is a measured store and what was measured.
type bench struct {
	t      *testing.T
	inner  *odd
	s      *otelstore.Store
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

// odd is memory that can be told to fail, and to take its time.
type odd struct {
	*memstore.Store
	err  error
	slow time.Duration
}

func (o *odd) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	time.Sleep(o.slow)
	if o.err != nil {
		return driver.Record{}, o.err
	}
	return o.Store.Get(ctx, k)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, inner: &odd{Store: memstore.New()}, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	var err error
	b.s, err = otelstore.New(b.inner, &otelstore.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader)),
	})
	must(t, err)
	t.Cleanup(func() { must(t, b.s.Close()) })
	return b
}

// points are the measured durations, by operation and error type.
func (b *bench) points() map[string]metricdata.HistogramDataPoint[float64] {
	b.t.Helper()
	var rm metricdata.ResourceMetrics
	must(b.t, b.reader.Collect(b.t.Context(), &rm))
	points := map[string]metricdata.HistogramDataPoint[float64]{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if m.Name != "db.client.operation.duration" || m.Unit != "s" {
				b.t.Errorf("metric %s in %s", m.Name, m.Unit)
			}
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				op, _ := p.Attributes.Value("db.operation.name")
				kind, _ := p.Attributes.Value("error.type")
				if system, _ := p.Attributes.Value("db.system.name"); system.AsString() != "mem" {
					b.t.Errorf("system %q", system.AsString())
				}
				points[strings.TrimSpace(op.AsString()+" "+kind.AsString())] = p
			}
		}
	}
	return points
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) driver.Store { return newBench(t).s }, nil)
	t.Run("bare, global providers", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) driver.Store {
			inner := memstore.New()
			t.Cleanup(func() { must(t, inner.Close()) })
			s, err := otelstore.New(struct{ driver.Store }{inner}, nil)
			must(t, err)
			return s
		}, nil)
	})
}

const secret = "hunter2"

// useAll makes every call there is, with ids and data that must not be told.
func useAll(t *testing.T, b *bench) {
	t.Helper()
	ctx, k := t.Context(), driver.Key{Entity: "signal/s", ID: secret}
	must(t, b.s.Init(ctx, k.Entity))
	must(t, b.s.Put(ctx, k, []byte(`"`+secret+`"`)))
	rec, err := b.s.Get(ctx, k)
	must(t, err)
	_, err = b.s.Has(ctx, k)
	must(t, err)
	must(t, b.s.Apply(ctx, []driver.Cond{{Key: k, Rev: rec.Rev}}, []driver.Op{{Key: k, Data: []byte(`1`)}}))
	for _, err := range b.s.IDs(ctx, k.Entity) {
		must(t, err)
	}
	for _, err := range b.s.Entities(ctx) {
		must(t, err)
	}
	for _, err := range b.s.History(ctx, k) {
		must(t, err)
	}
	must(t, b.s.Delete(ctx, k))
	must(t, b.s.Clear(ctx, k.Entity))
	b.inner.err = errors.New("cannot reach redis://user:" + secret + "@host")
	if _, err := b.s.Get(ctx, k); !errors.Is(err, b.inner.err) {
		t.Errorf("got %v", err)
	}
}

func TestEveryOperationIsMeasured(t *testing.T) {
	b := newBench(t)
	useAll(t, b)
	points := b.points()
	for _, op := range strings.Fields("init put get has apply ids entities history delete clear") {
		if points[op].Count != 1 {
			t.Errorf("%s: measured %d times", op, points[op].Count)
		}
	}
	if points["get _OTHER"].Count != 1 || len(points) != 11 {
		t.Errorf("%v", points)
	}
	var names []string
	for _, s := range b.spans.Ended() {
		names = append(names, s.Name())
		if s.SpanKind() != trace.SpanKindClient {
			t.Errorf("%s: kind %v", s.Name(), s.SpanKind())
		}
	}
	want := "[init signal/s put signal/s get signal/s has signal/s apply ids signal/s entities history signal/s delete signal/s clear signal/s get signal/s]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("spans %s\nwant  %s", got, want)
	}
	if last := b.spans.Ended()[10]; last.Status().Code != codes.Error {
		t.Errorf("the failed one has status %v", last.Status())
	}
	if apply := b.spans.Ended()[4].Attributes(); !has(apply, attribute.Int("holdfast.conditions", 1)) || !has(apply, attribute.Int("holdfast.changes", 1)) {
		t.Errorf("apply has %v", apply)
	}
}

func has(attrs []attribute.KeyValue, want attribute.KeyValue) bool {
	for _, a := range attrs {
		if a == want {
			return true
		}
	}
	return false
}

// Ids, data and the texts of errors stay where they are.
func TestNothingSecretIsTold(t *testing.T) {
	b := newBench(t)
	useAll(t, b)
	for _, s := range b.spans.Ended() {
		all := fmt.Sprint(s.Name(), s.Attributes(), s.Events(), s.Status())
		if strings.Contains(all, secret) {
			t.Errorf("%s", all)
		}
	}
	for name, p := range b.points() {
		if all := fmt.Sprint(name, p.Attributes.ToSlice()); strings.Contains(all, secret) || strings.Contains(all, "signal") {
			t.Errorf("%s", all)
		}
	}
}

// Each error has its type; absent and conflict are answers.
func TestErrorTypes(t *testing.T) {
	for err, want := range map[error]string{
		driver.ErrNotFound: "not_found", driver.ErrConflict: "conflict", driver.ErrFenced: "fenced",
		driver.ErrClosed: "closed", context.DeadlineExceeded: "deadline_exceeded", errors.ErrUnsupported: "unsupported",
		fmt.Errorf("deep: %w", &driver.DamagedError{Path: secret}): "damaged", errors.New("any"): "_OTHER",
	} {
		b := newBench(t)
		b.inner.err = err
		if _, got := b.s.Get(t.Context(), driver.Key{Entity: "e", ID: "a"}); !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
		s := b.spans.Ended()[0]
		answer := want == "not_found" || want == "conflict"
		if !has(s.Attributes(), attribute.String("error.type", want)) || (s.Status().Code == codes.Error) == answer {
			t.Errorf("%v: %v %v", err, s.Attributes(), s.Status())
		}
		if b.points()["get "+want].Count != 1 {
			t.Errorf("%v: not counted as %s", err, want)
		}
	}
}

// What the store takes is measured, and not what its user does meanwhile.
func TestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := driver.Key{Entity: "e", ID: "a"}
		must(t, b.s.Put(t.Context(), k, []byte(`1`)))
		b.inner.slow = time.Minute
		_, err := b.s.Get(t.Context(), k)
		must(t, err)
		for range b.s.IDs(t.Context(), "e") {
			time.Sleep(time.Hour)
		}
		points := b.points()
		if points["get"].Sum != 60 || points["ids"].Sum != 0 {
			t.Errorf("get took %v s, ids %v s", points["get"].Sum, points["ids"].Sum)
		}
	})
}

// The backend's own spans lie within these.
func TestContextIsHandedOn(t *testing.T) {
	b := newBench(t)
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)).Tracer("test")
	ctx, parent := tracer.Start(t.Context(), "tick")
	_, err := b.s.Get(ctx, driver.Key{Entity: "e", ID: "a"})
	if !errors.Is(err, driver.ErrNotFound) {
		t.Fatal(err)
	}
	if got := b.spans.Ended()[0].Parent().SpanID(); got != parent.SpanContext().SpanID() {
		t.Errorf("parent %v, want %v", got, parent.SpanContext().SpanID())
	}
}
