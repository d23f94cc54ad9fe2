package filestore

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// verify is Check where there is a journal: it reads everything that lies on
// the disk, as a process without the lock does, so it may run beside the
// owner's writing. false: there is no journal that counts.
func (s *Store) verify(ctx context.Context, v *survey, refuse func(*driver.DamagedError) error, progress func(int)) (bool, error) {
	var w *followed
	for try := 1; ; try++ {
		var err error
		w, err = s.follow(ctx, true, refuse, progress)
		if overtaken(err) && try < reloads {
			continue
		}
		if err != nil || w == nil {
			return false, err
		}
		break
	}
	defer w.close()
	if w.outOfUse() {
		return false, nil
	}
	for _, k := range s.marks.keys() {
		if e := w.j.index.find(k); e == nil || !e.cur.Load().live() {
			v.damaged = append(v.damaged, found{key: k})
		}
	}
	w.tell(v)
	v.report.Entities, v.report.Values = w.count(v)
	return true, w.verifyLog(ctx, v)
}

// count tells how many entities and values there are.
func (w *followed) count(v *survey) (entities, values int) {
	seen, names := map[driver.Key]bool{}, map[string]bool{}
	for _, ent := range w.j.index.all() {
		for _, e := range ent.list() {
			if e.cur.Load().live() {
				seen[e.key()], names[ent.name] = true, true
			}
		}
	}
	for _, f := range v.damaged {
		seen[f.key], names[f.key.Entity] = true, true
	}
	for k := range w.damaged {
		seen[k], names[k.Entity] = true, true
	}
	return len(names), len(seen)
}

// tell turns what was found into findings of what opening for writing would do.
func (w *followed) tell(v *survey) {
	s := w.j.s
	for _, f := range w.r.damaged {
		if f.e != nil && f.e.cur.Load().live() && s.opt.Invalid != Refuse {
			w.add(v, f, f.content.problem, f.content.detail, driver.ActionRestore)
		} else {
			v.damaged = append(v.damaged, f.found)
		}
	}
	for _, f := range w.r.rotten {
		w.add(v, f, driver.ProblemChecksum, "not what was written, though nothing has touched it", driver.ActionRestore)
	}
	for _, f := range w.r.adopted {
		w.add(v, f, driver.ProblemEdited, "", driver.ActionAdopt)
	}
	for _, e := range w.r.missing {
		if !e.cur.Load().live() {
			continue // nobody knows what it was
		}
		f := &sighting{found: found{key: e.key(), file: w.j.path(e)}}
		w.add(v, f, driver.ProblemMissing, "", driver.ActionRestore)
	}
	v.twins = append(v.twins, w.r.twins...)
	for i := range v.twins {
		v.twins[i].content = &content{problem: driver.ProblemDuplicate}
	}
	for k, err := range w.damaged {
		var d *driver.DamagedError
		if errors.As(err, &d) && (d.Path == s.path(journalDir) || path.Dir(d.Path) == s.path(journalDir)) {
			v.add(driver.Finding{Entity: k.Entity, ID: k.ID, Path: d.Path, Problem: driver.ProblemJournal,
				Detail: d.Reason, Action: driver.ActionQuarantine, Planned: true, Time: time.Now().UTC()})
		}
	}
}

func (w *followed) add(v *survey, f *sighting, p driver.Problem, detail string, a driver.Action) {
	v.add(driver.Finding{Entity: f.key.Entity, ID: f.key.ID, Path: w.j.s.path(f.file), Problem: p, Detail: detail,
		Action: a, Planned: true, Time: time.Now().UTC()})
}

// verifyLog reads the whole journal and the values in the snapshot.
func (w *followed) verifyLog(ctx context.Context, v *survey) error {
	s := w.j.s
	add := func(file, detail string, a driver.Action) {
		v.add(driver.Finding{Path: s.path(file), Problem: driver.ProblemJournal, Detail: detail, Action: a, Planned: true, Time: time.Now().UTC()})
	}
	if w.l.unsure != nil || len(w.l.suspects) > 0 {
		detail := "an entry is damaged"
		if w.l.unsure != nil {
			detail = w.l.unsure.Error()
		}
		add(snapshotDir, detail, driver.ActionRestore)
	}
	history := &driver.Retention{MaxSize: s.opt.HistorySize, MaxAge: max(s.opt.HistoryAge, 0)}
	v.report.History = history
	if w.reader == nil {
		return nil
	}
	told := map[uint64]bool{}
	for _, loss := range w.l.lost { // see tell
		told[loss.damage.From] = true
	}
	for _, d := range w.l.unknown {
		told[d.From] = true
		add(d.File, d.Detail, driver.ActionRefuse)
	}
	err := w.reader.Verify(ctx, func(records int) { history.Versions = int64(records) }, func(d journal.Damage) error {
		action := driver.ActionNone // history alone has suffered
		if d.To == 0 || d.To > w.l.seq {
			action = driver.ActionRefuse
		}
		if !told[d.From] {
			add(path.Join(journalDir, d.File), d.Detail, action)
		}
		return nil
	})
	usage := w.reader.Usage()
	history.Oldest, history.Size = usage.Oldest, usage.Size
	return err
}
