package filestore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// FuzzOpen: whatever the bytes of a value, of a record in quarantine and of
// LOCK are, nothing panics, no value is absent that has a file, and none reads
// as anything but the bytes of its file.
func FuzzOpen(f *testing.F) {
	why := `{"version":1,"entity":"signal/strategy-a","id":"BTCUSDT","path":"signal/strategy-a/BTCUSDT.json","problem":"empty","found":"2024-01-01T00:00:00Z","sha256":"00"}`
	for _, value := range []string{`{"a":1}`, ``, `{`, "\xff", "null", "\x00", " 1 ", `"` + "\ufeff" + `"`, "\ufeff1"} {
		f.Add([]byte(value), []byte(why), []byte(`{"pid":1}`))
		f.Add([]byte(value), []byte(nil), []byte(nil))
		f.Add([]byte(value), []byte(`{"version":1}`), []byte("\x00"))
	}
	f.Fuzz(func(t *testing.T, value, why, lock []byte) {
		dir := ramDir(t)
		write(t, dir, btcFile, string(value))
		write(t, dir, ".holdfast/LOCK", string(lock))
		if why != nil {
			write(t, dir, ".holdfast/quarantine/x/why.json", string(why))
		}
		ro, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{ReadOnly: true}))
		if err == nil {
			wantBytes(t, ro, value)
			closeStore(t, ro)
		}
		for range 2 {
			s, err := filestore.Open(t.Context(), dir, direct(nil))
			if errors.Is(err, driver.ErrDamaged) && why != nil {
				wantInPlace(t, dir, value) // Open was refused, and moved nothing
				return
			}
			must(t, err)
			wantBytes(t, s, value)
			locked := wantLocked(t, dir)
			if locked.PID != os.Getpid() {
				t.Fatalf("the lock names %+v", locked)
			}
			closeStore(t, s)
		}
	})
}

func wantBytes(t *testing.T, s *filestore.Store, value []byte) {
	t.Helper()
	rec, err := s.Get(t.Context(), btc)
	if json.Valid(value) && utf8.Valid(value) {
		if err != nil || !bytes.Equal(rec.Data, value) {
			t.Fatalf("Get of %q: %q, %v", value, rec.Data, err)
		}
		return
	}
	wantDamaged(t, s, btc)
}

func wantInPlace(t *testing.T, dir string, value []byte) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(dir, btcFile)); err != nil || !bytes.Equal(got, value) {
		t.Fatalf("a failed Open left %q, %v", got, err)
	}
}
