# Two commands on a fresh Debian machine with Python 3.11: `make up` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: up test bench lint fmt

up:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh runtime
	@exec $(BIN)/billwright up $(UP)

test:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh dev
	@scripts/browser.sh
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -q -n 2 $(TESTS)

lint:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache | tail -n 12
	@$(BIN)/pyright

fmt:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh dev
	@$(BIN)/python -m benchmarks $(BENCH)
