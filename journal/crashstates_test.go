package journal_test

import (
	"bytes"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// similar returns a payload whose end is that of every other.
func similar(token byte) []byte { return append([]byte{token}, bytes.Repeat([]byte{'x'}, 1500)...) }

// tokens opens the journal on a disk and returns which payloads it tells.
func tokens(t *testing.T, d *crashfs.Disk) (j *journal.Journal, told string) {
	t.Helper()
	o := small()
	o.MinSegment = 12 << 10
	j, err := journal.Open(d.Mount(), ".", o, journal.Replay{Record: func(r journal.Record) error {
		told += string(r.Payload[:1])
		return nil
	}, Damage: func(d journal.Damage) error { return &journal.DamageError{Damage: d} }})
	must(t, err)
	return j, told
}

// A record was torn, and an Open said that it was not there. The next one, over
// it and much alike, is torn as well: the rest of the first and the end of the
// second may be all of the first. It must not come back.
func TestTornRecordIsNotMadeWholeByTheNext(t *testing.T) {
	first := crashfs.New(nil)
	j, _ := tokens(t, first)
	put(t, j, similar('a'))
	put(t, j, similar('b'))
	must(t, j.Close())
	judged := 0
	for p := range first.Trace().Points(crashfs.Strict) {
		for s := range p.States(nil) {
			if s.Killed() { // what is there may not be durable yet
				continue
			}
			second := s.Disk(nil)
			j, told := tokens(t, second)
			if told != "a" {
				must(t, j.Close())
				continue
			}
			put(t, j, similar('c'))
			must(t, j.Close())
			for p := range second.Trace().Points(crashfs.Strict) {
				for s2 := range p.States(nil) {
					j, told := tokens(t, s2.Disk(nil))
					must(t, j.Close())
					if judged++; told != "a" && told != "ac" {
						t.Fatalf("%q after\n%s\nthen\n%s", told, s, s2)
					}
				}
			}
		}
	}
	t.Logf("%d states", judged)
}
