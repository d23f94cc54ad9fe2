package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

func scanCases() []testCase {
	return []testCase{
		{"Scan finds what Get finds, in the order of IDs", scanner | lister, (*subject).scanAll},
		{"Scan of an empty entity is empty", scanner, (*subject).scanEmpty},
		{"a damaged value is told, and Scan goes on", scanner | damager, (*subject).scanDamaged},
		{"Scan of many values finds each once", scanner, (*subject).scanMany},
		{"a Scan may be left early and run again", scanner, (*subject).scanBreak},
		{"the consumer of a Scan may write and delete", scanner | deleter, (*subject).scanWhileWriting},
		{"Scan hands out copies", scanner, (*subject).scanOwn},
	}
}

func (s *subject) scan(entity string) iter.Seq2[driver.Record, error] {
	s.Helper()
	s.ok(s.init(entity), "Init %s", entity)
	return s.store.(driver.Scanner).Scan(s.ctx, entity)
}

func (s *subject) scanned(entity string) []driver.Record {
	s.Helper()
	var recs []driver.Record
	for rec, err := range s.scan(entity) {
		s.ok(err, "Scan of %q", entity)
		recs = append(recs, rec)
	}
	return recs
}

func (s *subject) scanAll() {
	ids := []string{"10", "2", "A", "B", "a", "a b", "a%b", "a-b", "a/b", "a1", "a10", "é", "🚀"}
	s.shuffled(ids, func(id string) bool { return s.putOdd(key(id), fmt.Sprintf(`{"id":%q}`, id)) })
	s.put(key("cleared"), `null`)
	s.put(driver.Key{Entity: "signal", ID: "x"}, `"other"`)
	s.put(driver.Key{Entity: "signal/strategy-a/b", ID: "x"}, `"other"`)
	want := s.ids("signal/strategy-a")
	recs := s.scanned("signal/strategy-a")
	if len(recs) != len(want) {
		s.Fatalf("Scan yields %d of %d values", len(recs), len(want))
	}
	for i, rec := range recs {
		got := s.get(key(want[i]))
		if rec.Key != got.Key || string(rec.Data) != string(got.Data) || rec.Rev != got.Rev || !rec.ModTime.Equal(got.ModTime) {
			s.Fatalf("Scan yields %+v, Get %+v", rec, got)
		}
	}
}

func (s *subject) scanEmpty() {
	s.put(driver.Key{Entity: "signal/strategy-a/b", ID: "x"}, `1`)
	s.put(driver.Key{Entity: "signal", ID: "x"}, `1`)
	if recs := s.scanned("signal/strategy-a"); len(recs) != 0 {
		s.Fatalf("Scan yields %+v", recs)
	}
}

func (s *subject) scanDamaged() {
	bad, _ := s.damaged()
	s.put(key("d"), `4`)
	var got []string
	for rec, err := range s.scan(bad.Entity) {
		got = append(got, rec.Key.ID)
		if rec.Key == bad {
			s.is(err, driver.ErrDamaged, "Scan of %s", bad)
			if rec.Data != nil || rec.Rev != "" {
				s.Fatalf("beside ErrDamaged stands %+v", rec)
			}
			continue
		}
		s.ok(err, "Scan")
	}
	if fmt.Sprint(got) != "[a b c d]" {
		s.Fatalf("Scan yields %q", got)
	}
	s.wantDamaged(bad)
}

// scanMany is about more values than a backend fetches at a time.
func (s *subject) scanMany() {
	n := 1200
	switch {
	case is[driver.Loader](s.store):
		var values []driver.Value
		for i := range n {
			values = append(values, value(key(fmt.Sprintf("k%04d", i)), fmt.Sprintf(`{"n":%d}`, i)))
		}
		s.loaded(values...)
	case batchScope(s.store) == driver.BatchAny:
		var ops []driver.Op
		for i := range n {
			ops = append(ops, put(key(fmt.Sprintf("k%04d", i)), fmt.Sprintf(`{"n":%d}`, i)))
		}
		s.ok(s.apply(nil, ops...), "Apply of %d ops", n)
	default:
		n = 100
		for i := range n {
			s.put(key(fmt.Sprintf("k%04d", i)), fmt.Sprintf(`{"n":%d}`, i))
		}
	}
	recs := s.scanned("signal/strategy-a")
	if len(recs) != n {
		s.Fatalf("Scan yields %d of %d values", len(recs), n)
	}
	for i, rec := range recs {
		if rec.Key != key(fmt.Sprintf("k%04d", i)) || s.same(rec.Data, fmt.Appendf(nil, `{"n":%d}`, i)) != nil {
			s.Fatalf("Scan yields %+v in the place %d", rec, i)
		}
	}
}

func (s *subject) scanBreak() {
	for i := range 10 {
		s.put(key(fmt.Sprint(i)), `1`)
	}
	scan := s.scan("signal/strategy-a")
	for range 2 {
		for rec, err := range scan {
			s.ok(err, "Scan")
			if rec.Key.ID == "3" {
				break
			}
		}
	}
	s.put(key("3"), `2`) // nothing is still held
	n := 0
	for rec, err := range scan {
		s.ok(err, "Scan run again")
		if rec.Key.ID == "3" && s.same(rec.Data, []byte(`2`)) != nil {
			s.Fatalf("Scan run again yields what was before: %s", rec.Data)
		}
		n++
	}
	if n != 10 {
		s.Fatalf("Scan run again yields %d of 10 values", n)
	}
}

func (s *subject) scanWhileWriting() {
	const n = 20
	for i := range n {
		s.put(key(fmt.Sprintf("stays-%02d", i)), `1`)
		s.put(key(fmt.Sprintf("goes-%02d", i)), `1`)
	}
	seen := map[string]int{}
	s.soon("Scan, while its consumer writes and deletes", func(ctx context.Context) error {
		i := 0
		for rec, err := range s.store.(driver.Scanner).Scan(ctx, "signal/strategy-a") {
			if err != nil {
				return err
			}
			if text := string(rec.Data); text != `1` && text != `2` {
				return errors.New("yielded " + text)
			}
			seen[rec.Key.ID]++
			if i < n {
				if err := s.churn(ctx, i); err != nil {
					return err
				}
			}
			i++
		}
		return nil
	})
	s.wantOnce(seen, "stays-", n)
}

func (s *subject) scanOwn() {
	s.put(key("a"), owned)
	s.put(key("b"), owned)
	whole := string(s.get(key("a")).Data)
	for _, rec := range s.scanned("signal/strategy-a") {
		if string(rec.Data) != whole {
			s.Fatalf("Scan yields %q for %q", rec.Data, whole)
		}
		scribble(rec.Data)
		_ = append(rec.Data[:0], `{"overwritten":true}`...)
	}
	s.wantValue(key("a"), owned)
	s.wantValue(key("b"), owned)
}
