# Two commands on a fresh Debian machine with Python 3.11: `make up` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
BIN := .venv/bin
WORKERS ?= 3
# what is compiled once is not compiled again by each process of a test
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test bench lint fmt

up:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh runtime
	@exec $(BIN)/billwright up $(UP)

test:
	@PYTHON=$(PYTHON) scripts/bootstrap.sh dev
	@scripts/browser.sh
	@status=0; report=$$(mktemp); \
	( code=0; $(MAKE) --no-print-directory lint >"$$report" 2>&1 || code=$$?; echo; cat "$$report"; exit $$code ) & lint=$$!; \
	$(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=25 --durations-min=5 $(TESTS) || status=1; \
	wait $$lint || { status=1; echo "lint failed: its report is above, among the first tests"; }; rm -f "$$report"; exit $$status

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
	@for benchmark in $(or $(BENCH),$(sort $(wildcard benchmarks/bench_*.py))); do \
	  echo "== $$benchmark"; $(BIN)/python -m $$(basename -s .py $$benchmark | sed "s|^|benchmarks.|"); done
