package filestore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// openJournal reads the journal, the snapshot and the look of the files, brings
// them together, and starts to write. Nothing on the disk has changed if it
// fails for what it could not read.
func (s *Store) openJournal(ctx context.Context) (*journaled, driver.Report, error) {
	for _, dir := range []string{journalDir, snapshotDir} {
		if err := s.dirs.ensure(s.fs, dir); err != nil {
			return nil, driver.Report{}, s.explainOpen(err)
		}
	}
	j := &journaled{s: s, index: newIndex(), stuck: map[*entry]error{}}
	j.cache.limit, j.folds.needed = s.opt.Cache, s.caseBlind
	j.behind.init(min(s.opt.HistorySize/4*3, maxBacklog))
	j.opening.Store(true)
	o := &opening{j: j, l: newLoader(j), v: &survey{report: newReport()}}
	if err := o.load(ctx); err != nil {
		return nil, driver.Report{}, errors.Join(err, o.release())
	}
	if all := o.unreadable(); len(all) > 0 { // that is salvage
		if err := errors.Join(o.putAway(all), o.release()); err != nil {
			return nil, driver.Report{}, err
		}
		j, report, err := s.openJournal(ctx)
		report.Findings = append(o.v.report.Findings, report.Findings...)
		return j, report, err
	}
	if err := o.act(ctx); err != nil {
		return nil, driver.Report{}, errors.Join(err, o.release())
	}
	if err := o.dropOld(); err != nil {
		return nil, driver.Report{}, errors.Join(err, o.release())
	}
	rest := shortRest
	if j.behindhand() || len(j.spares.left) > 0 {
		rest = startRest
		j.behind.wake()
	}
	go j.run(rest) // not before: nobody would end it after a failure
	j.running = true
	o.v.report.Entities, o.v.report.Values = j.count()
	usage := j.log.Usage()
	o.v.report.History = &driver.Retention{Oldest: usage.Oldest, Size: usage.Size,
		MaxSize: s.opt.HistorySize, MaxAge: max(s.opt.HistoryAge, 0)}
	return j, o.v.report, nil
}

// opening is the opening of a journalled store.
type opening struct {
	j *journaled
	l *loader
	v *survey
	r *reconciliation
	// eager says that the first checkpoint belongs to the opening, so that what
	// it found is not found again.
	eager bool
	// healed are the marks to be closed once good values are in their places:
	// before that a crash would leave neither a file nor the reason.
	healed []healing
}

// healing is a mark and why it can be closed.
type healing struct {
	m   mark
	e   *entry // whose good value, or removal, is the reason
	how string
}

// release ends an opening that failed.
func (o *opening) release() error {
	err := o.j.release()
	if o.l.broken != nil {
		err = errors.Join(err, o.l.broken.close())
	}
	return err
}

// load reads everything that is needed, the two halves side by side.
func (o *opening) load(ctx context.Context) error {
	type answer struct {
		files []listing
		err   error
	}
	listed := make(chan answer, 1)
	go func() { // it is waited for below, whatever happens
		files, twins, err := o.j.s.sightings(ctx, o.v, refused)
		o.v.twins = twins
		listed <- answer{files, err}
	}()
	err := o.readLog()
	files := <-listed
	if err = errors.Join(err, files.err); err != nil {
		return err
	}
	o.j.each.Store(o.v.mixed) // one flush of the file system would not cover all
	o.r = &reconciliation{l: o.l, verify: o.j.s.opt.Verify, right: o.filesAreRight()}
	return o.r.compare(ctx, files.files)
}

// readLog reads snapshot and journal.
func (o *opening) readLog() (err error) {
	j := o.j
	if err := o.l.readSnapshot(); err != nil {
		return err
	}
	j.snap.Store(o.l.snap)
	opt := &journal.Options{
		MaxSize: j.s.opt.HistorySize, MinSegment: j.s.opt.segment, MaxSegment: min(maxSegment, j.s.opt.HistorySize/2),
		MaxAge: j.s.opt.HistoryAge, Logger: j.s.log,
		Committed: j.committed, Failed: j.refused, MakeRoom: j.makeRoom,
	}
	j.log, err = journal.Open(j.s.fs, journalDir, opt, journal.Replay{After: o.l.seq, Record: o.l.record, Damage: o.l.damage})
	if err != nil {
		return err
	}
	if err := o.holdSnapshot(); err != nil {
		return err
	}
	j.past = j.log.Backward
	j.snap.Store(o.l.snap) // what the journal has shown may have ruled it out
	if o.l.snap != nil {
		j.log.Release(o.l.seq)
	}
	j.last, j.detached = max(j.log.Last(), o.l.seq), o.l.detached
	j.s.clock.at(time.Unix(0, o.l.newest))
	if err := o.judgeLog(); err != nil {
		return err
	}
	j.log.SetNext(j.last + 1) // an empty one then says that it has seen all before
	return nil
}

// minSegment is the size of the journal's first files: a store of a few values
// takes little room.
const minSegment = 256 << 10

// maxSegment is the size of the large ones. Two are kept whatever HistorySize
// says.
const maxSegment = 16 << 20

// maxBacklog is the most that waits for a checkpoint before there is no rest: it
// is in memory, and the next start would have to read it.
const maxBacklog = 192 << 20

// filesAreRight tells whether the store has no memory of its files, or one that
// does not count any more.
func (o *opening) filesAreRight() bool {
	fresh := o.l.snap == nil && o.l.broken == nil && o.j.last == 0
	return fresh || o.l.detached
}

// act does what the reading has shown to be needed.
func (o *opening) act(ctx context.Context) error {
	for _, f := range o.r.damaged {
		o.v.damaged = append(o.v.damaged, f.found)
	}
	if o.j.s.opt.Invalid == Refuse {
		if err := o.j.s.refuse(o.v); err != nil {
			return err
		}
	}
	steps := []func(context.Context) error{o.keepBroken, o.losses, o.damage, o.adopt, o.suspects, o.settle, o.marks}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, f := range o.v.twins {
		m, err := o.j.s.quarantineTwin(f.key, f.file)
		if err != nil {
			return err
		}
		f.content = &content{problem: driver.ProblemDuplicate}
		o.v.add(o.j.s.keptFinding(f, m))
	}
	if err := errors.Join(o.j.s.sweep(o.v), o.j.spares.find(o.j.s.fs)); err != nil {
		return err
	}
	o.j.opening.Store(false)
	if !o.eager {
		return o.closeMarks()
	}
	switch err := o.j.checkpoint(ctx); {
	case err == nil:
		return errors.Join(o.closeMarks(), o.l.dropBroken())
	case isFlush(err) || !isNoSpace(err):
		return err
	}
	return o.l.dropBroken() // a full disk must not keep anybody from reading
}

// closeMarks resolves the marks of what has been healed. A good file that is
// found in its place may have been put there by a process that was killed before
// it could sync the name: after a power cut there would be neither file nor mark,
// and somebody would be said to have removed it. So that comes first.
func (o *opening) closeMarks() error {
	if len(o.healed) == 0 {
		return nil
	}
	var dirs []string
	for _, h := range o.healed {
		dirs = append(dirs, path.Dir(o.j.path(h.e))) // not where the mark says: that may be a place of before
	}
	if err := o.j.s.dirs.sync(o.j.s.fs, withParents(dirs)); err != nil {
		return err
	}
	for _, h := range o.healed {
		if err := o.j.s.resolveMark(h.m, h.how); err != nil {
			return err
		}
	}
	return nil
}

// damage puts damaged files into quarantine, and good values in their place
// where they are known.
func (o *opening) damage(ctx context.Context) error {
	s := o.j.s
	for _, f := range append(o.r.damaged, o.r.rotten...) {
		now, err := s.read(f.file)
		if ignoreNotExist(err) != nil {
			return err
		}
		if err != nil || now.damaged() != f.content.damaged() { // replaced since it was read
			o.stale(f.e)
			continue
		}
		f.content = now
		if !now.damaged() {
			f.content.problem, f.content.detail = driver.ProblemChecksum, "not what was written, though nothing has touched it"
		}
		if err := o.treat(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// treat does to one damaged file what the policy says.
func (o *opening) treat(ctx context.Context, f *sighting) error {
	s := o.j.s
	s.log.Error("found invalid document", "filePath", s.path(f.file), "entityName", f.key.Entity, "reason", f.content.reason())
	var cur *version
	if f.e != nil {
		cur = f.e.cur.Load()
	}
	known := cur.live()
	if known && o.r.right { // what is known is an older state
		known = false
		o.r.gone = append(o.r.gone, f.e)
	}
	if known && o.l.suspects[f.e] && cur.data == nil { // else it is a newer one, from the journal
		_, err := o.j.data(f.key, cur)
		if known = err == nil; err != nil && !errors.Is(err, driver.ErrDamaged) {
			return err
		}
	}
	o.eager = true
	if s.opt.Invalid == Delete {
		action, err := s.unlink(ctx, f.found)
		if known && err == nil {
			action = driver.ActionRestore
			o.stale(f.e)
		}
		o.v.add(s.finding(f.found, action))
		return err
	}
	m, err := s.quarantine(f.key, f.file, f.content)
	if err != nil {
		return err
	}
	finding := s.keptFinding(f.found, m)
	if known {
		finding.Action = driver.ActionRestore
		o.stale(f.e)
		o.healed = append(o.healed, healing{m, f.e, "restored from the journal"})
	} else if f.e != nil {
		o.stale(f.e)
	}
	o.v.add(finding)
	return err
}

// adopt takes over what another hand has written: as changes in the journal
// where the store has a memory that they differ from, or as they are.
func (o *opening) adopt(ctx context.Context) error {
	for _, f := range o.r.adopted {
		if o.fresh() || o.l.forgot && f.e == nil {
			o.takeOver(f)
			continue
		}
		o.eager = true
		if err := o.j.adopt(ctx, f); err != nil {
			if isNoSpace(err) {
				return fmt.Errorf("an edit by hand of %s cannot be taken over: %w: make room on that disk", o.j.s.path(f.file), err)
			}
			return err
		}
		if !o.r.right {
			o.v.add(driver.Finding{Entity: f.key.Entity, ID: f.key.ID, Path: o.j.s.path(f.file), Problem: driver.ProblemEdited,
				Action: driver.ActionAdopt, Time: time.Now().UTC()})
		}
	}
	for _, e := range o.r.gone {
		o.eager = true
		if err := o.j.gone(ctx, e); err != nil {
			return err
		}
	}
	if o.l.detached {
		o.eager = true
		return o.j.attach(ctx)
	}
	return nil
}

// fresh tells whether the store begins its memory with what the files hold.
func (o *opening) fresh() bool { return o.r.right && !o.l.detached }

// takeOver makes the content of a file the first version of its value.
func (o *opening) takeOver(f *sighting) {
	o.eager = true
	e := o.j.place(f.key, f.file)
	data := f.content.data
	mod := min(f.info.ModTime, o.j.s.clock.next().UnixNano())
	e.cur.Store(&version{data: data, mod: mod, size: uint32(len(data)), crc: checksum(data), kind: opPut})
	o.keep(e, f)
}

// keep notes that a file is right as it is, and how it looks.
func (o *opening) keep(e *entry, f *sighting) {
	o.j.order.Lock()
	defer o.j.order.Unlock()
	o.j.keepFile(e, stampOf(f.info))
	o.j.soil(e)
}

// stale notes that a file is to be written, or removed.
func (o *opening) stale(e *entry) {
	if e == nil {
		return
	}
	o.j.order.Lock()
	defer o.j.order.Unlock()
	if e.cur.Load() != nil {
		o.j.soil(e)
	}
}

// settle notes what the first checkpoint has to do.
func (o *opening) settle(context.Context) error {
	for _, f := range o.r.same {
		o.keep(f.e, f)
	}
	for _, e := range o.r.stale {
		o.stale(e)
	}
	for _, e := range o.r.missing {
		if !e.cur.Load().live() {
			continue // nobody knows what it was
		}
		o.stale(e)
		k := e.key()
		file := o.j.path(e)
		o.eager = true
		if _, ours := o.j.s.marks.get(k); ours {
			continue // we took it away, and were cut off before a good one was in its place
		}
		o.v.add(driver.Finding{Entity: k.Entity, ID: k.ID, Path: o.j.s.path(file), Problem: driver.ProblemMissing,
			Action: driver.ActionRestore, Time: time.Now().UTC()})
	}
	return nil
}

// marks closes the marks of values that have a newer state, and reports those
// that stay.
func (o *opening) marks(context.Context) error {
	s := o.j.s
	for _, k := range s.marks.keys() {
		m, _ := s.marks.get(k)
		e := o.j.index.find(k)
		var cur *version
		if e != nil {
			cur = e.cur.Load()
		}
		f := found{key: k}
		switch {
		case cur.live(), cur != nil && cur.mod > m.Found.UnixNano():
			older := slices.DeleteFunc(s.marks.list(k), o.healing)
			if len(older) > 0 {
				o.v.add(s.finding(f, driver.ActionResolve))
			}
			for _, m := range older {
				o.healed = append(o.healed, healing{m, e, "recovery: a newer state is in place"})
			}
		case !o.reported(k):
			o.v.add(s.finding(f, driver.ActionNone))
		}
	}
	return nil
}

// healing tells whether a mark is to be closed already.
func (o *opening) healing(m mark) bool {
	return slices.ContainsFunc(o.healed, func(h healing) bool { return h.m.dir == m.dir })
}

// reported tells whether the report has a finding on the value already.
func (o *opening) reported(k driver.Key) bool {
	for _, f := range o.v.report.Findings {
		if f.Entity == k.Entity && f.ID == k.ID {
			return true
		}
	}
	return false
}
