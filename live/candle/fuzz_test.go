package candle_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/holdfast-go/holdfast/live/candle"
)

// FuzzReader reads any bytes. The Reader must come to an end, return nothing
// but valid candles, on lines that there are, and do the same however the bytes
// arrive.
func FuzzReader(f *testing.F) {
	for _, in := range []string{
		head + csv1 + csv2, csv1, "\ufeff#\r\nTime;O;H;L;C\r\n\"2023-03-01 00:00:00.5+01:00\";1;1;1;1e0\r\n",
		"\tdate\to\th\tl\tc\n\"\"\t2023-03-01\t1\t1\t1\t1\n",
		arr1 + "\n" + arr2, obj1 + "\n" + obj2 + "\n", "[" + arr1 + ",\n" + obj2 + "]\n", "[\n]", "[[1,{\"\\\"\":[]}]]",
		`{"\u006f":"\u0031","t":1677628800.5,"h":null}`, "PK\x03\x04", "\xff\xfe", "\x1f\x8b", "[", "{", "\"", "#",
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, lines, err := fuzzRead(t, bytes.NewReader(in), len(in))
		got2, lines2, err2 := fuzzRead(t, iotest.OneByteReader(bytes.NewReader(in)), len(in))
		if !slices.Equal(got, got2) || !slices.Equal(lines, lines2) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("at once: %v %v %v; by bytes: %v %v %v", got, lines, err, got2, lines2, err2)
		}
		last := bytes.Count(in, []byte("\n")) + 1
		if n := len(lines); n > 0 && (lines[n-1] > last || !slices.IsSorted(lines)) {
			t.Errorf("lines %v of %d", lines, last)
		}
		if err != nil {
			if row := rowError(t, err); row.Line < 1 || row.Line > last {
				t.Errorf("%v: there are %d lines", err, last)
			}
		}
	})
}

func fuzzRead(t *testing.T, in io.Reader, size int) ([]candle.Candle, []int, error) {
	got, lines, err := readAll(t, candle.NewReader(in, "fuzz"))
	if len(got) > size/9 { // The shortest row has nine bytes, and a time of more.
		t.Errorf("%d candles from %d bytes", len(got), size)
	}
	for _, c := range got {
		if err := c.Validate(); err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if c.Time < 946_684_800_000 || c.Time > 4_102_444_800_000 {
			t.Errorf("%v: the time is out of range", c)
		}
	}
	return got, lines, err
}
