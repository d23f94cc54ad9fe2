package filestore_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

// fromBacktestKit is a copy of one of its directories, and what every file in
// it holds.
func fromBacktestKit(t *testing.T, part string) (dir string, values map[driver.Key]string) {
	t.Helper()
	interop := testtool.Shared(t, "interop")
	dir = filepath.Join(t.TempDir(), "logs")
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(interop, "logs", part))))
	values = map[driver.Key]string{}
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Chmod(p, d.Type().Perm()|0o700); err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		entity, file := filepath.ToSlash(filepath.Dir(rel)), filepath.Base(rel)
		values[driver.Key{Entity: entity, ID: strings.TrimSuffix(file, ".json")}] = string(data)
		return err
	}))
	if len(values) < 4 {
		t.Fatalf("only %d files in %s", len(values), part)
	}
	return dir, values
}

// P12: opened as it is, everything reads, and no byte has changed; reading a
// value and writing it back keeps its bytes.
func TestBacktestKit(t *testing.T) {
	for _, part := range []string{"data", "custom"} {
		t.Run(part, func(t *testing.T) {
			dir, values := fromBacktestKit(t, part)
			before := tree(t, dir)
			ro, err := holdfast.Open(t.Context(), "file:"+dir+"?mode=ro", nil)
			must(t, err)
			readAll(t, ro, values)
			must(t, ro.Close())
			if after := tree(t, dir); after != before {
				t.Errorf("reading alone changed it; before:\n%s\nafter:\n%s", before, after)
			}
			s, err := holdfast.Open(t.Context(), "file:"+dir, nil)
			must(t, err)
			report := s.Report()
			if len(report.Findings) != 0 || report.Values != len(values) {
				t.Errorf("the report says %+v for %d files", report, len(values))
			}
			readAll(t, s, values)
			for k := range values {
				c, err := holdfast.NewCollection[json.RawMessage](s, k.Entity, nil)
				must(t, err)
				raw, err := c.Get(t.Context(), k.ID)
				must(t, err)
				must(t, c.Put(t.Context(), k.ID, raw))
			}
			must(t, s.Close())
			after := withoutOwn(tree(t, dir))
			if after != before {
				t.Errorf("writing back changed it; before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// withoutOwn leaves out of a tree what is Holdfast's own.
func withoutOwn(tree string) string {
	lines := strings.Split(tree, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, ".holdfast") }), "\n")
}

func readAll(t *testing.T, s *holdfast.Store, values map[driver.Key]string) {
	t.Helper()
	listed := 0
	for entity, err := range s.Entities(t.Context()) {
		must(t, err)
		c, err := holdfast.NewCollection[json.RawMessage](s, entity, nil)
		must(t, err)
		for e, err := range c.All(t.Context()) {
			must(t, err)
			if want, ok := values[driver.Key{Entity: entity, ID: e.ID}]; !ok || want != string(e.Value) {
				t.Errorf("%s %s: %.60q, want %.60q", entity, e.ID, e.Value, want)
			}
			listed++
		}
	}
	if listed != len(values) {
		t.Errorf("%d values listed, want %d", listed, len(values))
	}
}

// Opened where it lies, by one who may not write there.
func TestBacktestKitInPlace(t *testing.T) {
	interop := testtool.Shared(t, "interop")
	for _, part := range []string{"logs/data", "logs/custom"} {
		s := open(t, filepath.Join(interop, part), &filestore.Options{ReadOnly: true})
		n := 0
		for _, entity := range entities(t, s) {
			for _, id := range ids(t, s, entity) {
				_, err := s.Get(t.Context(), driver.Key{Entity: entity, ID: id})
				must(t, err)
				n++
			}
		}
		report, err := s.Check(t.Context(), nil)
		if err != nil || n < 4 || report.Values != n || len(report.Findings) != 0 {
			t.Errorf("%s: %d values; Check says %+v, %v", part, n, report, err)
		}
	}
	if _, err := filestore.Open(t.Context(), filepath.Join(interop, "none"), direct(&filestore.Options{ReadOnly: true})); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

// P12: ids come in the order in which backtest-kit lists them. Where its order
// takes two for equal (a and Ä) it keeps that of the directory; ours is by bytes.
func TestBacktestKitOrder(t *testing.T) {
	dir, _ := fromBacktestKit(t, "custom")
	data, err := os.ReadFile(testtool.Shared(t, "interop", "order.json"))
	must(t, err)
	var order map[string][]string
	must(t, json.Unmarshal(data, &order))
	s, err := holdfast.Open(t.Context(), "file:"+dir, nil)
	must(t, err)
	defer s.Close()
	for entity, want := range order {
		c, err := holdfast.NewCollection[json.RawMessage](s, entity, nil)
		must(t, err)
		var got []string
		for id, err := range c.Keys(t.Context()) {
			must(t, err)
			got = append(got, id)
		}
		byBytes(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", entity, got, want)
		}
	}
}

// byBytes sorts the runs of ids that are equal in base letters and numbers.
func byBytes(ids []string) {
	base := collate.New(language.Und, collate.Numeric, collate.Loose)
	for i := 0; i < len(ids); {
		j := i + 1
		for j < len(ids) && base.CompareString(ids[i], ids[j]) == 0 {
			j++
		}
		slices.Sort(ids[i:j])
		i = j
	}
}
