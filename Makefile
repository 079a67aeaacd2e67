# rcomet: everything a developer types. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run build test lint unit sim mutants browser bayeux autobahn js-client clients php-versions proxies package admin-day bench bench-quick bench-core instructions install clean

SEEDS ?= 2000

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: ## build, start, and serve the web chat on http://127.0.0.1:8100/chat/
	cargo run --release -- run --demo

build: ## the release binary: target/release/rcomet
	cargo build --release

# A step that does not come to its end fails, instead of waiting for ever, and all that it has started is ended; at a terminal it
# stays in the foreground, so that it can be interrupted and ask for a password.
LIMIT := timeout $(shell test -t 0 && echo --foreground) --kill-after=30 1800

test: lint unit browser bayeux js-client clients proxies instructions ## everything: format, lints, tests, real browsers and clients, instruction counts
	@cat "$${CARGO_TARGET_DIR:-target}/instructions.note" 2>/dev/null || true
	@echo "make test: all green"

lint: ## rustfmt and clippy, warnings are errors; planted bugs have their places; how instruction counts are judged
	cargo fmt --all --check
	cargo fmt --manifest-path benches/instructions/Cargo.toml --check
	$(LIMIT) cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/mutants.sh --check
	python3 scripts/test_instructions.py

unit: ## every Rust test: the core in memory, the simulated world, the real binary on real sockets
	$(LIMIT) scripts/tools.sh curl=curl
	$(LIMIT) cargo test --workspace --locked --no-run
	$(LIMIT) cargo test --workspace --locked
	BY_RELOAD=1 $(LIMIT) cargo test -p rcomet-core --locked --tests

sim: ## the simulated worlds with more seeds: make sim SEEDS=10000
	SEEDS=$(SEEDS) cargo test --release -p rcomet-core --test world --test simple_world --test bayeux_world --test push_world \
		--test control_world --test api_world --test hops -- --nocapture

mutants: ## plant bugs, one at a time, and see that the tests notice (takes a while)
	scripts/mutants.sh

browser: ## the web chat and WebSockets in a real Chromium (installs Chromium if it is missing)
	$(LIMIT) scripts/browser-test.sh

autobahn: ## the Autobahn conformance suite against the real daemon (needs Python 2.7; takes a quarter of an hour)
	scripts/autobahn.sh

bayeux: ## cometd and faye of npm, unmodified, against the real daemon
	$(LIMIT) scripts/bayeux-test.sh

js-client: ## the JavaScript client in Node and a real Chromium, through proxies, restarts and takeovers; its size
	$(LIMIT) scripts/js-client-test.sh

clients: ## the clients in PHP, Python, Node, shell and Java against the real daemon
	$(LIMIT) scripts/clients-test.sh

php-versions: ## the PHP client in PHP 7.4 to 8.5; not part of test, for it fetches some 500 MB
	$(LIMIT) scripts/php-versions-test.sh

proxies: ## nginx, HAProxy, Caddy and Apache as docs/operations.md shows them, in front of the real daemon
	$(LIMIT) scripts/proxies-test.sh

package: ## a Debian package and an rpm: target/debian, target/generate-rpm
	scripts/package.sh

admin-day: ## an administrator's day as docs/operations.md tells it, with the package (takes root; leaves the machine as it was)
	scripts/admin-day.sh

bench: ## rcomet, the floor and installed peers side by side, into benches/RESULTS.md: make bench ONLY=fanout-sse
	cargo build --release --workspace
	cargo run --release --quiet -p rcomet-sim -- compare $(foreach row,$(ONLY),--only $(row)) $(BENCH)

bench-quick: ## the same, a second each, into target/bench-quick.md
	$(MAKE) bench BENCH=--quick

bench-core: ## what the core costs without sockets: delivery, publish, fairness, timers, memory
	cargo bench --bench core

instructions: ## instructions of the core's hot paths against their baseline (installs what is missing)
	$(LIMIT) scripts/instructions.sh

install: build ## copy the binary to $(PREFIX)/bin
	install -D -m 755 target/release/rcomet $(DESTDIR)$(PREFIX)/bin/rcomet

PREFIX ?= /usr/local

clean: ## remove what was built
	cargo clean
	rm -rf tests/browser/node_modules tests/bayeux/node_modules tests/php-versions/node_modules clients/js/node_modules clients/js/dist
