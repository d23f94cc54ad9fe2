package row_test

import (
	"encoding/json"
	"testing"

	"github.com/holdfast-go/holdfast/bench/row"
)

func TestAppendIsWhatEncodingJSONMakes(t *testing.T) {
	for _, c := range []struct {
		key int
		seq int64
	}{{0, 0}, {1, 1}, {42, 9_999}, {999_999, 10_000}, {row.MaxKeys - 1, 9_999_999_999}} {
		want, err := json.Marshal(row.Make(c.key, c.seq))
		if err != nil {
			t.Fatal(err)
		}
		got := row.Append(nil, c.key, c.seq)
		if string(got) != string(want) {
			t.Errorf("key %d, write %d:\n got %s\nwant %s", c.key, c.seq, got, want)
		}
		if len(got) != row.Size {
			t.Errorf("key %d, write %d: %d bytes, want %d", c.key, c.seq, len(got), row.Size)
		}
		r, err := row.Parse(got)
		if err != nil || r != row.Make(c.key, c.seq) || r.Seq() != c.seq {
			t.Errorf("key %d, write %d: read back as %+v, %v", c.key, c.seq, r, err)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, i := range []int{0, 7, 999_999, row.MaxKeys - 1} {
		if got, err := row.Index(row.Key(i)); got != i || err != nil {
			t.Errorf("index of key %d: %d, %v", i, got, err)
		}
	}
	for _, bad := range []string{"", "C0000001", "BTCUSDT", "Cxxxxxxx"} {
		if _, err := row.Index(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}
