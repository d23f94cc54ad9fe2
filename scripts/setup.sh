#!/bin/sh
# Sees to it that what the tests need is there: Go, and node, whose
# localeCompare the order of ids is compared with, strace, which shows the order
# of system calls, what makes the file systems whose power is cut, and the servers
# that backends are tested against. Installs missing packages where it may;
# otherwise prints the one line to run.
set -eu

if ! command -v go >/dev/null 2>&1; then
	echo "setup: Go is missing: install Go 1.26 or later, see go.dev/doc/install" >&2
	exit 1
fi

missing=""
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
command -v mkfs.ext4 >/dev/null 2>&1 || [ -x /sbin/mkfs.ext4 ] || missing="$missing e2fsprogs"
command -v mkfs.xfs >/dev/null 2>&1 || [ -x /sbin/mkfs.xfs ] || missing="$missing xfsprogs"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1 || missing="$missing postgresql"
command -v gcc >/dev/null 2>&1 || missing="$missing gcc libc6-dev" # the race detector links with it

if [ -n "$missing" ]; then
	echo "== install:$missing"
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		apt-get update -qq
		# shellcheck disable=SC2086 # a list of packages
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
	else
		echo "setup: run: sudo apt-get install -y$missing" >&2
		exit 1
	fi
fi

echo "== go mod download"
for module in . ./cmd/holdfast ./bench ./redisstore ./pgstore ./mongostore ./otelstore; do
	(cd "$module" && go mod download)
done
(cd internal/ferretserver && GOWORK=off go mod download) # the MongoDB server for tests
echo "== $(go version), node $(node --version)"
