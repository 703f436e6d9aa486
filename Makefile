# make lab     a cluster on this machine, in network namespaces, until ^C
# make test    every test; make test-unit for those that need no root
# make help    everything else

SHELL := bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CARGO ?= cargo
# The seeds of `make test-sim`: SEEDS=1000000 for a night's run.
SEEDS ?= 10000

programs := -p halod -p hactl -p whoami -p halo-lab
bin := $(or $(CARGO_TARGET_DIR),target)/release

.PHONY: help
help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## What the targets need from Debian; each asks only for its own.

.PHONY: deps deps-build deps-lab deps-bench deps-compose deps-lint
deps: ## Install everything the targets below need, where it is missing
	@.ci/deps build lab bench compose lint
deps-build:
	@.ci/deps build
deps-lab:
	@.ci/deps build lab
deps-bench:
	@.ci/deps build bench
deps-compose:
	@.ci/deps compose
deps-lint:
	@.ci/deps build lint

.PHONY: build
build: deps-build ## Build halod, hactl, whoami and halo-lab, optimised
	$(CARGO) build --locked --release $(programs)

# Optimised, since a lab of a debug build would show delays that are not Halo's.
.PHONY: lab
lab: deps-lab build ## Start a cluster in network namespaces, and stay until ^C
	$(bin)/halo-lab up

# WORKLOADS="http100b tcp1mb" for some; BENCH="--write docs/benchmarks.md" to publish the figures;
# HALO_BENCH_HAPROXY=/opt/haproxy/sbin/haproxy for a newer one beside Debian's.
ROUNDS ?= 5
SECONDS ?= 5
.PHONY: bench bench-failover
bench: deps-lab build ## Measure what a request costs, beside HAProxy and nginx
	$(bin)/halo-lab bench --rounds $(ROUNDS) --seconds $(SECONDS) $(BENCH) $(WORKLOADS)
bench-failover: deps-lab build ## Measure failovers, beside keepalived and HAProxy
	$(bin)/halo-lab bench-failover $(BENCH)

.PHONY: bench-instructions
bench-instructions: deps-bench ## Count the user instructions of a request, against CI's budget
	.ci/instructions

.PHONY: test test-unit test-model test-model-deep test-sim test-lab test-compose
test: test-unit test-model test-sim test-lab test-compose ## Run every test
test-unit: deps-build ## Unit and component tests; no root needed
	$(CARGO) test --locked --workspace --exclude halo-e2e
# Optimised, and one check at a time: each takes both of its threads.
model := $(CARGO) test --locked --release --package halo-vrrp --package halo-quorum \
	--features halo-vrrp/model,halo-quorum/model --test model -- --nocapture --test-threads 1
test-model: deps-build ## The model checker: election and quorum in every order of events
	$(model)
test-model-deep: deps-build ## The same with wider bounds; many minutes, and gigabytes of memory
	$(model) --ignored
test-sim: deps-build ## The simulator: SEEDS seeds of virtual clusters with faults
	$(CARGO) run --locked --release -p halo-sim -- --seeds $(SEEDS)
# The programs under test are optimised; the tests themselves need not be, and build in a tenth of the time.
test-lab: deps-lab build ## Black-box tests in network namespaces, with real packets
	HALO_BIN_DIR=$(abspath $(bin)) $(CARGO) test --locked -p halo-e2e
test-compose: deps-compose deps-build ## Black-box test of the containers
	tests/compose/run

.PHONY: fuzz
# FUZZ_SECONDS=3600 for an hour a target.
FUZZ_SECONDS ?= 10
fuzz: deps-build ## Fuzz every decoder, FUZZ_SECONDS for each, with the stable compiler
	.ci/fuzz $(FUZZ_SECONDS)

.PHONY: lint fmt docs
lint: deps-lint ## Formatting, clippy, documentation, layers, generated files, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --features halo-vrrp/model,halo-quorum/model -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet
	$(CARGO) run --locked --quiet -p xtask -- layers
	$(CARGO) run --locked --quiet -p xtask -- docs --check
	.ci/metrics-documented
	.ci/conformance-tests
	.ci/deny
fmt: ## Format the sources
	$(CARGO) fmt --all
docs: ## Generate docs/configuration.* from the types
	$(CARGO) run --locked --quiet -p xtask -- docs

.PHONY: ci
ci: ## What CI runs
	.ci/run
