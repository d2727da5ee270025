# Two commands do everything on a fresh machine: `make run` and `make test`.
# Needs Python 3.11 or newer, git and make; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
AGENTS := .agents/.installed
WEB := .web/.installed
PLAYWRIGHT := playwright-core@1.65.1

.PHONY: run test setup check format demo test-agents test-web screenshots chromium test-containers bench bench-workbench clean help

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

test-agents: $(INSTALLED) $(AGENTS)  ## tests against the real sandbox-agent server and the protocol's SDK (needs Node.js and npm)
	$(BIN)/pytest tests_agents

bench: $(INSTALLED)  ## how fast it is, beside its limits and its peers; a table (QUICK=--quick, NAMES="commands …")
	$(BIN)/python -m bench $(QUICK) $(NAMES)

test-web: $(INSTALLED) $(WEB) chromium  ## the JavaScript client and the page in real Chromium, on real servers (needs Node.js 20 and npm)
	.web/node_modules/.bin/tsc --project clients/js
	FOUNDRY_PYTHON=$(abspath $(BIN)/python) node --test clients/js/tests/*.test.js
	FOUNDRY_PYTHON=$(abspath $(BIN)/python) node --test --test-concurrency=1 tests/web/*.test.mjs

screenshots: $(INSTALLED) $(WEB) chromium  ## pictures of the page's states, into docs/screenshots
	FOUNDRY_PYTHON=$(abspath $(BIN)/python) node --test tests/web/screenshots.mjs

bench-workbench: $(INSTALLED)  ## a workbench under load: 3 tasks with 2 more sessions each (FULL=--full: 50 with 4)
	$(BIN)/python -m bench.workbench $(FULL)

test-containers: $(INSTALLED)  ## the black-box tests against the container image (needs a Docker engine)
	$(BIN)/pytest deploy/container_tests

clean:  ## remove what `setup` and the tests made; keeps ./data
	rm -rf .venv .agents .web build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(AGENTS): Makefile
	@command -v npm >/dev/null && command -v node >/dev/null || { echo "test-agents needs Node.js with npm on the PATH: install them, or run the other tests with make test"; exit 1; }
	npm install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error --prefix .agents sandbox-agent@0.4.2 @sandbox-agent/cli@0.4.2
	chmod +x .agents/node_modules/@sandbox-agent/cli-*/bin/sandbox-agent
	@touch $@

$(WEB): Makefile clients/js/package.json
	@command -v npm >/dev/null && command -v node >/dev/null || { echo "test-web needs Node.js 20 or newer with npm on the PATH: install them, or run the other tests with make test"; exit 1; }
	npm install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error --prefix .web $$(node -p 'Object.entries(require("./clients/js/package.json").devDependencies).map((one) => one.join("@")).join(" ")') $(PLAYWRIGHT)
	@touch $@

chromium:
	@tests/web/install_chromium
