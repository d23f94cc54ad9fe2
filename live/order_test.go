package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
)

// Redo is the exception, not the rule: it stands in a cursor only while a
// change is being written.
func TestNoRedoIsLeft(t *testing.T) {
	w := newWorld(quick(t, "pullback"), 150, seed, 0.5)
	d := memstore.New()
	if err := w.run(t, &mortal{backend: d, scope: driver.BatchKey}, d, &heard{}); err != nil {
		t.Fatal(err)
	}
	for _, symbol := range symbols() {
		if got := get(t, d, "cursor/pullback", symbol); !strings.Contains(got, `"redo":null,"untold":[]}`) {
			t.Errorf("cursor %s", got)
		}
	}
}

// Batches and single writes leave the same.
func TestBothWaysOfWritingLeaveTheSame(t *testing.T) {
	for _, name := range live.StrategyNames() {
		w := newWorld(quick(t, name), 300*factor, seed, 0.5)
		var dumps []string
		for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey, driver.BatchNone} {
			d := memstore.New()
			if err := w.run(t, &mortal{backend: d, scope: scope}, d, &heard{}); err != nil {
				t.Fatal(err)
			}
			dumps = append(dumps, dump(t, d))
		}
		for _, other := range dumps[1:] {
			if other != dumps[0] {
				t.Errorf("seed %d: %s: %s", seed, name, difference(dumps[0], other))
			}
		}
	}
}

// At every write of a run that writes one value after the other: an open
// signal is counted in the risk profile, and what was open is open still or in
// the ledger.
func TestExposureIsNeverUnderReported(t *testing.T) {
	for _, name := range live.StrategyNames() {
		w := newWorld(quick(t, name), 300*factor, seed, 0.5)
		log, _ := record(t, w, driver.BatchKey)
		d, opened, states := newDisk(), map[string]bool{}, 0
		for n, ops := range log.ops {
			d.replay(ops)
			open := map[string]bool{}
			for _, symbol := range symbols() {
				var row struct{ ID string }
				if err := json.Unmarshal([]byte(cmpOr(strings.TrimPrefix(get(t, d, "signal/"+name, symbol), "not found"), "null")), &row); err != nil {
					t.Fatal(err)
				}
				if row.ID == "" {
					continue
				}
				states++
				open[row.ID], opened[row.ID] = true, true
				if !strings.Contains(get(t, d, "risk/shared", "positions"), `["`+name+":"+symbol+`"`) {
					t.Fatalf("seed %d: %s: after write %d %s is open and not counted", seed, name, n+1, row.ID)
				}
			}
			for id := range opened {
				if !open[id] && get(t, d, "ledger/"+name, id) == "not found" {
					t.Fatalf("seed %d: %s: after write %d %s is nowhere", seed, name, n+1, id)
				}
			}
		}
		if states < 50 {
			t.Errorf("seed %d: %s: %d states with an open signal: too few to show anything", seed, name, states)
		}
	}
}

// A row that was edited by hand, with fields and white space of its own, is
// written in the same way from memory and from the cursor of an interrupted
// change.
func TestEditedRowIsWrittenTheSameAfterACrash(t *testing.T) {
	life := func(dieAt int) string {
		d := memstore.New()
		put(t, d, "schedule/script", "BTCUSDT", fmt.Sprintf(row, "x<1>", "binance", "script", "BTCUSDT"))
		cfg := config(open(t, &mortal{backend: d, scope: driver.BatchKey, dieAt: dieAt, after: true}), script{})
		_, err := start1(t, cfg).Tick(context.Background(), bar(0, 101, 101, 99, 100))
		if (err != nil) != (dieAt > 0) {
			t.Fatal(err)
		}
		cfg.Store = open(t, d)
		start1(t, cfg)
		return dump(t, d)
	}
	want := life(0)
	if !strings.Contains(want, `"lots":[1]`) || !strings.Contains(want, `"x<1>"`) {
		t.Errorf("stored %s", want)
	}
	for n := 1; n <= 4; n++ {
		if got := life(n); got != want {
			t.Errorf("death after write %d: %s", n, difference(want, got))
		}
	}
}
