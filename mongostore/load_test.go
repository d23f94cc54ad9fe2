package mongostore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

func loadable(n int) []driver.Value {
	values := make([]driver.Value, n)
	for i := range values {
		values[i] = driver.Value{Key: key(fmt.Sprintf("k%04d", i)), Data: []byte(fmt.Sprint(i))}
	}
	return values
}

// The server has made the documents and its answer is lost: which they are is
// found out. Of a request that is lost nobody knows whether it will yet come.
func TestLostLoad(t *testing.T) {
	s, p, _ := behindProxy(t)
	l := s.(driver.Loader)
	p.lose(answer, "insert")
	for _, err := range l.Load(t.Context(), loadable(3)) {
		must(t, err)
	}
	if p.lost() != 1 {
		t.Fatal("no answer was lost")
	}
	// Of five, three are there already: that answer is lost, too.
	p.lose(answer, "insert")
	for i, err := range l.Load(t.Context(), loadable(5)) {
		if there := i < 3; there && !errors.Is(err, driver.ErrUnknown) || !there && err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	p.lose(request, "insert")
	for i, err := range l.Load(t.Context(), loadable(7)[5:]) {
		if !errors.Is(err, driver.ErrUnknown) {
			t.Errorf("a request that is lost, %d: %v", i, err)
		}
	}
	for i, v := range loadable(7) {
		has, err := s.Has(t.Context(), v.Key)
		if has != (i < 5) || err != nil {
			t.Errorf("%s: %v, %v", v.Key, has, err)
		}
	}
}

// A cursor whose answer is lost is opened anew where it was.
func TestLostScan(t *testing.T) {
	s, p, _ := behindProxy(t)
	const n = 2300
	for _, err := range s.(driver.Loader).Load(t.Context(), loadable(n)) {
		must(t, err)
	}
	for _, verb := range []string{"find", "getMore"} {
		p.lose(answer, verb)
		next := 0
		for rec, err := range s.(driver.Scanner).Scan(t.Context(), signals) {
			must(t, err)
			if rec.Key != key(fmt.Sprintf("k%04d", next)) || string(rec.Data) != fmt.Sprint(next) {
				t.Fatalf("%s: %s is %s in the place %d", verb, rec.Key, rec.Data, next)
			}
			next++
		}
		if next != n || p.lost() != 1 {
			t.Errorf("%s: %d of %d values, %d answers were lost", verb, next, n, p.lost())
		}
	}
}

// An insertion that the server breaks off has made some of its documents.
func TestInterruptedLoad(t *testing.T) {
	f := newFakeSet(t)
	s := open(t, f.host().place(t).url)
	must(t, s.Init(t.Context(), signals))
	f.InterruptInsert(2)
	for i, err := range s.(driver.Loader).Load(t.Context(), loadable(5)) {
		if made := i < 2; made != (err == nil) || errors.Is(err, driver.ErrUnknown) || errors.Is(err, driver.ErrConflict) {
			t.Errorf("%d: %v", i, err)
		}
		if has, err := s.Has(t.Context(), loadable(5)[i].Key); has != (i < 2) || err != nil {
			t.Errorf("%d: %v, %v", i, has, err)
		}
	}
}
