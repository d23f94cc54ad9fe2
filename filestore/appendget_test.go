package filestore_test

import "testing"

// Who reads a warm value again and again into the same memory makes no garbage.
func TestAppendGetDoesNotAllocate(t *testing.T) {
	s := journal(t, ramDir(t), nil)
	put(t, s, btc, sized(1, 400))
	var buf []byte
	read := func() {
		rec, err := s.AppendGet(t.Context(), btc, buf[:0])
		must(t, err)
		buf = rec.Data
	}
	read()
	read() // the text of the revision is kept from the second time on
	if n := testing.AllocsPerRun(100, read); n != 0 || string(buf) != sized(1, 400) {
		t.Errorf("%v allocations, %.20q", n, buf)
	}
}
