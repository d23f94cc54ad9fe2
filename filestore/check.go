package filestore

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// Check implements driver.Checker. What it reports under Action is what the
// next Open for writing would do, by this store's policy.
func (s *Store) Check(ctx context.Context, progress func(values int)) (driver.Report, error) {
	done, err := s.enter(ctx)
	if err != nil {
		return driver.Report{}, err
	}
	defer done()
	if s.opt.ReadOnly { // the owner may have opened or resolved marks
		if err := s.loadMarks(); err != nil {
			return driver.Report{}, err
		}
	}
	v := &survey{report: newReport()}
	misplaced := func(d *driver.DamagedError) error {
		v.add(driver.Finding{Path: d.Path, Problem: driver.ProblemMisplaced, Detail: d.Reason + ": " + d.Way,
			Action: driver.ActionRefuse, Time: time.Now().UTC()})
		return nil
	}
	if err := s.survey(ctx, v, misplaced, progress); err != nil {
		return driver.Report{}, err
	}
	would := map[Policy]driver.Action{
		Quarantine: driver.ActionQuarantine,
		Delete:     driver.ActionDelete,
		Refuse:     driver.ActionNone,
	}[s.opt.Invalid]
	for _, f := range v.damaged {
		action := would
		if f.content == nil {
			action = driver.ActionNone
		}
		v.add(s.finding(f, action))
	}
	for _, f := range v.twins {
		action := driver.ActionQuarantine
		if s.opt.Invalid == Refuse {
			action = driver.ActionNone
		}
		v.add(s.finding(f, action))
	}
	return v.report, nil
}
