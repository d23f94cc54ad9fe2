package filestore

import (
	"context"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// What a file means, when the store is opened, against what the journal and the
// snapshot say was last written to it:
//
//	looks as we left it             trusted, and not read
//	an older version of ours        the checkpoint that would have replaced it did not come so far
//	valid, and not ours             edited by hand: adopted, reported
//	valid, not ours, untouched      bit rot (found where all files are read): restored, reported
//	not valid                       quarantined; restored if the value is known, else ErrDamaged
//	missing, never removed          put back, reported
//	there, and removed since        removed
//	there, and never heard of       written by hand: adopted, reported
//
// When the store has no memory yet, or the files were changed directly in the
// meantime, they are right whatever they hold, and nothing is reported.

// sighting is a file that was found, and what is to be made of it.
type sighting struct {
	found
	info  vfs.Info
	e     *entry // nil if the key is not known
	equal bool   // the content was read, and is that of the present version
}

// reconciliation is what comparing the files with the index finds. It changes
// nothing but the index's notes of what it saw.
type reconciliation struct {
	l      *loader
	right  bool // the files are, whatever they hold
	verify bool // read all of them

	progress func(int)
	refresh  func() error // brings the index up to what another process has written meanwhile

	read    []*sighting // to be read
	stale   []*entry    // whose files or snapshot entries are behind
	same    []*sighting // touched, but with the content that we know
	adopted []*sighting
	rotten  []*sighting // valid, untouched, and not what was written
	damaged []*sighting
	twins   []found
	missing []*entry // gone, and never removed
	gone    []*entry // gone, and rightly so: the files are right
}

// listing is the files of one directory. A sighting is made of those only whose
// look does not tell what they hold: mostly none.
type listing struct {
	directory             // files: those that are named as their ids, the suffix aside
	odd       []*sighting // the others
}

// sight makes a sighting of a file.
func (l *listing) sight(info vfs.Info, id string, e *entry) *sighting {
	return &sighting{found: found{key: driver.Key{Entity: l.entity, ID: id}, file: l.path + "/" + info.Name}, info: info, e: e}
}

// sightings lists every file whose name is a value's. v.dirs gets the directories
// with temporary files.
func (s *Store) sightings(ctx context.Context, v *survey, refuse func(*driver.DamagedError) error) ([]listing, []found, error) {
	var all []listing
	var twins []found
	root, err := vfs.Stat(s.fs, ".")
	if err != nil {
		return nil, nil, err
	}
	w := &walker{s: s, refuse: refuse, stat: true, device: root.Device, visit: func(d directory) error {
		l, err := s.sortNames(d, v, refuse)
		if err == nil {
			var double []found
			l.odd, double = splitTwins(l.odd)
			all, twins = append(all, l), append(twins, double...)
		}
		return err
	}}
	err = w.walk(ctx)
	v.mixed = w.mixed
	return all, twins, err
}

// sortNames sorts the files of a directory by what their names are.
func (s *Store) sortNames(d directory, v *survey, refuse func(*driver.DamagedError) error) (listing, error) {
	l := listing{directory: d}
	l.files = d.files[:0]
	for _, info := range d.files {
		if strings.HasPrefix(info.Name, ".") && atomicfile.IsTemp(info.Name) {
			d.temps = true
			continue
		}
		if plain(strings.TrimSuffix(info.Name, suffix)) && !s.names.windows {
			l.files = append(l.files, info)
			continue
		}
		id, ok := s.names.decode(info.Name, idName)
		if ok {
			l.odd = append(l.odd, l.sight(info, id, nil)) // whose id may have another file
		} else if err := refuse(s.foreign(path.Join(d.path, info.Name), "file")); err != nil {
			return l, err
		}
	}
	if d.temps {
		v.dirs = append(v.dirs, d.path) // to be swept
	}
	return l, nil
}

// splitTwins finds the files of one directory that stand for the same id. The
// less escaped form is the preferred one.
func splitTwins(odd []*sighting) (single []*sighting, twins []found) {
	slices.SortStableFunc(odd, func(a, b *sighting) int {
		if c := strings.Compare(a.key.ID, b.key.ID); c != 0 {
			return c
		}
		return len(a.file) - len(b.file)
	})
	for i, f := range odd {
		if i > 0 && odd[i-1].key == f.key {
			twins = append(twins, f.found)
		} else {
			single = append(single, f)
		}
	}
	return single, twins
}

// compare sorts what was found by what it means, reading what must be read.
func (r *reconciliation) compare(ctx context.Context, all []listing) error {
	for i := range all {
		r.sortAll(&all[i])
	}
	if err := r.readAll(ctx); err != nil {
		return err
	}
	for _, ent := range r.l.j.index.all() {
		for _, e := range ent.list() {
			r.unlisted(e)
		}
	}
	return nil
}

// sortAll sorts the files of one directory, large parts of it at once: no two of
// them are of the same entry.
func (r *reconciliation) sortAll(l *listing) {
	const part = 4 << 10
	parts := make([]reconciliation, (len(l.files)+part-1)/part)
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(parts); i = int(next.Add(1)) - 1 {
			parts[i] = reconciliation{l: r.l, verify: r.verify}
			parts[i].sortPart(l, l.files[i*part:min((i+1)*part, len(l.files))])
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	for i := range parts {
		p := &parts[i]
		r.read, r.stale, r.same = append(r.read, p.read...), append(r.stale, p.stale...), append(r.same, p.same...)
	}
	for _, f := range l.odd {
		f.e = r.l.j.index.find(f.key)
		r.sort(f.e, &f.info, func() *sighting { return f })
	}
}

func (r *reconciliation) sortPart(l *listing, files []vfs.Info) {
	for i := range files {
		info := &files[i]
		id := strings.TrimSuffix(info.Name, suffix)
		e := r.l.j.index.find(driver.Key{Entity: l.entity, ID: id})
		r.sort(e, info, func() *sighting { return l.sight(*info, id, e) })
	}
}

// sort decides by the look of a file alone, where that is enough. Where it is
// not, sight is asked for the file's sighting.
func (r *reconciliation) sort(e *entry, info *vfs.Info, sight func() *sighting) {
	if e == nil {
		r.read = append(r.read, sight())
		return
	}
	e.listed = true
	cur := e.cur.Load()
	unchanged := cur != nil && e.base != nil && cur.seq == e.base.seq && cur.mod == e.base.mod
	switch {
	case r.verify || cur == nil || r.l.suspects[e]:
		r.read = append(r.read, sight())
	case unchanged && e.looksLeft(info):
		if r.l.broken != nil {
			r.same = append(r.same, sight()) // for the snapshot that replaces it
		}
	case !unchanged && e.looksLeft(info):
		r.stale = append(r.stale, e)
	default:
		r.read = append(r.read, sight())
	}
}

// looksLeft tells whether a file looks in every respect as we left the entry's.
func (e *entry) looksLeft(info *vfs.Info) bool {
	return e.file != (stamp{}) && stampOf(*info) == e.file
}

func (f *sighting) looksLeft() bool { return f.e.looksLeft(&f.info) }

// knows tells whether a file's content is that of a version which it may have
// been left with: the one in the snapshot, or one since then. Its time is no
// proof: copying a directory changes that, and an editor may set it.
func (r *reconciliation) knows(e *entry, data []byte) bool {
	is := imageOf(data)
	for _, v := range []*version{e.base, e.cur.Load()} {
		if v.live() && is == (image{int(v.size), v.crc}) {
			return true
		}
	}
	return slices.Contains(r.l.older[e], is)
}

// readAll reads the files that must be read, some at a time.
func (r *reconciliation) readAll(ctx context.Context) error {
	slices.SortFunc(r.read, func(a, b *sighting) int { return strings.Compare(a.file, b.file) }) // they were listed in any order
	done := 0
	var mu sync.Mutex
	err := r.l.s.eachFile(ctx, len(r.read), func(i int) error {
		f := r.read[i]
		c, err := r.l.s.readKnown(f.file, func(data []byte) bool { return f.e != nil && r.knows(f.e, data) })
		if err != nil {
			return ignoreNotExist(err) // removed since it was listed: it will be missed
		}
		f.content = c
		if !c.damaged() && f.e != nil && f.e.cur.Load().holds(c) {
			c.data = nil // it is what we have; the rest is few
			f.equal = true
		}
		f.info.ModTime, f.info.Size = c.modTime.UnixNano(), c.size
		if r.progress != nil {
			mu.Lock()
			defer mu.Unlock()
			done++
			r.progress(done)
		}
		return nil
	})
	if err == nil && r.refresh != nil {
		err = r.refresh()
	}
	if err != nil {
		return err
	}
	for _, f := range r.read {
		if f.content != nil {
			r.judge(f)
		}
	}
	return nil
}

// judge decides by the content.
func (r *reconciliation) judge(f *sighting) {
	c := f.content
	if f.e != nil && r.l.lostLast(f.e) {
		return // what becomes of it depends on the file, and is decided there
	}
	if c.damaged() {
		r.damaged = append(r.damaged, f)
		return
	}
	if f.e == nil { // put by the owner since the files were listed?
		if f.e = r.l.j.index.find(f.key); f.e != nil {
			f.e.listed = true
		}
	}
	if f.e == nil && !r.clear(f) {
		r.adopted = append(r.adopted, f)
		return
	}
	cur := f.e.cur.Load()
	switch {
	case f.equal, cur.live() && cur.wrote(c.data):
		r.same = append(r.same, f)
	case r.right:
		r.adopted = append(r.adopted, f)
	case r.knows(f.e, c.data), !cur.live() && f.looksLeft():
		r.stale = append(r.stale, f.e)
	case f.looksLeft():
		r.rotten = append(r.rotten, f)
	case cur != nil && r.unprovable(f) && f.info.ModTime <= cur.mod:
		r.stale = append(r.stale, f.e)
	default:
		r.adopted = append(r.adopted, f)
	}
}

// clear tells whether a file of which the store has not heard goes back to before
// its entity was cleared, and makes it one that was removed. Without a snapshot the
// store need not have heard of what it cleared: the files were there before it.
func (r *reconciliation) clear(f *sighting) bool {
	v := r.l.cleared[f.key.Entity]
	if v == nil || r.right || !r.blank() || f.info.ModTime > v.mod {
		return false
	}
	f.e = r.l.j.place(f.key, f.file)
	f.e.listed = true
	f.e.cur.Store(v)
	return true
}

// blank tells that there is no snapshot that says what the files were.
func (r *reconciliation) blank() bool {
	return r.l.unsure != nil || r.l.snap == nil && r.l.broken == nil
}

// unprovable tells of a file of which it is not known what we last wrote to it.
// Without a snapshot, it may be what was there before the first change.
func (r *reconciliation) unprovable(f *sighting) bool {
	return r.blank() || f.e.base != nil && f.e.file == (stamp{})
}

// unlisted decides what an entry without a file means.
func (r *reconciliation) unlisted(e *entry) {
	if e.listed {
		e.listed = false
		return
	}
	cur := e.cur.Load()
	switch {
	case cur == nil:
	case r.right && cur.live():
		r.gone = append(r.gone, e)
	case cur.live() && e.file != (stamp{}) && !r.l.removed[e]:
		r.missing = append(r.missing, e)
	default:
		r.stale = append(r.stale, e)
	}
}

// eachFile calls f for 0 to n-1, several at a time, until one fails.
func (s *Store) eachFile(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	next := 0
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == n || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	var wg sync.WaitGroup
	for range min(readers, n) {
		wg.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := f(i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
