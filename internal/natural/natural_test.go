package natural_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/holdfast-go/holdfast/internal/natural"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes one from the clock")

// newRand is a source of random numbers whose seed is in the log of the test.
func newRand(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("random; to repeat: go test ./internal/natural -run '^%s$' -seed %d", t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// tied reports whether a and b are equal but for their bytes, which Compare
// alone does not tell. Tab and newline have the two lowest weights there are,
// so that a pair with different weights fails one of the comparisons.
func tied(a, b string) bool {
	return natural.Compare(a+"\t", b+"\n") < 0 && natural.Compare(b+"\t", a+"\n") < 0
}

// checkPair compares a and b and fails if the answer is not want, the sign of
// Node's answer, with ties broken by bytes.
func checkPair(t *testing.T, a, b string, want int) {
	t.Helper()
	if want == 0 && !tied(a, b) {
		t.Errorf("%+q and %+q have different weights, and are equal in Node", a, b)
	}
	if got := natural.Compare(a, b); got != cmp.Or(want, strings.Compare(a, b)) {
		t.Errorf("Compare(%+q, %+q) = %d, and Node has %d", a, b, got, want)
	}
}

// TestGolden compares with order.json, which make-golden.mjs makes: lists of
// groups in ascending order, each of ids that are equal in Node.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/order.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Made  map[string]string
		Lists map[string][][]string
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Lists) == 0 {
		t.Fatal("order.json has no lists")
	}
	t.Logf("made by %v", golden.Made)
	for name, groups := range golden.Lists {
		t.Run(name, func(t *testing.T) {
			checkSort(t, groups)
			// The order of the whole list is checked, so near pairs will do.
			for i, group := range groups {
				for j := i; j < min(i+4, len(groups)); j++ {
					checkGroups(t, group, groups[j], cmp.Compare(i, j))
				}
			}
		})
	}
}

func checkGroups(t *testing.T, x, y []string, want int) {
	t.Helper()
	for _, a := range x {
		for _, b := range y {
			checkPair(t, a, b, want)
		}
	}
}

// checkSort fails if Sort does not bring the ids of groups into their order.
func checkSort(t *testing.T, groups [][]string) {
	t.Helper()
	var want []string
	for _, group := range groups {
		want = append(want, slices.Sorted(slices.Values(group))...)
	}
	got := slices.Clone(want)
	newRand(t).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	natural.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("sorted:\n%+q\nwant:\n%+q", got, want)
	}
}

// TestInterop compares with the lists that the JavaScript side keeps for both.
func TestInterop(t *testing.T) {
	name := testtool.Shared(t, "interop", "order.json")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lists map[string][]string
	if err := json.Unmarshal(data, &lists); err != nil {
		t.Fatal(err)
	}
	if len(lists) == 0 {
		t.Fatalf("%s has no lists", name)
	}
	for name, want := range lists {
		t.Run(name, func(t *testing.T) {
			got := slices.Clone(want)
			newRand(t).Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
			natural.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("sorted:\n%q\nwant:\n%q", got, want)
			}
		})
	}
}

// TestDigits has every decimal digit equal to the ASCII digit of its value:
// the digits of a script are ten in a row.
func TestDigits(t *testing.T) {
	value := -1
	for r := rune('0'); r <= unicode.MaxRune; r++ {
		if !unicode.IsDigit(r) {
			if value >= 0 && value != 9 {
				t.Errorf("the digits before %U end with %d", r, value)
			}
			value = -1
			continue
		}
		value = (value + 1) % 10
		if digit := strconv.Itoa(value); !tied("a"+string(r), "a"+digit) {
			t.Errorf("%U does not sort like %s", r, digit)
		}
	}
}

// TestNumbers has numbers of every length on one side of any text, the
// counting rod included whose weight is just below the one they have.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]int{"~": 1, "⃀": 1, "𝍱": 1, "𝍱𝍱": 1, "𝍱ab": 1, "⁰": -1, "0\u0308": 1, "a": -1} {
		for n := 1; n <= 300; n++ {
			for _, number := range []string{strings.Repeat("9", n), "1" + strings.Repeat("0", n)} {
				if got := natural.Compare(number, text); got != want {
					t.Fatalf("Compare(%q, %q) = %d, want %d", number, text, got, want)
				}
			}
		}
	}
}

// TestInvalid has bytes that are no UTF-8 sort like the replacement character.
func TestInvalid(t *testing.T) {
	for _, id := range []string{"\xff", "a\xc3", "a\xe2\x82", "1\x80", "\xf0\x9f\x9a", "é\xffb", "\xed\xa0\x80"} {
		if valid := string([]rune(id)); !tied(id, valid) {
			t.Errorf("%+q does not sort like %+q", id, valid)
		}
	}
	if natural.Compare("\xff", "\U000E0FFF日") < 0 {
		t.Error("the replacement character is not last")
	}
}

// An atom is a function that makes a small part of an id.
type atom func(*rand.Rand) string

// Parts of ids. All are characters on which the order and ICU agree.
var atoms = map[string][]atom{
	"symbols":  {oneOf("BTC", "ETH", "USDT", "perp", "PERP", "1000", "-", "_", "/", "log-"), digits("0")},
	"ascii":    {within(0, 127)},
	"dense":    {oneOf("0", "00", "1", "01", "9", "a", "A", "b", "_", "-", ".", "~", " ", "")},
	"latin":    {within(0xA0, 0x24F), within(0x1E00, 0x1EFF), within('0', 'z'), marks},
	"cyrillic": {within(0x400, 0x4FF), within(0x400, 0x4FF), marks, digits("0")},
	"greek":    {within(0x384, 0x3FF), within(0x1F00, 0x1FFF), marks},
	"hangul":   {within(0xAC00, 0xD7A3), within(0x1100, 0x11FF), within(0x3131, 0x318E), digits("0")},
	"kana":     {within(0x3041, 0x3096), within(0x30A1, 0x30FF), within(0xFF61, 0xFF9F), oneOf("\u3099", "\u309A")},
	"wide":     {within(0xFF01, 0xFFEE), digits("\uff10")},
	"emoji":    {within(0x1F300, 0x1F64F), within(0x1F900, 0x1F9FF), within(0x2600, 0x27BF), marks},
	"money":    {within(0x20A0, 0x20BF), digits("0"), within('!', '~')},
	"numbers":  {digits("0", "0", "\u0660", "\u06f0", "\u0966", "\u0e50", "\uff10"), marks, oneOf("a", "_", "~", "²", "½", "①")},
	"long":     {repeated("0", 0, 1, 254), repeated("1", 1, 127, 254, 255), repeated("90", 1, 127), oneOf("a", "")},
	"any": {within(0, 127), within(0x20, 0x17F), within(0x410, 0x44F), within(0xAC00, 0xD7A3), within(0x1F680, 0x1F6FF),
		digits("0", "\u0660"), digits("0"), marks},
}

func oneOf(parts ...string) atom {
	return func(r *rand.Rand) string { return parts[r.IntN(len(parts))] }
}

func repeated(part string, counts ...int) atom {
	return func(r *rand.Rand) string { return strings.Repeat(part, counts[r.IntN(len(counts))]) }
}

// marks are combining and invisible characters.
var marks = oneOf("\u0300", "\u0301", "\u0306", "\u0308", "\u030a", "\u0323", "\u0327", "\u0338", "\u0345", "\u20e3",
	"\u00ad", "\u200b", "\u200d", "\u200e", "\u2066", "\ufe0f", "\ufeff", "\u034f", "\x00", "\x7f")

// within are the assigned characters of a range, the ones excepted that are
// newer than the tables of the collator and have no place of their own.
func within(first, last rune) atom {
	return func(r *rand.Rand) string {
		for {
			c := first + r.Int32N(last-first+1)
			if c != 0x37F && (unicode.IsGraphic(c) || c < 0x80) {
				return string(c)
			}
		}
	}
}

// digits are numbers with and without leading zeros.
func digits(zeros ...string) atom {
	return func(r *rand.Rand) string {
		zero := []rune(zeros[r.IntN(len(zeros))])[0]
		id := []rune(strings.Repeat(string(zero), r.IntN(3)))
		for range 1 + r.IntN(3) {
			id = append(id, zero+r.Int32N(10))
		}
		return string(id)
	}
}

// pair makes two ids, of which the second is often a variation of the first.
func pair(r *rand.Rand, parts []atom) (string, string) {
	list := func() (out []string) {
		for range 1 + r.IntN(5) {
			out = append(out, parts[r.IntN(len(parts))](r))
		}
		return out
	}
	a, b := list(), list()
	if r.IntN(3) > 0 {
		b = slices.Clone(a)
		i := r.IntN(len(b))
		b = slices.Replace(b, i, i+r.IntN(2), list()[:r.IntN(2)]...)
	}
	return strings.Join(a, ""), strings.Join(b, "")
}

// TestNode compares random pairs with the Node of this machine.
func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testtool.Missing(t, "node: %v", err)
	}
	const pairs = 1000 // of each kind
	r := newRand(t)
	var asked [][2]string
	for _, kind := range slices.Sorted(maps.Keys(atoms)) {
		for range pairs {
			a, b := pair(r, atoms[kind])
			asked = append(asked, [2]string{a, b})
		}
	}
	failed := 0
	for i, want := range ask(t, node, asked) {
		checkPair(t, asked[i][0], asked[i][1], want)
		if t.Failed() {
			failed++
		}
		if failed == 20 {
			t.Fatal("and perhaps more")
		}
	}
}

// ask is what Node says about each pair.
func ask(t *testing.T, node string, pairs [][2]string) (signs []int) {
	const script = `
		const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"));
		console.log(JSON.stringify(pairs.map(([a, b]) =>
			Math.sign(a.localeCompare(b, undefined, {numeric: true, sensitivity: "base"})))));`
	input, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, "-e", script)
	command.Stdin, command.Stderr = bytes.NewReader(input), os.Stderr
	command.Env = append(os.Environ(), "LC_ALL=en_US.UTF-8")
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(output, &signs); err != nil {
		t.Fatal(err)
	}
	if len(signs) != len(pairs) {
		t.Fatalf("node has %d answers to %d pairs", len(signs), len(pairs))
	}
	return signs
}

// randomID makes ids of any kind, some of them bytes that are no UTF-8.
func randomID(r *rand.Rand, kinds []string) string {
	id, other := pair(r, atoms[kinds[r.IntN(len(kinds))]])
	switch r.IntN(8) {
	case 0:
		return id + other
	case 1:
		return id + string(r.Int32N(unicode.MaxRune+1))
	case 2:
		return id + string([]byte{byte(r.Uint32()), byte(r.Uint32())}) + other
	}
	return id
}

// TestOrder has the properties of a total order, and Sort that of Compare.
func TestOrder(t *testing.T) {
	r := newRand(t)
	kinds := slices.Sorted(maps.Keys(atoms))
	for range 20 {
		ids := make([]string, 30)
		for i := range ids {
			ids[i] = randomID(r, kinds)
		}
		sorted := slices.Clone(ids)
		natural.Sort(sorted)
		for i, a := range sorted {
			for _, b := range sorted[i:] {
				// With all pairs of a list in line, the order is transitive.
				got, back := natural.Compare(a, b), natural.Compare(b, a)
				if got > 0 || got != -back || (got == 0) != (a == b) {
					t.Fatalf("%+q sorted before %+q; Compare is %d, and %d the other way", a, b, got, back)
				}
			}
		}
		slices.Sort(ids)
		slices.Sort(sorted)
		if !slices.Equal(ids, sorted) {
			t.Fatalf("Sort made %+q of %+q", sorted, ids)
		}
	}
}

func TestSortFew(t *testing.T) {
	natural.Sort(nil)
	ids := []string{"a"}
	if natural.Sort(ids); ids[0] != "a" {
		t.Errorf("Sort of one id: %q", ids)
	}
	ids = []string{"b", "", "a10", "b", "a2", "A2"}
	want := []string{"", "A2", "a2", "a10", "b", "b"}
	if natural.Sort(ids); !slices.Equal(ids, want) {
		t.Errorf("sorted %q, want %q", ids, want)
	}
}

// TestConcurrent is for the race detector, and for collators that are shared.
func TestConcurrent(t *testing.T) {
	want := []string{"", "_", "1", "é2", "é10", "ёлка", "Ж", "日本", "日本2", "日本10"}
	var group sync.WaitGroup
	for n := range uint64(8) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(n, 0))
			for range 200 {
				got := slices.Clone(want)
				r.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
				natural.Sort(got)
				if !slices.Equal(got, want) || natural.Compare("é10", "é2") <= 0 {
					t.Errorf("sorted %q, want %q", got, want)
					return
				}
			}
		})
	}
	group.Wait()
}

func FuzzCompare(f *testing.F) {
	f.Add("a1", "a_")
	f.Add("a00", "a0")
	f.Add("1\u03012", "12")
	f.Add("\xff", "٣\x00")
	f.Add("ї̈", "й")
	f.Add("👩‍🚀", "🇺🇸")
	f.Fuzz(func(t *testing.T, a, b string) {
		got, back := natural.Compare(a, b), natural.Compare(b, a)
		if got != -back || (got == 0) != (a == b) || natural.Compare(a, a) != 0 {
			t.Errorf("Compare(%+q, %+q) = %d, and %d the other way", a, b, got, back)
		}
		ids := []string{a, b}
		if natural.Sort(ids); (got > 0) != (ids[0] != a) {
			t.Errorf("Compare(%+q, %+q) = %d, and sorted %+q", a, b, got, ids)
		}
	})
}

func BenchmarkSort(b *testing.B) {
	for _, name := range []string{"BTCUSDT", "Börse", "비트코인"} {
		b.Run(name, func(b *testing.B) {
			shuffled := make([]string, 100_000)
			for i := range shuffled {
				shuffled[i] = fmt.Sprintf("%s-%06d", name, i)
			}
			r := rand.New(rand.NewPCG(1, 2))
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			ids := make([]string, len(shuffled))
			b.ReportAllocs()
			for b.Loop() {
				copy(ids, shuffled)
				natural.Sort(ids)
			}
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		natural.Compare("BTCUSDT-000123", "BTCUSDT-000124")
	}
}
