package contender_test

import (
	"errors"
	"os"
	"testing"

	"github.com/holdfast-go/holdfast/bench/contender"
	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/holdfast-go/holdfast/bench/suite"
)

// names of all that is measured anywhere.
func names() []string {
	var all []string
	seen := map[string]bool{}
	for _, w := range suite.All(1, 1) {
		for _, name := range w.Names {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

// open skips what is not there on this machine.
func open(t *testing.T, name, dir string, threads int) contender.Contender {
	t.Helper()
	c, err := contender.New(name, threads)
	if err == nil {
		err = c.Open(dir)
	}
	if errors.Is(err, contender.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each keeps the newest value, and still has it when it is opened again.
func TestKeepsWhatItAcknowledges(t *testing.T) {
	for _, name := range names() {
		for threads, kind := range map[int]string{1: "one writer", 4: "many writers"} {
			t.Run(name+"/"+kind, func(t *testing.T) { keeps(t, name, threads) })
		}
	}
}

func keeps(t *testing.T, name string, threads int) {
	const keys = 12
	dir := t.TempDir()
	c := open(t, name, dir, threads)
	if _, err := c.Get(row.Key(0)); err == nil {
		t.Error("there is a value in an empty store")
	}
	var buf []byte
	for seq := int64(1); seq <= 3; seq++ {
		for key := range keys {
			buf = row.Append(buf[:0], key, seq)
			must(t, c.Put(row.Key(key), buf))
			clear(buf) // a store that keeps the slice is found out
		}
	}
	if name == suite.MapLimit || name == suite.MapInto {
		check(t, c, keys)
		return
	}
	must(t, c.Close())
	c = open(t, name, dir, threads)
	check(t, c, keys)
	if l, ok := c.(contender.Lister); ok {
		seen := map[string]bool{}
		must(t, l.All(func(key string, r *row.Row) {
			if i, err := row.Index(key); err != nil || *r != row.Make(i, 3) || seen[key] {
				t.Errorf("listed: %s %+v", key, r)
			}
			seen[key] = true
		}))
		if len(seen) != keys {
			t.Errorf("%d values listed, want %d", len(seen), keys)
		}
	}
	must(t, c.Close())
}

func check(t *testing.T, c contender.Contender, keys int) {
	t.Helper()
	for key := range keys {
		got, err := c.Get(row.Key(key))
		if want := row.Append(nil, key, 3); err != nil || string(got) != string(want) {
			t.Errorf("%s: %s, %v", row.Key(key), got, err)
		}
		clear(got)
		if a, ok := c.(contender.Appender); ok {
			got, err := a.AppendGet(row.Key(key), []byte("before"))
			if want := row.Append([]byte("before"), key, 3); err != nil || string(got) != string(want) {
				t.Errorf("%s: %s, %v", row.Key(key), got, err)
			}
			clear(got)
		}
		if again, err := c.Get(row.Key(key)); err != nil || len(again) == 0 || again[0] != '{' {
			t.Errorf("%s was not a copy: %s, %v", row.Key(key), again, err)
		}
	}
}

// The short way of filling ends where single puts do.
func TestLoad(t *testing.T) {
	for _, name := range names() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, name, dir, 1)
			l, ok := c.(contender.Loader)
			if !ok {
				must(t, c.Close())
				t.Skip("has none")
			}
			var buf []byte
			must(t, l.Load(30, func(i int) []byte {
				clear(buf)
				buf = row.Append(buf[:0], i, 3)
				return buf
			}))
			must(t, c.Close())
			c = open(t, name, dir, 1)
			check(t, c, 30)
			must(t, c.Close())
		})
	}
}

// Holdfast with types keeps the same as with bytes.
func TestTyped(t *testing.T) {
	dir := t.TempDir()
	c := open(t, suite.Typed, dir, 1)
	r := row.Make(4, 9)
	typed := c.(contender.Typed)
	must(t, typed.PutRow(r.Symbol, &r))
	if got, err := typed.GetRow(r.Symbol); err != nil || got != r {
		t.Errorf("%+v, %v", got, err)
	}
	if data, err := c.Get(r.Symbol); err != nil || string(data) != string(row.Append(nil, 4, 9)) {
		t.Errorf("%s, %v", data, err)
	}
	must(t, c.Close())
}

// The limits wrap around in their file; what was acknowledged last is found
// beside what is left of older rounds.
func TestLimitsFindTheNewest(t *testing.T) {
	for _, name := range []string{suite.Limit, suite.GroupLimit} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, name, dir, 1)
			must(t, c.Put(row.Key(1), row.Append(nil, 1, 1)))
			must(t, c.Put(row.Key(1), row.Append(nil, 1, 2)))
			must(t, c.Close())
			file := dir + "/log"
			data, err := os.ReadFile(file)
			must(t, err)
			// The beginning is overwritten in part, the newest is behind it.
			copy(data, "hfbench1 half of another record")
			must(t, os.WriteFile(file, data, 0o600))
			c = open(t, name, dir, 1)
			got, err := c.Get(row.Key(1))
			if r, bad := row.Parse(got); err != nil || bad != nil || r.Seq() != 2 {
				t.Errorf("%s, %v, %v", got, err, bad)
			}
			if _, err := c.Get(row.Key(2)); err == nil {
				t.Error("a value is found that was never put")
			}
			must(t, c.Close())
		})
	}
}

func TestUnknownName(t *testing.T) {
	if _, err := contender.New("a slip of the pen", 1); err == nil {
		t.Error("there is a contender of any name")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
