package candle

import (
	"bufio"
	"errors"
	"io"
)

// maxRow is the most bytes that a line, or a row of a JSON array, may have.
const maxRow = 1 << 20

// errLong is what a longer one is reported as.
var errLong = errors.New("the row is over 1 MiB long: is this a file of candles, with line ends?")

// input reads bytes and lines and counts the lines. It reads from the
// underlying reader only when what it was asked for has not yet arrived.
type input struct {
	br    *bufio.Reader
	long  []byte // Holds a line that does not fit in br's buffer.
	ended int    // Line ends passed.
	row   int    // The line to report: where the row in work begins.
}

func newInput(r io.Reader) *input {
	return &input{br: bufio.NewReaderSize(&ending{r: r}, 64<<10)}
}

// ending reads from r up to its first error, io.EOF included, and sticks to
// that: bufio forgets an error once reported, and would read on after the end
// of a file that is being written.
type ending struct {
	r   io.Reader
	err error
}

func (e *ending) Read(p []byte) (n int, err error) {
	if e.err != nil {
		return 0, e.err
	}
	n, e.err = e.r.Read(p)
	return n, e.err
}

// readLine returns the next line without its end. It is valid until the next
// read. At the end of the input the error is io.EOF.
func (in *input) readLine() ([]byte, error) {
	in.row = in.ended + 1
	b, err := in.br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		b, err = in.readLong(b)
	}
	switch {
	case err == errLong:
		return nil, err
	case err == io.EOF:
		if len(b) == 0 {
			return nil, io.EOF
		}
	case err != nil:
		return nil, readFailure(err)
	default:
		in.ended++
		b = b[:len(b)-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	if len(b) > maxRow {
		return nil, errLong
	}
	return b, nil
}

// readLong reads the rest of a line that starts with b.
func (in *input) readLong(b []byte) ([]byte, error) {
	in.long = append(in.long[:0], b...)
	for {
		b, err := in.br.ReadSlice('\n')
		in.long = append(in.long, b...)
		if err != bufio.ErrBufferFull {
			return in.long, err
		}
		if len(in.long) > maxRow {
			return nil, errLong
		}
	}
}

// readText returns the next line that is neither blank nor a comment.
func (in *input) readText() ([]byte, error) {
	for {
		b, err := in.readLine()
		if err != nil {
			return nil, err
		}
		if s := trim(b); len(s) > 0 && s[0] != '#' {
			return b, nil
		}
	}
}

// readByte returns the next byte. At the end of the input the error is io.EOF.
func (in *input) readByte() (byte, error) {
	b, err := in.br.ReadByte()
	switch {
	case err == io.EOF:
		return 0, io.EOF
	case err != nil:
		in.row = in.ended + 1
		return 0, readFailure(err)
	case b == '\n':
		in.ended++
	}
	return b, nil
}

// readMark returns the next byte that is not white space, and makes its line
// the one to report. At the end of the input it leaves that line as it was.
func (in *input) readMark() (byte, error) {
	for {
		b, err := in.readByte()
		if err != nil {
			return 0, err
		}
		if b != '\n' && !isBlank(b) {
			in.row = in.ended + 1
			return b, nil
		}
	}
}

// peekMark returns the first byte from position i on that is neither blank nor,
// if lines is set, a line end, and its position, without reading past it.
// If there is none within the buffer, because the input ends or fails or so
// much of it is blank, the byte is 0: to read the input will tell.
func (in *input) peekMark(i int, lines bool) (b byte, at int) {
	for {
		s, err := in.br.Peek(i + 1)
		if err != nil {
			return 0, i
		}
		if b := s[i]; !isBlank(b) && !(lines && b == '\n') {
			return b, i
		}
		i++
	}
}

// skipMagic skips a UTF-8 byte order mark, and refuses files which are known by
// their first bytes to be something other than UTF-8 text.
func (in *input) skipMagic() error {
	for _, m := range [...]struct{ magic, means string }{
		{"\xef\xbb\xbf", ""},
		{"\xff\xfe", "the file is text in UTF-16: save it as UTF-8"},
		{"\xfe\xff", "the file is text in UTF-16: save it as UTF-8"},
		{"PK\x03\x04", "the file is a zip archive: unpack it first"},
		{"\x1f\x8b", "the file is packed with gzip: unpack it first"},
	} {
		if !in.startsWith(m.magic) {
			continue
		}
		if m.means != "" {
			in.row = 1
			return errors.New(m.means)
		}
		_, err := in.br.Discard(len(m.magic)) // Cannot fail: it is buffered.
		return err
	}
	return nil
}

// startsWith reports whether the input goes on with s, and reads no more of it
// than it needs to know.
func (in *input) startsWith(s string) bool {
	for i := range len(s) {
		b, err := in.br.Peek(i + 1)
		if err != nil || b[i] != s[i] {
			return false
		}
	}
	return true
}
