package filestore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// A change that is damaged before a follower has read it leaves the value before
// it in the follower's memory: that is not the acknowledged one, and is not shown.
func TestFollowerMeetsDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := journal(t, dir, nil)
	filestore.Still(s)
	put(t, s, btc, `"first"`)
	f := follower(t, dir, filestore.Options{})
	wantValue(t, f, btc, `"first"`)
	put(t, s, btc, `"second"`)
	put(t, s, eth, `1`)
	segment := filepath.Join(dir, ".holdfast/journal/00000001.seg")
	data, err := os.ReadFile(segment)
	must(t, err)
	if n := bytes.Count(data, []byte(`"second"`)); n != 1 {
		t.Fatalf("the value is %d times in the journal", n)
	}
	must(t, os.WriteFile(segment, bytes.Replace(data, []byte(`"second"`), []byte(`"SECOND"`), 1), 0o600))
	if rec, err := f.Get(t.Context(), btc); !errors.Is(err, driver.ErrDamaged) {
		t.Errorf("%s is shown, %v", rec.Data, err)
	}
	wantValue(t, f, eth, `1`)
}
