package pgstore_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/trade"
)

// The queries of the documentation, against rows as the adapters of package
// trade write them.
const (
	openSignals = `
SELECT id AS symbol, entity, data->>'position' AS side, (data->>'priceOpen')::numeric AS price_open
FROM holdfast
WHERE entity LIKE 'signal/%' AND data->>'symbol' IS NOT NULL
ORDER BY symbol, entity`

	positions = `
SELECT r.entity AS risk, p.value->>0 AS position, s.data->>'position' AS side
FROM holdfast r
CROSS JOIN LATERAL json_array_elements(r.data) AS p
LEFT JOIN holdfast s
	ON s.entity = 'signal/' || split_part(p.value->>0, ':', 1)
	AND s.id = substr(p.value->>0, strpos(p.value->>0, ':') + 1)
WHERE r.entity LIKE 'risk/%' AND r.id = 'positions' AND json_typeof(r.data) = 'array'
ORDER BY risk, position`
)

func TestQueries(t *testing.T) {
	rawURL := newURL(t, "")
	store, err := holdfast.Open(t.Context(), rawURL, nil)
	must(t, err)
	defer store.Close()
	writeRows(t, store)
	conn := bare(t, rawURL)
	var got []string
	for _, query := range []string{openSignals, positions} {
		rows, err := conn.Query(t.Context(), query)
		must(t, err)
		for rows.Next() {
			values, err := rows.Values()
			must(t, err)
			line, err := json.Marshal(values)
			must(t, err)
			got = append(got, string(line))
		}
		must(t, rows.Err())
	}
	want := []string{
		`["BTC/USDT:USDT","signal/strategy-a","long",64250.5]`,
		`["ETHUSDT","signal/strategy-b","short",3000]`,
		`["risk/aggressive","strategy-b:ETHUSDT","short"]`,
		`["risk/conservative","strategy-a:BTC/USDT:USDT","long"]`,
		`["risk/conservative","strategy-b:ETHUSDT","short"]`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// writeRows writes three signals, of which the last is cleared again, and the
// positions of two risk profiles.
func writeRows(t *testing.T, store *holdfast.Store) {
	t.Helper()
	signals, risks := trade.NewSignalAdapter(store), trade.NewRiskAdapter(store)
	kept := map[string]trade.Positions{}
	for _, x := range []struct {
		strategy, symbol string
		side             trade.Side
		price            float64
		risks            []string
	}{
		{"strategy-a", "BTC/USDT:USDT", trade.Long, 64250.5, []string{"conservative"}},
		{"strategy-b", "ETHUSDT", trade.Short, 3000, []string{"conservative", "aggressive"}},
		{"strategy-c", "SOLUSDT", trade.Long, 150, nil},
	} {
		now := time.Now().UnixMilli()
		row := &trade.SignalRow{ID: x.symbol, Position: x.side, PriceOpen: x.price, StrategyName: x.strategy, Symbol: x.symbol, PendingAt: now}
		must(t, signals.Write(t.Context(), x.strategy, x.symbol, row))
		for _, risk := range x.risks {
			kept[risk] = kept[risk].Put(trade.PositionKey(x.strategy, x.symbol), trade.Position{StrategyName: x.strategy, OpenTimestamp: now})
		}
	}
	for risk, ps := range kept {
		must(t, risks.Write(t.Context(), risk, ps))
	}
	must(t, signals.Write(t.Context(), "strategy-c", "SOLUSDT", nil))
}

// A value that PostgreSQL cannot take apart is no end of a query.
func TestDoc(t *testing.T) {
	rawURL := newURL(t, "")
	s := open(t, rawURL)
	conn := bare(t, rawURL)
	for i, x := range []struct{ data, want string }{
		{`{"s": "plain"}`, `plain`},
		{`{"s": "a\u0000b\u0000\u0000"}`, "a\ufffdb\ufffd\ufffd"},
		{`{"s": "\\u0000", "t": "\u0000"}`, `\u0000`},
		{`{"s": "a\ud800b", "t": "\ud83d\ude80"}`, "a\ufffdb"},
		{`{"s": "\udc00x"}`, "\ufffdx"},
		{`{"s": "\ud83d\ude80 \ud800"}`, "🚀 \ufffd"},
	} {
		k := driver.Key{Entity: "doc", ID: string(rune('a' + i))}
		put(t, s, k, x.data)
		if got := ask[string](t, conn, "SELECT holdfast_doc(data)->>'s' FROM holdfast WHERE entity = 'doc' AND id = $1", k.ID); got != x.want {
			t.Errorf("%s: got %q, want %q", x.data, got, x.want)
		}
	}
	put(t, s, driver.Key{Entity: "doc", ID: "z"}, `1e999999`)
	if n := ask[int](t, conn, "SELECT count(*) FROM holdfast WHERE holdfast_doc(data) IS NULL"); n != 1 {
		t.Errorf("%d values are null", n)
	}
	exec(t, conn, "CREATE INDEX ON holdfast ((holdfast_doc(data)->>'s'))")
}
