package candle_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/holdfast-go/holdfast/live/candle"
)

const head = "time,open,high,low,close,volume\n"

const mend = ": correct or remove the row"

// badRowTests are inputs, the number of candles that come before the error, and
// the error's text after the name.
var badRowTests = []struct {
	name, in string
	good     int
	want     string
}{
	{"high below low", head + csv1 + "1677628860,13,12.5,13,13,1\n" + csv2, 1, "line 3: high 12.5 is below low 13" + mend},
	{"low above open", head + csv1 + csv1 + "\n# x\n1677628860,10,12.5,11,12,1\n", 2, "line 6: low 11 is above open 10" + mend},
	{"NaN", csv1 + "1677628860,NaN,11,11,11,0", 1, `line 2: open "NaN" is not a plain decimal number` + mend},
	{"Inf", csv1 + "1677628860,11,Inf,11,11,0", 1, `line 2: high "Inf" is not a plain decimal number` + mend},
	{"infinity by size", csv1 + "1677628860,11,1e999,11,11,0", 1, `line 2: high "1e999" is too large a number` + mend},
	{"zero by size", csv1 + "1677628860,11,11,1e-999,11,0", 1, "line 2: low 0 is not a finite number above 0" + mend},
	{"hexadecimal", csv1 + "1677628860,11,11,0x11,11,0", 1, `line 2: low "0x11" is not a plain decimal number` + mend},
	{"underscore", csv1 + "1677628860,11,11,1_1,11,0", 1, `line 2: low "1_1" is not a plain decimal number` + mend},
	{"thousands", csv1 + "1677628860,11,11,11,\"1,100\",0", 1, `line 2: close "1,100" is not a plain decimal number` + mend},
	{"decimal comma", "1677628860;11,5;11,5;11,5;11,5;1,5", 0, `line 1: open "11,5" is not a plain decimal number` + mend},
	{"signs", csv1 + "1677628860,11,11,11,1-1,0", 1, `line 2: close "1-1" is not a plain decimal number` + mend},
	{"exponent alone", csv1 + "1677628860,11,11,11,e,0", 1, `line 2: close "e" is not a plain decimal number` + mend},
	{"volume", csv1 + "1677628860,11,11,11,11,x", 1, `line 2: volume "x" is not a plain decimal number` + mend},
	{"negative volume", csv1 + "1677628860,11,11,11,11,-1", 1, "line 2: volume -1 is not a finite number of 0 or above" + mend},
	{"empty cells", csv1 + " ,11,,11,11,0", 1, "line 2: the row lacks time, high" + mend},
	{"header in between", head + csv1 + head, 1, `line 3: time "time" is neither a number nor an ISO 8601 time` + mend},
	{"short row", head + csv1 + "1677628860,11,11,11,11", 1, "line 3: the row has 5 columns where the first line has 6" + mend},
	{"long row", csv1 + "1677628860,11,1,100,11,11,0", 1, "line 2: the row has 7 columns where the first line has 6" + mend},
	{"other separator", csv1 + "1677628860;11;11;11;11;0", 1, "line 2: the row has 1 column where the first line has 6" + mend},
	{"sign first", "-1,11,11,11,11\n", 0, `line 1: time "-1" is not from 2000-01-01 to 2100-01-01 in seconds, ms, us or ns` + mend},
	{"point first", ".5,11,11,11,11\n", 0, `line 1: time ".5" is neither a number nor an ISO 8601 time` + mend},
	{"no columns", "\n1677628860 11 11 11 11\n", 0, "line 2: the first row has 1 column: it needs time, open, high, low, close and may have volume"},
	{"header lacks some", "# x\n\nDate,Open,High,Low,Adj Close,Volume\n", 0, "line 3: the header lacks close: name these columns in it"},
	{"header lacks more", "foo,Open,bar,timestamps of opening", 0, "line 1: the header lacks time, high, low, close: name these columns in it"},
	{"no header, no CSV", "<html>\n", 0, "line 1: the header lacks time, open, high, low, close: name these columns in it"},
	{"column twice", "time,Open,high,low,close,OPEN\n", 0, `line 1: the header has a second column for open, "OPEN": remove one`},
	{"open quote", head + csv1 + "\"1677628860,11,11,11,11,0\n", 1, "line 3: a quoted cell does not end with a quote and a separator on its line" + mend},
	{"text after quote", head + csv1 + "\"1677628860\"x,11,11,11,11,0\n", 1, "line 3: a quoted cell does not end with a quote and a separator on its line" + mend},
	{"open quote in header", "\"time,open", 0, "line 1: a quoted cell does not end with a quote and a separator on its line" + mend},
	{"quote inside", head + "16776\"28860\",11,11,11,11,0\n", 0, `line 2: time "16776\"28860\"" is neither a number nor an ISO 8601 time` + mend},
	{"zip", "PK\x03\x04....", 0, "line 1: the file is a zip archive: unpack it first"},
	{"gzip", "\x1f\x8b\x08", 0, "line 1: the file is packed with gzip: unpack it first"},
	{"UTF-16", "\xff\xfet\x00", 0, "line 1: the file is text in UTF-16: save it as UTF-8"},
	{"UTF-16, big end first", "\xfe\xff\x00t", 0, "line 1: the file is text in UTF-16: save it as UTF-8"},

	{"line cut short", obj1 + "\n" + obj2[:30], 1, "line 2: broken JSON: unexpected end of JSON input" + mend},
	{"array line cut short", arr1 + "\n" + arr2[:20], 1, "line 2: broken JSON: unexpected end of JSON input" + mend},
	{"bracket alone", "\n[\n", 0, "line 2: the JSON array is cut short: fetch or export it again"},
	{"NaN in JSON", "[1677628860,NaN,11,11,11]\n", 0, "line 1: broken JSON: invalid character 'N' looking for beginning of value" + mend},
	{"two on a line", obj1 + obj2, 0, "line 1: broken JSON: invalid character '{' after top-level value" + mend},
	{"other values", obj1 + "\n\n5\n", 1, `line 3: "5" is neither a JSON array nor an object` + mend},
	{"wrong types", `[1677628860,11,true,11,11]`, 0, `line 1: high "true" is not a plain decimal number` + mend},
	{"nested", `{"t":1677628860,"o":[1],"h":1,"l":1,"c":1}`, 0, `line 1: open "[1]" is not a plain decimal number` + mend},
	{"null", `[1677628860,11,11,null,""]`, 0, "line 1: the row lacks low, close" + mend},
	{"few values", obj1 + "\n[1677628860,11,11,11]", 1, "line 2: the row has 4 values: it needs time, open, high, low, close and may have volume" + mend},
	{"key missing", obj1 + "\n{\"t\":1677628860,\"x\":{\"o\":1}}", 1, "line 2: the row lacks open, high, low, close" + mend},
	{"key twice", `{"t":1677628860,"o":1,"o":1,"h":1,"l":1,"c":1}`, 0, `line 1: the row has a second column for open, "o"` + mend},
	{"escape in a number", `["1677628860","1\u0078",11,11,11]`, 0, `line 1: open "1x" is not a plain decimal number` + mend},

	{"array cut short", "[" + arr1 + ",\n" + arr2 + "\n\n", 2, "line 2: the JSON array is cut short: fetch or export it again"},
	{"array cut short after a comma", "[" + arr1 + "\n,\n", 1, "line 2: the JSON array is cut short: fetch or export it again"},
	{"array cut short in a row", "[\n" + arr1 + ",\n" + arr2[:20] + "\n\n", 1, "line 3: the JSON array is cut short: fetch or export it again"},
	{"array cut short in a string", "[\n" + arr1 + ",\n[\"]]]", 1, "line 3: the JSON array is cut short: fetch or export it again"},
	{"comma at the end", "[" + arr1 + ",\n]", 1, "line 2: a row must follow the comma: remove the comma, or add the row that is missing"},
	{"no comma", "[" + arr1 + "\n" + arr2 + "]", 1, "line 2: '[' stands where the array must go on with a comma or end with a bracket"},
	{"two commas", "[" + arr1 + ",," + arr2 + "]", 1, "line 1: a row that begins with ',' is neither a JSON array nor an object" + mend},
	{"number in an array", "[" + arr1 + ",\n5]", 1, "line 2: a row that begins with '5' is neither a JSON array nor an object" + mend},
	{"two arrays", "[" + arr1 + "]\n\n[" + arr2 + "]", 1, "line 3: '[' stands after the end of the JSON array: keep one array in a file"},
	{"broken element", "[" + arr1 + ",\n{\n\"t\":\n1,\n\"o\": x}]", 1, "line 5: broken JSON: invalid character 'x' looking for beginning of value" + mend},
	{"wrong bracket", "[" + arr1 + ",\n[1,2}]", 1, "line 2: broken JSON: invalid character '}' after array element" + mend},
	{"line end in a string", "[" + arr1 + ",\n[\"\n\"]]", 1, "line 2: broken JSON: invalid character '\\n' in string literal" + mend},
	{"bad element", "[" + arr1 + ",\n[\n1677628860,13,12.5,13,13\n]]", 1, "line 2: high 12.5 is below low 13" + mend},
}

// TestBadRows checks for each input how many candles come before the error,
// and the error's text after the name.
func TestBadRows(t *testing.T) {
	for _, tt := range badRowTests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []*candle.Reader{
				newReader(tt.in),
				candle.NewReader(iotest.OneByteReader(strings.NewReader(tt.in)), "BTCUSDT.csv"),
			} {
				got, _, err := readAll(t, r)
				row := rowError(t, err)
				if want := "BTCUSDT.csv: " + tt.want; err.Error() != want {
					t.Errorf("got  %s\nwant %s", err, want)
				}
				if !strings.HasPrefix(tt.want, fmt.Sprintf("line %d: ", row.Line)) || row.Name != "BTCUSDT.csv" {
					t.Errorf("the error is for %s, line %d", row.Name, row.Line)
				}
				if len(got) != tt.good {
					t.Errorf("%d candles came before the error, want %d", len(got), tt.good)
				}
			}
		})
	}
}

func TestNoName(t *testing.T) {
	_, err := candle.NewReader(strings.NewReader("\nx"), "").Next()
	if err == nil || !strings.HasPrefix(err.Error(), "line 2: the header lacks") {
		t.Errorf("got %v", err)
	}
}

// flaky returns the text, then err once, then io.EOF.
type flaky struct {
	text string
	err  error
}

func (f *flaky) Read(p []byte) (int, error) {
	if f.text == "" {
		err := f.err
		f.err = io.EOF
		return 0, err
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}

// TestReadFailure cuts each kind of input at each byte by a failure to read.
// The candles before must be those that are whole, and the failure, of which
// the next Read knows nothing more, must not pass for the end.
func TestReadFailure(t *testing.T) {
	failure := errors.New("the disk is gone")
	for _, in := range []string{head + csv1 + csv2, arr1 + "\n" + arr2 + "\n", "[\n" + arr1 + ",\n" + obj2 + "\n]", "\ufeff \n#\n" + csv1} {
		for cut := range len(in) {
			got, lines, err := readAll(t, candle.NewReader(&flaky{in[:cut], failure}, "x"))
			if row := rowError(t, err); !errors.Is(err, failure) || row.Line != strings.Count(in[:cut], "\n")+1 {
				t.Errorf("cut at %d of %q: got %v", cut, in, err)
			}
			if len(got) > 0 && (got[0].Time != march1 || lines[0] > strings.Count(in[:cut], "\n")+1) {
				t.Errorf("cut at %d of %q: got %v", cut, in, got)
			}
		}
	}
}

// TestWrappedEOF sees to it that a failure which wraps io.EOF cannot be taken
// for the end.
func TestWrappedEOF(t *testing.T) {
	_, err := candle.NewReader(&flaky{csv1[:9], fmt.Errorf("connection lost: %w", io.EOF)}, "x").Next()
	if errors.Is(err, io.EOF) || fmt.Sprint(err) != "x: line 1: reading failed: connection lost: EOF" {
		t.Errorf("got %v", err)
	}
	_, err = candle.NewReader(&flaky{csv1[:9], io.ErrUnexpectedEOF}, "x").Next()
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// TestEndIsFinal sees to it that what is appended to a file after its end was
// read is not taken for a row of its own.
func TestEndIsFinal(t *testing.T) {
	grown := &growing{parts: []string{csv1[:len(csv1)-2], "", csv1[len(csv1)-2:]}}
	if got, _, err := readAll(t, candle.NewReader(grown, "x")); len(got) != 1 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

// growing returns its parts in turn, an empty one as io.EOF.
type growing struct{ parts []string }

func (g *growing) Read(p []byte) (int, error) {
	if len(g.parts) == 0 || g.parts[0] == "" {
		g.parts = g.parts[min(1, len(g.parts)):]
		return 0, io.EOF
	}
	n := copy(p, g.parts[0])
	g.parts = g.parts[1:]
	return n, nil
}
