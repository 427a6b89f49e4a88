# soilpb: `make book` executes every chapter and renders the book, `make test` proves it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: help install tools book reproduce pdf report test slurm pair format check clean lock

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --progress-bar on --disable-pip-version-check
INSTALLED := $(VENV)/installed
TOOLS := $(VENV)/installed-tools
CORES ?= 2
NOTEBOOKS := $(wildcard notebooks/*.py)
CODE := soilpb tests benchmarks notebooks book/_ext
# One numerical thread a process: chapters and folds run side by side instead.
export OMP_NUM_THREADS := 1
export PYTHONHASHSEED := 0
# Each chapter is a process: let it read the package compiled.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

# The marker is written last: an interrupted installation starts again where it was.
$(INSTALLED): requirements.lock pyproject.toml
	@python="$$(for name in python3.11 python3.12 python3; do \
	    $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null \
	    && command -v $$name && break; done || true)"; \
	if [ -z "$$python" ]; then echo "soilpb needs Python 3.11 or 3.12; none was found on PATH" >&2; exit 1; fi; \
	[ -x $(BIN)/python ] || "$$python" -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (a few minutes, once) …"
	$(PIP) --no-compile -r requirements.lock
	$(PIP) --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -qq -j $(CORES) -x '/tests?/' $(VENV)/lib || true
	@touch $@

$(TOOLS): $(INSTALLED) requirements-test.lock
	$(PIP) -r requirements-test.lock
	@touch $@

install: $(INSTALLED)  ## install the pinned packages into .venv; every other target does it, too

tools: $(TOOLS)  ## install what tests and clusters need besides

book: $(INSTALLED) pair  ## execute what changed and render the book into _build/html; SOURCE=lucas: see book/own_source.md
	@$(BIN)/snakemake --cores $(CORES) --nolock --rerun-incomplete --quiet host reason --config source=$(SOURCE)
	@echo "The book: _build/html/index.html"

reproduce: book  ## make the book, compare its tables with results/reference.json, fail outside the tolerance
	@$(BIN)/python book/_ext/reproduce.py check

pdf: book  ## print the whole book into _build/soilpb.pdf, where Chromium is installed
	@command -v chromium >/dev/null || { echo "make pdf needs Chromium: apt-get install chromium" >&2; exit 1; }
	@$(BIN)/jupyter-book build book --path-output . --config _config.yml --builder singlehtml -q
	@chromium --headless --no-sandbox --no-pdf-header-footer --print-to-pdf=_build/soilpb.pdf \
	    "file://$(CURDIR)/_build/singlehtml/index.html" 2>/dev/null
	@echo "The book as PDF: _build/soilpb.pdf"

report: $(INSTALLED)  ## make one site's report, HTML and PDF: make report SITE=my-mine
	@[ -n "$(SITE)" ] || { echo "say whose report: make report SITE=my-mine" >&2; exit 1; }
	@$(BIN)/soilpb report $(SITE) --pdf

test: $(TOOLS)  ## lint, formatting, doctests, package tests, chapters at small parameters
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

slurm: $(TOOLS)  ## raise a Slurm of one node, run shards on it, kill one, compare with a local run
	$(BIN)/python -m pytest tests/test_slurm.py --slurm -s -rs

pair: $(INSTALLED)  ## write the .ipynb twin of each notebooks/*.py
	@$(BIN)/python -m soilpb.workflow pair $(NOTEBOOKS)

format: $(TOOLS)  ## format and mend what the linter can mend
	$(BIN)/ruff check --fix --quiet $(CODE) || true
	$(BIN)/ruff format $(CODE)

check: $(TOOLS)  ## lint and formatting of package, tests and notebooks; the order of the rooms
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/lint-imports

lock: $(TOOLS)  ## pin what pyproject.toml asks for, after a change of it
	$(PIP) --no-build-isolation -e '.[test,cluster]'
	$(BIN)/python -m tests.dependencies

clean:  ## remove what was generated, but neither data/ nor the environment
	rm -rf _build artifacts book/notebooks book/sites .snakemake
