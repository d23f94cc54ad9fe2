package filestore

import "sync/atomic"

// life counts the calls under way, so that Close can wait for them. It is no
// RWMutex: a call made from within another (from the progress function of a
// Check, say) would then wait for the Close that waits for the outer one.
type life struct {
	state atomic.Int64 // calls under way, and ended
	idle  chan struct{}
}

// ended is the bit that says that the end has begun.
const ended = 1 << 62

func newLife() *life { return &life{idle: make(chan struct{}, 1)} }

// enter begins a call; false once the end has begun.
func (l *life) enter() bool {
	if l.state.Add(1)&ended != 0 {
		l.leave()
		return false
	}
	return true
}

func (l *life) leave() {
	if l.state.Add(-1) == ended {
		// The last of them, or one that came too late and met nobody: several
		// may get here, and one token is enough to make end look again.
		select {
		case l.idle <- struct{}{}:
		default:
		}
	}
}

// over tells whether the end has begun.
func (l *life) over() bool { return l.state.Load()&ended != 0 }

// end lets no further call begin, and waits for those under way. It is called
// once.
func (l *life) end() {
	for n := l.state.Or(ended); n != 0; n = l.state.Load() &^ ended {
		<-l.idle
	}
}
