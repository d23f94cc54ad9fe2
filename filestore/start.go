package filestore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
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
	j := &journaled{s: s, stuck: map[*entry]error{}}
	j.cache.limit, j.folds.needed = s.opt.Cache, s.caseBlind
	j.behind.init(s.opt.HistorySize / 4)
	o := &opening{j: j, l: newLoader(j), v: &survey{report: newReport()}}
	if err := o.load(ctx); err != nil {
		return nil, driver.Report{}, errors.Join(err, j.release())
	}
	if err := o.act(ctx); err != nil {
		return nil, driver.Report{}, errors.Join(err, j.release())
	}
	go j.run() // not before: nobody would end it after a failure
	j.running = true
	if j.behindhand() {
		j.behind.wake()
	}
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
}

// load reads everything that is needed, the two halves side by side.
func (o *opening) load(ctx context.Context) error {
	type listing struct {
		files []*sighting
		err   error
	}
	listed := make(chan listing, 1)
	go func() { // it is waited for below, whatever happens
		files, twins, err := o.j.s.sightings(ctx, o.v, refused)
		o.v.twins = twins
		listed <- listing{files, err}
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
	opt := &journal.Options{
		MaxSize: j.s.opt.HistorySize, MinSegment: minSegment, MaxSegment: min(maxSegment, j.s.opt.HistorySize/2),
		MaxAge: j.s.opt.HistoryAge, Logger: j.s.log,
		Committed: j.committed, Failed: j.refused, MakeRoom: j.makeRoom,
	}
	j.log, err = journal.Open(j.s.fs, journalDir, opt, journal.Replay{After: o.l.seq, Record: o.l.record, Damage: o.l.damage})
	if err != nil {
		return err
	}
	j.past = j.log.Backward
	j.snap.Store(o.l.snap)
	j.last, j.detached = max(j.log.Last(), o.l.seq), o.l.detached
	j.log.SetNext(j.last + 1)
	j.s.clock.at(time.Unix(0, o.l.newest))
	return o.judgeLog()
}

// minSegment is the size of the journal's first files: a store of a few values
// takes little room.
const minSegment = 256 << 10

// maxSegment is the size of the large ones. Two are kept whatever HistorySize
// says.
const maxSegment = 16 << 20

// judgeLog decides what a journal means that has lost something.
func (o *opening) judgeLog() error {
	usage := o.j.log.Usage()
	if o.l.snap == nil && o.l.unsure == nil && usage.First > 1 {
		o.l.unsure = fmt.Errorf("%w: it is missing", errSnapshotDamaged)
	}
	if o.j.log.Last() < o.l.seq && !o.l.clean {
		o.l.unknown = append(o.l.unknown, journal.Damage{File: journalDir, From: o.l.seq + 1,
			Detail: "the journal ends before the snapshot that was made from it"})
	}
	if len(o.l.unknown) == 0 || o.j.s.opt.Salvage {
		return nil
	}
	d := o.l.unknown[0]
	return &driver.DamagedError{Path: o.j.s.path(d.File),
		Reason: fmt.Sprintf("acknowledged changes are lost, from number %d on, and nobody can tell of which values (%s)", d.From, d.Detail),
		Way:    `look at the values with "holdfast export"; then "holdfast check --repair" (or salvage=on) opens with what is left, and keeps the damaged bytes`}
}

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
	steps := []func(context.Context) error{o.keepBroken, o.losses, o.damage, o.adopt, o.settle, o.marks}
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
	if err := o.j.s.sweep(o.v); err != nil {
		return err
	}
	if !o.eager {
		return nil
	}
	if err := o.j.checkpoint(ctx); err != nil && (isFlush(err) || !isNoSpace(err)) { // a full disk must not keep anybody from reading
		return err
	}
	return o.l.dropBroken()
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
	known := f.e != nil && f.e.cur.Load().live()
	if known && o.r.right { // what is known is an older state
		known = false
		o.r.gone = append(o.r.gone, f.e)
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
		err = s.resolveMark(m, "restored from the journal")
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
		if o.fresh() {
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
		o.stale(e)
		k := e.key()
		file := o.j.path(e)
		o.eager = true
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
			finding := s.finding(f, driver.ActionResolve)
			if err := s.resolve(k, "recovery: a newer state is in place"); err != nil {
				return err
			}
			o.v.add(finding)
		case !o.reported(k):
			o.v.add(s.finding(f, driver.ActionNone))
		}
	}
	return nil
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

// keepBroken puts away what is damaged of the journal and of the snapshot.
func (o *opening) keepBroken(context.Context) error {
	s := o.j.s
	if o.l.unsure != nil || len(o.l.suspects) > 0 {
		o.eager = true
		detail := "an entry of the snapshot is damaged"
		if o.l.unsure != nil {
			detail = o.l.unsure.Error()
		}
		finding := driver.Finding{Path: s.path(snapshotDir), Problem: driver.ProblemJournal, Detail: detail,
			Action: driver.ActionRestore, Time: time.Now().UTC()}
		if o.l.broken != nil {
			kept, err := s.keepCopy(o.l.broken.name, "the snapshot")
			if err != nil {
				return err
			}
			finding.Path, finding.Kept = s.path(o.l.broken.name), s.path(kept)
		}
		o.v.add(finding)
		o.j.soilAll() // the next snapshot needs everything
	}
	for range o.l.repaired {
		o.v.add(driver.Finding{Path: s.path(journalDir), Problem: driver.ProblemJournal,
			Detail: "one flipped bit was put right", Action: driver.ActionRestore, Time: time.Now().UTC()})
	}
	kept := map[string]string{}
	for _, d := range o.l.unknown {
		if err := o.keepSegment(d, kept, driver.ActionNone); err != nil {
			return err
		}
	}
	return nil
}

// keepSegment copies the damaged segment to quarantine, once.
func (o *opening) keepSegment(d journal.Damage, kept map[string]string, a driver.Action) error {
	s := o.j.s
	finding := driver.Finding{Path: s.path(d.File), Problem: driver.ProblemJournal, Detail: d.Detail, Action: a, Time: time.Now().UTC()}
	if path.Ext(d.File) != "" {
		if kept[d.File] == "" {
			dir, err := s.keepCopy(d.File, "a segment of the journal")
			if err != nil {
				return err
			}
			kept[d.File] = dir
		}
		finding.Kept = s.path(kept[d.File])
	}
	o.eager = true
	o.v.add(finding)
	return nil
}

// losses decides what becomes of values whose last change cannot be read.
func (o *opening) losses(context.Context) error {
	kept := map[string]string{}
	for _, loss := range o.l.lost {
		cur := loss.e.cur.Load()
		if cur != nil && cur.seq > loss.damage.From {
			continue // changed again since: nothing is lost but history
		}
		if err := o.lose(loss, kept); err != nil {
			return err
		}
	}
	return nil
}

// lose takes the value from its file, should that have it; else the value is
// damaged, and what it was before goes to quarantine with it.
func (o *opening) lose(loss loss, kept map[string]string) error {
	s, k := o.j.s, loss.e.key()
	file := o.j.path(loss.e)
	c, err := s.read(file)
	if ignoreNotExist(err) != nil {
		return err
	}
	if err == nil && !c.damaged() && checksum(c.data) == loss.op.crc {
		if err := o.keepSegment(loss.damage, kept, driver.ActionRestore); err != nil {
			return err
		}
		o.setLost(loss, &version{kind: opPut, data: c.data, size: uint32(len(c.data)), crc: loss.op.crc})
		return nil
	}
	if err := o.keepSegment(loss.damage, kept, driver.ActionQuarantine); err != nil {
		return err
	}
	if err != nil || c.damaged() {
		c = &content{data: loss.damage.Payload, regular: true, modTime: time.Now()}
		c.size = int64(len(c.data))
	}
	c.problem, c.detail = driver.ProblemJournal, "its last acknowledged change is lost: "+loss.damage.Detail
	m, err := s.quarantine(k, file, c)
	if err != nil {
		return err
	}
	finding := s.keptFinding(found{key: k, file: file, content: c}, m)
	o.v.add(finding)
	// Older than the mark, which therefore stays open: the value is damaged,
	// not removed.
	o.setLost(loss, &version{kind: opDelete})
	return nil
}

// setLost gives a value the state that its lost record leaves.
func (o *opening) setLost(loss loss, v *version) {
	v.seq, v.mod = loss.damage.From, loss.damage.Time.UnixNano()
	loss.e.cur.Store(v)
	o.stale(loss.e)
}

// dropBroken removes the damaged snapshot, of which a copy is in quarantine,
// once there is another.
func (l *loader) dropBroken() error {
	if l.broken == nil || l.j.snap.Load() == nil {
		return nil
	}
	return errors.Join(l.broken.close(), ignoreNotExist(atomicfile.Remove(l.s.fs, l.broken.name)))
}
