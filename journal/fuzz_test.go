package journal_test

import (
	"bytes"
	"math/bits"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
)

// FuzzRecord gives the decoder of a record arbitrary bytes: it must not panic,
// and what it accepts must be what encoding its fields gives.
func FuzzRecord(f *testing.F) {
	sound := journal.Decoded{Kind: 1, Index: 3, Seq: 7, Time: -1, Payload: []byte("payload")}
	f.Add(sound.Encode(0x1234), uint32(0x1234))
	flipped := sound.Encode(5)
	flipped[34] ^= 4
	f.Add(flipped, uint32(5))
	f.Add(make([]byte, 32), uint32(0))
	f.Add([]byte{}, uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, salt uint32) {
		d := journal.Decode(b, salt)
		if d == nil {
			return
		}
		again := d.Encode(salt)
		differ := 0
		for i := range 32 + len(d.Payload) {
			differ += bits.OnesCount8(again[i] ^ b[i])
		}
		if !d.Repaired && differ != 0 || differ > 1 {
			t.Errorf("%d bits differ, repaired %v", differ, d.Repaired)
		}
	})
}

// FuzzOpen opens, reads and goes on with a journal whose only segment holds
// arbitrary bytes: no panic, and nothing that was not written.
func FuzzOpen(f *testing.F) {
	d := newDisk()
	j, err := journal.Open(d, ".", small(), journal.Replay{})
	must(f, err)
	fill(f, j, 3, 100)
	must(f, j.Close())
	good := d.killed().names[seg1].data
	f.Add(0, []byte{}, len(good))
	f.Add(dataStart, []byte("xyz"), len(good))
	f.Add(4096, make([]byte, 64), len(good))
	f.Add(0, make([]byte, dataStart), 9000)
	f.Fuzz(func(t *testing.T, at int, b []byte, size int) {
		data := bytes.Clone(good)
		if at >= 0 && at < len(data) {
			copy(data[at:], b)
		}
		if size >= 0 && size < len(data) {
			data = data[:size]
		}
		c := newDisk()
		c.names[seg1] = &node{data: data}
		readAnything(t, c)
		l := &told{}
		j, err := journal.Open(c, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
		must(t, err)
		put(t, j, payload(4, 100))
		must(t, j.Verify(ctx, nil, l.hurt))
		must(t, j.Close())
		if bytes.Equal(data, good) {
			l.complete(t, 100, 3, "")
		}
		for _, rec := range l.records {
			if !bytes.Equal(rec.Payload, payload(rec.Seq, 100)) {
				t.Errorf("record %d was never written", rec.Seq)
			}
		}
	})
}

// readAnything reads a journal in every way, and minds no error.
func readAnything(t *testing.T, d *disk) {
	t.Helper()
	r, err := journal.OpenReader(d, ".")
	must(t, err)
	l := &told{}
	r.Read(0, l.record)
	r.ReadAll(0, l.record)
	for _, err := range r.Backward(nil) {
		if err != nil {
			break
		}
	}
	r.Verify(ctx, nil, l.hurt)
	must(t, r.Close())
}
