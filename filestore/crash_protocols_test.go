package filestore_test

import (
	"fmt"
	"os"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// The protocols of this backend, beside those of every other. Each runs with a
// journal and without.
func ownProtocols() []storetest.Protocol {
	return []storetest.Protocol{
		{Name: "rotation and reuse", Before: someValues(2), Run: rotate},
		{Name: "rotation with large records", Before: someValues(2), Run: rotateLarge},
		{Name: "write-behind", Before: someValues(3), Run: writeBehind},
		{Name: "checkpoint of many files", Before: someValues(26), Run: checkpointMany, Recoveries: 40},
		{Name: "checkpoint into new directories", Run: checkpointNew},
		{Name: "snapshot written anew", Before: largeSnapshot, Run: renewSnapshot, Needs: keepsHistory},
		{Name: "close after a large checkpoint", Before: someValues(2), Run: closeLarge},
		{Name: "history trimming", Before: someValues(2), Run: trimHistory},
		{Name: "history trimming by age", Before: someValues(2), Run: trimByAge},
		{Name: "space given up after a kill", Before: someValues(2), Run: fillAndFlush, After: fillMore, Needs: keepsHistory},
		{Name: "quarantine", Before: damageFile, Run: openAndReplace, Problems: damageProblems},
		{Name: "quarantine, then delete", Before: damageFile, Run: openAndDelete, Problems: damageProblems},
		{Name: "quarantine of a directory", Before: directoryInPlace, Run: openAndReplace, Problems: damageProblems,
			// A directory is moved, since it cannot be copied; and between two
			// directories a disk may by POSIX lose both names.
			Models: []crashfs.Model{crashfs.Ext4}},
		{Name: "healing of a missing file", Before: removeFile, Run: openAndFlush, Problems: []driver.Problem{driver.ProblemMissing}},
		{Name: "healing of several", Before: damageSeveral, Run: openAndFlush, Problems: append([]driver.Problem{driver.ProblemMissing}, damageProblems...)},
		{Name: "adoption of an edited file", Before: editFile, Run: openAndFlush, Problems: []driver.Problem{driver.ProblemEdited}},
		{Name: "adoption of a new file", Before: newFile, Run: openAndReplace, Problems: []driver.Problem{driver.ProblemEdited}},
		{Name: "recovery with a backlog", Before: someValues(3), Run: recoverBacklog},
	}
}

var damageProblems = []driver.Problem{driver.ProblemEmpty, driver.ProblemInvalid, driver.ProblemNotRegular, driver.ProblemKept}

// someValues puts n values and closes the store.
func someValues(n int) func(*storetest.Workload) {
	return func(w *storetest.Workload) {
		for i := range n {
			w.Put(crashKey(i), 50)
		}
		w.Close()
	}
}

func crashKey(i int) driver.Key {
	return driver.Key{Entity: fmt.Sprintf("signal/s%d", i%2), ID: fmt.Sprintf("K%02d", i)}
}

func rotate(w *storetest.Workload) {
	w.Open()
	for range 4 {
		w.Put(crashKey(0), 2500)
		w.Put(crashKey(1), 100)
	}
	w.Flush() // the segments before are free
	for range 3 {
		w.Put(crashKey(1), 3000)
	}
	w.Close()
}

func rotateLarge(w *storetest.Workload) {
	w.Open()
	w.Put(crashKey(0), 20_000)
	w.Put(crashKey(1), 60)
	w.Put(crashKey(0), 30_000)
	w.Kill()
	w.Open()
	w.Put(crashKey(1), 10_000)
	w.Close()
}

func writeBehind(w *storetest.Workload) {
	w.Open()
	w.Put(crashKey(0), 80)
	w.Put(crashKey(0), 90)
	w.Delete(crashKey(1))
	w.Sleep(time.Second) // a checkpoint comes by itself
	w.Put(crashKey(1), 70)
	w.Put(crashKey(7), 70)
	w.Sleep(time.Second)
	w.Kill()
	w.Open()
}

// checkpointMany replaces so many files that the file system is flushed as a
// whole, and old files are written again.
func checkpointMany(w *storetest.Workload) {
	w.Open()
	var keys []driver.Key
	for i := range 25 {
		keys = append(keys, crashKey(i))
	}
	for range 3 {
		if journalled(w) {
			w.Batch(40, keys...)
		} else {
			w.Put(keys[0], 40)
		}
		w.Flush()
	}
	w.Close()
}

func checkpointNew(w *storetest.Workload) {
	w.Open()
	for i := range 3 {
		w.Put(driver.Key{Entity: fmt.Sprintf("a/b%d/c", i), ID: "x"}, 60)
	}
	w.Flush()
	w.Put(driver.Key{Entity: "a", ID: "y"}, 60)
	w.Close()
}

func largeSnapshot(w *storetest.Workload) {
	w.Put(crashKey(0), 60)
	for range 4 {
		w.Put(crashKey(1), 1<<20)
		w.Flush()
	}
	w.Close()
}

func renewSnapshot(w *storetest.Workload) {
	w.Open()
	w.Delete(crashKey(1))
	w.Flush()
	w.Put(crashKey(0), 70)
	w.Close()
}

// closeLarge closes a store with more to write than the next opening is to write
// again: a second commit follows the first.
func closeLarge(w *storetest.Workload) {
	w.Open()
	w.Put(crashKey(0), 70_000)
	w.Put(crashKey(1), 60)
	w.Close()
	w.Open()
	w.Put(crashKey(1), 80)
	w.Close()
}

func trimHistory(w *storetest.Workload) {
	w.Open()
	for i := range 8 {
		w.Put(crashKey(i%2), 7000)
		if i%2 == 1 {
			w.Flush()
		}
	}
	w.Close()
}

func trimByAge(w *storetest.Workload) {
	w.Open()
	for range 3 {
		w.Put(crashKey(0), 7000)
	}
	w.Flush()
	w.Sleep(24 * time.Hour)
	for range 3 {
		w.Put(crashKey(1), 6000)
		w.Flush()
	}
	w.Close()
}

// fillAndFlush leaves several segments that the snapshot covers.
func fillAndFlush(w *storetest.Workload) {
	w.Open()
	for i := range 3 {
		w.Put(crashKey(i%2), 7000)
	}
	w.Flush()
	w.Close()
}

// fillMore is what the next process does, a day later: it takes the space of what
// is too old, with no flush of the snapshot before.
func fillMore(w *storetest.Workload) {
	for range 4 {
		w.Put(crashKey(0), 6000)
	}
}

// keepsHistory tells of a store with a journal.
func keepsHistory(s driver.Store) bool { return s.(*filestore.Store).Properties().History }

// journalled tells in which mode the workload's store is.
func journalled(w *storetest.Workload) bool {
	return keepsHistory(w.Store())
}

// byHand closes the store and changes a file behind its back, an hour later. It
// returns the value that the store had.
func byHand(w *storetest.Workload, k driver.Key, data string) (journal bool, value string) {
	journal, value = journalled(w), w.Value(k)
	w.Close()
	w.Sleep(time.Hour)
	scribble(w, crashFile(k), data)
	return journal, value
}

func crashFile(k driver.Key) string { return k.Entity + "/" + k.ID + ".json" }

func scribble(w *storetest.Workload, name, data string) {
	f, err := w.Disk().Mount().OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	must(w, err)
	_, err = f.Write([]byte(data))
	must(w, err)
	must(w, f.Close())
}

// damageFile leaves half of a value in its file.
func damageFile(w *storetest.Workload) {
	w.Put(crashKey(0), 60)
	w.Put(crashKey(1), 60)
	const half = `{"n":1,"pad":"xx`
	journal, value := byHand(w, crashKey(0), half)
	w.Keep([]byte(half))
	if journal {
		w.Expect(crashKey(0), value) // healed
	} else {
		w.Expect(crashKey(0), "!")
	}
}

func openAndReplace(w *storetest.Workload) {
	w.Open()
	w.Put(crashKey(0), 80)
	w.Close()
}

func openAndDelete(w *storetest.Workload) {
	w.Open()
	w.Delete(crashKey(0))
	w.Put(crashKey(1), 80)
	w.Flush()
	w.Kill()
}

func openAndFlush(w *storetest.Workload) {
	w.Open()
	w.Flush()
	w.Put(crashKey(1), 70)
	w.Close()
}

// directoryInPlace puts a directory in the place of a file.
func directoryInPlace(w *storetest.Workload) {
	w.Put(crashKey(0), 60)
	w.Put(crashKey(1), 60)
	journal, value := journalled(w), w.Value(crashKey(0))
	w.Close()
	fsys := w.Disk().Mount()
	must(w, fsys.Remove(crashFile(crashKey(0))))
	must(w, fsys.Mkdir(crashFile(crashKey(0)), 0o700))
	scribble(w, crashFile(crashKey(0))+"/inside", "evidence")
	w.Keep([]byte("evidence"))
	if journal {
		w.Expect(crashKey(0), value)
	} else {
		w.Expect(crashKey(0), "!")
	}
}

// removeFile takes a file away. Without a journal nobody knows of it any more.
func removeFile(w *storetest.Workload) {
	w.Put(crashKey(0), 60)
	w.Put(crashKey(1), 60)
	journal := journalled(w)
	w.Close()
	must(w, w.Disk().Mount().Remove(crashFile(crashKey(0))))
	if !journal {
		w.Expect(crashKey(0), "")
	}
}

// damageSeveral empties one file, takes away another, and leaves a third alone.
func damageSeveral(w *storetest.Workload) {
	for i := range 4 {
		w.Put(crashKey(i), 60)
	}
	journal, value := byHand(w, crashKey(0), "")
	must(w, w.Disk().Mount().Remove(crashFile(crashKey(2))))
	if journal {
		w.Expect(crashKey(0), value)
	} else {
		w.Expect(crashKey(0), "!")
		w.Expect(crashKey(2), "")
	}
}

func editFile(w *storetest.Workload) {
	w.Put(crashKey(0), 60)
	w.Put(crashKey(1), 60)
	const edited = `{"edited":"by hand"}`
	byHand(w, crashKey(0), edited)
	w.Expect(crashKey(0), edited)
}

func newFile(w *storetest.Workload) {
	w.Put(crashKey(1), 60)
	const written = `{"written":"by hand"}`
	w.Close()
	w.Sleep(time.Hour)
	fsys := w.Disk().Mount()
	must(w, fsys.Mkdir(crashKey(0).Entity, 0o700))
	scribble(w, crashFile(crashKey(0)), written)
	w.Expect(crashKey(0), written)
}

// recoverBacklog is killed with changes of every kind that no file has yet.
func recoverBacklog(w *storetest.Workload) {
	w.Open()
	w.Put(crashKey(0), 3000)
	w.Delete(crashKey(1))
	w.Put(crashKey(5), 100)
	w.Clear(crashKey(2).Entity)
	w.Put(crashKey(2), 100)
	w.Kill()
	w.Open()
	w.Flush()
	w.Delete(crashKey(2))
	w.Kill()
	w.Open()
}
