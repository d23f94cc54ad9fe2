package trade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Position is an open position as a risk profile counts it: what backtest-kit
// keeps of it (its IRiskActivePosition). Fields that are not listed here
// survive as in a SignalRow.
type Position struct {
	Signal        *SignalRow // nil, written as null, where only the fact was kept
	StrategyName  string
	ExchangeName  string // "" in old positions
	OpenTimestamp int64  // ms since 1970-01-01 UTC

	src *source
}

func (p *Position) fields() []field {
	return []field{
		{"signal", &p.Signal},
		{"strategyName", &p.StrategyName},
		{"exchangeName", &p.ExchangeName},
		{"openTimestamp", &p.OpenTimestamp},
	}
}

// MarshalJSON implements json.Marshaler.
func (p Position) MarshalJSON() ([]byte, error) { return appendObject(nil, p.src, p.fields()) }

// UnmarshalJSON implements json.Unmarshaler, with the errors of a SignalRow.
func (p *Position) UnmarshalJSON(data []byte) error {
	var pos Position
	src, err := decodeObject(slices.Clone(data), pos.fields())
	if err != nil {
		return err
	}
	pos.src = src
	*p = pos
	return nil
}

// PositionKey is the key of a position within a risk profile:
// "{strategyName}:{symbol}".
func PositionKey(strategyName, symbol string) string { return strategyName + ":" + symbol }

// Entry is one open position under its key.
type Entry struct {
	Key      string // see PositionKey
	Position Position
}

// Positions are the open positions of one risk profile, in the order in which
// they were opened; keys are unique. Its methods leave the receiver as it was
// and return the changed list, so that they can be used where a change may be
// tried more than once.
type Positions []Entry

// Get returns the position with that key, and whether there is one.
func (ps Positions) Get(key string) (Position, bool) {
	if i := ps.index(key); i >= 0 {
		return ps[i].Position, true
	}
	return Position{}, false
}

// Put returns the list with the position under that key: in the place of the
// one that has the key, else at the end. To put it twice is to put it once.
func (ps Positions) Put(key string, p Position) Positions {
	changed := slices.Clone(ps)
	if i := ps.index(key); i >= 0 {
		changed[i].Position = p
		return changed
	}
	return append(changed, Entry{Key: key, Position: p})
}

// Remove returns the list without that key. To remove what is not there
// changes nothing.
func (ps Positions) Remove(key string) Positions {
	return slices.DeleteFunc(slices.Clone(ps), func(e Entry) bool { return e.Key == key })
}

func (ps Positions) index(key string) int {
	return slices.IndexFunc(ps, func(e Entry) bool { return e.Key == key })
}

// MarshalJSON implements json.Marshaler: a list of [key, position] pairs, as
// backtest-kit writes a Map. No positions are the empty list, never null.
func (ps Positions) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i := range ps {
		key, err := encodeJSON(ps[i].Key)
		if err != nil {
			return nil, err
		}
		value, err := ps[i].Position.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("position %q: %w", ps[i].Key, err)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '['), key...), ',')
		b = append(append(b, value...), ']')
	}
	return append(b, ']'), nil
}

// UnmarshalJSON implements json.Unmarshaler. Null, a cleared value, is no
// positions. What is not a list of [key, position] pairs with unique keys is
// an error that names the place: a position that could be meant in two ways
// must not be counted in one of them.
func (ps *Positions) UnmarshalJSON(data []byte) error {
	var pairs [][]json.RawMessage
	if err := json.Unmarshal(data, &pairs); err != nil {
		return errors.New("not a list of [key, position] pairs")
	}
	list := make(Positions, 0, len(pairs))
	for i, pair := range pairs {
		var e Entry
		if len(pair) != 2 || isNull(pair[0]) || json.Unmarshal(pair[0], &e.Key) != nil {
			return fmt.Errorf("position %d of %d is not a pair of a key and a position", i+1, len(pairs))
		}
		if list.index(e.Key) >= 0 {
			return fmt.Errorf("position %q stands there twice: remove one of the two", e.Key)
		}
		if err := e.Position.UnmarshalJSON(pair[1]); err != nil {
			return fmt.Errorf("position %q: %w", e.Key, err)
		}
		list = append(list, e)
	}
	*ps = list
	return nil
}

// positionsCodec reads and writes the list as it stands, without the
// compaction that encoding/json gives to what a Marshaler returns.
type positionsCodec struct{}

func (positionsCodec) Encode(ps Positions) ([]byte, error) { return ps.MarshalJSON() }

func (positionsCodec) Decode(data []byte) (Positions, error) {
	var ps Positions
	err := ps.UnmarshalJSON(data)
	return ps, err
}

func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }
