package lease

import (
	"fmt"
	"log/slog"
	"os"
	"time"
)

// DefaultTTL is the lease time where Options do not say.
const DefaultTTL = 10 * time.Second

// The limits of Options.TTL.
const (
	MinTTL = 100 * time.Millisecond
	MaxTTL = 24 * time.Hour
)

// Options of Acquire. Nil stands for the zero value, which stands for the
// defaults.
type Options struct {
	// TTL is the lease time: after a holder has died, another has the lease
	// within it, if it was waiting; who comes later waits for one whole TTL
	// first, that of the dead holder, since no clock but its own can tell it when
	// that was. A holder renews four times within it. MinTTL to MaxTTL, in whole
	// milliseconds; default DefaultTTL.
	TTL time.Duration

	// NoWait answers a *HeldError at once where the lease is held. Whether that
	// holder lives cannot be known without waiting.
	NoWait bool

	// Waiting, if not nil, is told on the goroutine of Acquire whose lease it
	// waits for: when the waiting begins, when the holder changes, and when the
	// store cannot be read (with the error, and the last holder that was seen) or
	// can be again.
	Waiting func(h Holder, err error)

	// Logger gets renewals that failed, takeovers, and a lease that could not be
	// given back when Acquire failed. Default: nothing is logged.
	Logger *slog.Logger
}

// The shares of the lease time. A waiter that looks every twentieth and has seen
// no heartbeat for nine tenths takes over within the whole.
func patience(ttl time.Duration) time.Duration   { return ttl / 10 * 9 }
func lookEvery(ttl time.Duration) time.Duration  { return ttl / 20 }
func renewEvery(ttl time.Duration) time.Duration { return ttl / 4 }

// filled is the options with the defaults.
func (o *Options) filled() (Options, error) {
	var f Options
	if o != nil {
		f = *o
	}
	if f.TTL == 0 {
		f.TTL = DefaultTTL
	}
	if f.TTL < MinTTL || f.TTL > MaxTTL {
		return f, fmt.Errorf("lease time of %v: %v to %v are possible", f.TTL, MinTTL, MaxTTL)
	}
	f.TTL = f.TTL.Truncate(time.Millisecond)
	if f.Logger == nil {
		f.Logger = slog.New(slog.DiscardHandler)
	}
	if f.Waiting == nil {
		f.Waiting = func(Holder, error) {}
	}
	return f, nil
}

// hostname is how people know this machine; "" if it does not say.
func hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return host
}
