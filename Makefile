# What a newcomer and CI both run is `make test`: it sets up what it needs,
# checks everything, and prints each step before it runs it.

NETWORK     := ./redisstore ./pgstore ./mongostore ./otelstore
MODULES     := . ./cmd/holdfast ./bench $(NETWORK)
# The MongoDB server for tests: outside the workspace, never raced or crossed.
FERRET      := ./internal/ferretserver
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Systems that nothing here runs on are at least compiled and vetted, tests
# included: what users import on all of them, the rest where people work.
CROSS := windows/amd64 darwin/arm64 freebsd/amd64 linux/arm64

.PHONY: test setup lint cross unit crash mutants build bench fuzz

test: setup lint cross unit crash mutants
	@echo "== all passed"

setup:
	@sh scripts/setup.sh

lint:
	@sh scripts/lint.sh "$(STATICCHECK)" $(MODULES)
	@GOWORK=off sh scripts/lint.sh "$(STATICCHECK)" $(FERRET)

cross:
	@sh scripts/cross.sh "$(CROSS)" . ./cmd/holdfast
	@sh scripts/cross.sh "windows/amd64 darwin/arm64" $(NETWORK)
	@sh scripts/cross.sh "darwin/arm64" ./bench

unit:
	@sh scripts/unit.sh $(MODULES)

crash:
	@sh scripts/crash.sh

# Sabotages, each of which the tests must notice.
mutants:
	@echo "== mutants"
	@go run ./internal/mutants

build:
	go build -o bin/holdfast ./cmd/holdfast

bench:
	go test -run '^$$' -bench . -benchmem ./...

# A minute of each fuzz target.
fuzz:
	@sh scripts/fuzz.sh 60s
