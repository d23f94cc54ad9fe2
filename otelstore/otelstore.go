// Package otelstore measures a store with OpenTelemetry: a span and a duration
// for every operation.
//
//	backend, err := redisstore.Open(ctx, …)
//	measured, err := otelstore.New(backend, nil) // the global providers
//	store, err := holdfast.New(measured, nil)
//
// # Metric
//
// "db.client.operation.duration", a histogram in seconds, as the semantic
// conventions for databases name it: its count is the number of operations, and
// that of the points with an "error.type" the number of errors. Attributes:
// "db.system.name" (file, redis, …), "db.operation.name" (get, has, put, delete,
// clear, apply, load, scan, ids, entities, history, check, flush, init) and "error.type". A
// sequence (ids, entities, scan, history) is one operation, as long as the store was at
// work on it: what the consumer does between two steps does not count.
//
// # Spans
//
// Named after operation and entity, such as "put signal/strategy-a", of the kind
// client, with the same attributes and "db.collection.name", the entity; "apply"
// has the numbers of conditions and changes instead. That a value is absent, or a
// condition does not hold, is an answer: it has its error.type, and does not make
// the span an error.
//
// Neither ids nor data, nor the texts of errors or the place of the store, stand
// in any attribute. Watch passes through unmeasured: it lasts as long as its
// caller likes.
package otelstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/wrap"
)

// scope names this package in what is measured.
const scope = "github.com/holdfast-go/holdfast/otelstore"

// Options of New. Nil stands for the zero value, which stands for the defaults.
type Options struct {
	TracerProvider trace.TracerProvider // default: the global one
	MeterProvider  metric.MeterProvider // default: the global one
}

// Store is a store that is measured. It has the capabilities of what it wraps,
// and owns it: Close closes it.
type Store struct {
	wrap.Store
	system   attribute.KeyValue
	tracer   trace.Tracer
	duration metric.Float64Histogram
}

// boundaries are those of the semantic conventions, in seconds, with finer ones
// below for stores that are near.
var boundaries = []float64{0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// New measures a store. The error is that of the meter.
func New(inner driver.Store, o *Options) (*Store, error) {
	s := &Store{Store: wrap.New(inner)}
	traces, meters := otel.GetTracerProvider(), otel.GetMeterProvider()
	if o != nil && o.TracerProvider != nil {
		traces = o.TracerProvider
	}
	if o != nil && o.MeterProvider != nil {
		meters = o.MeterProvider
	}
	s.system = attribute.String("db.system.name", s.Properties().Backend)
	s.tracer = traces.Tracer(scope)
	var err error
	s.duration, err = meters.Meter(scope).Float64Histogram("db.client.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of operations on the store."),
		metric.WithExplicitBucketBoundaries(boundaries...))
	if err != nil {
		return nil, fmt.Errorf("otelstore: %w", err)
	}
	return s, nil
}

// operation is one that is being measured.
type operation struct {
	s     *Store
	ctx   context.Context
	name  string
	span  trace.Span
	began time.Time
	idle  time.Duration // of it, spent by the caller
}

func (s *Store) begin(ctx context.Context, name, entity string, attrs ...attribute.KeyValue) *operation {
	attrs = append(attrs, s.system, attribute.String("db.operation.name", name))
	title := name
	if entity != "" {
		attrs = append(attrs, attribute.String("db.collection.name", entity))
		title += " " + entity
	}
	ctx, span := s.tracer.Start(ctx, title, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return &operation{s: s, ctx: ctx, name: name, span: span, began: time.Now()}
}

// end ends the operation with its result, and returns that.
func (o *operation) end(err error) error {
	took := time.Since(o.began) - o.idle
	attrs := []attribute.KeyValue{o.s.system, attribute.String("db.operation.name", o.name)}
	if err != nil {
		kind := kindOf(err)
		attrs = append(attrs, attribute.String("error.type", kind.name))
		o.span.SetAttributes(attribute.String("error.type", kind.name))
		if !kind.answer {
			o.span.SetStatus(codes.Error, kind.name)
		}
	}
	o.span.End()
	o.s.duration.Record(o.ctx, took.Seconds(), metric.WithAttributes(attrs...))
	return err
}

// kind is a class of errors: few, so that they can be counted.
type kind struct {
	err    error
	name   string
	answer bool // the store did what it was asked
}

var kinds = []kind{
	{driver.ErrNotFound, "not_found", true},
	{driver.ErrFenced, "fenced", false},
	{driver.ErrConflict, "conflict", true},
	{driver.ErrDamaged, "damaged", false},
	{driver.ErrUnknown, "unknown_outcome", false},
	{driver.ErrLocked, "locked", false},
	{driver.ErrReadOnly, "read_only", false},
	{driver.ErrInvalidName, "invalid_name", false},
	{driver.ErrInvalidJSON, "invalid_json", false},
	{driver.ErrClosed, "closed", false},
	{driver.ErrStopped, "stopped", false},
	{errors.ErrUnsupported, "unsupported", false},
	{context.Canceled, "canceled", false},
	{context.DeadlineExceeded, "deadline_exceeded", false},
}

// kindOf is the class of an error: "_OTHER" as the conventions call the rest.
func kindOf(err error) kind {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k
		}
	}
	return kind{name: "_OTHER"}
}

// Init implements driver.Store.
func (s *Store) Init(ctx context.Context, entity string) error {
	o := s.begin(ctx, "init", entity)
	return o.end(s.Store.Init(o.ctx, entity))
}

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	o := s.begin(ctx, "get", k.Entity)
	rec, err := s.Store.Get(o.ctx, k)
	return rec, o.end(err)
}

// AppendGet implements driver.AppendGetter. It is told as the get that it is.
func (s *Store) AppendGet(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	o := s.begin(ctx, "get", k.Entity)
	rec, err := s.Store.AppendGet(o.ctx, k, dst)
	return rec, o.end(err)
}

// Has implements driver.Store.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	o := s.begin(ctx, "has", k.Entity)
	has, err := s.Store.Has(o.ctx, k)
	return has, o.end(err)
}

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	o := s.begin(ctx, "put", k.Entity)
	return o.end(s.Store.Put(o.ctx, k, data))
}

// Delete implements driver.Deleter.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	o := s.begin(ctx, "delete", k.Entity)
	return o.end(s.Store.Delete(o.ctx, k))
}

// Clear implements driver.Deleter.
func (s *Store) Clear(ctx context.Context, entity string) error {
	o := s.begin(ctx, "clear", entity)
	return o.end(s.Store.Clear(o.ctx, entity))
}

// Apply implements driver.Applier.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	o := s.begin(ctx, "apply", "",
		attribute.Int("holdfast.conditions", len(conds)), attribute.Int("holdfast.changes", len(ops)))
	return o.end(s.Store.Apply(o.ctx, conds, ops))
}

// Load implements driver.Loader. It is one operation, with the class of the first
// error that is not an answer, if there is one.
func (s *Store) Load(ctx context.Context, values []driver.Value) []error {
	o := s.begin(ctx, "load", "", attribute.Int("holdfast.changes", len(values)))
	errs := s.Store.Load(o.ctx, values)
	var worst error
	for _, err := range errs {
		if err != nil && (worst == nil || kindOf(worst).answer && !kindOf(err).answer) {
			worst = err
		}
	}
	o.end(worst)
	return errs
}

// Scan implements driver.Scanner.
func (s *Store) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return measured(s, ctx, "scan", entity, func(ctx context.Context) iter.Seq2[driver.Record, error] { return s.Store.Scan(ctx, entity) })
}

// IDs implements driver.Lister.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return measured(s, ctx, "ids", entity, func(ctx context.Context) iter.Seq2[string, error] { return s.Store.IDs(ctx, entity) })
}

// Entities implements driver.Lister.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return measured(s, ctx, "entities", "", s.Store.Entities)
}

// History implements driver.Historian.
func (s *Store) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	return measured(s, ctx, "history", k.Entity, func(ctx context.Context) iter.Seq2[driver.Version, error] {
		return s.Store.History(ctx, k)
	})
}

// Check implements driver.Checker.
func (s *Store) Check(ctx context.Context, progress func(values int)) (driver.Report, error) {
	o := s.begin(ctx, "check", "")
	report, err := s.Store.Check(o.ctx, progress)
	return report, o.end(err)
}

// Flush implements driver.Flusher.
func (s *Store) Flush(ctx context.Context) error {
	o := s.begin(ctx, "flush", "")
	return o.end(s.Store.Flush(o.ctx))
}

// measured is a sequence as one operation, each time that it is run.
func measured[V any](s *Store, ctx context.Context, name, entity string, seq func(context.Context) iter.Seq2[V, error]) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		o := s.begin(ctx, name, entity)
		var failed error
		defer func() { o.end(failed) }() // the consumer may panic, too
		for v, err := range seq(o.ctx) {
			failed = err
			left := time.Now()
			more := yield(v, err)
			o.idle += time.Since(left)
			if !more {
				return
			}
		}
	}
}
