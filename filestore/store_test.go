package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// Close waits for the change that is under way, lets no other one begin, and
// watchers are told of the last change before they are told of the end.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		fsys := faultfs.New(osFS(t, dir))
		reached, goOn := make(chan struct{}), make(chan struct{})
		armed := false
		fsys.OnCall = func(op faultfs.Op, name string) {
			if armed && op == faultfs.OpSync {
				close(reached)
				<-goOn
			}
		}
		s := open(t, dir, &filestore.Options{FS: fsys})
		told := make(chan []driver.Change, 1)
		changes := s.Watch(t.Context(), btc.Entity)
		go func() { told <- untilClosed(t, changes) }()
		armed = true
		put, closed := make(chan error, 1), make(chan error, 2)
		go func() { put <- s.Put(t.Context(), btc, []byte(`1`)) }()
		<-reached
		go func() { closed <- s.Close() }()
		synctest.Wait()
		if len(closed) != 0 {
			t.Fatal("Close has returned while a Put is under way")
		}
		if _, err := s.Get(t.Context(), btc); !errors.Is(err, driver.ErrClosed) {
			t.Errorf("Get while closing: %v", err)
		}
		go func() { closed <- s.Close() }()
		close(goOn)
		must(t, <-put)
		must(t, <-closed)
		must(t, <-closed)
		if all := <-told; !slices.Equal(all, []driver.Change{{Key: btc}}) {
			t.Errorf("told of %v", all)
		}
		wantValue(t, open(t, dir, nil), btc, `1`)
	})
}

func untilClosed(t *testing.T, changes iter.Seq2[driver.Change, error]) (told []driver.Change) {
	for c, err := range changes {
		if err == nil {
			told = append(told, c)
		} else if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("watching ends with %v", err)
		}
	}
	return told
}

// A call from within a call does not wait for the Close that waits for it.
func TestCallWithinCallWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), nil)
		put(t, s, btc, `1`)
		var inner error
		_, err := s.Check(t.Context(), func(int) {
			go s.Close()
			synctest.Wait()
			_, inner = s.Get(t.Context(), btc)
		})
		if err != nil || !errors.Is(inner, driver.ErrClosed) {
			t.Errorf("Check: %v; Get within it: %v", err, inner)
		}
	})
}

// P2 for other programs' files too: a file that is replaced by rename is read
// whole, and never missed.
func TestReplacedByAnotherProgram(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := ramDir(t)
	s := open(t, dir, nil)
	put(t, s, btc, `["0"]`)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			n := fmt.Sprint(i)
			data := `["` + strings.Repeat(n+`","`, random.IntN(2000)) + n + `"]`
			temp := filepath.Join(dir, "temp")
			if os.WriteFile(temp, []byte(data), 0o600) != nil || os.Rename(temp, filepath.Join(dir, btcFile)) != nil {
				return
			}
		}
	})
	defer wg.Wait()
	defer stop()
	revs := map[string]string{}
	for range 3000 {
		rec, err := s.Get(t.Context(), btc)
		must(t, err)
		fields := strings.Split(strings.Trim(string(rec.Data), `[]`), ",")
		if fields[0] != fields[len(fields)-1] {
			t.Fatalf("torn: it begins with %s and ends with %s", fields[0], fields[len(fields)-1])
		}
		if other, ok := revs[rec.Rev]; ok && other != string(rec.Data) {
			t.Fatalf("one revision for two values: %.40s, %.40s", other, rec.Data)
		}
		revs[rec.Rev] = string(rec.Data)
	}
}

// The directories of an entity that somebody removed by hand while the store is
// open come back with the next Put, durably.
func TestDirectoryRemovedByHand(t *testing.T) {
	dir := t.TempDir()
	s, l := audited(t, dir, filestore.Options{})
	put(t, s, btc, `1`)
	l.take(t)
	must(t, os.RemoveAll(filepath.Join(dir, "signal")))
	wantAbsent(t, s, btc)
	put(t, s, btc, `2`)
	calls := l.take(t)
	for _, want := range []string{"Mkdir signal", "SyncDir .", "Mkdir signal/strategy-a", "SyncDir signal", "SyncDir signal/strategy-a"} {
		if !slices.Contains(calls, want) {
			t.Errorf("no %s: %s", want, strings.Join(calls, ", "))
		}
	}
	wantValue(t, s, btc, `2`)
	must(t, os.RemoveAll(filepath.Join(dir, "signal")))
	must(t, s.Clear(t.Context(), btc.Entity))
	if err := s.Delete(t.Context(), btc); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("Delete: %v", err)
	}
}

// A store that is open for reading alone takes no lock, changes nothing and is
// told of no changes.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{`)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", `1`)
	write(t, dir, "signal/strategy-a/.tmp-0123456789abcdef-x.json", `1`)
	before := tree(t, dir)
	s := open(t, dir, &filestore.Options{ReadOnly: true})
	wantDamaged(t, s, btc)
	wantValue(t, s, eth, `1`)
	if got := strings.Join(ids(t, s, btc.Entity), " "); got != "BTCUSDT ETHUSDT" {
		t.Errorf("ids %s", got)
	}
	report, err := s.Check(t.Context(), nil)
	if err != nil || report.Damaged() != 1 || report.Findings[0].Action != driver.ActionQuarantine {
		t.Errorf("Check: %+v, %v", report, err)
	}
	for _, err := range s.Watch(t.Context(), btc.Entity) {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Watch: %v", err)
		}
	}
	cond := []driver.Cond{{Key: eth, Rev: "other"}}
	if err := s.Apply(t.Context(), cond, nil); !errors.Is(err, driver.ErrConflict) {
		t.Errorf("a condition alone: %v", err)
	}
	if report := s.Report(); report.Findings == nil || len(report.Findings) != 0 {
		t.Errorf("the report says %+v", report)
	}
	must(t, s.Close())
	if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("Put when closed: %v", err)
	}
	if after := tree(t, dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// Apply is of one key; anything wider is refused before anything has changed.
func TestApplyOfTwoKeys(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	for _, c := range []struct {
		conds []driver.Cond
		ops   []driver.Op
	}{
		{nil, []driver.Op{{Key: btc, Data: []byte(`1`)}, {Key: eth, Data: []byte(`1`)}}},
		{[]driver.Cond{{Key: eth}}, []driver.Op{{Key: btc, Data: []byte(`1`)}}},
		{[]driver.Cond{{Key: eth}, {Key: btc}}, nil},
	} {
		if err := s.Apply(t.Context(), c.conds, c.ops); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	wantAbsent(t, s, btc)
	if err := s.Apply(t.Context(), nil, nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
	must(t, s.Close())
	if err := s.Apply(t.Context(), nil, nil); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("nothing, when closed: %v", err)
	}
}

// What the caller does to a report is his own.
func TestReportIsACopy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{`)
	s := open(t, dir, nil)
	s.Report().Findings[0].ID = "changed"
	if s.Report().Findings[0].ID != btc.ID {
		t.Error("the report has changed")
	}
}
