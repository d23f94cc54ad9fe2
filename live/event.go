package live

import (
	"strconv"

	"github.com/holdfast-go/holdfast/trade"
)

// Kind is what an Event tells.
type Kind string

// The kinds of events, in the order of a signal's life.
const (
	Scheduled Kind = "scheduled" // waits for its entry price
	Opened    Kind = "opened"    // a position is open
	Active    Kind = "active"    // a candle has passed and the position is still open
	Closed    Kind = "closed"    // the position is closed
	Cancelled Kind = "cancelled" // a scheduled signal was given up
	Rejected  Kind = "rejected"  // a signal was refused at once
)

// Reason is why a signal was closed, cancelled or rejected.
type Reason string

// The reasons.
const (
	TakeProfit          Reason = "take_profit"            // closed
	StopLoss            Reason = "stop_loss"              // closed
	TimeExpired         Reason = "time_expired"           // closed: its estimated time is over
	Timeout             Reason = "timeout"                // cancelled: the entry price was not reached in time
	StopLossBeforeEntry Reason = "stop_loss_before_entry" // cancelled: a candle opened beyond the stop
	Risk                Reason = "risk"                   // cancelled or rejected: a Validation refused it
	InvalidPlan         Reason = "invalid_plan"           // rejected: see Plan.Validate
)

// Event is one thing that happened to a signal. It is told only after it is
// stored, and may be told again after a crash, with the same ID and content:
// whoever acts on it (an order, a message) keys that action by the ID.
type Event struct {
	// ID is derived, hence the same in every run over the same candles: the
	// signal's id, "/", the kind; for Active also "/" and the candle's time.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Time is the open time of the candle in which it happened, in ms since
	// 1970-01-01 UTC.
	Time int64 `json:"time"`
	// Price is the entry price of Scheduled and Opened, the exit price of
	// Closed, and the candle's close of the others.
	Price  float64 `json:"price"`
	Reason Reason  `json:"reason,omitempty"`
	// Detail is the text of the refusal for Risk and InvalidPlan.
	Detail string `json:"detail,omitempty"`
	// PnlPercent is profit or loss in percent after the fees of both sides:
	// final for Closed, as if closed at Price for Active, else 0.
	PnlPercent float64 `json:"pnlPercent"`
	// Signal is the row as it is after the event, for Closed and Cancelled as
	// it was before.
	Signal trade.SignalRow `json:"signal"`
}

// Callbacks are told what happened, one at a time, by the goroutine that calls
// Open or Tick, after it is stored. Each may be nil. A callback must not call
// the Runner. One that panics leaves the Runner to be opened again.
type Callbacks struct {
	OnRestored  func(Restored) // once per Open, before anything else
	OnScheduled func(Event)
	OnOpened    func(Event)
	OnActive    func(Event)
	OnClosed    func(Event)
	OnCancelled func(Event)
	OnRejected  func(Event)
}

// Restored is what Open found.
type Restored struct {
	Signal    *trade.SignalRow // the open signal, nil if none
	Scheduled *trade.SignalRow // the scheduled signal, nil if none
	// LastCandle is the open time of the last candle handled, in ms since
	// 1970-01-01 UTC; 0 if there is none.
	LastCandle int64
	// Notes say in words what Open finished, took over or put right: an
	// interrupted change, a signal edited or removed by hand.
	Notes []string
	// Untold are the events that may not have been told before the last run
	// ended. They are told, again perhaps, after OnRestored.
	Untold []Event
}

func (cb *Callbacks) tell(e Event) {
	f := map[Kind]func(Event){
		Scheduled: cb.OnScheduled, Opened: cb.OnOpened, Active: cb.OnActive,
		Closed: cb.OnClosed, Cancelled: cb.OnCancelled, Rejected: cb.OnRejected,
	}[e.Kind]
	if f != nil {
		f(e)
	}
}

// newEvent derives the id. The row is copied, so that whoever is told of it
// cannot change the runner's.
func newEvent(kind Kind, time int64, price float64, row *trade.SignalRow) Event {
	e := Event{ID: row.ID + "/" + string(kind), Kind: kind, Time: time, Price: price, Signal: *copyRow(row)}
	if kind == Active {
		e.ID += "/" + strconv.FormatInt(time, 10)
	}
	return e
}

func copyRow(row *trade.SignalRow) *trade.SignalRow {
	if row == nil {
		return nil
	}
	c := *row
	if row.MinuteEstimatedTime != nil {
		minutes := *row.MinuteEstimatedTime
		c.MinuteEstimatedTime = &minutes
	}
	return &c
}
