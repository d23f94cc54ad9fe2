package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// atURL opens a directory by URL; the test closes it.
func atURL(t *testing.T, dir, params string) *filestore.Store {
	t.Helper()
	s, err := driver.Open(t.Context(), "file:"+dir+"?"+params, driver.OpenOptions{})
	if err != nil {
		t.Fatalf("%s: %v", params, err)
	}
	t.Cleanup(func() { s.(*filestore.Store).Close() })
	return s.(*filestore.Store)
}

func TestURLJournal(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]driver.BatchScope{"": driver.BatchAny, "journal=on": driver.BatchAny, "journal=off": driver.BatchKey} {
		dir := ramDir(t)
		s := atURL(t, dir, params)
		p := s.Properties()
		if p.Batch != want || p.History != (want == driver.BatchAny) {
			t.Errorf("%q: %+v", params, p)
		}
		put(t, s, btc, `1`)
		closeStore(t, s)
		_, err := os.Lstat(filepath.Join(dir, ".holdfast", "journal"))
		if got := err == nil; got != (want == driver.BatchAny) {
			t.Errorf("%q: there is a journal: %v", params, got)
		}
	}
}

// The bounds of the history are what Check says they are.
func TestURLHistory(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for params, want := range map[string]driver.Retention{
		"":                              {MaxSize: 256 << 20, MaxAge: 30 * day},
		"history=64MiB":                 {MaxSize: 64 << 20, MaxAge: 30 * day},
		"history=1GiB&history-age=90d":  {MaxSize: 1 << 30, MaxAge: 90 * day},
		"history=8192KiB":               {MaxSize: 8 << 20, MaxAge: 30 * day},
		"history=8388608":               {MaxSize: 8 << 20, MaxAge: 30 * day},
		"history=8388608B":              {MaxSize: 8 << 20, MaxAge: 30 * day},
		"history=1":                     {MaxSize: 4 << 20, MaxAge: 30 * day}, // the least that works
		"history=1024GiB":               {MaxSize: 1 << 40, MaxAge: 30 * day},
		"history-age=72h":               {MaxSize: 256 << 20, MaxAge: 72 * time.Hour},
		"history-age=0":                 {MaxSize: 256 << 20},
		"history-age=0s":                {MaxSize: 256 << 20},
		"history-age=1d&history=300MiB": {MaxSize: 300 << 20, MaxAge: day},
	} {
		s := atURL(t, ramDir(t), params)
		put(t, s, btc, `1`)
		r, err := s.Check(t.Context(), nil)
		must(t, err)
		if r.History == nil || r.History.MaxSize != want.MaxSize || r.History.MaxAge != want.MaxAge {
			t.Errorf("%q: %+v, want %+v", params, r.History, want)
		}
		closeStore(t, s)
	}
}

// cache bounds what is held: a value above it is read from the disk each time.
func TestURLCache(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]int{"cache=1KiB": 0, "cache=1MiB": 1, "": 1} {
		s := atURL(t, ramDir(t), params)
		put(t, s, btc, sized(1, 5_000))
		must(t, s.Flush(t.Context()))
		for range 3 {
			wantValue(t, s, btc, sized(1, 5_000))
		}
		put(t, s, eth, `1`)
		must(t, s.Flush(t.Context()))
		if n := s.Cached(); n != want+1 && want == 1 || want == 0 && n > 1 {
			t.Errorf("%q: %d values are held", params, n)
		}
	}
}

// verify=full reads all files; what it finds so is for other tests.
func TestURLVerify(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]bool{"": false, "verify=quick": false, "verify=full": true} {
		dir := ramDir(t)
		s := atURL(t, dir, params)
		if got := s.Options().Verify; got != want {
			t.Errorf("%q: all files are read: %v", params, got)
		}
		closeStore(t, s)
	}
}

// salvage=on opens a journal of which nobody can tell what it has lost.
func TestURLSalvage(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := atURL(t, dir, "")
	put(t, s, btc, `1`)
	for i := range 50 {
		put(t, s, numbered(i), sized(i, 1000))
	}
	filestore.Kill(s)
	segments, err := filepath.Glob(filepath.Join(dir, ".holdfast", "journal", "*.seg"))
	must(t, err)
	data, err := os.ReadFile(segments[0])
	must(t, err)
	clear(data[8192+20_000 : 8192+30_000])
	must(t, os.WriteFile(segments[0], data, 0o600))
	must(t, os.RemoveAll(filepath.Join(dir, ".holdfast", "snapshot")))
	for _, params := range []string{"", "salvage=off"} {
		_, err = driver.Open(t.Context(), "file:"+dir+"?"+params, driver.OpenOptions{})
		if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), "salvage=on") {
			t.Fatalf("%q: %v", params, err)
		}
	}
	s = atURL(t, dir, "salvage=on")
	wantValue(t, s, btc, `1`)
	if len(s.Report().Findings) == 0 {
		t.Error("nothing is reported")
	}
	closeStore(t, s)
	wantValue(t, atURL(t, dir, ""), btc, `1`)
}

// A bad value is refused by name, and nothing is made.
func TestURLRefusedParameters(t *testing.T) {
	t.Parallel()
	for _, params := range []string{
		"journal=", "journal=ON", "journal=yes", "journal=direct",
		"history=", "history=0", "history=-1", "history=4MB", "history=4mib", "history=MiB", "history=1.5GiB", "history=1025GiB",
		"history=9223372036854775807", "history=99999999999999999999", "history=1TiB", "history=1KiBKiB", "history= 1MiB",
		"history-age=", "history-age=30", "history-age=-1h", "history-age=d", "history-age=0d", "history-age=36501d", "history-age=1.5d",
		"history-age=1w", "cache=", "cache=0", "cache=lots", "cache=-64MiB", "verify=", "verify=on", "verify=true", "salvage=", "salvage=1", "salvage=yes",
	} {
		name, _, _ := strings.Cut(params, "=")
		dir := filepath.Join(ramDir(t), "new")
		s, err := driver.Open(t.Context(), "file:"+dir+"?"+strings.ReplaceAll(params, " ", "%20"), driver.OpenOptions{})
		if err == nil {
			s.(*filestore.Store).Close()
		}
		if !errors.Is(err, driver.ErrInvalidURL) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", params, err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: the directory has been made", params)
		}
	}
}
