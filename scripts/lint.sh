#!/bin/sh
# usage: lint.sh STATICCHECK MODULE...
set -eu
staticcheck=$1
shift

echo "== gofmt -l"
bad=$(gofmt -l .)
if [ -n "$bad" ]; then
	echo "not formatted, run gofmt -w on:" >&2
	echo "$bad" >&2
	exit 1
fi

for module in "$@"; do
	echo "== vet, staticcheck: $module"
	(cd "$module" && go vet ./... && go run "$staticcheck" ./...)
	echo "== go mod tidy -diff: $module"
	(cd "$module" && go mod tidy -diff)
done
