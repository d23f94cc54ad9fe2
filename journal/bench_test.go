package journal_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs"
)

const benchRecord = 400 // bytes of payload: one entity

// minimal is a group commit with nothing around it: a mutex, a buffer, a channel
// per flush. It has no checksums, no rotation, and cannot be read back. It is
// the limit that the journal is measured against.
type minimal struct {
	f    vfs.File
	mu   sync.Mutex
	cond sync.Cond
	buf  []byte
	done chan struct{}
	off  int64
	stop bool
	wg   sync.WaitGroup
}

const benchFile = 64 << 20

func newMinimal(b *testing.B) *minimal {
	fsys := openFS(b, b.TempDir())
	f, err := fsys.OpenFile("log", os.O_CREATE|os.O_RDWR, 0o600)
	must(b, err)
	_, err = f.WriteAt(make([]byte, benchFile), 0)
	must(b, err)
	must(b, f.Sync())
	m := &minimal{f: f, done: make(chan struct{})}
	m.cond.L = &m.mu
	m.wg.Go(func() { m.run(b) })
	b.Cleanup(func() {
		m.mu.Lock()
		m.stop = true
		m.cond.Signal()
		m.mu.Unlock()
		m.wg.Wait()
		f.Close()
	})
	return m
}

func (m *minimal) run(b *testing.B) {
	var spare []byte
	for {
		m.mu.Lock()
		for len(m.buf) == 0 && !m.stop {
			m.cond.Wait()
		}
		if m.stop {
			m.mu.Unlock()
			return
		}
		buf, done := m.buf, m.done
		m.buf, m.done = spare[:0], make(chan struct{})
		m.mu.Unlock()
		if m.off+int64(len(buf)) > benchFile {
			m.off = 0
		}
		if _, err := m.f.WriteAt(buf, m.off); err != nil {
			b.Error(err)
		}
		if err := vfs.Datasync(m.f); err != nil {
			b.Error(err)
		}
		m.off += int64(len(buf))
		spare = buf
		close(done)
		runtime.Gosched()
	}
}

func (m *minimal) append(p []byte) {
	m.mu.Lock()
	m.buf = append(m.buf, make([]byte, 32)...)
	m.buf = append(m.buf, p...)
	m.buf = append(m.buf, make([]byte, onDisk(len(p))-32-len(p))...)
	done := m.done
	m.cond.Signal()
	m.mu.Unlock()
	<-done
}

// warm returns a journal whose segments are all there, so that only reuse is
// measured, as in a process that has been running for a while.
func warm(b *testing.B) *journal.Journal {
	o := &journal.Options{MinSegment: 16 << 20, MaxSize: 64 << 20}
	j, _ := open(b, openFS(b, b.TempDir()), o)
	p := payload(1, 1<<20)
	for range 70 {
		put(b, j, p)
		j.Release(j.Last())
	}
	return j
}

// race runs n operations of each contestant, in turns of a few, with so many
// writers, and reports the second one's speed as a ratio of the first one's.
func race(b *testing.B, writers int, limit, ours func()) {
	var spent [2]time.Duration
	turn := max(writers*20, 200)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += turn {
		for i, f := range []func(){limit, ours} {
			var wg sync.WaitGroup
			begin := time.Now()
			for range writers {
				wg.Go(func() {
					for range turn / writers {
						f()
					}
				})
			}
			wg.Wait()
			spent[i] += time.Since(begin)
		}
	}
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "of-limit")
	b.ReportMetric(float64((b.N+turn-1)/turn*turn)/spent[1].Seconds(), "records/s")
}

func BenchmarkCommit(b *testing.B) {
	p := payload(1, benchRecord)
	ours := func(b *testing.B) func() {
		j := warm(b)
		return func() {
			seq, err := j.Append(ctx, p, epoch, nil)
			if err != nil {
				b.Error(err)
			}
			if seq%1024 == 0 {
				j.Release(seq)
			}
		}
	}
	b.Run("writers=1", func(b *testing.B) {
		f, page := plainFile(b), make([]byte, 4096)
		off := int64(0)
		race(b, 1, func() {
			_, err := f.WriteAt(page, off%benchFile)
			if err == nil {
				err = vfs.Datasync(f)
			}
			if err != nil {
				b.Error(err)
			}
			off += 4096
		}, ours(b))
	})
	for name, n := range map[string]int{"writers=64": 64, "writers=256": 256} {
		b.Run(name, func(b *testing.B) {
			m := newMinimal(b)
			race(b, n, func() { m.append(p) }, ours(b))
		})
	}
}

func plainFile(b *testing.B) vfs.File {
	f, err := openFS(b, b.TempDir()).OpenFile("log", os.O_CREATE|os.O_RDWR, 0o600)
	must(b, err)
	_, err = f.WriteAt(make([]byte, benchFile), 0)
	must(b, err)
	must(b, f.Sync())
	b.Cleanup(func() { f.Close() })
	return f
}

// BenchmarkEnqueue measures what a record costs its writer, without the disk.
func BenchmarkEnqueue(b *testing.B) {
	j, err := journal.Open(&idle{disk: newDisk()}, ".", &journal.Options{Queue: 1 << 30, MaxSize: 1 << 40}, journal.Replay{})
	must(b, err)
	defer j.Close()
	p := payload(1, benchRecord)
	var last *journal.Flush
	b.ReportAllocs()
	b.SetBytes(benchRecord)
	for b.Loop() {
		must(b, j.Reserve(ctx, len(p)))
		last, _ = j.Enqueue(p, epoch, nil)
	}
	must(b, last.Wait())
}

// BenchmarkReplay measures Open, per record.
func BenchmarkReplay(b *testing.B) {
	const records = 50_000
	dir := b.TempDir()
	fsys := openFS(b, dir)
	j, _ := open(b, fsys, nil)
	for range records / 100 {
		var f *journal.Flush
		for range 100 {
			must(b, j.Reserve(ctx, benchRecord))
			f, _ = j.Enqueue(payload(1, benchRecord), epoch, nil)
		}
		must(b, f.Wait())
	}
	must(b, j.Close())
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		j, err := journal.Open(fsys, ".", nil, journal.Replay{Record: func(journal.Record) error { n++; return nil }})
		must(b, err)
		must(b, j.Close())
		if n != records {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
