#!/bin/sh
# usage: crash.sh
# The crash suite, whole: every state, which under the race detector (see
# unit.sh) would take too long. Each package has a floor that its distinct states
# may not fall below. Prints the sum; with HOLDFAST_FIGURES=dir the figures stay
# there.
set -eu
figures=${HOLDFAST_FIGURES:-$(mktemp -d)}
HOLDFAST_FIGURES=$figures
export HOLDFAST_FIGURES
echo "== go test: crash suite"
go test -count=1 -timeout 15m -run '^TestCrash' ./atomicfile ./journal ./filestore
sum() { # the sum of a figure over the packages
	cat "$figures"/crash-*.json | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}
echo "crash: $(sum states) distinct states, $(sum protocols) protocols, 2 models, $(sum failed) lost"
