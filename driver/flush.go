package driver

import (
	"context"
	"time"
)

// Flusher is a backend whose values are readable elsewhere too, a little
// later: as files beside a journal, for instance.
type Flusher interface {
	// Flush makes what others see current: everything that was acknowledged
	// before the call. It adds nothing to the durability of those changes.
	Flush(ctx context.Context) error
}

// Retention says how far back a Historian's history reaches, and what bounds
// it.
type Retention struct {
	Oldest   time.Time     `json:"oldest,omitzero"` // of the oldest state that is kept; zero if there is none
	Size     int64         `json:"size"`            // bytes that the history takes now
	MaxSize  int64         `json:"maxSize"`         // bytes that it may take; 0: no limit
	MaxAge   time.Duration `json:"maxAge"`          // older states may go; 0: no limit
	Versions int64         `json:"versions"`        // states that are kept, of all values together; 0 if not counted
}
