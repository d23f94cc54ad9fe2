package live_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
)

func TestConfigThatCannotBe(t *testing.T) {
	good := config(open(t, memstore.New()), script{})
	for want, spoil := range map[string]func(*live.Config){
		"no store":                           func(c *live.Config) { c.Store = nil },
		"no exchange":                        func(c *live.Config) { c.Exchange = "" },
		"not UTF-8":                          func(c *live.Config) { c.Exchange = "bin\xffance" },
		"no symbol":                          func(c *live.Config) { c.Symbol = "" },
		"no strategy":                        func(c *live.Config) { c.Strategy = nil },
		`strategy name "a/b" contains`:       func(c *live.Config) { c.Strategy = script{name: "a/b"} },
		`strategy name "a:b" contains`:       func(c *live.Config) { c.Strategy = script{name: "a:b"} },
		"invalid name":                       func(c *live.Config) { c.Strategy = script{name: ".."} },
		"1024 is the limit":                  func(c *live.Config) { c.Symbol = strings.Repeat("x", 1010) },
		`risk name "a/b" contains`:           func(c *live.Config) { c.RiskName = "a/b" },
		"set Config.RiskName":                func(c *live.Config) { c.Validations = []live.Validation{live.MaxOpenPositions(1)} },
		"fee of -1 percent":                  func(c *live.Config) { c.FeePercent = -1 },
		"fee of NaN percent":                 func(c *live.Config) { c.FeePercent = math.NaN() },
		"a wait of -1 minutes":               func(c *live.Config) { c.AwaitMinutes = -1 },
		"wants a window of 0":                func(c *live.Config) { c.Strategy = windowless{} },
		"the strategy has no name, and its ": func(c *live.Config) { c.Strategy = nameless{} },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := live.Open(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

type windowless struct{ script }

func (windowless) Window() int { return 0 }

type nameless struct{ script }

func (nameless) Name() string { return "" }
