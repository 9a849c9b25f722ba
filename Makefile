# `make help` lists the targets. The environment is .venv; data are in IKUSEI_DATA_DIR (.ikusei).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast shows widget screenshots lint bench lock clean tools

BIN := .venv/bin
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(SUITABLE)' 2>/dev/null && echo $$name && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Each test process has a PostgreSQL of its own: more than four help no further; one more than there
# are processors, as a test often waits for what it started. Tests of one group share what is dear
# to make, such as an imported archive, and so a process.
WORKERS = $(shell $(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
# Tests start Python hundreds of times: what it compiled once is to be there the next time.
unexport PYTHONDONTWRITEBYTECODE
# npm writes it when it is done.
NODE := tests/node/node_modules/.package-lock.json
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --quiet \
	--custom-compile-command "make lock"

help:  ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
		while IFS=$$'\t' read -r name text; do printf '%-11s %s\n' "$$name" "$$text"; done

setup: .venv/.ready  ## make the environment in .venv with the locked packages

.venv/.ready: requirements/dev.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo 'Ikusei needs Python 3.11, 3.12 or 3.13 with the venv module:' \
		'install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then echo 'Making .venv …'; $(PYTHON) -m venv .venv; fi
	@echo 'Installing the locked packages …'
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## a synthetic community on an embedded database, served until Ctrl-C
	@$(BIN)/ikusei demo

tools: $(NODE) .venv/clients/.ready  ## what tests need beside: packages of Node, generators of clients

$(NODE): tests/node/package-lock.json tests/node/package.json | setup
	@$(BIN)/python -m tests.node_scripts
	@$(BIN)/python -m tests.web.browser

# 430 MB that nothing else needs.
.venv/.spark: requirements/spark.txt | setup
	@echo 'Installing Spark …'
	@$(PIP) install --require-hashes -r requirements/spark.txt
	@touch $@

.venv/clients/.ready: requirements/clients.txt | setup
	@$(BIN)/python -m venv --without-pip .venv/clients
	@$(PIP) --python .venv/clients install --require-hashes -r requirements/clients.txt
	@touch $@

test: setup  ## every check that fits in 15 minutes
	@$(MAKE) --no-print-directory -j2 lint tools
	@$(PYTEST) -m 'not shows'

test-fast: setup tools  ## the tests without the slow ones, in under 2 minutes
	@$(PYTEST) -m 'not slow and not shows'

shows: setup .venv/.spark  ## what takes longer: crash runs, statistics, Spark, benches; under 60 minutes
	@$(BIN)/python -m pytest -m shows
	@$(BIN)/ikusei bench all

widget: setup tools  ## pages with the prompt widget for a member of every status, until Ctrl-C
	@$(BIN)/python -m tests.web.screenshots --serve

screenshots: setup tools  ## pictures of these pages in build/screenshots
	@$(BIN)/python -m tests.web.screenshots

lint: setup  ## style, types and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-logo

bench: setup  ## all comparisons, or one: make bench NAME=ingest
	@$(BIN)/ikusei bench $(or $(NAME),all)

lock: setup  ## lock the packages that pyproject.toml asks for (UPGRADE=--upgrade: the newest ones)
	@$(COMPILE) $(UPGRADE) pyproject.toml --output-file requirements/run.txt
	@$(COMPILE) $(UPGRADE) pyproject.toml --extra otel --output-file requirements/otel.txt
	@$(COMPILE) $(UPGRADE) pyproject.toml --group dev --output-file requirements/dev.txt
	@$(COMPILE) $(UPGRADE) --group pyproject.toml:build --output-file requirements/build.txt
	@$(COMPILE) $(UPGRADE) --group clients --output-file requirements/clients.txt
	@$(COMPILE) $(UPGRADE) --group node --output-file requirements/node.txt
	@$(COMPILE) $(UPGRADE) --group spark --output-file requirements/spark.txt

clean:  ## remove what setup and the checks made, never data
	rm -rf .venv tests/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -not -path './.ikusei/*' -prune -exec rm -rf {} +
