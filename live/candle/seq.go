package candle

import (
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// A SeqSource is the [Source] that [FromSeq] returns.
type SeqSource struct {
	pull func() (Candle, bool)
	stop func()
	err  error
}

// FromSeq returns the candles of seq, as they are, as a Source. The sequence
// runs only inside calls of Next and Close, but is suspended between them: a
// source that is given up before its end must be closed, or what the sequence
// holds is never released. At its end it closes itself.
func FromSeq(seq iter.Seq[Candle]) *SeqSource {
	s := &SeqSource{}
	s.pull, s.stop = iter.Pull(seq)
	return s
}

// Next returns the next candle of the sequence, or [io.EOF] at its end. After
// Close it returns an error that wraps [fs.ErrClosed], unless the end had been
// reached before.
func (s *SeqSource) Next() (Candle, error) {
	if s.err != nil {
		return Candle{}, s.err
	}
	c, ok := s.pull()
	if !ok {
		s.err = io.EOF
		return Candle{}, s.err
	}
	return c, nil
}

// Close ends the sequence and releases what it holds. It may be called more
// than once, but not during Next. It returns nil.
func (s *SeqSource) Close() error {
	if s.err == nil {
		s.err = fmt.Errorf("candle: sequence: %w", fs.ErrClosed)
	}
	s.stop()
	return nil
}
