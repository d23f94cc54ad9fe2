package pgstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// creations are ten values that must not be there yet.
func creations() (conds []driver.Cond, ops []driver.Op) {
	for i := range 10 {
		k := key(fmt.Sprint("new", i))
		conds, ops = append(conds, driver.Cond{Key: k}), append(ops, driver.Op{Key: k, Data: []byte(`1`)})
	}
	return conds, ops
}

// A batch of new values that is lost, or of which the answer is, is made once.
func TestLostCreations(t *testing.T) {
	for _, answer := range []bool{true, false} {
		t.Run(fmt.Sprint("answer ", answer), func(t *testing.T) {
			w, s, conn := onWire(t, "")
			conds, ops := creations()
			must(t, s.Apply(t.Context(), []driver.Cond{{Key: ops[0].Key}}, ops[:1]))
			if err := s.Apply(t.Context(), conds, ops); !errors.Is(err, driver.ErrConflict) {
				t.Fatalf("beside one that is there: %v", err)
			}
			must(t, s.Delete(t.Context(), ops[0].Key))
			before := changes(t, conn, "new9") // of what was tried and undone nothing is left
			cut := w.next(answer, nil)
			must(t, s.Apply(t.Context(), conds, ops))
			<-cut
			for _, op := range ops {
				if got := string(get(t, s, op.Key).Data); got != `1` {
					t.Errorf("%s is %s", op.Key, got)
				}
			}
			if n := changes(t, conn, "new9") - before; n != 1 {
				t.Errorf("it was made %d times", n)
			}
		})
	}
}

// Of a batch that was made and followed nobody can know, and the error says so.
func TestLostCreationsAndOthers(t *testing.T) {
	w, s, conn := onWire(t, "")
	conds, ops := creations()
	must(t, s.Apply(t.Context(), conds, ops)) // the server prepares the statement
	must(t, s.Clear(t.Context(), ops[0].Key.Entity))
	cut := w.next(true, func() {
		if _, err := conn.Exec(t.Context(), `UPDATE holdfast SET data = '"by hand"' WHERE id LIKE 'new%'`); err != nil {
			t.Error(err)
		}
	})
	err := s.Apply(t.Context(), conds, ops)
	<-cut
	if !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("got error %v, want %v", err, driver.ErrUnknown)
	}
	if got := string(get(t, s, ops[0].Key).Data); got != `"by hand"` {
		t.Errorf("there is %s", got)
	}
}
