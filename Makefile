# What there is to do in this project; `make help` lists it. Logic longer than a few lines lives in scripts/.

# `make run PORT=6380` serves on another port.
PORT ?= 6379
# `make top HOST=cache.example` looks at another machine. (Some shells have a variable of that name: it does not count.)
HOST = 127.0.0.1
# More arguments for `make bench` (ARGS=--quick), `make demo` (ARGS=crew plays that act alone), `make top` and `make fuzz`
# (ARGS=canonical runs that target alone).
ARGS ?=
# How long `make fuzz` runs each target. (Bash has a variable of that name: it does not count.)
SECONDS = 60

# rustup puts cargo here, which a non-interactive shell may not have read yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# A shared library has no hash in its file name, so the builds with and without the `server` feature would overwrite
# each other's. The pure layers, and the programs that only talk to a server, therefore build in a folder of their own.
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
PURE := --target-dir $(TARGET)/pure --no-default-features
MODULE := $(TARGET)/release/libredis_result_cache.so
UNCOUNTED := $(TARGET)/uncounted

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help prerequisites run build build-uncounted test test-pure test-server test-recipes lint instructions \
	renew-instructions fuzz bench demo top docs clean

help: ## List these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "\033[36m%-18s\033[0m %s\n", $$1, $$2}'

run: ## Build, then serve the module with the example configuration (PORT=6379; Ctrl-C stops it)
	@scripts/check-port $(PORT)
	@$(MAKE) --no-print-directory build
	@scripts/run $(PORT) $(MODULE)

build: prerequisites ## Build the module for use: target/release/libredis_result_cache.so
	@# Cargo applies link-time optimisation only where the shared library is the one thing built.
	cargo rustc --release --lib --crate-type cdylib

test: prerequisites test-pure test-server ## Run every test, starting whatever servers they need

test-pure: ## Run the tests of the pure layers, which need neither a server nor libclang
	@scripts/install-missing gcc b3sum
	cargo test $(PURE)

test-recipes: build ## Run the recipes for TypeScript and Python (Node 20, Python 3.11) against servers of their own
	@scripts/install-missing nodejs npm python3-venv
	RESULT_CACHE_MODULE=$(MODULE) examples/typescript/test
	RESULT_CACHE_MODULE=$(MODULE) examples/python/test

test-server: prerequisites ## Run the tests of the server layer, most of which speak RESP to real servers
	@scripts/install-missing prometheus prometheus-redis-exporter
	cargo build --lib --test blackbox
	cargo test --lib server::
	cargo test --test blackbox

lint: prerequisites ## Check format, warnings, documentation and the rules between the layers
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --all-targets -- -D warnings
	cargo clippy --all-targets $(PURE) --features instructions -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items
	cargo test $(PURE) --test layers

bench: build build-uncounted ## Measure against core's own commands, Lua and clients that hash (ARGS=--quick for a short run)
	RESULT_CACHE_MODULE=$(MODULE) RESULT_CACHE_UNCOUNTED=$(UNCOUNTED)/release/$(notdir $(MODULE)) \
		cargo bench $(PURE) --bench compare -- $(ARGS)

build-uncounted: prerequisites
	cargo rustc --release --lib --crate-type cdylib --features uncounted --target-dir $(UNCOUNTED)

instructions: ## Count by callgrind the instructions of what is called most, and compare with the stored counts
	@scripts/install-missing gcc valgrind
	cargo run --release $(PURE) --features instructions --bin instructions -- $(ARGS)

renew-instructions: ## Store what is counted now, after a change that is meant to cost more or less
	@$(MAKE) --no-print-directory instructions ARGS=--renew

fuzz: ## Try the pure layers with inputs that a fuzzer makes; needs nightly Rust (SECONDS=60 each, ARGS=records for one)
	@scripts/install-missing gcc g++
	@cargo run -q $(PURE) --example seeds -- fuzz/corpus
	@scripts/fuzz $(SECONDS) $(ARGS)

demo: build ## Encode a video with ffmpeg, fail and find it again; with four workers, one killed; within a budget
	@scripts/install-missing ffmpeg
	RESULT_CACHE_MODULE=$(MODULE) cargo run $(PURE) --example demo -- $(ARGS)

top: ## Show live what the cache of a server does (PORT=6379 HOST=127.0.0.1; ARGS="--once 5" prints one frame)
	@scripts/install-missing gcc
	cargo run -q $(PURE) --example top -- --host $(HOST) --port $(PORT) $(ARGS)

docs: ## Write docs/commands/ anew from the command table
	cargo run $(PURE) --example docs

prerequisites: ## Install what building and testing need, where it is missing
	@scripts/install-missing gcc libclang-dev redis-server

clean: ## Remove all that was built, and the data of `make run`
	cargo clean
	rm -rf .run
