#!/bin/sh
# usage: cross.sh "OS/ARCH ..." MODULE...
# Compiles and vets everything, tests included, for systems other than this one.
set -eu
targets=$1
shift
for target in $targets; do
	for module in "$@"; do
		echo "== build, vet: $target $module"
		(
			cd "$module"
			GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0
			export GOOS GOARCH CGO_ENABLED
			go build ./... && go vet ./...
		)
	done
done
