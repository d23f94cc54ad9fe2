package natural_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/natural"
)

// slowly sorts as Sort does, with a Compare for every pair.
func slowly(ids []string) []string {
	ids = slices.Clone(ids)
	slices.SortStableFunc(ids, natural.Compare)
	return ids
}

// TestSortIsThatOfCompare has lists of every kind: of one kind and mixed, with
// much in common and nothing, in order, nearly so, and backwards.
func TestSortIsThatOfCompare(t *testing.T) {
	r := newRand(t)
	kinds := slices.Sorted(maps.Keys(atoms))
	shared := []string{"", "", "SYM", "1000", "signal-é", strings.Repeat("long/", 20), "\x00\x01", "0"}
	for range 150 {
		some := kinds
		if r.IntN(2) == 0 {
			some = kinds[r.IntN(len(kinds)):][:1]
		}
		prefix := shared[r.IntN(len(shared))]
		ids := make([]string, r.IntN(60))
		for i := range ids {
			ids[i] = prefix + randomID(r, some)
			if r.IntN(10) == 0 {
				ids[i] = ids[r.IntN(i+1)] // the same id twice, or its beginning
				ids[i] = ids[i][:len(ids[i])-r.IntN(2)*len(ids[i])/2]
			}
		}
		want := slowly(ids)
		for name, arrange := range map[string]func([]string){
			"as made":    func([]string) {},
			"in order":   func(ids []string) { copy(ids, want) },
			"nearly":     func(ids []string) { copy(ids, want); exchange(r, ids) },
			"backwards":  func(ids []string) { copy(ids, want); slices.Reverse(ids) },
			"byte order": func(ids []string) { slices.Sort(ids) },
		} {
			got := slices.Clone(ids)
			arrange(got)
			input := slices.Clone(got)
			if natural.Sort(got); !slices.Equal(got, want) {
				t.Fatalf("%s: of %+q\nSort made %+q\nnot       %+q", name, input, got, want)
			}
		}
	}
}

// exchange exchanges two neighbours.
func exchange(r *rand.Rand, ids []string) {
	if len(ids) > 1 {
		i := 1 + r.IntN(len(ids)-1)
		ids[i-1], ids[i] = ids[i], ids[i-1]
	}
}

// Keys end within the bytes that are compared first, at their end and behind.
func TestSortOfShortAndLong(t *testing.T) {
	var ids []string
	for _, a := range []string{"", "\x00", "a", "A", "á", "1", "01", "-"} {
		for _, b := range []string{"", "a", "aaa", "aaaa", "aaaaa", "\x01", "0", "00", "12345678", "b"} {
			for _, c := range []string{"", "\x00", "a", "0"} {
				ids = append(ids, a+b+c)
			}
		}
	}
	want := slowly(ids)
	r := newRand(t)
	for range 20 {
		r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		if natural.Sort(ids); !slices.Equal(ids, want) {
			t.Fatalf("Sort made %+q\nnot       %+q", ids, want)
		}
	}
}

// symbols are ids as exchanges have them, in the order of bytes.
func symbols(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("SYM%06dUSDT", i)
	}
	return ids
}

func BenchmarkSortSymbols(b *testing.B) {
	for name, arrange := range map[string]func([]string){
		"shuffled": func(ids []string) {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		},
		"in order":  func([]string) {},
		"one wrong": func(ids []string) { ids[0], ids[1] = ids[1], ids[0] },
	} {
		b.Run(name, func(b *testing.B) {
			input := symbols(100_000)
			arrange(input)
			ids := make([]string, len(input))
			b.ReportAllocs()
			for b.Loop() {
				copy(ids, input)
				natural.Sort(ids)
			}
		})
	}
}
