package filestore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// con is an id that has another file name on Windows, though none of its bytes
// is special.
var con = driver.Key{Entity: "signal/strategy-a", ID: "CON"}

const conFile = "signal/strategy-a/%{43}ON.json"

// A file that comes from Windows stays the file of its value, through restarts:
// one beside it would bring its old content back.
func TestJournalDeviceNames(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	s := journal(t, dir, nil)
	put(t, s, btc, `"of the same entity"`)
	closeStore(t, s)
	write(t, dir, conFile, `"old"`)
	closeStore(t, journal(t, dir, nil))
	for _, data := range []string{`"new"`, `"newer"`} {
		s := journal(t, dir, nil)
		wantFindings(t, s)
		put(t, s, con, data)
		closeStore(t, s)
		got, err := os.ReadFile(filepath.Join(dir, conFile))
		if _, other := os.Stat(filepath.Join(dir, "signal/strategy-a/CON.json")); err != nil || string(got) != data || other == nil {
			t.Errorf("%s holds %q, %v; a second file: %v", conFile, got, err, other == nil)
		}
		s = journal(t, dir, nil)
		wantFindings(t, s)
		wantValue(t, s, con, data)
		filestore.Kill(s)
	}
}

// Two files of one such id are as much a case for people as those of any other.
func TestJournalDeviceTwins(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	s := journal(t, dir, nil)
	put(t, s, con, `1`)
	closeStore(t, s)
	write(t, dir, conFile, `2`)
	s = journal(t, dir, nil)
	wantFindings(t, s, "duplicate/quarantined signal/strategy-a CON")
	wantValue(t, s, con, `1`)
	if _, err := os.Stat(filepath.Join(dir, conFile)); !os.IsNotExist(err) {
		t.Errorf("the second file is still there: %v", err)
	}
}

// A mark may say that its file lay where nothing lies now, or nothing can: the
// quarantine may have come from elsewhere. The good value is where it is.
func TestJournalMarkOfAnotherPlace(t *testing.T) {
	for _, place := range []string{"", "gone/BTCUSDT.json", "/gone/BTCUSDT.json", "../gone/BTCUSDT.json", btcFile + "/BTCUSDT.json"} {
		dir := t.TempDir()
		s := journal(t, dir, nil)
		put(t, s, btc, `1`)
		closeStore(t, s)
		write(t, dir, ".holdfast/quarantine/x/why.json", fmt.Sprintf(
			`{"version":1,"entity":%q,"id":%q,"path":%q,"found":"2024-01-01T00:00:00Z"}`, btc.Entity, btc.ID, place))
		s = journal(t, dir, nil)
		wantFindings(t, s, "quarantined/resolved signal/strategy-a BTCUSDT")
		wantValue(t, s, btc, `1`)
		closeStore(t, s)
		wantFindings(t, journal(t, dir, nil))
	}
}
