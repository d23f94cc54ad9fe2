package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
)

// recover reads everything, then acts. A passing error while reading ends it
// before anything has been moved: a disk that answers EIO today may be read
// again tomorrow, and an unreadable file is not a damaged one.
func (s *Store) recover(ctx context.Context) (driver.Report, error) {
	v := &survey{report: newReport()}
	if err := s.survey(ctx, v, refused, nil); err != nil {
		return driver.Report{}, err
	}
	if s.opt.Invalid == Refuse {
		if err := s.refuse(v); err != nil {
			return driver.Report{}, err
		}
	}
	for _, f := range v.damaged {
		if err := s.treat(ctx, f, v); err != nil {
			return driver.Report{}, err
		}
	}
	for _, f := range v.twins {
		m, err := s.quarantineTwin(f.key, f.file)
		if err != nil {
			return driver.Report{}, err
		}
		v.add(s.keptFinding(f, m))
	}
	if err := s.settle(v); err != nil {
		return driver.Report{}, err
	}
	if err := s.resolveHealthy(v); err != nil {
		return driver.Report{}, err
	}
	return v.report, s.sweep(v)
}

// settle makes durable what was found. A process that was killed between a
// rename, or a removal, and its fsync left what only the page cache knows. From
// here on people act on what was read, so it must not be gone after a power cut:
// neither a value, nor the note that a damaged one was deleted. And a mark is
// closed because a good file is in place: that must be durable first, or a power
// cut would leave neither.
func (s *Store) settle(v *survey) error {
	folders, err := s.folders()
	if err != nil {
		return err
	}
	if len(folders) > 0 {
		folders = slices.Insert(folders, 0, own, quarantineDir)
	}
	return s.dirs.sync(s.fs, slices.Concat(v.dirs, folders))
}

// refuse is the policy of that name: an error if there is anything to act on.
func (s *Store) refuse(v *survey) error {
	n := len(v.damaged) + len(v.twins)
	if n == 0 {
		return nil
	}
	first := s.finding(append(v.damaged, v.twins...)[0], driver.ActionNone)
	return &driver.DamagedError{Path: first.Path, Kept: first.Kept,
		Reason: fmt.Sprintf("%s; %d damaged in all, and the policy is to refuse", reason(first.Problem, first.Detail), n),
		Way:    "correct or move the file, or open with the policy quarantine"}
}

// treat does to a damaged file what the policy says, if it still is damaged:
// the survey may be long ago, and another program may have replaced the file
// since. A mark that is still open from before is part of the report too.
func (s *Store) treat(ctx context.Context, f found, v *survey) error {
	if f.content == nil {
		v.add(s.finding(f, driver.ActionNone))
		return nil
	}
	now, err := s.read(f.file)
	if err != nil {
		return ignoreNotExist(err)
	}
	if !now.damaged() {
		return nil
	}
	f.content = now
	s.log.Error("found invalid document", "filePath", s.path(f.file), "entityName", f.key.Entity, "reason", now.reason())
	if s.opt.Invalid == Delete {
		action, err := s.unlink(ctx, f)
		v.add(s.finding(f, action))
		return err
	}
	m, err := s.quarantine(f.key, f.file, now)
	v.add(s.keptFinding(f, m))
	return err
}

func (s *Store) keptFinding(f found, m mark) driver.Finding {
	finding := s.finding(f, driver.ActionQuarantine)
	finding.Kept = s.path(m.dir)
	return finding
}

// unlink is backtest-kit's way: a number of tries, a pause between them. A file
// that will not go stays, and answers ErrDamaged.
func (s *Store) unlink(ctx context.Context, f found) (driver.Action, error) {
	for try := 1; ; try++ {
		err := atomicfile.Remove(s.fs, f.file)
		switch {
		case isFlush(err): // it may come back, and no second flush would tell
			return driver.ActionNone, err
		case err == nil, errors.Is(err, fs.ErrNotExist):
			return driver.ActionDelete, nil
		case try == s.opt.RemoveTries:
			s.log.Error("failed to remove invalid document",
				"filePath", s.path(f.file), "entityName", f.key.Entity, "tries", try, "error", err)
			return driver.ActionNone, nil
		case !pause(ctx, s.opt.RemoveDelay):
			return driver.ActionNone, ctx.Err()
		}
		if c, err := s.read(f.file); err == nil && !c.damaged() { // replaced meanwhile
			return driver.ActionResolve, nil
		}
	}
}

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// finding is what the report says of a damaged file, or of an open mark.
func (s *Store) finding(f found, a driver.Action) driver.Finding {
	if f.content == nil {
		m, _ := s.marks.get(f.key)
		return driver.Finding{Entity: f.key.Entity, ID: f.key.ID, Path: s.path(m.Path), Problem: driver.ProblemKept,
			Detail: m.reason(), Action: a, Kept: s.path(m.dir), Time: m.Found}
	}
	return driver.Finding{Entity: f.key.Entity, ID: f.key.ID, Path: s.path(f.file),
		Problem: f.content.problem, Detail: f.content.detail, Action: a, Time: time.Now().UTC()}
}

// resolveHealthy closes the marks of values that have a good file: somebody put
// one there by hand, or a crash came between a Put and its note.
func (s *Store) resolveHealthy(v *survey) error {
	for _, k := range v.healthy {
		finding := s.finding(found{key: k}, driver.ActionResolve)
		if err := s.resolve(k, "recovery: a good value is in place"); err != nil {
			return err
		}
		v.add(finding)
	}
	return nil
}

// sweep removes the temporary files of writers that have died.
func (s *Store) sweep(v *survey) error {
	folders, err := s.folders()
	if err != nil {
		return err
	}
	for _, dir := range slices.Concat(v.dirs, folders) {
		removed, err := atomicfile.Sweep(s.fs, dir, time.Now(), nil)
		for _, name := range removed {
			v.add(driver.Finding{Path: s.path(name), Problem: driver.ProblemStaleTemp,
				Action: driver.ActionSweep, Time: time.Now().UTC()})
		}
		if isForbidden(err) { // another user's: not worth keeping the store closed
			v.add(driver.Finding{Path: s.path(dir), Problem: driver.ProblemStaleTemp,
				Detail: err.Error(), Action: driver.ActionNone, Time: time.Now().UTC()})
		} else if err != nil {
			return fmt.Errorf("sweep %s: %w", s.path(dir), err)
		}
	}
	return nil
}

// isForbidden tells an error that means a lack of rights and nothing else.
func isForbidden(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(err error) bool { return !isForbidden(err) })
	}
	return errors.Is(err, fs.ErrPermission) && !isFlush(err)
}
