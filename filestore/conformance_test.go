package filestore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/caseblindfs"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs"
)

// ramDir is a directory on a file system that flushes for nothing, where there
// is one.
func ramDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "filestore-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// bench is what the conformance suite needs to know of the stores it opened:
// where each one lies.
type bench struct {
	wrap      func(vfs.FS) vfs.FS
	mode      filestore.Mode // "" is Off
	alternate bool           // the other mode after each restart
	mu        sync.Mutex
	dirs      map[driver.Store]string
	restarts  map[string]int // by directory
}

// open lays a store where tests usually lie; the chapters that flush most, where
// that costs nothing.
func (b *bench) open(t *testing.T) driver.Store {
	for _, chapter := range []string{"/Name/", "/Concurrency/", "/Watch/", "/Model/"} {
		if strings.Contains(t.Name(), chapter) {
			return b.at(t, ramDir(t))
		}
	}
	return b.at(t, t.TempDir())
}

func (b *bench) at(t *testing.T, dir string) driver.Store {
	t.Helper()
	b.mu.Lock()
	o := &filestore.Options{Journal: b.mode}
	if b.alternate && b.restarts[dir]%2 == 1 {
		o.Journal = filestore.Off
	}
	b.mu.Unlock()
	if b.wrap != nil {
		o.FS = b.wrap(osFS(t, dir))
	}
	s := open(t, dir, o)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dirs == nil {
		b.dirs = map[driver.Store]string{}
	}
	b.dirs[s] = dir
	return s
}

func (b *bench) dir(s driver.Store) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dirs[s]
}

func (b *bench) reopen(t *testing.T, s driver.Store) driver.Store {
	t.Helper()
	closeStore(t, s.(*filestore.Store))
	b.mu.Lock()
	if b.restarts == nil {
		b.restarts = map[string]int{}
	}
	b.restarts[b.dirs[s]]++
	b.mu.Unlock()
	return b.at(t, b.dir(s))
}

// file is where the value of an ordinary key lies.
func (b *bench) file(s driver.Store, k driver.Key) string {
	return filepath.Join(b.dir(s), filepath.FromSlash(k.Entity), k.ID+".json")
}

// damages are ways in which a file goes bad.
var damages = map[string]func(file string) error{
	"empty":     func(file string) error { return os.Truncate(file, 0) },
	"truncated": func(file string) error { return os.WriteFile(file, []byte(`{"good":`), 0o600) },
	"garbage":   func(file string) error { return os.WriteFile(file, []byte("\x00\xff\x00{}"), 0o600) },
	"directory": func(file string) error {
		if err := os.Remove(file); err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(file, "sub"), 0o700)
	},
}

// tooLong is what the backend says of itself: a name that is longer than a file
// name can be.
func tooLong(k driver.Key) bool {
	const limit = 255
	for element := range strings.SplitSeq(k.Entity, "/") {
		if len(escaped(element)) > limit {
			return true
		}
	}
	return len(escaped(k.ID))+len(".json") > limit
}

func escaped(name string) string { return strings.ReplaceAll(name, "/", "%{2F}") }

// twins are ids of the suite that differ in nothing but case from others.
var twins = []string{"AB", "Ab", "aB", "ab", "A", "a", "B", "b", "K", "k", "\u212a", "%2F", "%2f", "x.json", "x.JSON", "CON", "con"}

func TestConformance(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the file system takes names that differ in case for one: see TestConformanceCaseBlind")
	}
	b := &bench{}
	storetest.Run(t, b.open, &storetest.Options{
		Reopen:    b.reopen,
		MayRefuse: tooLong,
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			must(t, damages["garbage"](b.file(s, k)))
			return s
		},
	})
}

// Damage that is found while the store is open, and damage that is found when
// it is opened, is to mean the same: the second Damage opens it again.
func TestConformanceDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		for _, restart := range []bool{false, true} {
			label := name
			if restart {
				label += " while stopped"
			}
			t.Run(label, func(t *testing.T) {
				b := &bench{}
				damaged(t, b, func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
					must(t, damage(b.file(s, k)))
					if restart {
						return b.reopen(t, s)
					}
					return s
				})
			})
		}
	}
}

// damaged runs the chapter of the suite that is about damage.
func damaged(t *testing.T, b *bench, damage func(*testing.T, driver.Store, driver.Key) driver.Store) {
	storetest.Run(t, func(t *testing.T) driver.Store {
		if !strings.Contains(t.Name(), "/Damage/") {
			t.Skip("said by TestConformance")
		}
		return b.at(t, ramDir(t))
	}, &storetest.Options{Reopen: b.reopen, Damage: damage, MayRefuse: tooLong})
}

// On a file system that tells no upper from lower case a key is refused when
// its file would be another key's. (The suite's entity of 512 levels takes
// minutes on the simulated one, so that chapter is left to TestCaseTwins.)
func TestConformanceCaseBlind(t *testing.T) {
	t.Parallel()
	b := &bench{wrap: func(fsys vfs.FS) vfs.FS { return caseblindfs.New(fsys) }}
	storetest.Run(t, func(t *testing.T) driver.Store {
		if strings.HasSuffix(t.Name(), "any_entity_round-trips_or_is_refused") {
			t.Skip("see TestCaseTwins")
		}
		return b.at(t, ramDir(t))
	}, &storetest.Options{
		Reopen: b.reopen,
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			must(t, damages["truncated"](b.file(s, k)))
			return s
		},
		MayRefuse: func(k driver.Key) bool {
			return tooLong(k) || slices.Contains(twins, k.ID)
		},
	})
}

func TestConformanceReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	put(t, s, btc, `{"a":1}`)
	for _, owner := range []string{"running", "stopped"} {
		t.Run("owner "+owner, func(t *testing.T) {
			if owner == "stopped" {
				closeStore(t, s)
			}
			before := tree(t, dir)
			for _, url := range []string{"file:" + dir, "file:" + dir + "?mode=ro"} {
				p, err := holdfast.Open(t.Context(), url, &holdfast.Options{ReadOnly: true})
				must(t, err)
				storetest.ReadOnly(t, p, btc)
				must(t, p.Close())
			}
			if after := tree(t, dir); after != before {
				t.Fatalf("reading changed the directory; before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}
