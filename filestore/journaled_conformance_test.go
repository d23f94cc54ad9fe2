package filestore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/caseblindfs"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs"
)

// damageAll damages a value beyond healing: its file, and everything beside it
// that knows what it was.
func (b *bench) damageAll(t *testing.T, s driver.Store, k driver.Key, damage func(string) error) driver.Store {
	t.Helper()
	closeStore(t, s.(*filestore.Store))
	must(t, damage(b.file(s, k)))
	must(t, os.RemoveAll(filepath.Join(b.dir(s), ".holdfast", "journal")))
	must(t, os.RemoveAll(filepath.Join(b.dir(s), ".holdfast", "snapshot")))
	return b.at(t, b.dir(s))
}

func TestJournalConformance(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the file system takes names that differ in case for one: see TestJournalConformanceCaseBlind")
	}
	b := &bench{mode: filestore.On}
	storetest.Run(t, b.open, &storetest.Options{
		Reopen:    b.reopen,
		MayRefuse: tooLong,
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			return b.damageAll(t, s, k, damages["garbage"])
		},
	})
}

func TestJournalConformanceDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			b := &bench{mode: filestore.On}
			damaged(t, b, func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
				return b.damageAll(t, s, k, damage)
			})
		})
	}
}

func TestJournalConformanceCaseBlind(t *testing.T) {
	t.Parallel()
	b := &bench{mode: filestore.On, wrap: func(fsys vfs.FS) vfs.FS { return caseblindfs.New(fsys) }}
	storetest.Run(t, func(t *testing.T) driver.Store {
		if strings.HasSuffix(t.Name(), "any_entity_round-trips_or_is_refused") {
			t.Skip("see TestCaseTwins")
		}
		return b.at(t, ramDir(t))
	}, &storetest.Options{
		Reopen: b.reopen,
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			return b.damageAll(t, s, k, damages["truncated"])
		},
		MayRefuse: func(k driver.Key) bool {
			return tooLong(k) || slices.Contains(twins, k.ID) || slices.Contains(lookalikes, k.ID)
		},
	})
}

// lookalikes are ids of the suite that some file system might take for another
// of its ids. The disk, which lags behind, cannot be asked whether this one does.
var lookalikes = []string{"\u00df", "ss", "\ufb01", "fi", "\u00e9", "e\u0301", "a\u202eb", "\ufeffa", "\u0130", "i", "I", "\u0131"}

// A store that moves from one way of writing to the other at every restart
// means the same as one that does not.
func TestConformanceOfMixedModes(t *testing.T) {
	t.Parallel()
	b := &bench{mode: filestore.On, alternate: true}
	storetest.Run(t, func(t *testing.T) driver.Store {
		if !strings.Contains(t.Name(), "/Restart/") && !strings.Contains(t.Name(), "/Model/") {
			t.Skip("it does not restart")
		}
		return b.open(t)
	}, &storetest.Options{Reopen: b.reopen, MayRefuse: tooLong})
}
