package storetest

import (
	"github.com/holdfast-go/holdfast/driver"
)

// entity names of the protocols.
const (
	crashSignals = "signal/strategy-a"
	crashRisk    = "risk/conservative"
)

func signalKey(id string) driver.Key { return driver.Key{Entity: crashSignals, ID: id} }
func riskKey(id string) driver.Key   { return driver.Key{Entity: crashRisk, ID: id} }

func deletes(s driver.Store) bool { return is[driver.Deleter](s) }

func batches(s driver.Store) bool { return deletes(s) && batchScope(s) == driver.BatchAny }

// CrashProtocols are what every backend is crashed in.
func CrashProtocols() []Protocol {
	return []Protocol{
		{Name: "first creation", Run: func(w *Workload) {
			w.Open()
			w.Put(signalKey("BTCUSDT"), 60)
			w.Close()
		}},
		{Name: "create", Before: twoValues, Run: func(w *Workload) {
			w.Open()
			w.Put(signalKey("SOLUSDT"), 400)
			w.Put(riskKey("positions"), 40)
			w.Close()
		}},
		{Name: "overwrite", Before: twoValues, Run: func(w *Workload) {
			w.Open()
			w.Put(signalKey("BTCUSDT"), 300)
			w.PutNull(signalKey("ETHUSDT"))
			w.Put(signalKey("BTCUSDT"), 5000)
			w.Close()
		}},
		{Name: "delete", Needs: deletes, Before: twoValues, Run: func(w *Workload) {
			w.Open()
			w.Delete(signalKey("BTCUSDT"))
			w.Put(signalKey("BTCUSDT"), 50)
			w.Delete(signalKey("ETHUSDT"))
			w.Delete(signalKey("never"))
			w.Close()
		}},
		{Name: "clear", Needs: deletes, Before: func(w *Workload) {
			twoValues(w)
			w.Put(riskKey("positions"), 80)
		}, Run: func(w *Workload) {
			w.Open()
			w.Clear(crashSignals)
			w.Put(signalKey("ETHUSDT"), 70)
			w.Clear(crashSignals)
			w.Close()
		}},
		{Name: "batch", Needs: batches, Before: twoValues, Run: func(w *Workload) {
			w.Open()
			w.Batch(60, signalKey("BTCUSDT"), riskKey("positions"))
			w.Batch(2500, signalKey("-BTCUSDT"), riskKey("positions"), signalKey("ETHUSDT"))
			w.Close()
		}},
		{Name: "four writers", Before: twoValues, Run: func(w *Workload) {
			w.Open()
			var clients []func()
			for _, id := range []string{"A", "B", "C", "D"} {
				clients = append(clients, func() {
					for range 2 {
						w.Put(signalKey(id), 90)
					}
					w.Put(signalKey("shared"), 30)
				})
			}
			w.Together(clients...)
			w.Close()
		}},
		{Name: "recovery", Before: twoValues, Run: func(w *Workload) {
			w.Open()
			w.Put(signalKey("BTCUSDT"), 100)
			w.Kill()
			w.Open()
			w.Put(signalKey("ETHUSDT"), 100)
			w.Kill()
			w.Open()
		}},
	}
}

// twoValues is what most begin with.
func twoValues(w *Workload) {
	w.Put(signalKey("BTCUSDT"), 60)
	w.Put(signalKey("ETHUSDT"), 200)
}
