package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
)

// Check implements driver.Checker: it reads every document of every entity.
// Nothing is ever put right by opening; what is damaged stays in its place.
func (s *Store) Check(ctx context.Context, progress func(values int)) (driver.Report, error) {
	report := driver.Report{Findings: s.Report().Findings}
	entities, err := s.entities(ctx)
	if err != nil {
		return report, err
	}
	for _, entity := range entities {
		before := report.Values
		if err := s.checkEntity(ctx, entity, &report, progress); err != nil {
			return report, err
		}
		if report.Values > before {
			report.Entities++
		}
	}
	return report, nil
}

// checkEntity reads all documents of a collection, those that are no values too.
func (s *Store) checkEntity(ctx context.Context, entity string, report *driver.Report, progress func(int)) error {
	done, err := s.begin(ctx, nil)
	if err != nil {
		return err
	}
	defer done()
	cursor, err := s.collection(entity).Find(ctx, bson.D{})
	if err != nil {
		return s.fault(err)
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	for cursor.Next(ctx) {
		d := parse(cursor.Current)
		s.checkDocument(entity, &d, report)
		if progress != nil && report.Values%256 == 0 {
			progress(report.Values)
		}
	}
	return s.fault(cursor.Err())
}

func (s *Store) checkDocument(entity string, d *document, report *driver.Report) {
	finding := driver.Finding{Entity: entity, Action: driver.ActionNone, Time: time.Now()}
	id, ok := d.entityID.StringValueOK()
	k := driver.Key{Entity: entity, ID: id}
	if !ok || driver.ValidateID(id) != nil {
		finding.Path = s.db.Name() + "." + escapeName(entity) + " _id " + d.id.String()
		finding.Problem, finding.Detail = driver.ProblemMisplaced, "a document whose entityId no id can be"
		report.Findings = append(report.Findings, finding)
		return
	}
	report.Values++
	if _, err := d.json(); err != nil {
		finding.ID, finding.Path = id, s.path(k)
		finding.Problem, finding.Detail = driver.ProblemInvalid, err.Error()
		report.Findings = append(report.Findings, finding)
	}
}
