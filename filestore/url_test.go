package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

func TestURL(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	must(t, err)
	for url, want := range map[string]string{
		"file:./logs/data":              "logs/data",
		"file:logs/data":                "logs/data",
		"file:logs/a%20b":               "logs/a b",
		"file:logs/100%25":              "logs/100%",
		"file:logs/%23":                 "logs/#",
		"file:" + here + "/abs":         "abs",
		"file://" + here + "/abs2":      "abs2",
		"file://localhost" + here:       "",
		"file:x?mode=rw&invalid=refuse": "x",
		"file:x?invalid=delete&remove-tries=3&remove-delay=200ms": "x",
	} {
		s, err := driver.Open(t.Context(), url, driver.OpenOptions{})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got := s.(driver.Describer).Properties(); got.Location != filepath.Join(here, want) || got.ReadOnly {
			t.Errorf("%s: %+v", url, got)
		}
		must(t, s.(*filestore.Store).Close())
	}
}

func TestURLReadOnly(t *testing.T) {
	dir := t.TempDir()
	for url, o := range map[string]driver.OpenOptions{
		"file:" + dir + "?mode=ro": {},
		"file:" + dir + "?mode=rw": {ReadOnly: true},
		"file:" + dir:              {ReadOnly: true},
	} {
		s, err := driver.Open(t.Context(), url, o)
		must(t, err)
		if !s.(driver.Describer).Properties().ReadOnly || !errors.Is(s.Put(t.Context(), btc, []byte(`1`)), driver.ErrReadOnly) {
			t.Errorf("%s, %+v: it may be written", url, o)
		}
		must(t, s.(*filestore.Store).Close())
	}
}

func TestURLRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{
		"file:", "file://", "file://host/x", "file://./logs", "file://user:secret@/x", "file://user:secret@host/x", "file:x#y", "file:x%zz",
		"file:x?mode=", "file:x?mode=w", "file:x?invalid=shred", "file:x?remove-tries=0", "file:x?remove-tries=x", "file:x?remove-tries=1001",
		"file:x?remove-delay=0", "file:x?remove-delay=2h", "file:x?remove-delay=5", "file:x?unknown=1", "file:x?mode=ro&mode=ro", "file:x?%zz",
	} {
		s, err := driver.Open(t.Context(), url, driver.OpenOptions{})
		if err == nil {
			t.Errorf("%s is accepted", url)
			s.(*filestore.Store).Close()
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a password: %v", url, err)
		}
	}
	if left, _ := os.ReadDir("."); len(left) != 0 {
		t.Errorf("refused, and made %v", left)
	}
}
