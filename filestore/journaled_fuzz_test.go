package filestore_test

import (
	"bytes"
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	records "github.com/holdfast-go/holdfast/journal"
)

// seedImages are directories as stores leave them.
func seedImages(f *testing.F) []*image {
	var all []*image
	for _, end := range []func(*filestore.Store){filestore.Kill, func(s *filestore.Store) { closeStore(f, s) }} {
		dir := f.TempDir()
		s := still(f, dir, nil)
		put(f, s, btc, `{"is":"an older"}`)
		flush(f, s)
		for k, data := range three {
			put(f, s, k, data)
		}
		must(f, s.Apply(f.Context(), nil, []driver.Op{{Key: btc, Data: []byte(`1`)}, {Key: sol, Delete: true}}))
		must(f, s.Clear(f.Context(), "nothing"))
		end(s)
		all = append(all, imageOf(f, dir))
	}
	return all
}

// FuzzJournalOpen: whatever the bytes of a segment, of a snapshot and of two
// files are, nothing panics, and no value is anything but what stood somewhere.
func FuzzJournalOpen(f *testing.F) {
	const snapshot = ".holdfast/snapshot/00000001.pack"
	const segment = ".holdfast/journal/00000001.seg"
	for _, m := range seedImages(f) {
		seg := m.files[segment]
		_, to := used(seg)
		heads := append(bytes.Clone(seg[:64]), seg[4096:4160]...)
		for _, bit := range []int{-1, 40, 8 * 64, 8*64 + 77, 999, 1234} {
			snap, recs := bytes.Clone(m.files[snapshot]), bytes.Clone(seg[8192:to])
			if bit > 0 {
				snap[bit/8] ^= 1 << (bit % 8)
				recs[bit/8] ^= 1 << (bit % 8)
			}
			f.Add(heads, recs, snap, []byte(`{"is":"an older"}`), []byte(`{`))
		}
		f.Add(heads, []byte(nil), []byte(nil), []byte(`1`), []byte(``))
		f.Add([]byte("HOLDSJ"), seg[8192:to], []byte("HFSN\x01"), []byte(nil), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, heads, recs, snap, one, two []byte) {
		dir := ramDir(t)
		seg := make([]byte, 8192, 8192+len(recs))
		copy(seg, heads[:min(len(heads), 64)])
		copy(seg[4096:4160], heads[min(len(heads), 64):])
		seg = append(seg, recs...)
		write(t, dir, segment, string(seg))
		must(t, os.Truncate(filepath.Join(dir, segment), max(256<<10, int64(len(seg)))))
		write(t, dir, snapshot, string(snap))
		write(t, dir, btcFile, string(one))
		write(t, dir, "signal/strategy-a/ETHUSDT.json", string(two))
		for _, o := range []filestore.Options{{ReadOnly: true}, {}, {Salvage: true, Verify: true}, {}} {
			wantFromInput(t, dir, o, seg, snap, one, two)
		}
	})
}

// wantFromInput opens the directory, and checks that every value stood in one of
// the inputs, but for one bit that may have been put right.
func wantFromInput(t *testing.T, dir string, o filestore.Options, inputs ...[]byte) {
	t.Helper()
	s, err := filestore.Open(t.Context(), dir, &o)
	if err != nil {
		return
	}
	defer filestore.Kill(s)
	for _, entity := range entities(t, s) {
		for _, id := range ids(t, s, entity) {
			k := driver.Key{Entity: entity, ID: id}
			rec, err := s.Get(t.Context(), k)
			if err == nil && !stands(rec.Data, inputs) {
				t.Fatalf("Get %s: %q, which stood nowhere", k, rec.Data)
			}
			if err != nil && !errors.Is(err, driver.ErrDamaged) {
				t.Fatalf("Get %s, which was listed: %v", k, err)
			}
		}
	}
	for _, err := range s.History(t.Context(), btc) {
		if err != nil {
			break
		}
	}
}

func stands(data []byte, inputs [][]byte) bool {
	for _, in := range inputs {
		for at := 0; at+len(data) <= len(in); at++ {
			flipped := 0
			for i := 0; i < len(data) && flipped <= 1; i++ {
				flipped += bits.OnesCount8(data[i] ^ in[at+i])
			}
			if flipped <= 1 {
				return true
			}
		}
	}
	return false
}

// FuzzRecord: a record of the journal that is sound, and holds anything.
func FuzzRecord(f *testing.F) {
	op := func(kind uint8, k driver.Key, data string) []byte {
		return filestore.AppendOp(nil, kind, k, []byte(data))
	}
	odd := driver.Key{Entity: "../x", ID: "\x00"}
	for _, payload := range [][]byte{
		nil, {1, 2, 3}, op(filestore.OpPut, btc, `1`), op(filestore.OpPut, odd, `1`), op(filestore.OpPut, driver.Key{}, ``),
		op(filestore.OpDelete, btc, ``), op(filestore.OpDelete, eth, ``), op(filestore.OpClear, btc, ``), op(filestore.OpDetach, btc, ``),
		op(filestore.OpAdopt, eth, `?`), op(99, btc, `1`), append(op(filestore.OpPut, btc, `1`), op(filestore.OpClear, btc, ``)...),
		append(op(filestore.OpPut, eth, `1`), 0), op(filestore.OpPut, btc, `{"a":1}`)[:30],
	} {
		f.Add(payload, uint64(0))
		f.Add(payload, uint64(1<<63))
	}
	f.Fuzz(func(t *testing.T, payload []byte, at uint64) {
		dir := ramDir(t)
		s := still(t, dir, nil)
		put(t, s, btc, `{"is":"the first"}`)
		filestore.Kill(s)
		fsys := osFS(t, dir)
		defer fsys.Close()
		log, err := records.Open(fsys, ".holdfast/journal", nil, records.Replay{})
		must(t, err)
		_, err = log.Append(t.Context(), payload, int64(at), nil)
		must(t, err)
		must(t, log.Close())
		inputs := [][]byte{payload, []byte(`{"is":"the first"}`)}
		for _, o := range []filestore.Options{{ReadOnly: true}, {}, {Verify: true}} {
			wantFromInput(t, dir, o, inputs...)
		}
	})
}

// FuzzOp: a change is read as it was written, or not at all.
func FuzzOp(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(filestore.AppendOp(nil, filestore.OpPut, btc, []byte(`{"a":1}`)))
	f.Add(filestore.AppendOp(filestore.AppendOp(nil, filestore.OpDelete, eth, nil), filestore.OpClear, driver.Key{Entity: "e"}, nil))
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Add(bytes.Clone(filestore.AppendOp(nil, filestore.OpDelete, eth, nil)[:25]))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			o, rest, whole, err := filestore.NextOp(b)
			if err != nil {
				return
			}
			if !bytes.HasSuffix(b, rest) || len(rest) >= len(b) {
				t.Fatalf("%d bytes are left of %d", len(rest), len(b))
			}
			k := driver.Key{Entity: string(o.Entity), ID: string(o.ID)}
			again := filestore.AppendOp(nil, o.Kind, k, o.Data)
			got := bytes.Clone(b[:len(b)-len(rest)])
			copy(got[18:20], again[18:20]) // reserved, and covered by the checksum
			copy(got, again[:4])
			if whole && !bytes.Equal(got, again) {
				t.Fatalf("%x was read, and is written as %x", b[:len(b)-len(rest)], again)
			}
			b = rest
		}
	})
}
