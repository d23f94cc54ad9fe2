package journal

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/holdfast-go/holdfast/vfs"
)

// survey is what a journal's directory holds, by the headers of its segments.
type survey struct {
	chain  []*segment // active segments, oldest first
	spares []*segment
	bad    []bad    // files that are none of both
	temps  []string // names of segments that were never finished
	slot   uint64   // the highest slot
	number uint64   // the highest number
}

// bad is a segment file that cannot be used, and what is known of it.
type bad struct {
	seg    *segment
	damage Damage
}

// surveyDir reads the headers of all segments.
func surveyDir(fsys vfs.FS, dir string) (*survey, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sv := &survey{}
	for _, e := range entries {
		slot, ok := parseSlot(e.Name())
		if !ok {
			if isTemp(e.Name()) && e.Type().IsRegular() {
				sv.temps = append(sv.temps, e.Name())
			}
			continue
		}
		err := sv.look(fsys, dir, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // given up by its owner meanwhile
		}
		if err != nil {
			return nil, err
		}
		sv.slot = max(sv.slot, slot)
	}
	slices.SortStableFunc(sv.chain, byNumber)
	sv.dropTwins()
	return sv, nil
}

// empty reports whether there is no segment at all.
func (sv *survey) empty() bool { return len(sv.chain)+len(sv.spares)+len(sv.bad) == 0 }

// look reads one segment's header.
func (sv *survey) look(fsys vfs.FS, dir, name string) error {
	f, err := fsys.OpenFile(path.Join(dir, name), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	s := &segment{name: name}
	ok, err := s.readHeader(f)
	if err != nil {
		return err
	}
	sv.number = max(sv.number, s.head.number)
	switch {
	case !ok:
		sv.bad = append(sv.bad, bad{s, Damage{File: name, Detail: "no readable segment header"}})
	case s.head.state == stateActive:
		sv.chain = append(sv.chain, s)
	default:
		return sv.lookSpare(f, s)
	}
	return nil
}

// lookSpare sorts out a spare segment that is none.
func (sv *survey) lookSpare(f vfs.File, s *segment) error {
	if s.size < s.head.size {
		sv.bad = append(sv.bad, bad{s, Damage{File: s.name, Offset: s.size, Detail: "a spare segment that is cut off"}})
		return nil
	}
	d, err := headless(f, s)
	if err != nil {
		return err
	}
	if d != nil {
		sv.bad = append(sv.bad, bad{s, *d})
		return nil
	}
	s.unflushed = s.head.number > 0 // a new one was flushed before it got its name
	sv.spares = append(sv.spares, s)
	return nil
}

// headless finds out whether a segment that counts as spare holds records that
// were acknowledged: then its real header has been destroyed. What it held
// before it was given up does not matter, nor does a first flush that was torn.
func headless(f vfs.File, s *segment) (*Damage, error) {
	win := window{file: f, size: s.head.size}
	b, err := win.bytes(dataStart, recordHeader)
	if err != nil || len(b) < recordHeader {
		return nil, err
	}
	if _, old := parseHeader(b, s.head.salt); old {
		return nil, nil
	}
	// The salt is not known, but a record with any other payload than its own
	// would hardly have one that makes both checksums right.
	h := s.head
	h.salt = solveSalt(b)
	it, ok := parseHeader(b, h.salt)
	if !ok || it.kind != kindData || it.index != 0 {
		return nil, nil
	}
	h.first, h.prev = it.seq, it.seq-1
	w := newWalker(s.name, win, h, 0)
	for e := (event{item: &it}); e.item != nil || e.damage != nil; {
		if e, err = w.step(); err != nil {
			return nil, err
		}
	}
	if w.proved <= h.first {
		return nil, nil
	}
	return &Damage{File: s.name, From: h.first, To: w.next - 1, Detail: "the segment header is destroyed"}, nil
}

// dropTwins takes segments with equal numbers out of the chain, all but one:
// somebody has copied a file within the directory.
func (sv *survey) dropTwins() {
	var chain []*segment
	for _, s := range sv.chain {
		if n := len(chain); n > 0 && chain[n-1].head.number == s.head.number {
			d := Damage{File: s.name, Detail: "its number is that of " + chain[n-1].name + " too"}
			sv.bad = append(sv.bad, bad{s, d})
			continue
		}
		chain = append(chain, s)
	}
	sv.chain = chain
}
