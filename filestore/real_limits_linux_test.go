package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// Limits that a real kernel sets: a disk of 64 KiB, and no descriptor left.

func init() {
	roles["starved on"] = func(dir string) error { return starved(dir, filestore.On) }
	roles["starved off"] = func(dir string) error { return starved(dir, filestore.Off) }
}

// On a disk that holds next to nothing a change fails with ENOSPC and the store
// goes on; whatever was acknowledged is there when it is opened again.
func TestRealDiskOf64KiB(t *testing.T) {
	for _, mode := range []filestore.Mode{filestore.On, filestore.Off} {
		t.Run(string(mode), func(t *testing.T) {
			dir := mountTmpfs(t, "size=64k")
			s, err := filestore.Open(t.Context(), dir, &filestore.Options{Journal: mode})
			if errors.Is(err, syscall.ENOSPC) {
				return // it needs more from the first, and says so
			}
			must(t, err)
			defer s.Close() // before the unmount
			acked := map[driver.Key]string{}
			full := 0
			for i := range 100 {
				k := driver.Key{Entity: "e", ID: fmt.Sprint(i)}
				data := fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", 2000))
				switch err := s.Put(t.Context(), k, []byte(data)); {
				case err == nil:
					acked[k] = data
				case errors.Is(err, syscall.ENOSPC) && !errors.Is(err, driver.ErrStopped):
					full++
				default:
					t.Fatalf("Put on a disk of 64 KiB: %v", err)
				}
			}
			if full == 0 {
				t.Fatal("the disk was never full: this proves nothing")
			}
			for k, data := range acked {
				wantValue(t, s, k, data)
			}
			s.Close() // a journal's files may lack room; what is acknowledged is in the journal
			s = open(t, dir, &filestore.Options{Journal: mode})
			defer s.Close()
			for k, data := range acked {
				wantValue(t, s, k, data)
			}
			if n := len(ids(t, s, "e")); n != len(acked) {
				t.Errorf("%d values, and %d were acknowledged", n, len(acked))
			}
			for k := range acked { // a removal makes room
				must(t, s.Delete(t.Context(), k))
				break
			}
			t.Logf("%s: %d acknowledged, %d refused", mode, len(acked), full)
		})
	}
}

// A process that has no descriptor left: opening fails with EMFILE and moves
// nothing, damage included; a change that needs one fails with it, and works when
// there are some again.
func TestRealOpenFilesLimit(t *testing.T) {
	for mode, want := range map[filestore.Mode]string{
		filestore.On:  "open EMFILE, put ok, get new, then put ok, get newer",
		filestore.Off: "open EMFILE, put EMFILE, get EMFILE, then put ok, get newer",
	} {
		t.Run(string(mode), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, &filestore.Options{Journal: mode})
			put(t, s, btc, `"old"`)
			closeStore(t, s)
			write(t, dir, "signal/strategy-a/ETHUSDT.json", `{`)
			before := tree(t, dir)
			child := start(t, "starved "+string(mode), dir)
			opened := child.line(t)
			if after := tree(t, dir); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			must(t, child.in.Close())
			if got := opened + ", " + child.line(t); got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			must(t, child.Wait())
		})
	}
}

// starved takes all descriptors, before and after it has opened the store.
func starved(dir string, mode filestore.Mode) error {
	ctx := context.Background()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 100, Max: 100}); err != nil {
		return err
	}
	o := &filestore.Options{Journal: mode}
	free := takeDescriptors()
	_, err := filestore.Open(ctx, dir, o)
	free()
	fmt.Printf("open %s\n", starvedWord(err))
	fmt.Scanln() // until the directory has been looked at
	s, err := filestore.Open(ctx, dir, o)
	if err != nil {
		return err
	}
	if err := s.Put(ctx, safe, []byte(`1`)); err != nil {
		return err
	}
	free = takeDescriptors()
	putErr := s.Put(ctx, btc, []byte(`"new"`))
	value := starvedGet(s)
	free()
	again := s.Put(ctx, btc, []byte(`"newer"`))
	fmt.Printf("put %s, get %s, then put %s, get %s\n", starvedWord(putErr), value, starvedWord(again), starvedGet(s))
	return s.Close()
}

func starvedGet(s *filestore.Store) string {
	rec, err := s.Get(context.Background(), btc)
	if err != nil {
		return starvedWord(err)
	}
	return strings.Trim(string(rec.Data), `"`)
}

func starvedWord(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, syscall.EMFILE):
		return "EMFILE"
	}
	return err.Error()
}

func takeDescriptors() (free func()) {
	var all []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			return func() {
				for _, f := range all {
					f.Close()
				}
			}
		}
		all = append(all, f)
	}
}
