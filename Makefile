# Parlour's tasks. `make help` lists them.

CARGO ?= cargo
NPM ?= npm
PORT ?= 4000
CLIENTS = tests/clients
UI = static
PROFILE ?= release

# What the pages, the widget and the client library are built from.
UI_SOURCES = $(shell find $(UI)/src $(UI)/client/src $(UI)/embed $(UI)/scripts -type f) \
	$(wildcard $(UI)/*.html $(UI)/*.json $(UI)/*.mjs $(UI)/client/package.json)

.DEFAULT_GOAL := help

.PHONY: help run sample ui build test test-rust test-clients test-ui test-security test-crash test-deps fuzz bench check lint fmt fmt-check doc clients-check ui-check openapi reference deny docker clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ui ## Build and run for development, on port 4000 (PORT=n for another), data in ./data
	PARLOUR_TENANTS__ENSURE=$${PARLOUR_TENANTS__ENSURE:-default,mika-travel-blog,other-website} \
		$(CARGO) run --locked -- serve --dev --port $(PORT)

# The server that runs is taken; without one, one is started for as long as the sites are served.
sample: ui ## Serve two websites with the chat in them, on ports 4001 and 4002, beside `make run` or without it
	$(CARGO) build --locked
	PORT=$(PORT) scripts/sample

ui: $(UI)/dist/index.html ## Build the pages, the widget and the client library into static/dist

build: ui ## Build the optimised binary, with the pages in it
	$(CARGO) build --locked --release

test: test-rust test-clients test-ui ## Run all tests: on SQLite and Postgres, with the official clients, and in Chromium

test-rust: test-deps ## Run the Rust tests
	$(CARGO) test --locked --workspace

# Built as the Rust tests build it: with other features everything would be compiled once more.
test-clients: test-deps $(CLIENTS)/node_modules/.installed ## Run the Node tests: official clients against the binary
	$(CARGO) test --locked --workspace --no-run
	$(NPM) --prefix $(CLIENTS) run test

test-ui: test-deps ui ## Run the tests of the web side: units, in Chromium against the binary, sizes
	$(CARGO) test --locked --workspace --no-run
	$(NPM) --prefix $(UI) run reproducible
	$(NPM) --prefix $(UI) run budgets
	$(NPM) --prefix $(UI) run test

# Named by URL and OPERATOR_TOKEN, any server can be tested: what is needed on it is made, and deleted at the end.
test-security: test-deps $(CLIENTS)/node_modules/.installed ## Attack a server (URL=http://… OPERATOR_TOKEN=…); without URL, the one built here
ifndef URL
	$(CARGO) test --locked --workspace --no-run
endif
	SECURITY_URL="$(URL)" SECURITY_OPERATOR_TOKEN="$(OPERATOR_TOKEN)" $(NPM) --prefix $(CLIENTS) run test:security

test-crash: test-deps ## Kill the server under load, 100 times on each engine (PARLOUR_CRASH_CYCLES=n for n times)
	PARLOUR_CRASH_CYCLES=$${PARLOUR_CRASH_CYCLES:-100} \
		$(CARGO) test --locked --workspace --test it crash:: -- --nocapture

# Needs cargo-fuzz and a nightly compiler. What is found is kept in fuzz/artifacts; the corpus grows from run to run.
fuzz: ## Feed what reads the bytes of strangers by a fuzzer, each target for ten minutes (SECONDS=n for n seconds)
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing; install it with: cargo install --locked cargo-fuzz" >&2; exit 1; }
	set -e; for target in $$($(CARGO) +nightly fuzz list); do \
		mkdir -p fuzz/corpus/$$target; \
		$(CARGO) +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(or $(SECONDS),600) -dict=fuzz/frames.dict -print_final_stats=1; \
	done

# Built together, so that what they share is compiled once. Without everything in it, the page is no result to keep.
bench: test-deps ## Measure it and write bench/results.md (QUICK=1: does everything work; ONLY=name; RUNS=n; SECONDS=n of each run; PROFILE=ci; SET=NAME=VALUE; PERF=file)
	$(CARGO) build --locked --profile $(PROFILE) -p parlour -p phxload -p parlour-bench
	target/$(PROFILE)/parlour-bench --server target/$(PROFILE)/parlour --phxload target/$(PROFILE)/phxload \
		--profile $(PROFILE) $(if $(QUICK),--quick) $(addprefix --only=,$(ONLY)) \
		$(addprefix --runs=,$(RUNS)) $(addprefix --seconds=,$(SECONDS)) $(addprefix --set=,$(SET)) $(addprefix --perf=,$(PERF)) \
		$(if $(QUICK)$(ONLY)$(SET)$(PERF),,--output bench/results.md --readme README.md)

test-deps: ## Install the Debian packages the tests need, when missing
	@scripts/test-deps

check: fmt-check lint doc clients-check ui-check ## Everything that can be said without running: format, lints, docs, types

fmt: ## Format the code
	$(CARGO) fmt --all

fmt-check: ## Check the format
	$(CARGO) fmt --all --check

lint: ## Run clippy, warnings are errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

doc: ## Build the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items

clients-check: test-deps $(CLIENTS)/node_modules/.installed ## Check the types of the Node tests
	$(NPM) --prefix $(CLIENTS) run check

ui-check: $(UI)/node_modules/.installed ## Check the types of the web side, and that no text is missing in any language
	$(NPM) --prefix $(UI) run check

openapi: ## Write docs/openapi.json from the code
	text=$$($(CARGO) run --locked --quiet -- openapi) && printf '%s\n' "$$text" > docs/openapi.json

reference: ## Write docs/settings.md and docs/metrics.md from the code
	text=$$($(CARGO) run --locked --quiet -- reference settings) && printf '%s\n' "$$text" > docs/settings.md
	text=$$($(CARGO) run --locked --quiet -- reference metrics) && printf '%s\n' "$$text" > docs/metrics.md

deny: ## Check licences, banned crates and sources of the dependencies (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing; install it with: cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) deny check bans licenses sources

docker: ## Build the image
	docker build --tag parlour .

clean: ## Remove what was built
	$(CARGO) clean
	rm -rf $(CLIENTS)/node_modules $(UI)/node_modules $(UI)/dist $(UI)/client/dist $(UI)/screenshots

$(UI)/dist/index.html: $(UI)/node_modules/.installed $(UI_SOURCES)
	$(NPM) --prefix $(UI) run build

%/node_modules/.installed: %/package-lock.json
	$(NPM) --prefix $* ci
	@touch $@
