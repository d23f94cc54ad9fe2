package filestore_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// The formats are on people's disks: a change here is a change of format.
func TestNamesOfFiles(t *testing.T) {
	for _, c := range []struct{ id, unix, windows string }{
		{"BTCUSDT", "BTCUSDT.json", "BTCUSDT.json"},
		{"BTC/USDT:USDT", "BTC%{2F}USDT:USDT.json", "BTC%{2F}USDT%{3A}USDT.json"},
		{"BTC%2FUSDT", "BTC%2FUSDT.json", "BTC%2FUSDT.json"},
		{"%{2F}", "%{25}{2F}.json", "%{25}{2F}.json"},
		{"%{2f}", "%{2f}.json", "%{2f}.json"},
		{"../x", "..%{2F}x.json", "..%{2F}x.json"},
		{"..", "...json", "...json"},
		{`a\b`, `a\b.json`, "a%{5C}b.json"},
		{"con", "con.json", "%{63}on.json"},
		{"COM¹.txt", "COM¹.txt.json", "%{43}OM¹.txt.json"},
		{"x.", "x..json", "x..json"},
		{"a\nb", "a\nb.json", "a%{0A}b.json"},
		{".tmp-0123456789abcdef-x", "%{2E}tmp-0123456789abcdef-x.json", "%{2E}tmp-0123456789abcdef-x.json"},
		{".tmp-x", ".tmp-x.json", ".tmp-x.json"},
		{"мир", "мир.json", "мир.json"},
	} {
		wantForms(t, c.id, filestore.NewNaming(false).Forms(c.id, filestore.IDName), c.unix, c.windows)
		wantForms(t, c.id, filestore.NewNaming(true).Forms(c.id, filestore.IDName), c.windows)
	}
	for _, c := range []struct{ element, unix, windows string }{
		{"strategy-a", "strategy-a", "strategy-a"},
		{"x.json", "x%{2E}json", "x%{2E}json"},
		{"x.JSON", "x%{2E}JSON", "x%{2E}JSON"},
		{"con.", "con.", "%{63}on%{2E}"},
		{"x ", "x ", "x%{20}"},
		{".tmp-0123456789abcdef-x", ".tmp-0123456789abcdef-x", ".tmp-0123456789abcdef-x"},
		{".holdfast", ".holdfast", ".holdfast"},
	} {
		wantForms(t, c.element, filestore.NewNaming(false).Forms(c.element, filestore.ElementName), c.unix, c.windows)
		wantForms(t, c.element, filestore.NewNaming(true).Forms(c.element, filestore.ElementName), c.windows)
	}
	for _, first := range []string{".holdfast", ".HoldFast", "lost+found"} {
		file := filestore.NewNaming(false).Forms(first, filestore.FirstName)[0]
		if strings.EqualFold(file, first) {
			t.Errorf("the first element %q is %q", first, file)
		}
	}
}

func wantForms(t *testing.T, name string, got []string, want ...string) {
	t.Helper()
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("%q: forms %q, want %q", name, got, want)
	}
}

// badOnWindows is what no file may be called there.
var badOnWindows = regexp.MustCompile(`[<>:"/\\|?*\x00-\x1f]|[. ]$|^(?i:con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// FuzzNaming: every name that is valid comes back from each of its forms, no
// form is another name's, and none is anything but one element of a path.
func FuzzNaming(f *testing.F) {
	for _, name := range []string{"BTCUSDT", "BTC/USDT:USDT", "%{2F}", "%%{2F", "a%{25}{2F}", ".tmp-0123456789abcdef-x", "con.", "x.json", ".json", ".holdfast", "a b ", "LPT¹", "\u0000", "\xff", "..", "%{00}", "%{FF}"} {
		f.Add(name, name+"x", uint8(0))
		f.Add(name, "%{2F}"+name, uint8(1))
		f.Add(name, "%{63}on", uint8(2))
	}
	f.Fuzz(func(t *testing.T, name, other string, k uint8) {
		kind := filestore.IDName
		switch k % 3 {
		case 1:
			kind = filestore.ElementName
		case 2:
			kind = filestore.FirstName
		}
		for _, windows := range []bool{false, true} {
			n := filestore.NewNaming(windows)
			// What any file name stands for has that file among its forms.
			if back, ok := n.Decode(other, kind); ok && !slices.Contains(n.Forms(back, kind), other) {
				t.Fatalf("%q decodes to %q, whose forms are %q", other, back, n.Forms(back, kind))
			}
			if !validName(name, kind == filestore.IDName) {
				continue
			}
			for i, form := range n.Forms(name, kind) {
				if back, ok := n.Decode(form, kind); !ok || back != name {
					t.Fatalf("%q has the form %q, which decodes to %q, %v", name, form, back, ok)
				}
				if strings.ContainsAny(form, "/\x00") || form == "." || form == ".." || atomicfile.IsTemp(form) && kind == filestore.IDName {
					t.Fatalf("%q has the form %q", name, form)
				}
				if strings.HasSuffix(strings.ToLower(form), ".json") != (kind == filestore.IDName) {
					t.Fatalf("%q has the form %q", name, form)
				}
				if kind == filestore.FirstName && strings.EqualFold(form, ".holdfast") {
					t.Fatalf("%q has the form %q", name, form)
				}
				if (windows || i == 1) && badOnWindows.MatchString(form) {
					t.Fatalf("%q has the form %q on Windows", name, form)
				}
				if other != name && slices.Contains(n.Forms(other, kind), form) {
					t.Fatalf("%q and %q share the form %q", name, other, form)
				}
			}
		}
	})
}

func validName(name string, id bool) bool {
	if id {
		return driver.ValidateKey(driver.Key{Entity: "e", ID: name}) == nil
	}
	return driver.ValidateEntity(name) == nil && !strings.Contains(name, "/")
}

// P9: nothing that a key says leads out of the base directory.
func TestNothingEscapes(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "data")
	s := open(t, dir, nil)
	before := tree(t, outer)
	before, _, _ = strings.Cut(before, "\ndata/")
	for _, name := range []string{"../x", "..", "../../x", "/x", "/etc/passwd", `..\x`, "a/../../x", "./x", "~/x", "%{2E}%{2E}%{2F}x", "%2e%2e%2fx", "..%2fx", ".holdfast/LOCK", ".holdfast"} {
		k := driver.Key{Entity: "signal/a", ID: name}
		put(t, s, k, `1`)
		wantValue(t, s, k, `1`)
		_ = s.Put(t.Context(), driver.Key{Entity: name, ID: "x"}, []byte(`1`)) // may be refused
		_ = s.Delete(t.Context(), driver.Key{Entity: name, ID: "LOCK"})
	}
	if after, _, _ := strings.Cut(tree(t, outer), "\ndata/"); after != before {
		t.Errorf("outside of the base directory:\n%s", after)
	}
	if own := strings.TrimSpace(tree(t, filepath.Join(dir, ".holdfast"))); own != "" {
		t.Errorf("in our own directory:\n%s", own)
	}
	closeStore(t, s)
	if n := len(ids(t, open(t, dir, nil), "signal/a")); n != 14 {
		t.Errorf("%d ids of 14", n)
	}
}

// A directory that was written on Windows is found on Unix, and stays as it is.
func TestDirectoryFromWindows(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	win := filestore.NewNaming(true)
	var keys []driver.Key
	for _, entity := range []string{"signal/a:b", "con/x.", "x.json/y"} {
		for _, id := range []string{"BTC/USDT:USDT", "con", "a b", "q?"} {
			k := driver.Key{Entity: entity, ID: id}
			keys = append(keys, k)
			write(t, dir, windowsFile(win, k), `"from Windows"`)
		}
	}
	before := tree(t, dir)
	s := open(t, dir, nil)
	for _, k := range keys {
		wantValue(t, s, k, `"from Windows"`)
		if !slices.Contains(ids(t, s, k.Entity), k.ID) {
			t.Errorf("%s is not listed", k)
		}
	}
	if n := len(entities(t, s)); n != 3 {
		t.Errorf("%d entities: %q", n, entities(t, s))
	}
	for _, k := range keys {
		put(t, s, k, `"from Windows"`) // to the same file
	}
	if after := tree(t, dir); strings.Replace(after, ".holdfast d---------\n", "", 1) != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	for _, k := range keys {
		must(t, s.Delete(t.Context(), k))
		wantAbsent(t, s, k)
	}
}

func windowsFile(n filestore.Naming, k driver.Key) string {
	var parts []string
	kind := filestore.FirstName
	for element := range strings.SplitSeq(k.Entity, "/") {
		parts = append(parts, n.Forms(element, kind)[0])
		kind = filestore.ElementName
	}
	return strings.Join(append(parts, n.Forms(k.ID, filestore.IDName)[0]), "/")
}

// Both forms of one id, where two directories were thrown together: the
// system's own decides, the other one is kept aside, and none is lost.
func TestBothForms(t *testing.T) {
	needColons(t)
	k := driver.Key{Entity: "signal", ID: "a:b"}
	unix, windows := "signal/a:b.json", "signal/a%{3A}b.json"
	for _, when := range []string{"Open", "Put", "Delete"} {
		dir := t.TempDir()
		write(t, dir, unix, `"unix"`)
		s := open(t, dir, nil)
		write(t, dir, windows, `"windows"`)
		wantValue(t, s, k, `"unix"`)
		if got := ids(t, s, "signal"); !slices.Equal(got, []string{"a:b"}) {
			t.Errorf("ids %q", got)
		}
		wantKept := 1
		switch when {
		case "Open":
			closeStore(t, s)
			s = open(t, dir, nil)
			wantValue(t, s, k, `"unix"`)
			if f := s.Report().Findings; len(f) != 1 || f[0].Problem != driver.ProblemDuplicate || f[0].Kept == "" {
				t.Errorf("the report says %+v", f)
			}
		case "Put":
			put(t, s, k, `"new"`)
			wantValue(t, s, k, `"new"`)
		case "Delete": // of the value, whatever it lies in
			must(t, s.Delete(t.Context(), k))
			wantAbsent(t, s, k)
			wantKept = 0
		}
		if files := kept(t, dir, "bytes"); len(files) != wantKept || len(kept(t, dir, "resolved")) != wantKept {
			t.Errorf("%s: in quarantine: %q", when, files)
		} else if wantKept == 1 {
			if data, _ := os.ReadFile(files[0]); string(data) != `"windows"` {
				t.Errorf("%s: kept %q", when, data)
			}
		}
		closeStore(t, s)
		if f := open(t, dir, nil).Report().Findings; len(f) != 0 {
			t.Errorf("%s: afterwards the report says %+v", when, f)
		}
	}
}
