package journal

import (
	"log/slog"
	"time"
)

// Options are the options of [Open]. Nil, and every zero value, means the default.
type Options struct {
	// MaxSize is how many bytes all segments together may take, history
	// included. At least two segments are kept whatever it says, and a record
	// that needs more gets it. Default 256 MiB.
	MaxSize int64

	// MaxAge is how old the newest record of a released segment must be before
	// the segment may be given up: reused first, removed where there is a spare
	// one ([Journal.Trim]). Default 30 days; negative means no limit.
	MaxAge time.Duration

	// MinSegment is the size of the first segment in bytes, default 1 MiB.
	// Every new one is as large as all so far together, up to MaxSegment.
	MinSegment int64

	// MaxSegment is the size of a large segment in bytes, default 16 MiB. A
	// record that does not fit gets a larger one.
	MaxSegment int64

	// Queue is how many bytes of payload may wait for a flush; [Journal.Reserve]
	// blocks beyond. One record larger than that is let through alone.
	// Default 8 MiB.
	Queue int

	// Now is the clock that MaxAge goes by. Default time.Now.
	Now func() time.Time

	// Committed is called once per flush, on the goroutine that carries it out, with the
	// items in the order of their sequence numbers: after they are durable and
	// before their Wait returns. The slice is valid during the call. It must
	// not wait for a later flush.
	Committed func(items []any)

	// Failed is called likewise for records that are not durable and never will
	// be acknowledged.
	Failed func(items []any, err error)

	// MakeRoom is called on the goroutine that carries out a flush when no segment can be had
	// without overwriting what is not released. It must call Release, or return
	// an error, which fails the batch at hand and nothing else. It must not
	// wait for a flush. Nil: the batch fails with [ErrFull].
	MakeRoom func() error

	// Logger gets what is neither an error nor worth failing for. Default:
	// nothing is logged. Payloads never appear in it.
	Logger *slog.Logger
}

const (
	minSegment = dataStart + 4096
	maxAge     = 30 * 24 * time.Hour
)

func (o *Options) withDefaults() Options {
	var opt Options
	if o != nil {
		opt = *o
	}
	set(&opt.MaxSize, 256<<20)
	set(&opt.MaxAge, maxAge)
	set(&opt.MinSegment, 1<<20)
	set(&opt.MaxSegment, 16<<20)
	set(&opt.Queue, 8<<20)
	opt.MinSegment = roundUp(min(max(opt.MinSegment, minSegment), maxSize/4))
	opt.MaxSegment = roundUp(min(max(opt.MaxSegment, opt.MinSegment), maxSize/4))
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Committed == nil {
		opt.Committed = func([]any) {}
	}
	if opt.Failed == nil {
		opt.Failed = func([]any, error) {}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return opt
}

func set[T ~int | ~int64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// roundUp makes a segment's size a multiple of a page.
func roundUp(n int64) int64 { return (n + headerPlace - 1) &^ (headerPlace - 1) }
