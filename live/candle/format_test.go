package candle_test

import (
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/holdfast-go/holdfast/live/candle"
)

const (
	csv1 = "1677628800000,10,12.5,9.75,11,3.25\n"
	csv2 = "1677628860000,11,11,11,11,0\n"
	arr1 = `[1677628800000,"10.0","12.5","9.75","11.0","3.25",1677628859999,"1",2,"3","4","0"]`
	arr2 = `[1677628860000, 11, 11, 11, 11, 0]`
	obj1 = `{"open_time":1677628800000,"open":10,"high":12.5,"low":9.75,"close":11,"volume":3.25}`
	obj2 = `{"c":"11","l":"11","h":"11","o":"11","t":"2023-03-01 00:01"}`
)

// formatTests are inputs of row1 and row2, and the lines of these.
var formatTests = []struct {
	name, in string
	lines    []int
}{
	{"no header", csv1 + csv2, []int{1, 2}},
	{"no last line end", csv1 + strings.TrimSpace(csv2), []int{1, 2}},
	{"header", "open_time,open,high,low,close,volume\n" + csv1 + csv2, []int{2, 3}},
	{"header in any order", "Close,Volume BTC,High,LOW, Open ,Symbol,Date,VOL\n11,9,12.5,9.75,10,X,2023-03-01,3.25\n11,9,11,11,11,X,2023-03-01 00:01,0\n", []int{2, 3}},
	{"short names", "t;o;h;l;c;v\n" + strings.ReplaceAll(csv1+csv2, ",", ";"), []int{2, 3}},
	{"tabs", "Open Time\tOpen\tHigh\tLow\tClose\tVolume\n" + strings.ReplaceAll(csv1+csv2, ",", "\t"), []int{2, 3}},
	{"index column without a name", "\ttime\topen\thigh\tlow\tclose\tvolume\n0\t" + strings.ReplaceAll(csv1, ",", "\t") + "1\t" + strings.ReplaceAll(csv2, ",", "\t"), []int{2, 3}},
	{"no volume", "time,open,high,low,close,volume\n1677628800,10,12.5,9.75,11,3.25\n1677628860,11,11,11,11,\n", []int{2, 3}},
	{"twelve columns", strings.ReplaceAll(csv1+csv2, "\n", ",1677628859999,1,2,3,4,0\n"), []int{1, 2}},
	{"binance header", "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n" + strings.ReplaceAll(csv1+csv2, "\n", ",1677628859999,1,2,3,4,0\n"), []int{2, 3}},
	{"two times", "unix,date,symbol,open,high,low,close,Volume BTC,volume\n1677628800,2023-03-01,BTC/USD,10,12.5,9.75,11,9,3.25\n1677628860,2023-03-01,BTC/USD,11,11,11,11,9,0\n", []int{2, 3}},
	{"quotes", "\"Time\",\"Open\",\"High\",\"Low\",\"Close\",\"Volume\",\"a \"\"b\"\", c\"\n\"1677628800000\",\"10\", \"12.5\" ,9.75,\"11\",\"3.25\",\"x,y\"\n1677628860000,11,11,11,11,\"\",\n", []int{2, 3}},
	{"quotes without a header", "\"1677628800000\",\"10\",\"12.5\",\"9.75\",\"11\",\"3.25\"\n\"1677628860000\",\"11\",\"11\",\"11\",\"11\",\"0\"\n", []int{1, 2}},
	{"quoted separators", "\"a;b;c;d;e;f;g\",t,o,h,l,c,v\n," + csv1 + "\";\"," + csv2, []int{2, 3}},
	{"quotes in quotes, no header", strings.ReplaceAll(csv1+csv2, "\n", ",\"a \"\"b\"\", c\",\"\"\"\"\n"), []int{1, 2}},
	{"long rows", strings.ReplaceAll(csv1+csv2, "\n", ","+strings.Repeat("x", 600_000)+"\n"), []int{1, 2}},
	{"CR LF, mark, blanks, comments", "\ufeff# made by hand\r\n\r\n \t\r\ntime,open,high,low,close,volume\r\n# first\r\n" + strings.ReplaceAll(csv1, "\n", "\r\n\r\n") + csv2 + "\n  # end\n", []int{6, 8}},
	{"decimals with exponents", "1677628800000,1e1,1.25e+1,975E-2,+11,32.5e-1\n" + csv2, []int{1, 2}},
	{"us from the second row on", csv1 + "1677628860000000,11,11,11,11,0\n", []int{1, 2}},

	{"array of arrays", "[" + arr1 + "," + arr2 + "]", []int{1, 1}},
	{"array of objects", "\ufeff\r\n[\r\n  " + obj1 + ",\r\n\r\n  " + obj2 + "\r\n]\r\n", []int{3, 5}},
	{"array over lines", "\n[\n[\n1677628800000,\n10,12.5,9.75,11,3.25\n]\n,\n{\n" + obj2[1:] + "]\n\n", []int{3, 8}},
	{"comment before an array", "# x\n[" + arr1 + ",\n" + arr2 + "]", []int{2, 3}},

	{"lines of arrays", arr1 + "\n" + arr2 + "\n", []int{1, 2}},
	{"lines of objects", "\n" + obj1 + "\r\n\r\n# x\r\n" + obj2, []int{2, 5}},
	{"lines of both", " [ " + arr1[1:] + "\n" + obj2 + "\n", []int{1, 2}},
	{"binance stream", `{"t":1677628800000,"T":1677628859999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"10","c":"11","h":"12.5","l":"9.75","v":"3.25","n":100,"x":true,"q":"1","V":"500","Q":"0.5","B":"1"}` + "\n" + obj2, []int{1, 2}},
	{"escapes, nesting, null", `{"\u006f":10,"x":{"o":[1,"]}\""]},"y":[],"h":"1\u0032.5","l":9.75,"c":11,"t":"2023-03-01","v":3.25}` + "\n" + `[1677628860,11,11,11,11,null,{"a":"\\"}]`, []int{1, 2}},
}

// TestFormats reads row1 and row2 from each input.
func TestFormats(t *testing.T) {
	for _, tt := range formatTests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []*candle.Reader{
				newReader(tt.in),
				candle.NewReader(iotest.OneByteReader(strings.NewReader(tt.in)), "x"),
				candle.NewReader(iotest.DataErrReader(strings.NewReader(tt.in)), "x"),
			} {
				if r.Line() != 0 {
					t.Errorf("before the first candle Line is %d", r.Line())
				}
				got, lines, err := readAll(t, r)
				if err != nil {
					t.Fatal(err)
				}
				if want := []candle.Candle{row1, row2}; !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if !slices.Equal(lines, tt.lines) {
					t.Errorf("on lines %v, want %v", lines, tt.lines)
				}
			}
		})
	}
}

func TestNoCandles(t *testing.T) {
	for _, in := range []string{
		"", "\n", " \r\n\t\n", "\ufeff", "# only a comment", "time,open,high,low,close", "[]", " [ \n ] \n",
	} {
		if got, _, err := readAll(t, newReader(in)); len(got) > 0 || err != nil {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
}

// endless yields its first bytes and then x for ever.
type endless struct{ first string }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.first)
	e.first = e.first[n:]
	for i := range p[n:] {
		p[n+i] = 'x'
	}
	return len(p), nil
}

func TestEndlessRows(t *testing.T) {
	for _, first := range []string{csv1, obj1 + "\n{", "[" + arr1 + ",\n[\"", csv1 + "#"} {
		got, _, err := readAll(t, candle.NewReader(&endless{first}, "x"))
		if row := rowError(t, err); len(got) != 1 || row.Line != 2 || !strings.Contains(err.Error(), "over 1 MiB") {
			t.Errorf("%q: got %d candles, %v", first, len(got), err)
		}
	}
}

func TestLongRows(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("x", n) }
	const most = 1 << 20
	csv := strings.TrimSpace(csv1) + ","
	row := strings.Replace(obj1, "{", `{"x":"",`, 1)
	for _, tt := range []struct {
		name, before, after string
		size                int
	}{
		{"CSV", csv, "\n", len(csv)},
		{"CSV, CR LF", csv, "\r\n", len(csv)},
		{"lines", `{"x":"`, row[len(`{"x":"`):] + "\n", len(row)},
		{"array", `[{"x":"`, row[len(`{"x":"`):] + "]", len(row)},
	} {
		got, _, err := readAll(t, newReader(tt.before+pad(most-tt.size)+tt.after))
		if len(got) != 1 || err != nil {
			t.Errorf("%s: at the limit: got %d candles, %v", tt.name, len(got), err)
		}
		got, _, err = readAll(t, newReader("\n\n"+tt.before+pad(most-tt.size+1)+tt.after))
		if len(got) != 0 {
			t.Errorf("%s: over the limit: got %d candles", tt.name, len(got))
		}
		if row := rowError(t, err); row.Line != 3 || !strings.Contains(err.Error(), "over 1 MiB") {
			t.Errorf("%s: over the limit: got %v", tt.name, err)
		}
	}
}
