package journal

import (
	"errors"
	"io"
)

const windowSize = 256 << 10

// window reads a file from its beginning to its end in large pieces.
type window struct {
	file io.ReaderAt
	size int64 // nothing is read beyond; shrinks where the file ends earlier
	buf  []byte
	off  int64 // of buf in the file
}

// bytes returns n bytes at off, fewer only where the file ends. They are valid
// until the next call.
func (w *window) bytes(off int64, n int) ([]byte, error) {
	n = int(max(min(int64(n), w.size-off), 0))
	if n == 0 {
		return nil, nil
	}
	if off < w.off || off+int64(n) > w.off+int64(len(w.buf)) {
		if err := w.fill(off, n); err != nil {
			return nil, err
		}
		n = min(n, len(w.buf))
	}
	at := off - w.off
	return w.buf[at : at+int64(n)], nil
}

func (w *window) fill(off int64, n int) error {
	n = int(min(int64(max(n, windowSize)), w.size-off))
	if cap(w.buf) < n {
		w.buf = make([]byte, n)
	}
	w.buf, w.off = w.buf[:0], off
	got, err := w.file.ReadAt(w.buf[:n], off)
	if errors.Is(err, io.EOF) { // somebody cut the file meanwhile
		w.size = off + int64(got)
		err = nil
	}
	if err != nil {
		return err
	}
	w.buf = w.buf[:got]
	return nil
}

// forget makes the next call read the file again.
func (w *window) forget() { w.buf = w.buf[:0] }
