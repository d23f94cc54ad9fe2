package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line: the largest value, written with escapes and white
// space to spare.
const maxLine = 96 << 20

// inputLine is a line as it was read, without its end.
type inputLine struct {
	text   []byte // for the receiver to keep
	number int    // from 1, blank lines included
	read   int64  // bytes of the input up to here
	err    error  // instead of a line: the input ended with it
}

// lineReader cuts an input into lines and passes over blank ones.
type lineReader struct {
	r      *bufio.Reader
	max    int
	number int
	read   int64
}

func newLineReader(r io.Reader, max int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// next returns the next line that is not blank. At the end err is io.EOF.
func (l *lineReader) next() inputLine {
	for {
		text, err := l.line()
		if err != nil {
			return inputLine{err: err, number: l.number, read: l.read}
		}
		if l.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(text)) > 0 {
			return inputLine{text: text, number: l.number, read: l.read}
		}
	}
}

// line reads one line. The last one needs no end.
func (l *lineReader) line() ([]byte, error) {
	var text []byte
	for {
		part, err := l.r.ReadSlice('\n')
		l.read += int64(len(part))
		text = append(text, part...)
		switch {
		case len(text) > l.max:
			l.number++
			return nil, fmt.Errorf("it is over %d bytes long", l.max)
		case err == nil, errors.Is(err, io.EOF) && len(text) > 0:
			l.number++
			return bytes.TrimRight(text, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// readLines reads in a goroutine of its own, so that a signal is heeded while
// the input is silent. It ends with the input, or when done is closed; a Read
// that never returns keeps it until the process ends.
func readLines(r io.Reader, done <-chan struct{}) <-chan inputLine {
	lines := make(chan inputLine)
	go func() {
		defer close(lines)
		in := newLineReader(r, maxLine)
		for {
			line := in.next()
			select {
			case lines <- line:
			case <-done:
				return
			}
			if line.err != nil {
				return
			}
		}
	}()
	return lines
}
