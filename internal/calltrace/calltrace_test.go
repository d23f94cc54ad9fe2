package calltrace_test

import (
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/calltrace"
)

// direct is a trace of two lines, a put and its deletion, as strace writes it.
const direct = `11 mkdirat(3</d>, "e", 0700) = 0
11 fsync(7</d>) = 0
12 write(8</d/e/.tmp-0123456789abcdef-a.json>, "1", 1 <unfinished ...>
11 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL, si_pid=11, si_uid=0} ---
12 <... write resumed>) = 1
12 fsync(8</d/e/.tmp-0123456789abcdef-a.json>) = 0
12 renameat(9</d/e>, ".tmp-0123456789abcdef-a.json", 9</d/e>, "a.json") = 0
12 fsync(9</d/e> <unfinished ...>
11 write(2<pipe:[5]>, "ACK e a 1\n", 10) = 10
12 <... fsync resumed>) = 0
12 write(1<pipe:[4]>, "ACK e a 1\n", 10) = 10
12 unlinkat(9</d/e>, "a.json", 0) = 0
12 fsync(9</d/e>) = 0
12 write(1<pipe:[4]>, "ACK e a 2\n", 10) = 10
11 +++ exited with 0 +++
`

// head is that of a change in a record, of a kind.
func head(kind string) string { return strings.Repeat(`\0`, 16) + kind + `\1\0\0` }

// journal is the same in a journal, the first of whose segments is made.
var journal = `11 mkdirat(3</d>, ".holdfast", 0700) = 0
11 fsync(7</d>) = 0
12 pwrite64(8</d/.holdfast/.tmp-x-1.seg>, "\0\0"..., 4096, 0) = 4096
12 fsync(8</d/.holdfast/.tmp-x-1.seg>) = 0
12 renameat(9</d/.holdfast>, ".tmp-x-1.seg", 9</d/.holdfast>, "1.seg") = 0
12 fsync(9</d/.holdfast>) = 0
12 pwrite64(8</d/.holdfast/1.seg>, "` + head(`\1`) + `ea1", 23, 0) = 23
12 fdatasync(8</d/.holdfast/1.seg>) = 0
12 write(1<pipe:[4]>, "ACK e a 1\n", 10) = 10
12 pwrite64(8</d/.holdfast/1.seg>, "` + head(`\2`) + `ea", 22, 0) = 22
12 fdatasync(8</d/.holdfast/1.seg>) = 0
12 write(1<pipe:[4]>, "ACK e a 2\n", 10) = 10
`

var lines = []calltrace.Line{{Entity: "e", ID: "a", Data: "1"}, {Entity: "e", ID: "a", Delete: true}}

func judge(t *testing.T, trace string, journal bool) (int, error) {
	t.Helper()
	calls, err := calltrace.Parse(trace)
	if err != nil {
		t.Fatal(err)
	}
	return calltrace.Judge(calls, calltrace.Run{Base: "/d", Journal: journal, Lines: lines, Closed: true})
}

func TestSoundTraces(t *testing.T) {
	for name, trace := range map[string]string{"direct": direct, "journal": journal} {
		if acks, err := judge(t, trace, name == "journal"); err != nil || acks != 2 {
			t.Errorf("%s: %d acknowledgements, %v", name, acks, err)
		}
	}
}

// without leaves out the nth line, from 0, of those that have a text.
func without(trace, text string, n int) string {
	var kept []string
	for _, line := range strings.SplitAfter(trace, "\n") {
		if strings.Contains(line, text) {
			if n--; n == -1 {
				continue
			}
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}

// swapped lets the first line with a text change places with the one before it.
func swapped(trace, text string) string {
	lines := strings.SplitAfter(trace, "\n")
	for i, line := range lines {
		if strings.Contains(line, text) {
			lines[i-1], lines[i] = lines[i], lines[i-1]
			break
		}
	}
	return strings.Join(lines, "")
}

func TestDoctoredTraces(t *testing.T) {
	for name, d := range map[string]struct {
		trace   string
		journal bool
		want    string
	}{
		"no sync of the file":        {without(direct, "fsync(8", 0), false, "its bytes are not flushed"},
		"sync after the rename":      {swapped(direct, "renameat("), false, "its bytes are not flushed"},
		"sync beside the write":      {strings.Replace(swapped(swapped(direct, "fsync(8"), "fsync(8"), "XX", "", 1), false, "its bytes are not flushed"},
		"no sync after the rename":   {strings.Replace(direct, "12 fsync(9</d/e> <unfinished ...>\n", "12 fsync(3</> <unfinished ...>\n", 1), false, "the directory is not flushed"},
		"sync that ends too late":    {swapped(direct, `write(1<pipe:[4]>, "ACK e a 1`), false, "the directory is not flushed"},
		"sync before the rename":     {swapped(direct, "fsync(9</d/e> <un"), false, "the directory is not flushed"},
		"sync that failed":           {strings.Replace(direct, "12 <... fsync resumed>) = 0", "12 <... fsync resumed>) = -1 EIO (Input/output error) (INJECTED)", 1), false, "the directory is not flushed"},
		"a second sync after that":   {strings.Replace(direct, "12 <... fsync resumed>) = 0", "12 <... fsync resumed>) = -1 EIO (Input/output error)\n12 fsync(9</d/e>) = 0", 1), false, "the directory is not flushed"},
		"no sync of the parent":      {without(direct, "fsync(7", 0), false, "the parent is not flushed"},
		"no rename":                  {without(direct, "renameat(", 0), false, "nobody has changed /d/e/a.json"},
		"no removal":                 {without(direct, "unlinkat(", 0), false, "nobody has changed /d/e/a.json"},
		"no sync after the removal":  {without(direct, "fsync(9</d/e>) = 0", 0), false, "nobody has flushed its directory at the end"},
		"an unknown line":            {strings.Replace(direct, "ACK e a 2", "ACK e a 7", 1), false, "is of no line"},
		"no flush of the record":     {without(journal, "fdatasync(", 0), true, "its record is not flushed"},
		"a failed one":               {strings.Replace(journal, "1.seg>) = 0\n12 write(1", "1.seg>) = -1 EIO (Input/output error)\n12 write(1", 1), true, "its record is not flushed"},
		"flush after the answer":     {swapped(journal, `"ACK e a 1`), true, "its record is not flushed"},
		"no record":                  {without(journal, "ea1", 0), true, "there is no record of a"},
		"no record of the removal":   {without(journal, `\2\1\0\0ea"`, 0), true, "there is no record of a"},
		"no sync of the new segment": {without(journal, "fsync(8", 0), true, "its bytes are not flushed"},
		"no sync of its name":        {without(journal, "fsync(9", 0), true, "whose name is not flushed"},
		"no sync of its directory":   {without(journal, "fsync(7", 0), true, "the parent is not flushed"},
	} {
		if d.trace == direct || d.trace == journal {
			t.Errorf("%s: nothing is doctored", name)
		}
		if _, err := judge(t, d.trace, d.journal); err == nil || !strings.Contains(err.Error(), d.want) {
			t.Errorf("%s: got %v, want %q", name, err, d.want)
		}
	}
}

func TestTracesThatAreNone(t *testing.T) {
	if _, err := calltrace.Parse("12 <... fsync resumed>) = 0\n"); err == nil {
		t.Error("what was not begun is resumed")
	}
	calls, err := calltrace.Parse("12 fsync(9</d> <unfinished ...>\n13 fsync(9</d>) = ?\nnonsense\n12 write(1<p>, \"\\\"\\n\\101\\\\x\\t\", 5) = 5\n")
	if err != nil || len(calls) != 1 || string(calls[0].Data) != "\"\nA\\x\t" {
		t.Errorf("got %v, %v", calls, err)
	}
}
