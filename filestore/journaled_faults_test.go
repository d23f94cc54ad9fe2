package filestore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/holdfast-go/holdfast/filestore"
)

// Several things may be damaged at once: whatever comes together of journal,
// snapshot and a file, a value is right, or damaged, or Open refuses.
func TestSeveralDamagesAtOnce(t *testing.T) {
	t.Parallel()
	images := []*image{threeKilled(t, false), threeKilled(t, true), threeClosed(t)}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	outcomes := map[string]int{}
	n := 1500
	if os.Getenv(everyVar) != "" {
		n = 50_000
	}
	for i := range n {
		kind := rnd.IntN(len(images))
		m, did := images[kind], ""
		for range 1 + rnd.IntN(3) {
			var what string
			m, what = damage(t, m, rnd)
			did += what
		}
		got := m.outcomeOf(t, fmt.Sprintf("seed %d, case %d, image %d:%s", seed, i, kind, did), three, filestore.Options{})
		outcomes[got]++
	}
	t.Log(outcomes)
}

// damage does one of the things that may happen to a directory.
func damage(t *testing.T, m *image, rnd *rand.Rand) (*image, string) {
	name := m.only(t, ".holdfast/journal")
	switch rnd.IntN(4) {
	case 0, 1:
		if _, ok := m.files[".holdfast/snapshot/00000001.pack"]; ok {
			name = m.only(t, ".holdfast/snapshot")
		}
	case 2:
		if data, ok := m.files[btcFile]; ok {
			return m.with(btcFile, data[:rnd.IntN(len(data)+1)/2], int64(len(data)/2)), " file"
		}
	}
	data := m.files[name]
	to := len(data)
	if name == m.only(t, ".holdfast/journal") && to > 8192 {
		// Behind the last record stands what alone proves that it was acknowledged:
		// without both, it is one that never was.
		to = max(len(bytes.TrimRight(data, "\x00"))-32, 8192)
	}
	if to == 0 {
		return m, ""
	}
	if rnd.IntN(8) == 0 {
		size := rnd.IntN(to)
		return m.cut(name, int64(size)), fmt.Sprintf(" %s cut to %d", name, size)
	}
	var bits []int
	for range 1 + rnd.IntN(3) {
		bits = append(bits, rnd.IntN(to*8))
	}
	return m.flip(name, bits...), fmt.Sprintf(" %s flip %v", name, bits)
}
