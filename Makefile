# Two commands do everything on a fresh machine: `make run` and `make test`.
# Needs Python 3.11 or newer, git and make; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: run test setup check format demo test-containers clean help

run: $(INSTALLED)  ## set up, then start everything on an embedded nats-server
	$(BIN)/foundry serve

test: $(INSTALLED)  ## set up, then run every test
	$(BIN)/pytest -n auto --dist loadgroup tests

setup: $(INSTALLED)  ## put everything into .venv

check: $(INSTALLED)  ## format, lint, types, architecture: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_architecture.py

format: $(INSTALLED)  ## mend what can be mended by a machine
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: $(INSTALLED)  ## the main job, in this terminal, on a clone of this repository
	$(BIN)/foundry demo

test-containers: $(INSTALLED)  ## the black-box tests against the container image (needs a Docker engine)
	$(BIN)/pytest deploy/container_tests

clean:  ## remove what `setup` and the tests made; keeps ./data
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
