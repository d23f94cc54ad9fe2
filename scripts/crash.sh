#!/bin/sh
# usage: crash.sh
# The crash suite and the fault sweep, whole: every state and every fault, which
# under the race detector (see unit.sh) would take too long. Each package has a
# floor that its distinct states may not fall below. Prints the sums; with
# HOLDFAST_FIGURES=dir the figures stay there.
set -eu
figures=${HOLDFAST_FIGURES:-$(mktemp -d)}
HOLDFAST_FIGURES=$figures
export HOLDFAST_FIGURES
GOGC=400 # a disk for every state is much garbage: a quarter of the time
GOMEMLIMIT=2GiB
export GOGC GOMEMLIMIT
echo "== go test: crash suite, fault sweep"
go test -count=1 -timeout 15m -run '^TestCrash|^TestFaultSweep$' ./atomicfile ./journal ./filestore
sum() { # the sum of a figure over the packages
	cat "$figures"/crash-*.json | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}
echo "crash: $(sum states) distinct states, $(sum protocols) protocols, 2 models, $(sum failed) lost"
fault() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$figures/faults.json"; }
echo "faults: $(fault faults) injected over $(fault sites) call sites x 5 errors x 2, $(fault crashStates) crash states after them"
