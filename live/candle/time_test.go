package candle_test

import (
	"fmt"
	"strings"
	"testing"
)

const ms2000, ms2100 = 946_684_800_000, 4_102_444_800_000

var timeTests = []struct {
	in   string
	want int64
}{
	{"1677628800", march1},
	{"1677628800000", march1},
	{"1677628800000000", march1},
	{"1677628800000000000", march1},
	{"0001677628800", march1},
	{"1677628800.0", march1},
	{"1677628800.1229999", march1 + 123},
	{"1677628799.9999999", march1},
	{"1677628800.0004", march1},
	{"1677628800000.25", march1},
	{"1677628800000.5", march1 + 1},
	{"1677628800000499", march1},
	{"1677628800000500.0", march1 + 1},
	{"1677628800000499999", march1},
	{"1677628800000500000", march1 + 1},
	{"946684800", ms2000},
	{"946684800000", ms2000},
	{"946684800000000", ms2000},
	{"946684800000000000", ms2000},
	{"4102444800", ms2100},
	{"4102444800000", ms2100},
	{"4102444800000000", ms2100},
	{"4102444800000000000", ms2100},

	{"2023-03-01", march1},
	{"2023-03-01 00:00", march1},
	{"2023-03-01T00:00", march1},
	{"2023-03-01t00:00:00z", march1},
	{"2023-03-01 00:00:00", march1},
	{"2023-03-01 00:00:00+00:00", march1},
	{"2023-03-01T00:00:00Z", march1},
	{"2023-03-01T00:00:00.000+0000", march1},
	{"2023-03-01 00:00:00 UTC", march1},
	{"2023-03-01 01:00:00 +01", march1},
	{"2023-02-28T18:30:00.5-05:30", march1 + 500},
	{"2023-03-01T05:45+0545", march1},
	{"2023-02-28T23:59:59.9996Z", march1},
	{"2023-03-01T00:00:00.123456789Z", march1 + 123},
	{"2000-01-01", ms2000},
	{"1999-12-31T23:00:00-01:00", ms2000},
	{"2100-01-01T00:00:00Z", ms2100},
	{"2024-02-29", 1_709_164_800_000},
	{"2000-02-29", 951_782_400_000},
}

func TestTimes(t *testing.T) {
	for _, tt := range timeTests {
		for _, form := range []string{"%s,1,1,1,1\n", `["%s",1,1,1,1]`} {
			c, err := newReader(fmt.Sprintf(form, tt.in)).Next()
			if err != nil || c.Time != tt.want {
				t.Errorf("%s: got %d, %v, want %d", tt.in, c.Time, err, tt.want)
			}
		}
	}
}

const notTime = "is neither a number nor an ISO 8601 time"
const noUnit = "is not from 2000-01-01 to 2100-01-01 in seconds, ms, us or ns"
const noDate = "is not a time that exists"

var badTimeTests = []struct{ in, want string }{
	{"0", noUnit},
	{"44986", noUnit},
	{"20230301", noUnit},
	{"-1677628800", noUnit},
	{"946684799", noUnit},
	{"946684799.9999", noUnit},
	{"4102444801", noUnit},
	{"946684799999", noUnit},
	{"4102444800001", noUnit},
	{"946684799999999", noUnit},
	{"4102444800000001", noUnit},
	{"946684799999999999", noUnit},
	{"4102444800000000001", noUnit},
	{"9223372036854775807", noUnit},
	{"9223372036854775808", noUnit},
	{"18446744075387180416", noUnit}, // 1677628800 more than 64 bits hold.
	{"99999999999999999999999999999999", noUnit},
	{"4102444800.001", "is not from 2000-01-01 to 2100-01-01"},
	{"1.67763E+12", "has an exponent, with which digits may have been lost"},
	{"1677628800e3", "has an exponent, with which digits may have been lost"},
	{"1677628800.", notTime},
	{"1677628800.x", notTime},
	{"+1677628800", notTime},
	{"1,677,628,800", notTime},
	{"0x63fe9580", notTime},
	{"NaN", notTime},
	{"now", notTime},
	{"true", notTime},
	{"12:30", notTime},
	{"03/01/2023", notTime},
	{"2023-3-1", notTime},
	{"2023-03", notTime},
	{"2023-03-01T", notTime},
	{"2023-03-01T00", notTime},
	{"2023-03-01T00:0", notTime},
	{"2023-03-01x00:00", notTime},
	{"2023-03-01T00:00:", notTime},
	{"2023-03-01T00:00:00.", notTime},
	{"2023-03-01T00:00:00,5", notTime},
	{"2023-03-01T00:00:00+", notTime},
	{"2023-03-01T00:00:00+1", notTime},
	{"2023-03-01T00:00:00+010", notTime},
	{"2023-03-01T00:00:00+01000", notTime},
	{"2023-03-01T00:00:00+01:0", notTime},
	{"2023-03-01T00:00:00+01:000", notTime},
	{"2023-03-01T00:00:00 CET", notTime},
	{"2023-03-01T00:00:00ZZ", notTime},
	{"20a3-03-01", notTime},
	{"x023-03-01", notTime},
	{"2023-03-0x", notTime},
	{"2023-00-01", noDate},
	{"2023-13-01", noDate},
	{"2023-02-29", noDate},
	{"2100-02-29", noDate},
	{"2023-03-00", noDate},
	{"2023-03-32", noDate},
	{"2023-03-01T24:00", noDate},
	{"2023-03-01T00:60", noDate},
	{"2023-03-01T00:00:60", noDate},
	{"2023-03-01T00:00+24:00", noDate},
	{"2023-03-01T00:00+00:60", noDate},
	{"1999-12-31", "is not from 2000-01-01 to 2100-01-01"},
	{"2000-01-01T00:00+00:01", "is not from 2000-01-01 to 2100-01-01"},
	{"2100-01-01T00:00:00.001", "is not from 2000-01-01 to 2100-01-01"},
	{"0000-01-01", "is not from 2000-01-01 to 2100-01-01"},
}

func TestBadTimes(t *testing.T) {
	for _, tt := range badTimeTests {
		_, err := newReader(fmt.Sprintf("[\"%s\",1,1,1,1]", tt.in)).Next()
		want := fmt.Sprintf("BTCUSDT.csv: line 1: time %q %s: correct or remove the row", tt.in, tt.want)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	_, err := newReader(strings.Repeat("9", 100) + ",1,1,1,1").Next()
	if want := strings.Repeat("9", 40) + `"... is`; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("got %v, want only the start of the value", err)
	}
}
