package storetest

import (
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

func appendGetCases() []testCase {
	return []testCase{
		{"AppendGet appends what Get finds", appender, (*subject).appendGetFinds},
		{"AppendGet uses the memory that it is given, and no more of it", appender, (*subject).appendGetMemory},
		{"AppendGet tells absent from damaged", appender | damager, (*subject).appendGetErrors},
		{"AppendGet hands out copies", appender, (*subject).appendGetOwn},
	}
}

func (s *subject) appendGet(k driver.Key, dst []byte) (driver.Record, error) {
	s.Helper()
	s.ok(s.init(k.Entity), "Init %s", k.Entity)
	return s.store.(driver.AppendGetter).AppendGet(s.ctx, k, dst)
}

func (s *subject) appendGetFinds() {
	large := `"` + strings.Repeat("large ", 10_000) + `"`
	for i, data := range []string{`{"n":1}`, `null`, `[]`, large} {
		k := key(fmt.Sprint(i))
		s.put(k, data)
		want := s.get(k)
		for _, before := range []string{"", "before "} {
			got, err := s.appendGet(k, []byte(before))
			s.ok(err, "AppendGet")
			if got.Key != want.Key || string(got.Data) != before+string(want.Data) || got.Rev != want.Rev || !got.ModTime.Equal(want.ModTime) {
				s.Fatalf("AppendGet to %q finds %.100q, Get %.100q", before, got, want)
			}
		}
	}
}

func (s *subject) appendGetMemory() {
	k := key("a")
	s.put(k, `{"n":1}`)
	size := len(s.get(k).Data)
	room := []byte(strings.Repeat("-", size+4))
	got, err := s.appendGet(k, room[:2])
	s.ok(err, "AppendGet")
	if &got.Data[0] != &room[0] {
		s.Fatal("AppendGet allocates where there is room")
	}
	if string(room[:2]) != "--" || string(room[2+size:]) != "--" {
		s.Fatalf("AppendGet writes beside the value: %q", room)
	}
	tight := room[: 2 : 2+size-1]
	room[2] = '!'
	got, err = s.appendGet(k, tight)
	s.ok(err, "AppendGet")
	if room[2] != '!' || string(got.Data[:2]) != "--" {
		s.Fatalf("AppendGet writes to room that is too small: %q", room)
	}
}

func (s *subject) appendGetErrors() {
	bad, _ := s.damaged()
	for k, want := range map[driver.Key]error{bad: driver.ErrDamaged, key("absent"): driver.ErrNotFound} {
		dst := append(make([]byte, 0, 100), "before"...)
		got, err := s.appendGet(k, dst)
		s.is(err, want, "AppendGet of %s", k)
		if got.Data != nil || got.Rev != "" || string(dst) != "before" {
			s.Fatalf("beside %v stands %+v, and %q", err, got, dst)
		}
	}
}

func (s *subject) appendGetOwn() {
	k := key("a")
	s.put(k, owned)
	for _, dst := range [][]byte{nil, {}, make([]byte, 0, 100)} {
		got, err := s.appendGet(k, dst)
		s.ok(err, "AppendGet")
		whole := string(got.Data)
		s.put(k, `{"another":"value"}`)
		if string(got.Data) != whole {
			s.Fatal("a Put changes what AppendGet has handed out")
		}
		s.put(k, owned)
		scribble(got.Data)
		s.wantValue(k, owned)
	}
}
