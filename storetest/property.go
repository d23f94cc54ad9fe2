package storetest

import (
	"bytes"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
)

func propertyCases() []testCase {
	return []testCase{
		{"Properties name the backend and a known scope", 0, (*subject).propNamed},
		{"the scope of batches is that of Apply", 0, (*subject).propBatch},
		{"ReadOnly is false where Put works", 0, (*subject).propWritable},
		{"a value above MaxData is refused", 0, (*subject).propMaxData},
		{"the portable type hands Properties through", 0, (*subject).propPortable},
		{"the Report of a new store has no damage", 0, (*subject).propReport},
		{"Check of a sound store has no damage and changes nothing", checker, (*subject).propCheck},
	}
}

// properties ends the test where the backend says nothing.
func (s *subject) properties() driver.Properties {
	s.Helper()
	d, ok := driver.As[driver.Describer](s.store)
	if !ok {
		s.Skip("the backend has no driver.Describer")
	}
	return d.Properties()
}

func (s *subject) propNamed() {
	p := s.properties()
	if p.Backend == "" || p.Location == "" {
		s.Fatalf("Properties name no backend or no location: %+v", p)
	}
	if !slices.Contains([]driver.BatchScope{driver.BatchNone, driver.BatchKey, driver.BatchAny}, p.Batch) {
		s.Fatalf("Properties.Batch is %q", p.Batch)
	}
	if p.MaxData < 1<<20 || p.MaxData > driver.MaxData {
		s.Fatalf("Properties.MaxData is %d: every backend takes 1 MiB, and none is asked for more than %d", p.MaxData, int64(driver.MaxData))
	}
}

func (s *subject) propBatch() {
	if p := s.properties(); p.Batch != driver.BatchNone && !is[driver.Applier](s.store) {
		s.Fatalf("Properties.Batch is %q, and there is no driver.Applier", p.Batch)
	}
}

func (s *subject) propWritable() {
	if s.properties().ReadOnly {
		s.Fatal("Properties.ReadOnly is true of a store to be written")
	}
	s.put(key("a"), `1`)
}

func (s *subject) propMaxData() {
	k := key("a")
	s.put(k, `1`)
	limit := int64(driver.MaxData)
	if d, ok := driver.As[driver.Describer](s.store); ok && d.Properties().MaxData > 0 {
		limit = d.Properties().MaxData
	}
	data := bytes.Repeat([]byte(" "), int(limit)+1)
	data[0] = '1'
	s.unchanged("Put of a value that is too large", func() {
		if err := s.store.Put(s.ctx, k, data); err == nil {
			s.Fatalf("Put of %d bytes is nil", len(data))
		}
	}, k)
}

func (s *subject) propPortable() {
	want, got := s.properties(), s.portable().Properties()
	want.Notes, got.Notes = nil, nil
	if got.Backend != want.Backend || got.Batch != want.Batch || got.ExactBytes != want.ExactBytes || got.ReadOnly != want.ReadOnly {
		s.Fatalf("got %+v, want %+v", got, want)
	}
}

func (s *subject) propReport() {
	report := s.portable().Report()
	if report.Damaged() != 0 {
		s.Fatalf("the report of a new store: %+v", report)
	}
	s.put(key("a"), `1`)
	if s.Reopen != nil {
		s.reopen()
		if report := s.portable().Report(); report.Damaged() != 0 {
			s.Fatalf("the report of a sound store: %+v", report)
		}
	}
}

func (s *subject) propCheck() {
	keys := []driver.Key{key("a"), key("b"), {Entity: "risk/conservative", ID: "positions"}}
	for _, k := range keys {
		s.put(k, `null`)
	}
	s.unchanged("Check", func() {
		last := 0
		report, err := s.store.(driver.Checker).Check(s.ctx, func(values int) {
			if values < last {
				s.Errorf("progress went back from %d to %d", last, values)
			}
			last = values
		})
		s.ok(err, "Check")
		if report.Damaged() != 0 || report.Values != len(keys) || report.Entities != 2 {
			s.Fatalf("Check of %d sound values in 2 entities: %+v", len(keys), report)
		}
	}, keys...)
}
