package filestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// image is a directory in memory, to be laid out again and again with one of
// its files damaged. Of large files only the beginning is kept; the rest is
// zeros.
type image struct {
	files map[string][]byte
	sizes map[string]int64
	looks map[string]fs.FileInfo
}

const imageLimit = 16 << 10

func imageOf(t testing.TB, dir string) *image {
	t.Helper()
	m := &image{map[string][]byte{}, map[string]int64{}, map[string]fs.FileInfo{}}
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "LOCK" {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		name := filepath.ToSlash(rel)
		m.sizes[name] = int64(len(data))
		if len(data) > imageLimit {
			if len(bytes.Trim(data[imageLimit:], "\x00")) > 0 {
				t.Fatalf("%s has more than its beginning", name)
			}
			data = data[:imageLimit]
		}
		m.files[name] = data
		m.looks[name], err = d.Info()
		return err
	}))
	return m
}

// only returns the name of the one file in a directory.
func (m *image) only(t testing.TB, dir string) string {
	t.Helper()
	var names []string
	for name := range m.files {
		if path.Dir(name) == dir {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		t.Fatalf("in %s: %q", dir, names)
	}
	return names[0]
}

// lay writes the directory out.
func (m *image) lay(t testing.TB, dir string) {
	t.Helper()
	for name, data := range m.files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		write(t, dir, name, string(data))
		must(t, os.Truncate(file, m.sizes[name]))
		must(t, os.Chtimes(file, m.looks[name].ModTime(), m.looks[name].ModTime()))
	}
}

// with returns an image that differs in one file.
func (m *image) with(name string, data []byte, size int64) *image {
	other := &image{map[string][]byte{}, map[string]int64{}, m.looks}
	for n := range m.files {
		other.files[n], other.sizes[n] = m.files[n], m.sizes[n]
	}
	other.files[name], other.sizes[name] = data, size
	return other
}

// flip returns an image with one bit of a file flipped.
func (m *image) flip(name string, bits ...int) *image {
	data := bytes.Clone(m.files[name])
	for _, bit := range bits {
		data[bit/8] ^= 1 << (bit % 8)
	}
	return m.with(name, data, m.sizes[name])
}

// cut returns an image with a file truncated.
func (m *image) cut(name string, size int64) *image {
	return m.with(name, m.files[name][:min(size, int64(len(m.files[name])))], size)
}

// outcomeOf opens the image and tells what became of the values: "right" if all
// are; "damaged" if some answer ErrDamaged; "refused" if Open does. It fails the
// test for anything else.
func (m *image) outcomeOf(t testing.TB, at string, values map[driver.Key]string, o filestore.Options) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "filestore-*")
	if err != nil {
		dir = t.TempDir()
	}
	defer os.RemoveAll(dir)
	m.lay(t, dir)
	s, err := filestore.Open(t.Context(), dir, &o)
	if err != nil {
		if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), "salvage=on") {
			t.Fatalf("%s: Open: %v", at, err)
		}
		return "refused"
	}
	defer filestore.Kill(s)
	outcome := "right"
	for k, want := range values {
		rec, err := s.Get(t.Context(), k)
		has, hasErr := s.Has(t.Context(), k)
		switch {
		case err == nil && string(rec.Data) == want && has && hasErr == nil:
		case errors.Is(err, driver.ErrDamaged) && errors.Is(hasErr, driver.ErrDamaged):
			outcome = "damaged"
		default:
			t.Fatalf("%s: Get %s: %q, %v; Has: %v, %v; want %q", at, k, rec.Data, err, has, hasErr, want)
		}
	}
	return outcome
}

func (m *image) wantRight(t testing.TB, at string, values map[driver.Key]string) {
	t.Helper()
	if got := m.outcomeOf(t, at, values, filestore.Options{}); got != "right" {
		t.Errorf("%s: %s", at, got)
	}
}

// everyVar makes the tests try every single bit, which takes minutes. Otherwise
// they try some of them, others in each run.
const everyVar = "FILESTORE_TEST_EVERY"

// each calls f for numbers from 0 to n-1: all of them, or every so many.
func each(n, every int, f func(i int)) {
	from := rand.IntN(every)
	if os.Getenv(everyVar) != "" {
		from, every = 0, 1
	}
	for i := from; i < n; i += every {
		f(i)
	}
}

// three are three values; old are the ones before.
var (
	sol   = driver.Key{Entity: "risk/conservative", ID: "SOL/USDT:USDT"}
	three = map[driver.Key]string{btc: `{"is":"the first"}`, eth: `{"is":"the second"}`, sol: `{"is":"the third"}`}
)

// threeKilled is a store of three acknowledged values that was killed: newborn,
// or with older values in its files and snapshot.
func threeKilled(t *testing.T, older bool) *image {
	t.Helper()
	dir := ramDir(t)
	s := still(t, dir, nil)
	if older {
		for k := range three {
			put(t, s, k, `{"is":"an older"}`)
		}
		flush(t, s)
	}
	for _, k := range []driver.Key{btc, eth, sol} {
		put(t, s, k, three[k])
	}
	filestore.Kill(s)
	return imageOf(t, dir)
}

// used returns the part of a segment that has records, and a bit more.
func used(segment []byte) (from, to int) {
	return 8192, min(len(bytes.TrimRight(segment, "\x00"))+64, len(segment))
}

// P1, P3: whichever bit of the journal flips, all that was acknowledged is
// there: one flipped bit can be put right.
func TestFlippedBitInJournal(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		m := threeKilled(t, older)
		name := m.only(t, ".holdfast/journal")
		from, to := used(m.files[name])
		for place, r := range map[string][2]int{"header 0": {0, 64}, "header 1": {4096, 4160}, "records": {from, to}} {
			t.Run(fmt.Sprintf("%s, older values %v", place, older), func(t *testing.T) {
				t.Parallel()
				each((r[1]-r[0])*8, 11, func(bit int) {
					bit += r[0] * 8
					m.flip(name, bit).wantRight(t, fmt.Sprintf("byte %d, bit %d", bit/8, bit%8), three)
				})
			})
		}
	}
}

// Wherever a segment is cut off, no value is wrong, stale or absent.
func TestTruncatedJournal(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		m := threeKilled(t, older)
		name := m.only(t, ".holdfast/journal")
		_, to := used(m.files[name])
		sizes := []int64{0, 1, 63, 64, 65, 4095, 4096, 4100, 4160, 8191, m.sizes[name] - 1, m.sizes[name] / 2}
		for size := 8192; size <= to; size++ {
			sizes = append(sizes, int64(size))
		}
		for _, size := range sizes {
			at := fmt.Sprintf("cut to %d, older values %v", size, older)
			if got := m.cut(name, size).outcomeOf(t, at, three, filestore.Options{}); got == "right" && size < int64(to-64) {
				t.Errorf("%s: nobody could know all values", at)
			}
		}
	}
}

// threeClosed is a store of three values that was closed; each has an older
// state, and one value was removed.
func threeClosed(t *testing.T) *image {
	t.Helper()
	dir := ramDir(t)
	s := still(t, dir, nil)
	for k := range three {
		put(t, s, k, `{"is":"an older"}`)
	}
	put(t, s, gone, `{"is":"to go"}`)
	flush(t, s)
	putAll(t, s, three)
	flush(t, s)
	remove(t, s, gone)
	closeStore(t, s)
	return imageOf(t, dir)
}

// gone is a value that was removed.
var gone = driver.Key{Entity: "risk/conservative", ID: "gone"}

// The same of the snapshot: journal and files know everything that it knew.
func TestFlippedBitInSnapshot(t *testing.T) {
	t.Parallel()
	m := threeClosed(t)
	name := m.only(t, ".holdfast/snapshot")
	each(len(m.files[name])*8, 29, func(bit int) {
		m.flip(name, bit).wantRight(t, fmt.Sprintf("byte %d, bit %d", bit/8, bit%8), three)
	})
}

func TestTruncatedSnapshot(t *testing.T) {
	t.Parallel()
	m := threeClosed(t)
	name := m.only(t, ".holdfast/snapshot")
	each(int(m.sizes[name]), 7, func(size int) {
		m.cut(name, int64(size)).wantRight(t, fmt.Sprintf("cut to %d", size), three)
	})
}

// Of an entity's file: what can be read of a damaged one as a value is no value
// of ours, and the journal knows which is.
func TestFlippedBitInFile(t *testing.T) {
	t.Parallel()
	const good = `{"price":64000.5,"of":"BTC"}`
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, good)
	closeStore(t, s)
	n := 0
	each(len(good)*8, 5, func(bit int) {
		n++
		bad := []byte(good)
		bad[bit/8] ^= 1 << (bit % 8)
		disk := &rot{FS: osFS(t, dir), file: btcFile, old: good, new: string(bad)}
		s, err := filestore.Open(t.Context(), dir, &filestore.Options{FS: disk, Verify: true})
		must(t, err)
		wantValue(t, s, btc, good)
		if f := s.Report().Findings; len(f) != 1 || f[0].Action != driver.ActionRestore {
			t.Errorf("bit %d: the report says %+v", bit, f)
		}
		filestore.Kill(s)
	})
	if files := kept(t, dir, "bytes"); len(files) != n {
		t.Errorf("%d files are kept of %d", len(files), n)
	}
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	m := threeClosed(t)
	for size := range m.sizes[btcFile] {
		m.cut(btcFile, size).wantRight(t, fmt.Sprintf("cut to %d", size), three)
	}
}

// In direct mode nobody can tell a flipped bit that leaves a value. What leaves
// none is damage, and no value is ever absent.
func TestFlippedBitInFileDirectly(t *testing.T) {
	t.Parallel()
	const good = `{"price":64000.5,"of":"BTC"}`
	for bit := range len(good) * 8 {
		bad := []byte(good)
		bad[bit/8] ^= 1 << (bit % 8)
		dir := ramDir(t)
		write(t, dir, btcFile, string(bad))
		s := open(t, dir, nil)
		wantBytes(t, s, bad)
		closeStore(t, s)
	}
}

// What was removed since is not brought back, as damaged, by a snapshot's entry that
// nobody needs any more, though the journal cannot prove what it was either. Nor
// does that take away what has been put since.
func TestFlippedBitInWhatWasRemoved(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		dir := ramDir(t)
		s := still(t, dir, nil)
		put(t, s, gone, `{"is":"to go"}`)
		putAll(t, s, three)
		flush(t, s)
		remove(t, s, gone)
		flush(t, s)
		if again {
			put(t, s, gone, `"back"`)
		}
		closeStore(t, s)
		m := imageOf(t, dir)
		for _, dir := range []string{".holdfast/snapshot", ".holdfast/journal"} {
			name := m.only(t, dir)
			at := bytes.Index(m.files[name], []byte(`{"is":"to go"}`))
			m = m.flip(name, 8*at+3, 8*at+12)
		}
		dir = ramDir(t)
		m.lay(t, dir)
		for range 3 {
			s := journal(t, dir, nil)
			if again {
				wantValue(t, s, gone, `"back"`)
			} else {
				wantAbsent(t, s, gone)
			}
			for k, want := range three {
				wantValue(t, s, k, want)
			}
			closeStore(t, s)
		}
	}
}

// A value that the journal has is one, be it newer than the snapshot or not, though
// the snapshot's entry is damaged and so is the file.
func TestFlippedBitInSnapshotAndDamagedFile(t *testing.T) {
	t.Parallel()
	for what, m := range map[string]*image{"killed": threeKilled(t, true), "closed": threeClosed(t)} {
		name := m.only(t, ".holdfast/snapshot")
		broken := m.with(btcFile, []byte(`{"is":`), 6)
		each(len(m.files[name])*8, 29, func(bit int) {
			broken.flip(name, bit).wantRight(t, fmt.Sprintf("%s, byte %d, bit %d", what, bit/8, bit%8), three)
		})
	}
}
