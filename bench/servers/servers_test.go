package servers

import (
	"strings"
	"testing"
)

// What go test prints becomes rows, or the reason why there are none.
func TestParse(t *testing.T) {
	rows, why := parse("goos: linux\n"+
		"BenchmarkBeside/Apply,by-hand/64-2 \t 20000\t 31.14 bare-µs/op\t 27.21 ours-µs/op\t 0.7747 ratio\n"+
		"BenchmarkBeside/server/Get/1-2 \t 9\t 2 bare-µs/op\t 3 ours-µs/op\t 1.5 ratio\n"+
		"BenchmarkBeside/Put/1 \t 9\t no number bare-µs/op\t 1 ratio\n"+
		"BenchmarkOther/Get/1-2 \t 9\t 1.5 ratio\nBenchmarkBeside/Get/1-2\nPASS\n", "X")
	want := []Row{{"X", "Apply, by-hand", 64, 31.14, 27.21, 0.7747}, {"X, server", "Get", 1, 2, 3, 1.5}}
	if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] || why != "" {
		t.Errorf("%+v, %q", rows, why)
	}
	rows, why = parse("=== RUN\n    bench_test.go:90: missing: redis-server: install redis-server\n--- SKIP: BenchmarkBeside\nPASS\n", "X")
	if len(rows) != 0 || why != "redis-server: install redis-server" {
		t.Errorf("%+v, %q", rows, why)
	}
}

func TestTable(t *testing.T) {
	r := Results{Rows: []Row{{"Redis", "Apply, condition, no-revisions", 64, 31.14, 27.21, 0.7747}, {"Redis", "Get", 1, 2, 3, 1.5}},
		Missing: []Missing{{"PostgreSQL", "postgres: install postgresql"}}}
	var b strings.Builder
	if err := r.Table(&b); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"31.1     27.2   0.77\n", "1.50 >\n", "PostgreSQL           not measured: postgres", "1 of 2 are at most 1.15."} {
		if !strings.Contains(b.String(), words) {
			t.Errorf("lacks %q:\n%s", words, b.String())
		}
	}
}
