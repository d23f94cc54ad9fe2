package driver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
)

// goodText is what names have to be, in the plainest words.
func goodText(s string) bool {
	return s != "" && len(s) <= driver.MaxName && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func goodEntity(s string) bool {
	for _, element := range strings.Split(s, "/") {
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	return goodText(s)
}

func checkNames(t *testing.T, entity, id string) {
	t.Helper()
	for _, x := range []struct {
		what string
		err  error
		want bool
	}{
		{"entity", driver.ValidateEntity(entity), goodEntity(entity)},
		{"id", driver.ValidateID(id), goodText(id)},
		{"key", driver.ValidateKey(driver.Key{Entity: entity, ID: id}), goodEntity(entity) && goodText(id)},
	} {
		if (x.err == nil) != x.want || x.err != nil && !errors.Is(x.err, driver.ErrInvalidName) {
			t.Errorf("%s of entity %.50q, id %.50q: %v, want good %t", x.what, entity, id, x.err, x.want)
		}
	}
}

func TestNames(t *testing.T) {
	parts := []string{"", "/", ".", "..", "a", "BTCUSDT", "signal", "é", "\x00", "\x01", "\x7f", "\x80", "\xff", "\xed\xa0\x80", "🚀", " ", "CON"}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				checkNames(t, a+b+c, a+b+c)
				checkNames(t, "signal/"+a+b+c, c)
				checkNames(t, a+"/"+b+"/"+c, a)
			}
		}
	}
	for _, n := range []int{1023, 1024, 1025} {
		checkNames(t, strings.Repeat("x", n), strings.Repeat("x", n))
		checkNames(t, strings.Repeat("é", n/2)+strings.Repeat("x", n%2), strings.Repeat("é", n/2)+strings.Repeat("x", n%2))
	}
}

func TestErrorsOfNames(t *testing.T) {
	for _, x := range []struct{ entity, id, want string }{
		{"", "x", "invalid name: entity is empty"},
		{"e", "", "invalid name: id is empty"},
		{"a//b", "", `invalid name: entity "a//b" has an empty element: write names joined by single slashes`},
		{"a/../b", "x", `invalid name: entity "a/../b": an element may not be "..": rename it`},
		{"e", "\xff", `invalid name: id "\xff" is not UTF-8`},
		{"e", "a\x00", `invalid name: id "a\x00" contains U+0000`},
		{"e", strings.Repeat("x", 1025), "invalid name: id of 1025 bytes: 1024 is the limit"},
	} {
		err := driver.ValidateKey(driver.Key{Entity: x.entity, ID: x.id})
		if fmt.Sprint(err) != x.want {
			t.Errorf("got %v, want %s", err, x.want)
		}
	}
}

func FuzzValidateKey(f *testing.F) {
	f.Add("signal/strategy-a", "BTCUSDT")
	f.Add("a/./b", "\x00")
	f.Add(".a/b.", "é")
	f.Fuzz(checkNames)
}

func BenchmarkValidateKey(b *testing.B) {
	k := driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}
	b.ReportAllocs()
	for b.Loop() {
		if driver.ValidateKey(k) != nil {
			b.Fatal("refused")
		}
	}
}
