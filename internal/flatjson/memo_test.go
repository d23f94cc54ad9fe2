package flatjson_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/holdfast-go/holdfast/internal/flatjson"
)

type trade struct {
	ID       string `json:"id"`
	Exchange string `json:"exchange"`
}

func decodeTrade(t *testing.T, s *flatjson.Struct, id, exchange string) trade {
	t.Helper()
	var v trade
	data := fmt.Appendf(nil, `{"id":%q,"exchange":%q}`, id, exchange)
	if !s.Decode(data, reflect.ValueOf(&v).Elem()) {
		t.Fatalf("%s was left", data)
	}
	clear(data) // nothing of it is kept
	if v != (trade{id, exchange}) {
		t.Fatalf("got %+v of %s, %s", v, id, exchange)
	}
	return v
}

// Equal strings that follow each other in a field are one, as long as they are
// short, and of a field that always differs none is remembered.
func TestEqualStringsShareTheirBytes(t *testing.T) {
	s := flatjson.Of(reflect.TypeFor[trade]())
	shared := func(id, exchange string) (ids, exchanges bool) {
		a, b := decodeTrade(t, s, id, exchange), decodeTrade(t, s, id, exchange)
		return unsafe.StringData(a.ID) == unsafe.StringData(b.ID), unsafe.StringData(a.Exchange) == unsafe.StringData(b.Exchange)
	}
	for i := range 100 {
		decodeTrade(t, s, fmt.Sprint("id-", i), "binance")
	}
	if ids, exchanges := shared("id-x", "binance"); ids || !exchanges {
		t.Errorf("ids are shared: %v, exchanges: %v", ids, exchanges)
	}
	if _, exchanges := shared("id-x", strings.Repeat("long", 1000)); exchanges {
		t.Error("a long string is kept")
	}
}

func TestDecodingFromManyGoroutines(t *testing.T) {
	s := flatjson.Of(reflect.TypeFor[trade]())
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				decodeTrade(t, s, fmt.Sprint(g, "-", i), []string{"binance", "kraken"}[i/50%2])
			}
		})
	}
	wg.Wait()
}
