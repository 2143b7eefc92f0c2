# Any Python from 3.11 serves: `make train PYTHON=python3.13` picks one.
# ARGS goes to the command that runs: `make train ARGS="--data my.txt"`.

VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; \
	do "$$p" -c '$(NEW_ENOUGH)' 2>/dev/null && { echo "$$p"; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check

FOR_TRAIN := $(VENV)/.extras-fast,viz
FOR_TEST := $(VENV)/.extras-fast,viz,text,testing,examples,dev
FOR_DOCS := $(FOR_TEST),docs

.DEFAULT_GOAL := help
.PHONY: help train test mutants coverage lint bench pages docs clean venv

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/make \1\t\2/p' Makefile

train: $(FOR_TRAIN)  ## install, train a small GPT on real text, write text with it
	$(BIN)/python -m gpt train $(ARGS)

test: lint  ## install, then lint, types and tests
	$(BIN)/python -m pytest -n auto --maxprocesses=4 $(ARGS)

mutants: $(FOR_TEST)  ## plant a fault in every derivative: the tests must catch it
	$(BIN)/python -m pytest -n auto --maxprocesses=4 -q -m mutants $(ARGS)

coverage: $(FOR_TEST)  ## branches of the engine that its tests reach, kernels included
	HYPOTHESIS_PROFILE=brief NUMBA_DISABLE_JIT=1 \
	  $(BIN)/python -m pytest -n auto --maxprocesses=4 -q tests/tensorgrad tensorgrad \
	  --cov=tensorgrad --cov-branch --cov-report= $(ARGS)
	$(BIN)/python -m pytest -q tests/tensorgrad/test_kernels_jit.py \
	  tests/tensorgrad/test_kernels_vectors.py \
	  --cov=tensorgrad --cov-branch --cov-report= --cov-append
	$(BIN)/python -m coverage report --skip-covered --precision=1 --fail-under=98

lint: $(FOR_TEST)  ## lint and types alone
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

bench: $(FOR_TEST)  ## speed and memory, beside PyTorch's where it is installed
	$(BIN)/python -m tests.benchmarks $(ARGS)

pages:  ## build the JavaScript of the interactive pages; needs Node
	cd tensorgrad/viz/page && npm ci --ignore-scripts --no-audit --no-fund && npm run build

docs: $(FOR_DOCS)  ## the guide, its code run: open docs/_build/html/index.html
	$(BIN)/python -m sphinx -W --keep-going -j auto -q docs docs/_build/html $(ARGS)

clean:  ## remove the environment, the guide and the caches; runs stay
	rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov docs/_build
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache

venv: $(BIN)/pip  ## the environment alone, with nothing in it

$(BIN)/pip:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(NEW_ENOUGH)' || { \
	  echo "tensorgrad needs Python 3.11 or newer, and '$(or $(PYTHON),python3)' is" \
	    "missing or older. Install one, or name one: make PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# A stamp per set of extras: nothing is installed again until pyproject.toml changes.
$(VENV)/.extras-%: pyproject.toml | $(BIN)/pip
	@$(BIN)/python -c '$(NEW_ENOUGH)' || { \
	  echo "The Python in $(VENV) is missing or older than 3.11: make clean, then again" >&2; \
	  exit 1; }
	$(PIP) install --quiet --editable '.[$*]'
	@touch '$@'
