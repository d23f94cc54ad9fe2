package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/trade"
)

// restored and summary are the objects that live prints beside events.
type restored struct {
	Kind       string           `json:"kind"` // "restored"
	Symbol     string           `json:"symbol"`
	Strategy   string           `json:"strategy"`
	LastCandle int64            `json:"lastCandle"` // in ms since 1970, 0 if there is none
	Signal     *trade.SignalRow `json:"signal"`
	Scheduled  *trade.SignalRow `json:"scheduled"`
	Notes      []string         `json:"notes"`
	Untold     int              `json:"untold"`
}

type summary struct {
	Kind     string          `json:"kind"` // "summary"
	Symbols  []symbolSummary `json:"symbols"`
	Location string          `json:"location"`
	Entities []string        `json:"entities"`
}

type symbolSummary struct {
	Symbol   string `json:"symbol"`
	Strategy string `json:"strategy"`
	Handled  int    `json:"handled"`
	Skipped  int    `json:"skipped"`
	live.Summary
}

// callbacks print what the runner of one symbol tells. They run after it is
// stored.
func (d *desk) callbacks(symbol string) live.Callbacks {
	cb := live.Callbacks{
		OnRestored: func(r live.Restored) { d.printRestored(symbol, r) },
		OnClosed:   d.printTrade,
	}
	if d.a.json {
		event := func(e live.Event) { d.printDoc(&e) }
		cb.OnScheduled, cb.OnOpened, cb.OnClosed, cb.OnCancelled, cb.OnRejected = event, event, event, event, event
	}
	return cb
}

func (d *desk) printDoc(v any) {
	d.progress.clear()
	if err := printJSON(d.a.stdout, v); d.output == nil {
		d.output = err
	}
}

func (d *desk) print(format string, args ...any) {
	d.progress.clear()
	if _, err := fmt.Fprintf(d.a.stdout, format, args...); d.output == nil {
		d.output = err
	}
}

func (d *desk) printRestored(symbol string, r live.Restored) {
	if d.a.json {
		if r.Notes == nil {
			r.Notes = []string{}
		}
		d.printDoc(restored{"restored", symbol, d.options.strategy, r.LastCandle, r.Signal, r.Scheduled, r.Notes, len(r.Untold)})
		return
	}
	text := "starts, nothing is stored of it yet"
	if r.LastCandle != 0 || r.Signal != nil || r.Scheduled != nil {
		text = "continues " + position(r.Signal, r.Scheduled)
		if r.LastCandle != 0 {
			text += ", last candle " + minute(r.LastCandle)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", oneLine(symbol), d.options.strategy, text)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "  %s\n", oneLine(note))
	}
	d.print("%s", b.String())
}

// position says in words what is open or waits.
func position(open, scheduled *trade.SignalRow) string {
	switch {
	case open != nil:
		return fmt.Sprintf("with an open %s from %s", open.Position, price(open.PriceOpen))
	case scheduled != nil:
		return fmt.Sprintf("with a %s that waits for %s", scheduled.Position, price(scheduled.PriceOpen))
	}
	return "without a position"
}

const tradeRow = "%-16s %-13s %-5s %10s %10s %-12s %8s\n" // 80 columns

func (d *desk) printTrade(e live.Event) {
	row := fmt.Sprintf(tradeRow, minute(e.Time), oneLine(e.Signal.Symbol), e.Signal.Position, price(e.Signal.PriceOpen),
		price(e.Price), e.Reason, fmt.Sprintf("%+.2f", e.PnlPercent))
	if !d.printed {
		row = fmt.Sprintf(tradeRow, "CLOSED (UTC)", "SYMBOL", "SIDE", "ENTRY", "EXIT", "REASON", "PNL %") + row
		d.printed = true
	}
	d.print("%s", row)
}

// summarise prints what came of the run, and where its state lies.
func (d *desk) summarise(ctx context.Context) error {
	doc := summary{Kind: "summary", Location: d.store.Properties().Location}
	var err error
	if doc.Entities, err = d.entities(ctx); err != nil {
		return err
	}
	for _, symbol := range d.options.symbols {
		r := d.runners[symbol]
		s, err := r.Summary(ctx)
		if err != nil {
			return err
		}
		doc.Symbols = append(doc.Symbols, symbolSummary{symbol, d.options.strategy, d.handled[symbol], r.Skipped(), s})
	}
	if d.a.json {
		d.printDoc(doc)
		return nil
	}
	for _, s := range doc.Symbols {
		d.print("\n%s %s: %s handled, %s skipped as not newer\n"+
			"%s: %s won, %s lost, %+.2f %% in all; now %s\n",
			oneLine(s.Symbol), s.Strategy, counted(s.Handled, "candle"), thousands(int64(s.Skipped)),
			counted(s.Trades, "trade"), thousands(int64(s.Wins)), thousands(int64(s.Losses)), s.PnlPercent,
			position(s.Open, s.Scheduled))
	}
	d.print("\nstate: %s\n  %s\n", oneLine(doc.Location), strings.Join(doc.Entities, "\n  "))
	return nil
}

// entities are the names under which the state of the run is found, as far as
// there is any.
func (d *desk) entities(ctx context.Context) ([]string, error) {
	ours := []string{"risk/" + d.options.risk}
	for _, prefix := range []string{"cursor", "ledger", "schedule", "signal"} {
		ours = append(ours, prefix+"/"+d.options.strategy)
	}
	names := []string{}
	for entity, err := range d.store.Entities(ctx) {
		if err != nil {
			return nil, err
		}
		if slices.Contains(ours, entity) {
			names = append(names, entity)
		}
	}
	return names, nil
}

// minute writes a candle's time for people.
func minute(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04") }

// price writes eight significant digits, and no zeros behind them.
func price(v float64) string {
	if !(v > 0) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	digits := min(max(7-int(math.Floor(math.Log10(v))), 0), 20)
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
