package holdfast_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/holdfast-go/holdfast"

// place is where a package stands: what it may import beside the standard
// library. "x/…" at the end of a name stands for whatever is below x.
type place struct {
	ours   []string // packages of this module; "" is the root package
	x      []string // of golang.org/x
	others bool     // anything else: it has a go.mod of its own
	files  bool     // calls package os to read and write
}

// places is the one list of all packages, by directory. One that is not here
// has not been thought about.
var places = map[string]place{
	"":                      {ours: []string{"driver", "internal/…"}},
	"driver":                {},
	"vfs":                   {x: []string{"sys"}, files: true}, // calls that package os has not: locks, exchange of names
	"vfs/crashfs":           {ours: []string{"vfs"}},
	"vfs/faultfs":           {ours: []string{"vfs"}},
	"atomicfile":            {ours: []string{"vfs", "internal/…"}},
	"journal":               {ours: []string{"vfs", "internal/…"}},
	"filestore":             {ours: []string{"driver", "vfs", "atomicfile", "journal", "internal/…"}, x: []string{"sys", "text"}},
	"memstore":              {ours: []string{"driver", "internal/…"}},
	"storetest":             {ours: []string{"", "driver", "vfs", "vfs/…", "internal/…"}},
	"trade":                 {ours: []string{"", "internal/…"}},
	"lease":                 {ours: []string{"", "internal/…"}},
	"transfer":              {ours: []string{"", "driver", "lease"}},
	"live":                  {ours: []string{"", "trade", "lease", "live/candle", "internal/…"}},
	"live/candle":           {ours: []string{"internal/…"}},
	"internal/testtool":     {files: true},                                      // for tests alone
	"internal/testserver":   {ours: []string{"internal/testtool"}, files: true}, // for tests alone
	"internal/ferretserver": {others: true, files: true},                        // for tests alone; it has a go.mod of its own
	"internal/loopdisk":     {ours: []string{"internal/testtool"}, x: []string{"sys"}, files: true},
	"internal/mutants":      {files: true}, // for make test alone
	"internal/reliability":  {files: true}, // makes the figures of RELIABILITY.md
	"internal/…":            {ours: []string{"driver", "vfs", "internal/…"}, x: []string{"sys", "text"}},
	"cachestore":            {ours: []string{"driver", "internal/…"}},
	"otelstore":             {ours: []string{"driver", "internal/…"}, others: true},
	"redisstore":            {ours: []string{"driver"}, others: true, files: true}, // certificates that the URL names
	"pgstore":               {ours: []string{"driver", "internal/…"}, others: true},
	"mongostore":            {ours: []string{"driver"}, others: true},
	"mongostore/internal/…": {ours: []string{"mongostore/internal/…"}, others: true, files: true}, // for tests alone
	"cmd/…":                 {ours: []string{"", "…"}, others: true, files: true},
	"bench":                 {ours: []string{"", "…"}, others: true, files: true},
	"bench/…":               {ours: []string{"", "…"}, others: true, files: true},
}

// harmless is what everybody may use of package os: it touches no state.
var harmless = []string{"Getpid", "Hostname", "SameFile", "FileInfo", "FileMode", "PathError", "LinkError", "Signal", "Interrupt"}

// isHarmless tells so of a name; flags and errors are harmless, too.
func isHarmless(name string) bool {
	return slices.Contains(harmless, name) || strings.HasPrefix(name, "O_") || strings.HasPrefix(name, "Err")
}

// source is what a directory's files, tests apart, import and call.
type source struct {
	imports []string
	os      []string // names of package os
}

func TestImportArrows(t *testing.T) {
	sources, err := readSources(".")
	must(t, err)
	for _, dir := range []string{"", "driver", "memstore", "storetest"} {
		if len(sources[dir].imports) == 0 {
			t.Errorf("directory %q was not read", dir)
		}
	}
	for _, problem := range misplaced(sources) {
		t.Error(problem)
	}
}

// The check itself is seen to fail.
func TestImportArrowsAreSeen(t *testing.T) {
	for want, x := range map[string]struct {
		dir string
		source
	}{
		"driver imports vfs":                           {"driver", source{imports: []string{module + "/vfs"}}},
		"the root package imports filestore":           {"", source{imports: []string{module + "/filestore"}}},
		"trade imports memstore":                       {"trade", source{imports: []string{module + "/memstore"}}},
		"trade imports trade/x":                        {"trade", source{imports: []string{module + "/trade/x"}}},
		"vfs imports the root package":                 {"vfs", source{imports: []string{module}}},
		"internal/x imports the root package":          {"internal/x", source{imports: []string{module}}},
		"driver imports internal/watch":                {"driver", source{imports: []string{module + "/internal/watch"}}},
		"driver imports golang.org/x/sys/unix":         {"driver", source{imports: []string{"golang.org/x/sys/unix"}}},
		"filestore imports golang.org/x/net/html":      {"filestore", source{imports: []string{"golang.org/x/net/html"}}},
		"vfs imports github.com/holdfast-go/holdfast2": {"vfs", source{imports: []string{module + "2"}}},
		"live calls os.WriteFile":                      {"live", source{os: []string{"Getpid", "WriteFile"}}},
		"directory nowhere has no place":               {"nowhere", source{}},
		"directory driver/sub has no place":            {"driver/sub", source{}},
	} {
		got := misplaced(map[string]source{x.dir: x.source})
		if len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	sound := map[string]source{
		"":             {imports: []string{"fmt", "testing/fstest", module + "/driver", module + "/internal/natural"}},
		"cmd/holdfast": {imports: []string{module, module + "/filestore", "golang.org/x/term"}, os: []string{"Open"}},
		"vfs":          {imports: []string{"golang.org/x/sys/unix"}, os: []string{"OpenFile"}},
	}
	if got := misplaced(sound); len(got) != 0 {
		t.Errorf("got %q for what is sound", got)
	}
}

// misplaced tells what stands where it may not.
func misplaced(sources map[string]source) []string {
	var problems []string
	for dir, s := range sources {
		p, ok := placeOf(dir)
		if !ok {
			problems = append(problems, fmt.Sprintf("directory %s has no place: say in imports_test.go what it may import", dir))
			continue
		}
		for _, i := range s.imports {
			if !p.allows(i) {
				problems = append(problems, fmt.Sprintf("%s imports %s", named(dir), named(ours(i))))
			}
		}
		for _, name := range s.os {
			if !p.files && !isHarmless(name) {
				problems = append(problems, fmt.Sprintf("%s calls os.%s: state goes through vfs.FS", named(dir), name))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

func placeOf(dir string) (place, bool) {
	if p, ok := places[dir]; ok {
		return p, true
	}
	for pattern, p := range places {
		if strings.HasSuffix(pattern, "/…") && below(dir, pattern) {
			return p, true
		}
	}
	return place{}, false
}

func (p place) allows(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == module || strings.HasPrefix(imported, module+"/"):
		return slices.ContainsFunc(p.ours, func(pattern string) bool { return below(ours(imported), pattern) })
	case !strings.Contains(first, "."):
		return true // the standard library
	case strings.HasPrefix(imported, "golang.org/x/"):
		name, _, _ := strings.Cut(strings.TrimPrefix(imported, "golang.org/x/"), "/")
		return p.others || slices.Contains(p.x, name)
	}
	return p.others
}

// below tells whether a directory is what a pattern stands for.
func below(dir, pattern string) bool {
	prefix, all := strings.CutSuffix(pattern, "…")
	return dir == pattern || all && dir != "" && strings.HasPrefix(dir, prefix)
}

// ours is the directory of an import of this module, else the import.
func ours(imported string) string {
	if imported == module {
		return ""
	}
	return strings.TrimPrefix(imported, module+"/")
}

func named(dir string) string {
	if dir == "" {
		return "the root package"
	}
	return dir
}

// readSources parses all Go files below root, tests apart, whatever system they
// are built for.
func readSources(root string) (map[string]source, error) {
	sources := map[string]source{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(file))
		if dir == "." {
			dir = ""
		}
		sources[dir] = sources[dir].with(parsed)
		return nil
	})
	return sources, err
}

// with adds what a file imports and calls.
func (s source) with(file *ast.File) source {
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			s.imports = append(s.imports, imported)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == "os" {
				s.os = append(s.os, sel.Sel.Name)
			}
		}
		return true
	})
	return s
}

// The core costs its user nothing.
func TestModuleRequiresNothingHeavy(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	must(t, err)
	want := []string{"golang.org/x/sys", "golang.org/x/text"}
	if got := required(string(data)); !slices.Equal(got, want) {
		t.Errorf("go.mod requires %q, want %q", got, want)
	}
	planted := "module m\n\nrequire example.com/a v1.0.0\n\nrequire (\n\texample.com/b v1.0.0 // indirect\n)\n"
	if got := required(planted); !slices.Equal(got, []string{"example.com/a", "example.com/b"}) {
		t.Errorf("of the planted go.mod: %q", got)
	}
}

// required lists the modules that a go.mod requires.
func required(gomod string) []string {
	var modules []string
	block := false
	for line := range strings.Lines(gomod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require"))
		isRequire := strings.HasPrefix(strings.TrimSpace(line), "require")
		switch {
		case isRequire && len(fields) == 1 && fields[0] == "(":
			block = true
		case len(fields) == 1 && fields[0] == ")":
			block = false
		case (isRequire || block) && len(fields) >= 2:
			modules = append(modules, fields[0])
		}
	}
	slices.Sort(modules)
	return modules
}
