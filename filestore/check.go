package filestore

import (
	"context"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// Check implements driver.Checker. What it reports under Action is planned: what
// the next Open for writing would do, by this store's policy.
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
			Action: driver.ActionRefuse, Planned: true, Time: time.Now().UTC()})
		return nil
	}
	counts, err := s.verify(ctx, v, misplaced, progress)
	if err != nil {
		return driver.Report{}, err
	}
	if !counts {
		v = &survey{report: newReport()} // what verify found before it knew
		if err := s.survey(ctx, v, misplaced, progress); err != nil {
			return driver.Report{}, err
		}
	}
	for _, f := range v.damaged {
		v.add(s.planned(f, s.opt.Invalid == Delete))
	}
	for _, f := range v.twins {
		v.add(s.planned(f, false))
	}
	return v.report, nil
}

// planned is the finding of what the next Open for writing would do.
func (s *Store) planned(f found, unlink bool) driver.Finding {
	action := driver.ActionQuarantine
	switch {
	case s.opt.Invalid == Refuse:
		action = driver.ActionRefuse
	case f.content == nil: // an open mark: it stays
		action = driver.ActionNone
	case unlink:
		action = driver.ActionDelete
	}
	finding := s.finding(f, action)
	finding.Planned = true
	return finding
}
