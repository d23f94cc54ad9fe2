#!/bin/sh
# usage: unit.sh MODULE...
# All tests under the race detector, each module by itself; but for the crash suite
# of the default store, which crash.sh runs whole and without it.
set -eu
for module in "$@"; do
	echo "== go test -race: $module"
	(cd "$module" && go test -race -count=1 -timeout 15m -skip "^TestCrash\$" ./...)
done
