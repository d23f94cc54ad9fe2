package journal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs"
)

const epoch = 1_700_000_000_000_000_000 // when records are written

var ctx = context.Background()

// small makes segments that a test fills quickly.
func small() *journal.Options {
	return &journal.Options{
		MinSegment: 16 << 10, MaxSegment: 16 << 10, MaxSize: 64 << 10,
		Now: func() time.Time { return time.Unix(0, epoch) },
	}
}

func openFS(t testing.TB, dir string) vfs.FS {
	t.Helper()
	fsys, err := vfs.OpenOS(dir, nil)
	must(t, err)
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// told is what an Open, or a reader, told.
type told struct {
	records []journal.Record
	damage  []journal.Damage
}

func (l *told) record(r journal.Record) error {
	l.records = append(l.records, r)
	return nil
}

func (l *told) hurt(d journal.Damage) error {
	l.damage = append(l.damage, d)
	return nil
}

// open opens the journal, and closes it with the test.
func open(t testing.TB, fsys vfs.FS, o *journal.Options) (*journal.Journal, *told) {
	t.Helper()
	l := &told{}
	j, err := journal.Open(fsys, ".", o, journal.Replay{Record: l.record, Damage: l.hurt})
	must(t, err)
	t.Cleanup(func() { j.Close() })
	return j, l
}

// fresh opens a new journal in a new directory.
func fresh(t testing.TB, o *journal.Options) (*journal.Journal, vfs.FS, string) {
	t.Helper()
	dir := t.TempDir()
	fsys := openFS(t, dir)
	j, _ := open(t, fsys, o)
	return j, fsys, dir
}

// payload returns n bytes that tell which record they belong to.
func payload(seq uint64, n int) []byte {
	p := make([]byte, n)
	r := rand.New(rand.NewPCG(seq, 7))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	if n >= 8 {
		binary.LittleEndian.PutUint64(p, seq)
	}
	return p
}

// put appends a record and waits for it.
func put(t testing.TB, j *journal.Journal, p []byte) uint64 {
	t.Helper()
	seq, err := j.Append(ctx, p, epoch, nil)
	must(t, err)
	return seq
}

// fill appends n records of size bytes, and returns the last number.
func fill(t testing.TB, j *journal.Journal, n, size int) uint64 {
	t.Helper()
	for range n {
		seq := j.Last() + 1
		if got := put(t, j, payload(seq, size)); got != seq {
			t.Fatalf("record %d got the number %d", seq, got)
		}
	}
	return j.Last()
}

// wantSeqs checks that exactly these were told, each with its payload.
func (l *told) wantSeqs(t testing.TB, size int, want ...uint64) {
	t.Helper()
	var got []uint64
	for _, r := range l.records {
		got = append(got, r.Seq)
		if !bytes.Equal(r.Payload, payload(r.Seq, size)) {
			t.Errorf("record %d has a wrong payload", r.Seq)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got records %v, want %v", got, want)
	}
}

func (l *told) wantWhole(t testing.TB) {
	t.Helper()
	for _, d := range l.damage {
		t.Errorf("damage: %v", &journal.DamageError{Damage: d})
	}
}

func upTo(from, to uint64) (all []uint64) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// segments returns the names of the segment files.
func segments(t testing.TB, dir string) (names []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	must(t, err)
	return names
}

// image is what a directory holds.
type image map[string][]byte

func snapshot(t testing.TB, dir string) image {
	t.Helper()
	im := image{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		im[d.Name()] = b
		return err
	})
	must(t, err)
	return im
}

// restore puts the image into a new directory.
func (im image) restore(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	im.into(t, dir)
	return dir
}

// into writes over what is in dir. It does not empty the files first, since a file
// system may flush one that was emptied when it is closed.
func (im image) into(t testing.TB, dir string) {
	t.Helper()
	for name, b := range im {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o600)
		must(t, err)
		_, err = f.Write(b)
		must(t, err)
		must(t, f.Truncate(int64(len(b))))
		must(t, f.Close())
	}
}

func (im image) with(name string, b []byte) image {
	c := image{}
	for n, old := range im {
		c[n] = old
	}
	c[name] = b
	return c
}

// seeds returns a random source, and prints how to have it again.
func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if s := os.Getenv("JOURNAL_SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		must(t, err)
	}
	t.Logf("JOURNAL_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// begin makes somebody wait for a flush, and so carry it out.
func begin(f *journal.Flush) { go f.Wait() }
