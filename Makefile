# stocktrace. `make help` says what there is; nothing needs to be installed but
# Go 1.26, Node 20 or later, and make.

SHELL       := /bin/sh
export CGO_ENABLED ?= 0
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
SUITE       := go run ./internal/testenv/suite
ARGS        ?=
FUZZTIME    ?= 10m
FUZZ        ?= .

.DEFAULT_GOAL := help
.PHONY: help build run test test-race test-e2e test-long fuzz bench bench-long generate fmt lint chromium clean FORCE

help: ## this list
	@echo "make TARGET"
	@echo
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
		awk -F'\t' '{ printf "  %-12s%s\n", $$1, $$2 }'
	@echo
	@echo "Flags of the program go into ARGS: make run ARGS='--speed 60 --rate 20'"

build: bin/stocktrace ## bin/stocktrace, runnable from any directory

run: bin/stocktrace ## build and run the tower with a simulated retailer, on http://127.0.0.1:8080
	@exec bin/stocktrace run --simulate $(ARGS)

# ------------------------------------------------------------------ tests

test: parts chromium ## every suite that fits into twenty minutes on two cores (what CI runs)
	@$(SUITE)

test-race: parts chromium ## the same under the race detector (needs a C compiler)
	@CGO_ENABLED=1 $(SUITE) -race

test-e2e: parts chromium ## only what runs the whole program
	@$(SUITE) -only 'end to end'

test-long: parts chromium ## everything, with 200 rounds of kill -9 and the long properties
	@STOCKTRACE_TEST_LONG=1 $(SUITE) -timeout 6h

# What is found is written to testdata/fuzz beside the target, and is an ordinary
# test from then on. One that fails does not keep the others from running.
fuzz: ## every fuzz target in turn, FUZZTIME (10m) each; FUZZ=FOLDER takes those below it
	@git grep -l '^func Fuzz' -- '$(FUZZ)' | grep '_test\.go$$' | { failed=0; found=0; \
		while read -r file; do \
			for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
				found=1; \
				go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x </dev/null \
					|| { echo "$$file: $$target failed"; failed=1; }; \
			done; \
		done; \
		[ $$found = 1 ] || { echo "There is no fuzz target below $(FUZZ)"; exit 1; }; \
		exit $$failed; }

bench: parts ## measure against the peer; ARGS=-update writes docs/BENCHMARKS.md
	@cd bench && go run . $(ARGS)

bench-long: parts ## open lifecycles at 1 M and at 10 M events
	@cd bench && go run . -only lookup -lookup 1000000,10000000 $(ARGS)

# ------------------------------------------------------------- the source

generate: node_modules/.package-lock.json ## write the generated files anew: pages, wire format, vendored assets
	go generate ./...

fmt: ## format Go and templates
	@git ls-files -z '*.go' | xargs -0 grep -LZ '^// Code generated' | xargs -0 go tool gofumpt -w
	@go tool templ fmt -v=false web

lint: bin/golangci-lint ## vet, the linters with the import table, formatting
	@go vet ./...
	@bin/golangci-lint run ./...
	@go mod tidy -diff

clean: ## remove what was built; data stays
	rm -rf bin .cache

# ------------------------------------------------- what is installed, when

# parts is everything npm brings: the embedded ClickHouse, the pages' scripts and
# fonts, the accessibility checker.
.PHONY: parts
parts: node_modules/.package-lock.json web/static/vendor/htmx.min.js

# npm writes this file at the end of an installation; it is older than the lock
# file only when there is something new to install.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

web/static/vendor/htmx.min.js: node_modules/.package-lock.json $(wildcard web/static/*.go web/static/copy/*.go)
	@cd web && go run ./static/copy
	@touch $@

# go build knows best whether anything changed.
bin/stocktrace: parts FORCE
	@go build -ldflags '-X main.version=$(VERSION)' -o $@ ./cmd/stocktrace

# golangci-lint has a module of its own, so that its several hundred dependencies
# are not ours. Building it takes some minutes the first time.
bin/golangci-lint: tools/go.mod tools/go.sum
	go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# The page tests drive a real browser. Without one they are skipped, and say so.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || [ -n "$$STOCKTRACE_CHROMIUM" ] || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "Installing chromium for the page tests"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 \
				|| echo "chromium could not be installed with apt-get; the page tests will be skipped"; \
		else \
			echo "The page tests need a browser: install the package chromium (or name one in STOCKTRACE_CHROMIUM). They will be skipped."; \
		fi; }

FORCE:
