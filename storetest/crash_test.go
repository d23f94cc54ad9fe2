package storetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func plainOpener(s sabotage) func(context.Context, vfs.FS) (driver.Store, error) {
	return func(_ context.Context, fsys vfs.FS) (driver.Store, error) { return openPlain(fsys, s) }
}

// damagedByHand leaves half a value in a file.
func damagedByHand(w *storetest.Workload) {
	k := driver.Key{Entity: "e", ID: "x"}
	w.Put(k, 40)
	w.Close()
	const half = `{"n":1,"p`
	f, err := w.Disk().Mount().OpenFile(valueFile(k), os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.Write([]byte(half))
	}
	if err != nil {
		w.Fatal(err)
	}
	w.Expect(k, "!")
	w.Keep([]byte(half))
}

func plainProtocols() []storetest.Protocol {
	return append(storetest.CrashProtocols(), storetest.Protocol{
		Name: "damage", Before: damagedByHand, Run: func(w *storetest.Workload) {
			w.Open()
			w.Put(driver.Key{Entity: "e", ID: "y"}, 40)
			w.Close()
		},
		After: func(w *storetest.Workload) { w.Put(driver.Key{Entity: "e", ID: "z"}, 40) },
	})
}

// A sound store passes, simple as it is, on every kind of disk.
func TestRunCrash(t *testing.T) {
	for name, without := range map[string]crashfs.Without{"all": 0, "none": crashfs.WithoutAll} {
		t.Run(name, func(t *testing.T) {
			storetest.RunCrash(t, plainOpener(sabotage{}), &storetest.CrashOptions{Protocols: plainProtocols(), Without: without})
		})
	}
}

// crashMutants are stores that break a promise, and the verdict that must be.
var crashMutants = map[string]struct {
	sabotage
	want storetest.Verdict
}{
	"no sync of the file":            {sabotage{noFileSync: true}, storetest.Damaged},
	"no sync of the directory":       {sabotage{noDirSync: true}, storetest.Lost},
	"no sync of the parent":          {sabotage{noParentSync: true}, storetest.Lost},
	"no sync after a removal":        {sabotage{noRemoveSync: true}, storetest.Resurrected},
	"in place":                       {sabotage{inPlace: true}, storetest.Damaged},
	"acknowledged early":             {sabotage{early: true}, storetest.Lost},
	"a batch in pieces":              {sabotage{splitBatch: true}, storetest.Torn},
	"a batch forgotten":              {sabotage{noRedo: true}, storetest.Torn},
	"relies on the page cache":       {sabotage{noSettle: true}, storetest.Lost},
	"an empty value for damage":      {sabotage{mends: true}, storetest.Invented},
	"absent for damage":              {sabotage{drops: true}, storetest.Lost},
	"damaged bytes thrown away":      {sabotage{forgets: true}, storetest.Evidence},
	"lists temporary files":          {sabotage{listsTemps: true}, storetest.Invented},
	"has everything":                 {sabotage{hasAll: true}, storetest.Listing},
	"calls a crash damage":           {sabotage{blames: true}, storetest.Blamed},
	"writes at every opening":        {sabotage{counts: true}, storetest.Restless},
	"does not open over leftovers":   {sabotage{refuses: true}, storetest.Unrecovered},
	"takes no change after leftover": {sabotage{sulks: true}, storetest.Stuck},
}

// TestCrashMutants fails, in the processes that TestCrashSuiteSeesMutants starts.
func TestCrashMutants(t *testing.T) {
	m, ok := crashMutants[os.Getenv(sacrifice)]
	if !ok {
		t.Skip("run by TestCrashSuiteSeesMutants")
	}
	storetest.RunCrash(t, plainOpener(m.sabotage), &storetest.CrashOptions{Protocols: plainProtocols(), Share: 1})
}

// Each verdict fires, for the store that deserves it.
func TestCrashSuiteSeesMutants(t *testing.T) {
	for name, m := range crashMutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestCrashMutants$")
			cmd.Env = append(os.Environ(), sacrifice+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestCrashMutants") {
				t.Fatalf("the suite passes it: %v; it said:\n%.3000s", err, out)
			}
			if !strings.Contains(string(out), ": "+string(m.want)+": ") {
				t.Errorf("no verdict %q; it said:\n%.3000s", m.want, out)
			}
		})
	}
}

// Changes that fail leave nothing behind, and the verdicts hold beside faults.
func TestRunCrashWithFaults(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpWrite, faultfs.OpOpenFile, faultfs.OpMkdir} {
		t.Run(string(op), func(t *testing.T) {
			injected := 0
			storetest.RunCrash(t, plainOpener(sabotage{}), &storetest.CrashOptions{
				Protocols: []storetest.Protocol{{Name: "overwrite", Before: func(w *storetest.Workload) {
					w.Put(driver.Key{Entity: "e", ID: "x"}, 40)
				}, Run: func(w *storetest.Workload) {
					if w.TryOpen() != nil {
						return // that, too, must leave everything as it was
					}
					w.Put(driver.Key{Entity: "e", ID: "x"}, 50)
					w.Put(driver.Key{Entity: "f", ID: "x"}, 50)
					w.Put(driver.Key{Entity: "e", ID: "x"}, 60)
				}}},
				Wrap: func(fsys *crashfs.FS) vfs.FS {
					f := faultfs.New(fsys, faultfs.Rule{Op: op, Nth: 2})
					t.Cleanup(func() { injected += len(f.Injected()) })
					return f
				},
			})
			t.Cleanup(func() {
				if injected == 0 {
					t.Error("nothing was injected")
				}
			})
		})
	}
}

// What the test of a backend adds to the verdicts is heard.
func TestCrashJudgeIsHeard(t *testing.T) {
	judged := errors.New("never called")
	t.Run("run", func(t *testing.T) {
		storetest.RunCrash(t, plainOpener(sabotage{}), &storetest.CrashOptions{
			Protocols: storetest.CrashProtocols()[:1], Share: 1, Models: []crashfs.Model{crashfs.Ext4},
			Judge: func(_ context.Context, c *storetest.Crashed) error {
				if c.Store != nil && c.Disk != nil && len(c.Values) > 0 {
					judged = nil
				}
				return nil
			},
		})
	})
	if judged != nil {
		t.Error(judged)
	}
}
