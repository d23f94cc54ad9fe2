package live

import (
	"encoding/json"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/trade"
)

// stores are the places where a runner's state lies.
type stores struct {
	main                       *holdfast.Store
	signals, schedules         *trade.SignalAdapter
	risks                      *trade.RiskAdapter
	ledger                     *holdfast.Collection[Trade]
	cursors                    *holdfast.Collection[json.RawMessage]
	strategy, symbol, riskName string
}

func newStores(cfg *Config) (*stores, error) {
	s := &stores{
		main:      cfg.Store,
		signals:   trade.NewSignalAdapter(cfg.SignalStore),
		schedules: trade.NewScheduleAdapter(cfg.SignalStore),
		risks:     trade.NewRiskAdapter(cfg.RiskStore),
		strategy:  cfg.Strategy.Name(),
		symbol:    cfg.Symbol,
		riskName:  cfg.RiskName,
	}
	var err error
	if s.ledger, err = ledger(cfg.Store, s.strategy); err != nil {
		return nil, err
	}
	s.cursors, err = holdfast.NewCollection[json.RawMessage](cfg.Store, "cursor/"+s.strategy, nil)
	return s, err
}

// committer is a batch where one store holds everything and can do it.
func (s *stores) committer(cfg *Config) committer {
	one := cfg.SignalStore == cfg.Store && cfg.RiskStore == cfg.Store
	if one && s.main.Properties().Batch == "any" {
		return batched{s}
	}
	return ordered{s}
}

// key is of the runner's position within the risk profile.
func (s *stores) key() string { return trade.PositionKey(s.strategy, s.symbol) }

func (s *stores) released(ps trade.Positions) (trade.Positions, error) {
	return ps.Remove(s.key()), nil
}
