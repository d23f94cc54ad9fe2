package journal

// remains is what was found in a segment behind the first place where no
// record stands: rests of a torn or failed write, or records that were
// acknowledged and have something damaged before them.
type remains struct {
	items  []item // in the order of the file, those that can belong to the journal
	proved uint64 // all below was acknowledged, says one of them
	seen   uint64 // the highest sequence number of all, stale ones included
	mark   *item  // the mark or seal that ends the records; nil if there is none
}

// maxAhead bounds how far a sequence number may be from where it is expected. A
// checksum of 32 bits alone would let one of a billion accidents through.
const maxAhead = 1 << 32

// scan looks at every place from the present one to the end of the file.
func (w *walker) scan() (*remains, error) {
	r := &remains{seen: w.next - 1}
	for off := w.off; off+recordHeader <= w.win.size; {
		it, ok, err := w.itemAt(off)
		if err != nil {
			return nil, err
		}
		off += recordAlign
		if !ok || it.seq > w.next+maxAhead {
			continue
		}
		whole := true
		if it.isData() {
			payload, err := w.payload(&it)
			if err != nil {
				return nil, err
			}
			if whole = payload != nil && it.matches(payload); whole {
				off = it.end()
			}
		}
		r.add(it, whole)
	}
	return r, nil
}

// add takes an item in, in the order of the file.
//
// Numbers grow with the offset among records that count. What has a lower one
// is a rest of a write that failed or was torn, and later ones were written
// before it: numbers that were seen on disk are never given out again, so those
// that count are always higher.
func (r *remains) add(it item, whole bool) {
	r.proved = max(r.proved, it.proves())
	stale := it.seq <= r.seen
	if !it.isData() {
		stale = it.seq < r.seen
		if !stale {
			r.mark = &it
		}
	}
	r.seen = max(r.seen, it.seq)
	if !stale && whole {
		r.items = append(r.items, it)
	}
}

// after takes out and returns the first record behind the walker's place that
// has a later number than the one expected there. It passes over marks.
func (r *remains) after(w *walker) *item {
	for i := range r.items {
		it := &r.items[i]
		if it.isData() && it.off > w.off && it.seq > w.next && (w.known == 0 || it.seq < w.known) {
			r.items = r.items[i:]
			return it
		}
	}
	return nil
}
