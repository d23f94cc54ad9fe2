package filestore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// judgeLog decides what a journal means that has lost something.
func (o *opening) judgeLog() error {
	usage := o.j.log.Usage()
	if o.l.snap == nil && o.l.broken == nil && usage.First > 1 {
		o.l.forget(fmt.Errorf("%w: it is missing", errSnapshotDamaged))
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

// keepBroken puts away what is damaged of the journal and of the snapshot.
func (o *opening) keepBroken(ctx context.Context) error {
	s := o.j.s
	if o.l.unsure != nil || len(o.l.suspects) > 0 {
		o.renew()
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
		o.renew()
		o.v.add(driver.Finding{Path: s.path(journalDir), Problem: driver.ProblemJournal,
			Detail: "one flipped bit was put right", Action: driver.ActionRestore, Time: time.Now().UTC()})
	}
	kept := map[string]string{}
	for _, d := range o.l.unknown {
		if err := o.keepSegment(d, kept, driver.ActionNone); err != nil {
			return err
		}
	}
	if len(o.l.unknown) == 0 {
		return nil
	}
	// What ends in damage is followed by nothing; a record behind it says that
	// whatever is missing there has been told.
	return o.j.append(ctx, nil)
}

// dropOld removes snapshots that a newer one has replaced: their removal may have
// failed, or been undone by a power cut.
func (o *opening) dropOld() error {
	n := o.j.snap.Load()
	if n == nil {
		return nil
	}
	numbers, err := o.j.s.snapshots()
	for _, number := range numbers {
		if number < n.number {
			err = errors.Join(err, ignoreNotExist(o.j.s.fs.Remove(snapName(number))))
		}
	}
	if err != nil {
		o.j.s.log.Warn("an old snapshot could not be removed", "error", err)
	}
	return nil
}

// renew makes the next checkpoint part of the opening, and one of its own even
// if no value has changed: then the damage is not found again.
func (o *opening) renew() { o.eager, o.j.force = true, true }

// unreadable finds the segments of which nothing can be read.
func (o *opening) unreadable() []journal.Damage {
	return slices.DeleteFunc(slices.Clone(o.l.unknown), func(d journal.Damage) bool {
		return path.Ext(d.File) == "" || d.From != 0 && d.Offset != 0
	})
}

// putAway moves segments of which nothing can be read to quarantine: as long as
// they lie in the journal's directory nobody can tell what they held.
func (o *opening) putAway(all []journal.Damage) error {
	for _, d := range all {
		if err := o.keepSegment(d, map[string]string{}, driver.ActionNone); err != nil {
			return err
		}
		if err := ignoreNotExist(atomicfile.Remove(o.j.s.fs, d.File)); err != nil {
			return o.j.s.failed(err)
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
	o.renew()
	o.v.add(finding)
	return nil
}

// losses decides what becomes of values whose last change cannot be read.
func (o *opening) losses(context.Context) error {
	kept := map[string]string{}
	for _, loss := range o.l.lost {
		if !loss.last() {
			continue // nothing is lost but history
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
	s, file := o.j.s, o.j.path(loss.e)
	c, err := s.read(file)
	if ignoreNotExist(err) != nil {
		return err
	}
	if err == nil && loss.in(c) {
		if err := o.keepSegment(loss.damage, kept, driver.ActionRestore); err != nil {
			return err
		}
		o.setLost(loss, &version{kind: opPut, data: c.data, size: uint32(len(c.data)), crc: loss.op.crc})
		return nil
	}
	if err := o.keepSegment(loss.damage, kept, driver.ActionQuarantine); err != nil {
		return err
	}
	return o.hopeless(loss.e, loss.damage.Payload, "its last acknowledged change is lost: "+loss.damage.Detail,
		loss.damage.From, loss.damage.Time.UnixNano())
}

// suspects looks after values whose entry in the snapshot is damaged: where
// neither the file nor the journal has what was written, the value is damaged.
func (o *opening) suspects(context.Context) error {
	for e := range o.l.suspects {
		v := e.cur.Load()
		if e.dead || !v.live() || v.seq != e.base.seq || v.data != nil {
			continue // removed or changed since
		}
		_, err := o.j.data(e.key(), v)
		if err == nil {
			continue
		}
		if !errors.Is(err, driver.ErrDamaged) {
			return err
		}
		rest, err := v.snap.entry(v.off, int(v.size)+entryHead+2*maxHint)
		if err != nil && !errors.Is(err, errSnapshotDamaged) {
			return err
		}
		if err := o.hopeless(e, rest.data, "the snapshot's entry is damaged, and neither file nor journal has what it was", v.seq, v.mod); err != nil {
			return err
		}
	}
	return nil
}

// hopeless makes a value damaged that nobody knows. Its file goes to quarantine;
// or, where there is none, the rest of what was stored elsewhere.
func (o *opening) hopeless(e *entry, rest []byte, detail string, seq uint64, mod int64) error {
	s, k := o.j.s, e.key()
	// Older than the mark, which therefore stays open: the value is damaged,
	// not removed.
	e.cur.Store(&version{kind: opDelete, seq: seq, mod: mod})
	o.renew()
	o.stale(e)
	file := o.j.path(e)
	c, err := s.read(file)
	if ignoreNotExist(err) != nil {
		return err
	}
	if err != nil {
		if _, marked := s.marks.get(k); marked {
			return nil
		}
		c = &content{data: rest, size: int64(len(rest)), regular: true, modTime: time.Now()}
	}
	if !c.damaged() {
		c.problem, c.detail = driver.ProblemJournal, detail
	}
	m, err := s.quarantine(k, file, c)
	if err != nil {
		return err
	}
	o.v.add(s.keptFinding(found{key: k, file: file, content: c}, m))
	return nil
}

// in tells whether a file has what was lost.
func (loss *loss) in(c *content) bool { return !c.damaged() && checksum(c.data) == loss.op.crc }

// last tells whether the value has not been changed again since.
func (loss *loss) last() bool {
	cur := loss.e.cur.Load()
	return cur == nil || cur.seq <= loss.damage.From
}

// lostLast tells whether the last change of a value is lost.
func (l *loader) lostLast(e *entry) bool {
	return slices.ContainsFunc(l.lost, func(loss loss) bool { return loss.e == e && loss.last() })
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
