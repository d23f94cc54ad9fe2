package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// The commands that errors propose can be pasted as they stand.
func TestProposedCommandsAreQuoted(t *testing.T) {
	for _, c := range []struct{ id, word string }{
		{"-5", "-- -5"}, {"a$HOME", "'a$HOME'"}, {"it's", `'it'\''s'`}, {"a b", "'a b'"},
	} {
		store, s := newShelf(t)
		put(t, store, "e", "x", "1")
		invoke(t, "", store, "undo", "e", "--", c.id).fails(t, exitFailed, "holdfast ls e")
		invoke(t, "1", store, "put", "e", "--", c.id).ok(t)
		invoke(t, "", store, "undo", "e", "--", c.id).fails(t, exitFailed, "remove it with: holdfast rm e "+c.word)
		invoke(t, "", store, "diff", "e", "--", c.id).fails(t, exitFailed, "holdfast history e "+c.word)
		invoke(t, "", store, "rm", "e", "--", c.id).ok(t)
		invoke(t, "", store, "get", "e", "--at", "0s", "--", c.id).fails(t, exitFailed, "with: holdfast history e "+c.word)
		s.report.Findings = []driver.Finding{{Entity: "e", ID: c.id, Problem: driver.ProblemMissing, Action: driver.ActionRestore}}
		if r := invoke(t, "", store, "check"); !strings.Contains(r.out, "to remove it for good: holdfast rm e "+c.word+"\n") {
			t.Errorf("check: %s", r.out)
		}
	}
	store, _ := newShelf(t)
	invoke(t, "", store, "get", "--", "-e$x", "a").fails(t, exitFailed, "holdfast ls -- '-e$x'")
}

// So can those by which live lets go of a signal.
func TestLiveProposesCommandsThatAreQuoted(t *testing.T) {
	row := func(id, exchange, symbol string) string {
		return fmt.Sprintf(`{"id":%q,"position":"long","priceOpen":100,"priceTakeProfit":110,"priceStopLoss":95,`+
			`"minuteEstimatedTime":60,"exchangeName":%q,"strategyName":"sma-cross","symbol":%q,`+
			`"scheduledAt":1700000000000,"pendingAt":1700000000000}`, id, exchange, symbol)
	}
	for symbol, word := range map[string]string{"S": "S", "-5": "-- -5", "a$HOME": "'a$HOME'", "it's": `'it'\''s'`, "a b": "'a b'"} {
		store, _ := newShelf(t)
		args := []string{store, "live", "--candles", "demo:?candles=10", "--symbol", symbol}
		invoke(t, row("x", "okx", symbol), store, "put", "--", "signal/sma-cross", symbol).ok(t)
		invoke(t, "", args...).fails(t, exitFailed, "or remove it: holdfast rm signal/sma-cross "+word)
		invoke(t, row("x", "paper", symbol), store, "put", "--", "signal/sma-cross", symbol).ok(t)
		invoke(t, row("y", "paper", symbol), store, "put", "--", "schedule/sma-cross", symbol).ok(t)
		invoke(t, "", args...).fails(t, exitFailed,
			"holdfast rm signal/sma-cross "+word+", or holdfast rm schedule/sma-cross "+word)
	}
}
